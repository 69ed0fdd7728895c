"""With IAM enforced: the stacks' own roles suffice, each right is needed for its purpose, and there is no other."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from nami_local.state import DATABASE
from tests.iam.conftest import RULE, Aws, Function, Resources, envelope, signed, wait_for, wait_until

LARGE = b'{"large":"' + b"x" * 1_100_000 + b'"}'
# More than an item of DynamoDB holds, and less than the queue does.
HUGE = b'{"huge":"' + b"x" * 500_000 + b'"}'
# By 500 the backend says that this webhook failed; 503 would say that it takes none, which is no try.
LATER = {"backend-status": "500,200", "backend-retry-after": "1"}

BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"

# What no longer works without it: role, action, resource -> probes. Each probe is tried with each right taken away.
NEEDED: dict[tuple[str, str, str], set[str]] = {
    ("PreQueue", "sqs:SendMessage", "MongoQueue"): {"small", "large"},
    ("PreQueue", "sqs:SendMessage", "DynamodbQueue"): {"small", "large"},
    ("PreQueue", "sqs:SendMessage", "HttpQueue"): {"small", "large"},
    ("PreQueue", "sqs:SendMessage", "EventbridgeQueue"): {"small", "large"},
    ("PreQueue", "sqs:SendMessage", "PostgresQueue"): {"small", "large"},
    ("PreQueue", "sqs:SendMessage", "S3Queue"): {"small", "large"},
    ("PreQueue", "s3:PutObject", "LargeBodies"): {"large"},
    ("PreQueue", "secretsmanager:GetSecretValue", "SignatureSecret"): {"small", "large"},
    ("MongoPostQueue", "secretsmanager:GetSecretValue", "MongoHostSecret"): {"small", "large"},
    ("MongoPostQueue", "s3:GetObject", "LargeBodies"): {"large"},
    ("DynamodbPostQueue", "dynamodb:PutItem", "DynamoTable"): {"small", "large", "huge", "again", "replayed"},
    ("DynamodbPostQueue", "dynamodb:GetItem", "DynamoTable"): {"again", "replayed"},
    ("DynamodbPostQueue", "dynamodb:UpdateItem", "DynamoTable"): {"replayed"},
    ("DynamodbPostQueue", "s3:PutObject", "DynamoTableLargeItems"): {"large", "huge"},
    ("DynamodbPostQueue", "s3:GetObject", "LargeBodies"): {"large"},
    ("HttpPostQueue", "secretsmanager:GetSecretValue", "HttpBackendSecret"): {
        *("small", "large", "noted", "taken", "later")
    },
    ("HttpPostQueue", "s3:GetObject", "LargeBodies"): {"large"},
    ("HttpPostQueue", "dynamodb:BatchWriteItem", "HttpBackendAttempts"): {"noted"},
    ("HttpPostQueue", "dynamodb:PutItem", "HttpBackendAttempts"): {"taken"},
    ("HttpPostQueue", "dynamodb:UpdateItem", "HttpBackendAttempts"): {"small", "large", "taken", "later"},
    ("HttpPostQueue", "sqs:ChangeMessageVisibility", "HttpQueue"): {"later"},
    ("EventbridgePostQueue", "events:PutEvents", BUS): {"small", "large", "noted"},
    ("EventbridgePostQueue", "events:DescribeEventBus", RULE): {"small", "large", "again", "noted"},
    ("EventbridgePostQueue", "dynamodb:PutItem", "EventBridgeAttempts"): {"small", "large", "again", "noted"},
    ("EventbridgePostQueue", "dynamodb:GetItem", "EventBridgeAttempts"): {"again"},
    ("EventbridgePostQueue", "dynamodb:BatchWriteItem", "EventBridgeAttempts"): {"noted"},
    ("EventbridgePostQueue", "s3:PutObject", "LargeBodies"): {"large"},
    ("EventbridgePostQueue", "s3:GetObject", "LargeBodies"): {"large"},
    ("PostgresPostQueue", "secretsmanager:GetSecretValue", "PostgresSecret"): {"small", "large"},
    ("PostgresPostQueue", "s3:GetObject", "LargeBodies"): {"large"},
    ("S3PostQueue", "dynamodb:PutItem", "S3ArchiveIds"): {"small", "large", "again"},
    ("S3PostQueue", "dynamodb:GetItem", "S3ArchiveIds"): {"again"},
    ("S3PostQueue", "s3:PutObject", "S3Archive"): {"small", "large"},
    ("S3PostQueue", "s3:GetObject", "S3Archive"): {"again"},
    ("S3PostQueue", "s3:GetObject", "LargeBodies"): {"large"},
    ("direct DynamodbPostQueue", "secretsmanager:GetSecretValue", "direct SignatureSecret"): {
        "small",
        "huge",
        "again",
        "large",
        "forged",
    },
    ("direct DynamodbPostQueue", "sqs:SendMessage", "direct QuarantineQueue"): {"forged"},
    ("direct DynamodbPostQueue", "dynamodb:PutItem", "direct DynamoTable"): {
        "small",
        "huge",
        "again",
        "replayed",
        "large",
    },
    ("direct DynamodbPostQueue", "dynamodb:GetItem", "direct DynamoTable"): {"again", "replayed"},
    ("direct DynamodbPostQueue", "dynamodb:UpdateItem", "direct DynamoTable"): {"replayed"},
    ("direct DynamodbPostQueue", "s3:PutObject", "direct DynamoTableLargeItems"): {"huge", "large"},
    ("direct DynamodbPostQueue", "s3:GetObject", "direct LargeBodies"): {"large"},
    ("MongoPostQueue", "sqs:SendMessage", "MongoQueue"): {"away"},
    ("DynamodbPostQueue", "sqs:SendMessage", "DynamodbQueue"): {"away"},
    ("HttpPostQueue", "sqs:SendMessage", "HttpQueue"): {"away"},
    ("EventbridgePostQueue", "sqs:SendMessage", "EventbridgeQueue"): {"away"},
    ("PostgresPostQueue", "sqs:SendMessage", "PostgresQueue"): {"away"},
    ("S3PostQueue", "sqs:SendMessage", "S3Queue"): {"away"},
    ("direct DynamodbPostQueue", "sqs:SendMessage", "direct DynamodbQueue"): {"away"},
}
# Without it a function can't reach its destination, which then counts as away.
REACHES = {
    "MongoPostQueue": ("secretsmanager:GetSecretValue", "MongoHostSecret"),
    "DynamodbPostQueue": ("dynamodb:PutItem", "DynamoTable"),
    "HttpPostQueue": ("secretsmanager:GetSecretValue", "HttpBackendSecret"),
    "EventbridgePostQueue": ("events:PutEvents", BUS),
    "PostgresPostQueue": ("secretsmanager:GetSecretValue", "PostgresSecret"),
    "S3PostQueue": ("dynamodb:PutItem", "S3ArchiveIds"),
    "direct DynamodbPostQueue": ("dynamodb:PutItem", "direct DynamoTable"),
}

FUNCTIONS = (
    *("PreQueue", "MongoPostQueue", "DynamodbPostQueue", "HttpPostQueue", "EventbridgePostQueue", "PostgresPostQueue"),
    *("S3PostQueue", "direct DynamodbPostQueue"),
)


class Bench:
    """The deployed subscriptions, and what is tried on them."""

    def __init__(self, aws: Aws, resources: Resources) -> None:
        self.aws, self.resources = aws, resources
        self.functions = {label: Function(aws, resources.named(label).name) for label in FUNCTIONS}
        for subscription, label in (("shopify", "LargeBodies"), ("direct", "direct LargeBodies")):
            key = f"{subscription}/{hashlib.sha256(LARGE).hexdigest()}"
            aws.root("s3").put_object(Bucket=resources.named(label).name, Key=key, Body=LARGE)

    def broken(self, label: str) -> set[str]:
        """The probes of a role that do not work now."""
        if label == "PreQueue":
            sent = {"small": b"{}", "large": LARGE}
            return {name for name, body in sent.items() if self.post("shopify", body) == 503}
        more = {"HttpPostQueue": self._forwarded, "EventbridgePostQueue": self._noted}.get(label, set)
        return self._put_off(label) | self._stored(label) | more()

    @contextlib.contextmanager
    def without(self, label: str, action: str, resource: str) -> Iterator[None]:
        """Take a right of a function's role away for a while; one that it lacks already stays away."""
        role = self.functions[label].role
        with contextlib.ExitStack() as barred:
            for each, arn in role.grants():
                if each == action and self.resources.label_of(arn) == resource:
                    barred.enter_context(role.without(action, arn))
            yield

    def post(self, subscription: str, body: bytes) -> int:
        status, _ = self.aws.post(self.aws.endpoint(subscription), body, signed(body, str(uuid4())))
        assert status in (200, 503), status
        return status

    def _stored(self, label: str) -> set[str]:
        subscription = "direct" if label.startswith("direct") else "shopify"
        bucket = self.resources.named("LargeBodies" if subscription == "shopify" else "direct LargeBodies").name

        def message(body: bytes, delivery_id: str = "", **more: Any) -> str:
            delivery_id = delivery_id or str(uuid4())
            return envelope(body, delivery_id, signed(body, delivery_id), subscription=subscription, **more)

        messages = {"small": message(b"{}"), "large": message(LARGE, bucket=bucket)}
        if "Dynamo" in label:
            messages["huge"] = message(HUGE)
            mark = {"replayed_at": 1_790_000_000_000, "verified": "github"}
            messages["replayed"] = json.dumps(json.loads(message(b"{}", "again")) | mark)
        if "Dynamo" in label or label in ("EventbridgePostQueue", "S3PostQueue"):
            messages["again"] = message(b"{}", "again")
        if subscription == "direct":
            messages["forged"] = envelope(b"{}", "forged", signed(b"other", "forged"), subscription=subscription)
        # What is away is put off by a message that goes back to the queue, and no failure is seen here.
        with self.without(label, "sqs:SendMessage", label.replace("PostQueue", "Queue")):
            return self.functions[label].failing(**messages)

    def _put_off(self, label: str) -> set[str]:
        """Whether a webhook goes back to the queue, with all its tries, while the destination is away."""
        function, subscription = self.functions[label], "direct" if label.startswith("direct") else "shopify"
        delivery_id = str(uuid4())
        message = envelope(b"{}", delivery_id, signed(b"{}", delivery_id), subscription=subscription)
        with self.without(label, *REACHES[label]):
            function.forget()  # it may have read its secret
            failing = function.failing(away=message)
        function.forget()
        return failing

    def _noted(self) -> set[str]:
        """Whether it is noted that a webhook is on the bus."""
        put = str(uuid4())
        self.functions["EventbridgePostQueue"].failing(noted=envelope(b"{}", put, {}))
        found = self._note("EventBridgeAttempts", put)
        return set() if found.get("delivered") == {"BOOL": True} else {"noted"}

    def _note(self, table: str, delivery_id: str) -> dict[str, Any]:
        key = {"id": {"S": delivery_id}, "subscription": {"S": "shopify"}}
        said = self.aws.root("dynamodb").get_item(TableName=self.resources.named(table).name, Key=key)
        found: dict[str, Any] = said.get("Item", {})
        return found

    def _forwarded(self) -> set[str]:
        """Whether a try is noted, an id taken, and a webhook put off as long as the backend asks for, and no longer."""
        noted, taken, later = str(uuid4()), str(uuid4()), str(uuid4())
        self.functions["HttpPostQueue"].failing(noted=envelope(b"{}", noted, {}))
        others_may_have_it = json.dumps(json.loads(envelope(b"{}", taken, {})) | {"id_may_repeat": True})
        with self.without("HttpPostQueue", "sqs:SendMessage", "HttpQueue"):
            not_taken = self.functions["HttpPostQueue"].failing(taken=others_may_have_it)
        found = self._note("HttpBackendAttempts", noted)
        queue = self.aws.outputs("shopify")["HttpQueueUrl"]
        self.aws.root("sqs").send_message(QueueUrl=queue, MessageBody=envelope(b"{}", later, LATER))
        twice = wait_until(lambda: len(self.aws.backend.of(later)) == 2, 5)
        return not_taken | {name for name, works in {"noted": bool(found), "later": twice}.items() if not works}


