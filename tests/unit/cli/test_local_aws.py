"""The internals of ministack that local AWS is built on: these tests say when they move."""

import asyncio
import base64
import gzip
import importlib.metadata
import io
import json
import queue
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from nami_local import aws, batches, depths, rights, scans, settling, workers

URI = "mongodb://127.0.0.1:27017/"
ADDED = (
    *("AWS::EC2::Volume", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::EIP", "AWS::EC2::NatGateway"),
    *("AWS::EC2::VPCCidrBlock", "AWS::EC2::EgressOnlyInternetGateway"),
    *("AWS::DLM::LifecyclePolicy", "AWS::WAFv2::WebACLAssociation"),
)


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """ministack's table of resource types with ours added, put back afterwards."""
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    table = {kind: dict(handler) for kind, handler in provisioners._RESOURCE_HANDLERS.items()}
    monkeypatch.setattr(provisioners, "_RESOURCE_HANDLERS", table)
    aws.register(URI)
    return table


def test_ministack_is_the_version_whose_internals_are_known() -> None:
    assert importlib.metadata.version("ministack") == aws.MINISTACK_VERSION, (
        "ministack has moved: read nami_local/aws.py against its services/cloudformation/provisioners.py, "
        "ec2.py and secretsmanager.py, run tests/local, then change MINISTACK_VERSION and the pin in pyproject.toml"
    )


@pytest.mark.parametrize("kind", ADDED)
def test_added_type_is_still_missing_in_ministack(kind: str) -> None:
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    assert kind not in provisioners._RESOURCE_HANDLERS, f"ministack has {kind} of its own now: drop ours"


REST = {
    "gateway": "rest",
    "destination": "dynamodb,http",
    "backend_url": "https://shop.example.com/",
    "web_acl_arn": "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/nami/0123",
    "domain_name": "hooks.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0123",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
}


@pytest.mark.parametrize(
    "settings", [{}, {"egress": "ipv6"}, {"egress": "nat"}, REST], ids=["host", "ipv6", "nat", "rest"]
)
def test_every_type_of_the_template_is_known(
    handlers: dict[str, Any], synth: Callable[..., Template], settings: dict[str, str]
) -> None:
    types = {resource["Type"] for resource in synth(**settings).to_json()["Resources"].values()}
    own = {"AWS::CDK::Metadata"}
    assert {kind for kind in types - own if kind not in handlers and not kind.startswith("Custom::")} == set()


def test_volume_is_listed_with_its_size_and_tags_and_grows(handlers: dict[str, Any]) -> None:
    from ministack.services import ec2  # noqa: PLC0415

    properties = {"AvailabilityZone": "us-east-1a", "Size": 20, "Tags": [{"Key": "a", "Value": "b"}]}
    volume_id, _ = handlers["AWS::EC2::Volume"]["create"]("Volume", properties, "stack")
    assert ec2._volumes[volume_id]["Size"] == 20
    assert ec2._tags[volume_id] == [{"Key": "a", "Value": "b"}]
    assert handlers["AWS::EC2::Volume"]["update"](volume_id, properties, properties | {"Size": 30}, "s")[0] == volume_id
    assert ec2._volumes[volume_id]["Size"] == 30
    handlers["AWS::EC2::Volume"]["delete"](volume_id, properties)
    assert volume_id not in ec2._volumes


def test_rule_joins_its_security_group_and_leaves_it(handlers: dict[str, Any]) -> None:
    from ministack.services import ec2  # noqa: PLC0415

    group_id, _ = handlers["AWS::EC2::SecurityGroup"]["create"]("Group", {"VpcId": "vpc-1"}, "stack")
    properties = {"GroupId": group_id, "IpProtocol": "tcp", "FromPort": 27017, "ToPort": 27017, "CidrIp": "10.0.0.0/8"}
    rule_id, _ = handlers["AWS::EC2::SecurityGroupIngress"]["create"]("Rule", properties, "stack")
    assert [rule["FromPort"] for rule in ec2._security_groups[group_id]["IpPermissions"]] == [27017]
    handlers["AWS::EC2::SecurityGroupIngress"]["delete"](rule_id, properties)
    assert ec2._security_groups[group_id]["IpPermissions"] == []


def test_nat_gateway_has_its_address(handlers: dict[str, Any]) -> None:
    from ministack.services import ec2  # noqa: PLC0415

    _, address = handlers["AWS::EC2::EIP"]["create"]("Address", {"Domain": "vpc"}, "stack")
    properties = {"SubnetId": "subnet-1", "AllocationId": address["AllocationId"]}
    gateway_id, _ = handlers["AWS::EC2::NatGateway"]["create"]("Gateway", properties, "stack")
    assert ec2._nat_gateways[gateway_id]["AllocationId"] == address["AllocationId"]


def test_vpc_tells_its_cidr_block(handlers: dict[str, Any]) -> None:
    _, attributes = handlers["AWS::EC2::VPC"]["create"]("Vpc", {"CidrBlock": "10.1.0.0/16"}, "stack")
    assert attributes["CidrBlock"] == "10.1.0.0/16"


def test_secret_is_referred_to_by_its_arn(handlers: dict[str, Any]) -> None:
    from ministack.services import secretsmanager  # noqa: PLC0415

    secret = handlers["AWS::SecretsManager::Secret"]
    arn, attributes = secret["create"]("Secret", {"Name": "one", "SecretString": "{}"}, "stack")
    assert arn == attributes["Arn"]
    assert arn.startswith("arn:aws:secretsmanager:")
    secret["delete"](arn, {})
    assert "one" not in secretsmanager._secrets


def group_of(handlers: dict[str, Any], user_data: str) -> dict[str, Any]:
    encoded = base64.b64encode(user_data.encode()).decode()
    template_id, _ = handlers["AWS::EC2::LaunchTemplate"]["create"](
        "Template", {"LaunchTemplateData": {"UserData": encoded}}, "stack"
    )
    return {"LaunchTemplate": {"LaunchTemplateId": template_id, "Version": "1"}, "MinSize": "1", "MaxSize": "1"}


@pytest.mark.parametrize("line", ["NAMI_SECRET_ARN={}", 'NAMI_SECRET_ARN="{}"', "export NAMI_SECRET_ARN='{}'"])
def test_hosts_secret_is_told_the_database_of_this_machine(handlers: dict[str, Any], line: str) -> None:
    from ministack.services import secretsmanager  # noqa: PLC0415

    name = f"host-{len(line)}"
    arn, _ = handlers["AWS::SecretsManager::Secret"]["create"](
        "Secret", {"Name": name, "SecretString": '{"username": "nami", "password": "p"}'}, "stack"
    )
    group = group_of(handlers, f"#!/bin/bash\n{line.format(arn)}\nset -e\n")
    handlers["AWS::AutoScaling::AutoScalingGroup"]["create"]("Group", group, "stack")
    _, _, body = secretsmanager._get_secret_value({"SecretId": arn})
    assert json.loads(json.loads(body)["SecretString"]) == {"username": "nami", "password": "p", "uri": URI}


def test_group_that_is_no_host_is_left_alone(handlers: dict[str, Any]) -> None:
    group = group_of(handlers, "#!/bin/bash\necho hello\n")
    name, _ = handlers["AWS::AutoScaling::AutoScalingGroup"]["create"]("Other", group, "stack")
    assert name


def test_host_without_its_secret_fails_the_deployment(handlers: dict[str, Any]) -> None:
    group = group_of(handlers, "NAMI_SECRET_ARN=arn:aws:secretsmanager:us-east-1:123456789012:secret:none-1\n")
    with pytest.raises(ValueError, match="can not be read"):
        handlers["AWS::AutoScaling::AutoScalingGroup"]["create"]("Host", group, "stack")


def made_function(handlers: dict[str, Any], logical_id: str, reserved: int) -> str:
    properties = {"Code": {"ZipFile": "x = 1"}, "Handler": "index.x", "Runtime": "python3.13", "Role": "r"}
    create = handlers["AWS::Lambda::Function"]["create"]
    name: str = create(logical_id, {**properties, "ReservedConcurrentExecutions": reserved}, "stack")[0]
    return name


def test_functions_of_a_template_reserve_what_it_says(handlers: dict[str, Any]) -> None:
    from ministack.services import lambda_svc  # noqa: PLC0415

    name = made_function(handlers, "Reserving", 5)
    account = json.loads(lambda_svc._get_account_settings()[2])["AccountLimit"]
    assert (account["ConcurrentExecutions"], account["UnreservedConcurrentExecutions"]) == (1000, 995)
    assert json.loads(lambda_svc._get_function_concurrency(name)[2]) == {"ReservedConcurrentExecutions": 5}
    handlers["AWS::Lambda::Function"]["delete"](name, {})
    account = json.loads(lambda_svc._get_account_settings()[2])["AccountLimit"]
    assert account["UnreservedConcurrentExecutions"] == 1000


def test_account_does_not_let_all_of_it_be_reserved(handlers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"below its minimum value of \[100\]"):
        made_function(handlers, "Greedy", 901)
    handlers["AWS::Lambda::Function"]["delete"](made_function(handlers, "Modest", 900), {})


@pytest.fixture
def lambda_runtime(monkeypatch: pytest.MonkeyPatch) -> Any:
    """ministack's workers as ours, none of them there yet."""
    from ministack.core import lambda_runtime  # noqa: PLC0415

    monkeypatch.setattr(lambda_runtime, "_workers", {})
    for name in ("invoke", "_drain_stderr_bounded"):
        monkeypatch.setattr(lambda_runtime.Worker, name, getattr(lambda_runtime.Worker, name))
    for name in ("_PYTHON_WORKER_SCRIPT", "zipfile"):
        monkeypatch.setattr(lambda_runtime, name, getattr(lambda_runtime, name))
    workers.register()
    return lambda_runtime


_ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
_FUNCTION = {"FunctionName": "f", "FunctionArn": _ARN, "Runtime": "python3.13", "Handler": "f.handler", "Timeout": 5}


def zipped(code: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("f.py", code)
    return packed.getvalue()


def test_worker_that_dies_while_it_starts_leaves_the_others_alone(lambda_runtime: Any) -> None:
    from ministack.services import lambda_svc  # noqa: PLC0415

    busy, _ = lambda_runtime.acquire_worker("f", _FUNCTION, b"")
    record = {"config": _FUNCTION, "code_zip": zipped("import os\nos._exit(1)")}
    result = lambda_svc._execute_function_warm(record, {}, "request")
    assert result["error"]
    (there,) = lambda_runtime._workers.values()
    assert busy in there
    assert [worker.in_use for worker in there] == [True, False]


def test_workers_of_a_function_share_its_code_and_have_the_new_one_once_it_is_deployed(
    lambda_runtime: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import os\nhandler = lambda event, context: [{}, os.path.realpath(__file__)]"
    said = []
    for version in (1, 1, 2):
        worker = lambda_runtime.Worker("f", _FUNCTION, zipped(code.format(version)))
        said.append(worker.invoke({}, "1")["result"])
        worker.kill()
    (first, folder), second, (third, other) = said
    assert (first, folder) == (1, second[1])
    assert (third, other == folder) == (2, False)


def test_all_that_an_invocation_prints_is_in_its_log_however_late_it_is_read(
    lambda_runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(queue.Queue[str]):
        """Of a machine that has other things to do."""

        def put(self, line: str, *args: Any, **kwargs: Any) -> None:
            time.sleep(0.3)
            super().put(line, *args, **kwargs)

    monkeypatch.setattr(lambda_runtime.queue, "Queue", Late)
    code = """
import sys

def handler(event, context):
    print("first")
    sys.stderr.write("last, without an end")
    if event:
        raise ValueError("no")
"""
    worker, _ = lambda_runtime.acquire_worker("f", _FUNCTION, zipped(code))
    try:
        assert worker.invoke({}, "1")["log"] == "first\nlast, without an end"
        assert worker.invoke({"fail": True}, "2")["log"] == "first\nlast, without an end"
    finally:
        worker.kill()


def test_log_of_a_worker_that_dies_ends_where_it_died(lambda_runtime: Any) -> None:
    code = """
import os

def handler(event, context):
    print("last", flush=True)
    os._exit(1)
"""
    worker, _ = lambda_runtime.acquire_worker("f", _FUNCTION, zipped(code))
    result = worker.invoke({}, "1")
    assert (result["error"], result["log"]) == ("Worker process died", "last")


def test_worker_starts_without_botocore(lambda_runtime: Any) -> None:
    _, script = lambda_runtime._detect_runtime_binary("python3.13")
    given = {"code_dir": "/nowhere", "module": "sys", "handler": "exit"}
    ended = "import sys; sys.stderr.write(str('botocore' in sys.modules))"
    command = [sys.executable, "-c", f"{script}\n{ended}"]
    result = subprocess.run(command, input=json.dumps(given) + "\n", capture_output=True, text=True, check=True)
    assert json.loads(result.stdout)["status"] == "ready"
    assert result.stderr == "False"


@pytest.mark.parametrize("body", [b'{"a": "\xc5\xbe"}', b"\xff\x00", gzip.compress(b"{}", mtime=0)])
def test_what_is_no_text_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    from ministack.services import apigateway, lambda_svc  # noqa: PLC0415

    for name in ("_invoke_lambda_proxy", "_v2_request_body_is_text"):
        monkeypatch.setattr(apigateway, name, getattr(apigateway, name))
    aws.let_bytes_be()
    events: list[dict[str, Any]] = []

    async def run(_function: object, _record: object, event: dict[str, Any], **_: object) -> dict[str, Any]:
        events.append(event)
        return {"body": {"statusCode": 200}}

    monkeypatch.setattr(apigateway, "run_reentrant", run)
    monkeypatch.setattr(lambda_svc, "_get_func_record_for_ref_in_scope", lambda *_, **__: ({"config": {}}, {}, "f"))
    monkeypatch.setattr(lambda_svc, "_execution_record_for_config", lambda *_: {})
    headers = {"content-type": "application/json"}
    asyncio.run(apigateway._invoke_lambda_proxy({}, "api", "$default", "/", "POST", headers, body, {}))
    (event,) = events
    assert (base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()) == body


@pytest.fixture
def poll(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """Returns how many of these messages the event source takes first, with a mapping to batches of 100."""
    from ministack.services import lambda_svc, sqs  # noqa: PLC0415

    for patched in ("_receive_messages_for_esm", "_delete_messages_for_esm", "_collect_msgs"):
        monkeypatch.setattr(sqs, patched, getattr(sqs, patched))
    batches.register()
    url: str = sqs._act_create_queue({"QueueName": uuid.uuid4().hex}, "")["QueueUrl"]
    mapping = {
        "UUID": "mapping",
        "EventSourceArn": sqs._queues[url]["attributes"]["QueueArn"],
        "FunctionName": "drain",
        "BatchSize": 100,
    }
    account, region = mapping["EventSourceArn"].split(":")[4], mapping["EventSourceArn"].split(":")[3]
    monkeypatch.setattr(lambda_svc, "_iter_all_esms", lambda: [(account, region, mapping)])
    monkeypatch.setattr(lambda_svc, "_get_func_record_for_qualifier", lambda *_: ({"config": {}}, {}))
    taken: list[list[Any]] = []
    monkeypatch.setattr(lambda_svc, "_dispatch_esm_batch", lambda *arguments: taken.append(arguments[4]["Records"]))

    def first(bodies: list[str]) -> int:
        for body in bodies:
            sqs._act_send_message({"MessageBody": body}, url)
        assert lambda_svc._poll_sqs()
        return len(taken[0])

    return first


def test_batch_has_as_many_messages_as_the_mapping_says(poll: Callable[[list[str]], int]) -> None:
    assert poll(["{}"] * 120) == 100


def test_batch_has_what_is_there(poll: Callable[[list[str]], int]) -> None:
    assert poll(["{}"] * 33) == 33


def test_message_that_a_batch_is_done_with_is_gone_and_no_other(poll: Callable[[list[str]], int]) -> None:
    from ministack.services import sqs  # noqa: PLC0415

    poll(["a", "b", "c", "d"])
    (url,) = [
        url for (_, _, url), queue in sqs._queues.all_items() if [m["body"] for m in queue["messages"]] == [*"abcd"]
    ]
    done = {each["receipt_handle"] for each in sqs._queues[url]["messages"] if each["body"] in "ac"}
    sqs._delete_messages_for_esm(url, done | {"one that is not there"})
    assert [each["body"] for each in sqs._queues[url]["messages"]] == ["b", "d"]
    sqs._queues.pop(url)


def test_batch_ends_before_six_megabytes(poll: Callable[[list[str]], int]) -> None:
    assert poll(["x" * 1_000_000] * 8) == 6


@pytest.mark.parametrize(
    ("service", "target", "action"),
    [
        ("sqs", "AmazonSQS.ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"),
        ("sqs", "AmazonSQS.SendMessage", "sqs:SendMessage"),
        ("dynamodb", "DynamoDB_20120810.PutItem", "dynamodb:PutItem"),
    ],
)
def test_batch_of_sqs_needs_the_right_to_its_action(
    monkeypatch: pytest.MonkeyPatch, service: str, target: str, action: str
) -> None:
    from ministack.core import iam_actions  # noqa: PLC0415

    monkeypatch.setattr(iam_actions, "extract_iam_action", iam_actions.extract_iam_action)
    rights.register()
    assert iam_actions.extract_iam_action(service, "POST", "/", {"x-amz-target": target}, b"{}", {}) == action


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("PUT", "/2015-03-31/event-source-mappings/1", "lambda:UpdateEventSourceMapping"),
        ("GET", "/2015-03-31/event-source-mappings/", "lambda:ListEventSourceMappings"),
        ("GET", "/2019-09-30/functions/x/concurrency", "lambda:GetFunctionConcurrency"),
        ("PUT", "/2017-10-31/functions/x/concurrency", "lambda:PutFunctionConcurrency"),
        ("GET", "/2016-08-19/account-settings", "lambda:GetAccountSettings"),
    ],
)
def test_call_of_lambda_needs_the_right_of_its_own_name(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, action: str
) -> None:
    from ministack.core import iam_actions  # noqa: PLC0415

    monkeypatch.setattr(iam_actions, "extract_iam_action", iam_actions.extract_iam_action)
    rights.register()
    assert iam_actions.extract_iam_action("lambda", method, path, {}, b"", {}) == action


def test_role_that_is_taken_on_bears_the_token_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.services import sts  # noqa: PLC0415

    monkeypatch.setattr(sts, "_gen_session_token", sts._gen_session_token)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-this-run")
    assert aws.let_roles_bear_the_token() == "of-this-run"
    assert sts._gen_session_token() == "of-this-run"


def test_stack_that_is_made_has_settled_when_that_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.services import cloudformation  # noqa: PLC0415

    monkeypatch.setattr(cloudformation, "handle_request", cloudformation.handle_request)
    settling.register()
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    statuses = []

    def call(action: str, **parameters: str) -> Any:
        query = {key: [value] for key, value in {"Action": action, "StackName": "settled", **parameters}.items()}
        return cloudformation.handle_request("POST", "/", {}, b"", query)

    async def live() -> None:
        await call("CreateStack", TemplateBody=template)
        statuses.append(cloudformation._stacks["settled"]["StackStatus"])
        await call("DeleteStack")
        statuses.append(cloudformation._stacks["settled"]["StackStatus"])

    asyncio.run(live())
    assert statuses == ["CREATE_COMPLETE", "DELETE_COMPLETE"]


def test_what_waits_in_a_queue_is_written_down_as_sqs_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.core.responses import AccountRegionScopedDict  # noqa: PLC0415
    from ministack.services import cloudwatch, sqs  # noqa: PLC0415

    monkeypatch.setattr(sqs, "_queues", AccountRegionScopedDict())
    monkeypatch.setattr(cloudwatch, "_metrics", AccountRegionScopedDict())
    now = time.time()
    waiting, delayed, in_flight = (
        {"sent_at": now - 9, "visible_at": now + wait, "receive_count": count}
        for wait, count in ((-1, 0), (60, 0), (60, 1))
    )
    sqs._queues["http://sqs/1/full"] = {"messages": [waiting, delayed, delayed, in_flight]}
    sqs._queues["http://sqs/1/empty"] = {"messages": []}

    def told(metric: str, queue: str) -> list[int]:
        key = ("AWS/SQS", metric, cloudwatch._dims_key({"QueueName": queue}))
        return [round(point["Value"]) for point in cloudwatch._metrics.get(key, [])]

    depths.look(always=False)
    assert told("ApproximateNumberOfMessagesVisible", "full") == [1]
    assert told("ApproximateNumberOfMessagesDelayed", "full") == [2]
    assert told("ApproximateAgeOfOldestMessage", "full") == [9]
    assert told("ApproximateNumberOfMessagesVisible", "empty") == []
    depths.look(always=True)
    assert told("ApproximateNumberOfMessagesVisible", "empty") == [0]
    assert told("ApproximateAgeOfOldestMessage", "empty") == [0]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A table of 900 items of 3 KB, as what is asked of it."""
    from ministack.services import dynamodb  # noqa: PLC0415

    monkeypatch.setattr(dynamodb, "_scan", dynamodb._scan)
    name = uuid.uuid4().hex
    keys = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    dynamodb._create_table({"TableName": name, "BillingMode": "PAY_PER_REQUEST", **keys})
    for _ in range(900):
        dynamodb._put_item({"TableName": name, "Item": {"id": {"S": uuid.uuid4().hex}, "raw": {"S": "x" * 3000}}})
    return {"TableName": name}


def scanned(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """All pages."""
    from ministack.services import dynamodb  # noqa: PLC0415

    pages: list[dict[str, Any]] = []
    while not pages or "LastEvaluatedKey" in pages[-1]:
        start = {"ExclusiveStartKey": pages[-1]["LastEvaluatedKey"]} if pages else {}
        status, _, body = dynamodb._scan(asked | start)
        assert status == 200
        pages.append(json.loads(body))
    return pages


@pytest.mark.parametrize("more", [{}, {"Limit": 100}, {"FilterExpression": "attribute_exists(nothing)"}])
def test_pages_of_a_scan_are_ministacks(table: dict[str, Any], more: dict[str, Any]) -> None:
    before = scanned(table | more)
    assert len(before) > 2
    scans.register()
    assert scanned(table | more) == before


def test_page_of_a_scan_looks_at_no_more_than_it_gives(table: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.services import dynamodb  # noqa: PLC0415

    looked: list[int] = []
    scan = dynamodb._scan

    def counted(asked: dict[str, Any]) -> Any:
        looked.append(len(dynamodb._tables[table["TableName"]]["items"]))
        return scan(asked)

    monkeypatch.setattr(dynamodb, "_scan", counted)
    scans.register()
    pages = scanned(table)
    assert sum(looked) < 900 + 2 * len(pages)
    assert sum(page["Count"] for page in pages) == 900


def test_scan_from_the_start_finds_what_came_after_the_last_one(table: dict[str, Any]) -> None:
    from ministack.services import dynamodb  # noqa: PLC0415

    scans.register()
    scanned(table)
    dynamodb._put_item({**table, "Item": {"id": {"S": "late"}}})
    assert sum(page["Count"] for page in scanned(table)) == 901