@pytest.fixture(scope="module")
def bench(aws: Aws, resources: Resources) -> Bench:
    bench = Bench(aws, resources)
    assert {label: bench.broken(label) for label in FUNCTIONS} == {label: set() for label in FUNCTIONS}
    return bench


def test_pipeline_works_with_its_own_roles(bench: Bench) -> None:
    delivery = str(uuid4())
    status, delivery_id = bench.aws.post(bench.aws.endpoint("shopify"), LARGE, signed(LARGE, delivery))
    assert status == 200
    with pymongo.MongoClient[dict[str, Any]](bench.aws.mongo_uri) as client:
        wait_for(lambda: client[DATABASE]["shopify"].find_one({"_id": delivery_id}), 20)
    table = bench.aws.outputs("shopify")["DynamodbTableName"]
    get = {"TableName": table, "Key": {"id": {"S": delivery_id}}}
    wait_for(lambda: bench.aws.root("dynamodb").get_item(**get).get("Item"), 20)
    wait_for(lambda: bench.aws.backend.of(delivery_id), 20)


def test_direct_mode_works_with_its_own_roles(bench: Bench) -> None:
    status, _ = bench.aws.post(bench.aws.endpoint("direct"), b"{}", signed(b"{}", "to-direct"))
    assert status == 200
    table = bench.aws.outputs("direct")["TableName"]
    scan = bench.aws.root("dynamodb").scan
    wait_for(lambda: [i for i in scan(TableName=table)["Items"] if "to-direct" in json.dumps(i, default=str)], 20)


def test_what_can_not_be_stored_reaches_the_dead_letters(bench: Bench) -> None:
    sqs, outputs = bench.aws.root("sqs"), bench.aws.outputs("shopify")
    # No setting makes it less than six times the function's timeout, and no test has that time.
    sqs.set_queue_attributes(QueueUrl=outputs["QueueUrl"], Attributes={"VisibilityTimeout": "1"})
    sqs.send_message(QueueUrl=outputs["QueueUrl"], MessageBody="no envelope")

    def dead() -> int:
        name = "ApproximateNumberOfMessages"
        found = sqs.get_queue_attributes(QueueUrl=outputs["DeadLetterQueueUrl"], AttributeNames=[name])
        return int(found["Attributes"][name])

    wait_for(dead, 20)


# What local AWS does not ask for, as SECURITY.md says: with these Lambda itself works for a function.
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
QUEUE = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
}
INTERFACES = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


def lambdas_own(label: str) -> set[tuple[str, str, str]]:
    # Local AWS names log groups by their place alone, so those of two stacks are one.
    found = {(label, action, f"{label.removeprefix('direct ')}Logs") for action in LOGS}
    if label.endswith("PostQueue"):
        found |= {(label, action, label.replace("PostQueue", "Queue")) for action in QUEUE}
    if label == "EventbridgePostQueue":  # RULE is asked for in its place
        found.add((label, "events:DescribeEventBus", BUS))
    if label == "MongoPostQueue":
        found |= {(label, action, "*") for action in INTERFACES}
    return found


def test_every_right_is_known(bench: Bench) -> None:
    found = {
        (label, action, bench.resources.label_of(arn))
        for label, function in bench.functions.items()
        for action, arn in function.role.grants()
    }
    assert found == set(NEEDED).union(*map(lambdas_own, FUNCTIONS))


@pytest.mark.parametrize("right", NEEDED, ids=" ".join)
def test_right_taken_away_breaks_what_it_is_for_and_nothing_else(bench: Bench, right: tuple[str, str, str]) -> None:
    label, action, resource = right
    with bench.without(label, action, resource):
        bench.functions[label].forget()
        assert bench.broken(label) == NEEDED[right]
    bench.functions[label].forget()


# The function that is asked before a deployment what the account can spare.

SPARED = {
    "lambda:GetAccountSettings": "*",
    "lambda:GetFunctionConcurrency": "arn:aws:lambda:us-east-1:123456789012:function:*",
    "cloudformation:ListStackResources": "arn:aws:cloudformation:us-east-1:123456789012:stack/nami-shopify/",
}


class Asked:
    """The function of shopify's stack, called as CloudFormation does."""

    def __init__(self, aws: Aws, resources: Resources) -> None:
        self._aws, self._function = aws, Function(aws, resources.named("ReservationsAsk").name)
        self.role = self._function.role
        # Too little time to wait for a right.
        aws.root("lambda").update_function_configuration(FunctionName=self._function.name, Timeout=20)
        stack = aws.root("cloudformation").describe_stack_resources(StackName="nami-shopify")["StackResources"]
        self._stack_id = stack[0]["StackId"]
        (self._mongo,) = [
            each["LogicalResourceId"] for each in stack if each["PhysicalResourceId"].endswith(self._name_of_mongo())
        ]

    def _name_of_mongo(self) -> str:
        return self._aws.outputs("shopify")["PostQueueFunctionName"]

    def status(self, reserved: int) -> str:
        """What it answers where the function that writes to MongoDB is to reserve this much."""
        answers: list[dict[str, str]] = []

        class Answer(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                answers.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Answer) as server:
            event = {"RequestType": "Update", "ResponseURL": f"http://127.0.0.1:{server.server_port}/"}
            event |= {"StackId": self._stack_id, "RequestId": "r", "LogicalResourceId": "l"}
            asked = {**event, "ResourceProperties": {"Reserved": [f"{self._mongo}={reserved}"]}}
            call = Thread(target=server.handle_request)
            call.start()
            self._aws.root("lambda").invoke(FunctionName=self._function.name, Payload=json.dumps(asked))
            call.join()
        return answers[0]["Status"]


@pytest.fixture(scope="module")
def asked(aws: Aws, resources: Resources) -> Asked:
    return Asked(aws, resources)


def test_asking_needs_its_three_rights_and_has_no_other(asked: Asked) -> None:
    rights = {action: arn for action, arn in asked.role.grants() if action not in LOGS}
    assert rights.keys() == SPARED.keys()
    assert all(arn.startswith(SPARED[action]) for action, arn in rights.items())
    spared = 1000 - 7 * 5 + 5 - 100  # what seven functions here reserve, one of which is asked about
    assert (asked.status(spared), asked.status(spared + 1)) == ("SUCCESS", "FAILED")
    for action, arn in rights.items():
        with asked.role.without(action, arn):
            assert asked.status(spared + 1) == "SUCCESS", action


# Each call is one that changes nothing, were it allowed.
QUEUE_CALLS: dict[str, dict[str, Any]] = {
    "sqs:SendMessage": {"MessageBody": ""},
    "sqs:ReceiveMessage": {"VisibilityTimeout": 0},
    "sqs:DeleteMessage": {"ReceiptHandle": "none"},
    "sqs:ChangeMessageVisibility": {"ReceiptHandle": "none", "VisibilityTimeout": 1},
    "sqs:GetQueueAttributes": {"AttributeNames": ["All"]},
    "sqs:SetQueueAttributes": {"Attributes": {}},
    "sqs:PurgeQueue": {},
}
BUCKET_CALLS: dict[str, dict[str, Any]] = {
    "s3:GetObject": {"Key": "none"},
    "s3:PutObject": {"Key": "shopify/probe", "Body": b""},
    "s3:DeleteObject": {"Key": "none"},
    "s3:ListBucket": {},
}
SECRET_CALLS: dict[str, dict[str, Any]] = {
    "secretsmanager:GetSecretValue": {},
    "secretsmanager:DescribeSecret": {},
    "secretsmanager:PutSecretValue": {"SecretString": "x"},
    "secretsmanager:DeleteSecret": {},
}
TABLE_CALLS: dict[str, dict[str, Any]] = {
    "dynamodb:GetItem": {"Key": {"none": {"S": "x"}}},
    "dynamodb:PutItem": {"Item": {"none": {"S": "x"}}},
    "dynamodb:DeleteItem": {"Key": {"none": {"S": "x"}}},
    "dynamodb:UpdateItem": {"Key": {"none": {"S": "x"}}},
    "dynamodb:Scan": {},
    "dynamodb:DeleteTable": {},
}
ELSEWHERE: list[tuple[str, str, dict[str, Any]]] = [
    ("iam", "list_roles", {}),
    ("lambda", "list_functions", {}),
    ("cloudformation", "describe_stacks", {}),
    ("logs", "describe_log_groups", {}),
    ("ec2", "describe_volumes", {}),
    ("ssm", "describe_parameters", {}),
    ("sqs", "list_queues", {}),
    ("s3", "list_buckets", {}),
    ("secretsmanager", "list_secrets", {}),
    ("dynamodb", "list_tables", {}),
    ("events", "list_rules", {}),
]
OPERATIONS = {"ListBucket": "list_objects_v2"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


def allowed(client: Any, operation: str, **arguments: Any) -> bool:
    try:
        getattr(client, operation)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] not in DENIED
    return True


@pytest.mark.parametrize("label", FUNCTIONS)
def test_function_may_do_nothing_but_what_it_is_given(bench: Bench, label: str) -> None:
    function = bench.functions[label]
    bench.broken(label)  # and with that it runs
    credentials = function.credentials()
    clients = {name: bench.aws.client(name, **credentials) for name in {entry[0] for entry in ELSEWHERE}}
    url = bench.aws.root("sqs").get_queue_url
    tried: dict[tuple[str, str], bool] = {}
    for kind, calls, argument, target in (
        ("AWS::SQS::Queue", QUEUE_CALLS, "QueueUrl", lambda name: url(QueueName=name)["QueueUrl"]),
        ("AWS::S3::Bucket", BUCKET_CALLS, "Bucket", str),
        ("AWS::SecretsManager::Secret", SECRET_CALLS, "SecretId", str),
        ("AWS::DynamoDB::Table", TABLE_CALLS, "TableName", str),
    ):
        for resource in bench.resources.of(kind):
            for action, arguments in calls.items():
                service, operation = action.split(":")
                method = OPERATIONS.get(operation) or xform_name(operation)
                given = {argument: target(resource.name), **arguments}
                if "Key" in given and resource.label == "S3Archive":
                    given["Key"] = "webhooks/probe"
                tried[action, resource.label] = allowed(clients[service], method, **given)
    granted = {(action, bench.resources.label_of(arn)) for action, arn in function.role.grants()}
    assert {call for call, works in tried.items() if works} == granted & tried.keys()
    assert [entry for entry in ELSEWHERE if allowed(clients[entry[0]], entry[1], **entry[2])] == []
