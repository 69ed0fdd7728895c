"""The way to the host: found by its group, opened by AWS's plugin, closed with what uses it.

The plugin here is a program that takes the same arguments as the real one and says the same words.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import events
from nami_cli.main import app
from nami_control.deployment import Deployment, Function
from nami_control.destinations import mongo, tunnel
from nami_control.errors import DatabaseError, MissingToolError, UsageError
from tests.unit.cli.conftest import Stub, target

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mongo"
SESSION = {"SessionId": "s-1", "TokenValue": "token", "StreamUrl": "wss://stream"}
REQUEST = {"Target": "i-1", "DocumentName": "AWS-StartPortForwardingSession", "Parameters": {"portNumber": ["27017"]}}
PLUGIN = """#!{python}
import json, os, sys, time
if sys.argv[1:] == ["--version"]:
    print("{version}")
    sys.exit()
with open("{log}", "w") as log:
    json.dump({{"arguments": sys.argv[1:], "token": os.environ.get("AWS_SSM_START_SESSION_RESPONSE"),
               "host": os.environ.get("SSM_PLUGIN_LOCAL_HOST"), "pid": os.getpid()}}, log)
print("\\nStarting session with SessionId: s-1")
{rest}
"""
OPENS = 'print("Port 54321 opened for sessionId s-1.\\nWaiting for connections...", flush=True); time.sleep(60)'


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PATH", str(tmp_path))
    for key in ("AWS_PROFILE", "AWS_SSM_START_SESSION_RESPONSE"):
        monkeypatch.delenv(key, raising=False)

    def install(rest: str = OPENS, version: str = "1.2.707.0") -> Path:
        log = tmp_path / "plugin.json"
        program = tmp_path / "session-manager-plugin"
        program.write_text(PLUGIN.format(python=sys.executable, version=version, log=log, rest=rest))
        program.chmod(0o755)
        return log

    return install


def has_host(aws: Stub, state: str = "InService") -> None:
    resource = {
        "LogicalResourceId": "Group",
        "PhysicalResourceId": "group-1",
        "ResourceType": "AWS::AutoScaling::AutoScalingGroup",
        "LastUpdatedTimestamp": 0,
        "ResourceStatus": "CREATE_COMPLETE",
    }
    aws("cloudformation").add_response(
        "list_stack_resources", {"StackResourceSummaries": [resource]}, {"StackName": "nami-shopify"}
    )
    instance = {
        "InstanceId": "i-1",
        "LifecycleState": state,
        "AvailabilityZone": "eu-west-1a",
        "HealthStatus": "Healthy",
        "ProtectedFromScaleIn": False,
    }
    group = {
        "AutoScalingGroupName": "group-1",
        "MinSize": 1,
        "MaxSize": 1,
        "DesiredCapacity": 1,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["eu-west-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": 0,
        "Instances": [instance],
    }
    aws("autoscaling").add_response(
        "describe_auto_scaling_groups", {"AutoScalingGroups": [group]}, {"AutoScalingGroupNames": ["group-1"]}
    )


def has_session(aws: Stub) -> None:
    aws("ssm").add_response("start_session", SESSION, REQUEST)
    aws("ssm").add_response("terminate_session", {"SessionId": "s-1"}, {"SessionId": "s-1"})


def test_tunnel_is_open_inside_and_closed_after(aws: Stub, plugin: Any) -> None:
    log = plugin()
    has_host(aws)
    has_session(aws)
    with tunnel.to_host(target()) as opened:
        assert opened.port == 54321
        assert opened.process.poll() is None
    assert opened.process.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.kill(json.loads(log.read_text())["pid"], 0)


def test_plugin_gets_what_the_aws_cli_gives_it(aws: Stub, plugin: Any) -> None:
    log = plugin()
    has_host(aws)
    has_session(aws)
    with tunnel.to_host(target()):
        pass
    said = json.loads(log.read_text())
    name, region, operation, profile, request, endpoint = said["arguments"]
    assert (name, region, operation, profile) == ("AWS_SSM_START_SESSION_RESPONSE", "eu-west-1", "StartSession", "")
    assert json.loads(request) == REQUEST
    assert endpoint == "https://ssm.eu-west-1.amazonaws.com"
    assert json.loads(said["token"]) == SESSION
    assert said["host"] == "127.0.0.1"


@pytest.mark.parametrize("version", ["1.2.497.0", "1.1.61.0", "unknown"])
def test_older_plugin_gets_the_session_as_an_argument(version: str, aws: Stub, plugin: Any) -> None:
    log = plugin(version=version)
    has_host(aws)
    has_session(aws)
    with tunnel.to_host(target()):
        pass
    said = json.loads(log.read_text())
    assert json.loads(said["arguments"][0]) == SESSION
    assert said["token"] is None


def test_missing_plugin_is_code_5_before_anything_is_asked(
    aws: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="install-plugin") as raised, tunnel.to_host(target()):
        pass
    assert raised.value.exit_code == 5


def test_plugin_that_fails_is_told_by_its_last_words(aws: Stub, plugin: Any) -> None:
    plugin('print("\\nSessionId: s-1 : no such port\\n"); sys.exit(1)')
    has_host(aws)
    has_session(aws)
    with pytest.raises(DatabaseError, match="no such port"), tunnel.to_host(target()):
        pass


def test_host_without_its_agent_is_told(aws: Stub, plugin: Any) -> None:
    plugin()
    has_host(aws)
    aws("ssm").add_client_error("start_session", "TargetNotConnected")
    with pytest.raises(DatabaseError, match="not connected to Session Manager"), tunnel.to_host(target()):
        pass


def test_host_that_is_being_replaced_is_told(aws: Stub) -> None:
    has_host(aws, "Pending")
    with pytest.raises(DatabaseError, match="being replaced"):
        tunnel.host_instance(target())


def test_stack_without_a_host_uses_the_shared_one(aws: Stub) -> None:
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": []})
    aws("cloudformation").add_client_error("list_stack_resources", "ValidationError")
    with pytest.raises(DatabaseError, match="has no MongoDB host"):
        tunnel.host_instance(target())


@pytest.fixture
def subscription(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> Stub:
    outputs = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post"}
    found = Deployment(target(), outputs)
    environment = {"MONGO_DATABASE": "nami", "MONGO_COLLECTION": "shopify", "MONGO_SECRET_ARN": ARN}
    found.drains[0].post_queue = Function("post", environment, "/post")
    monkeypatch.setattr(events, "find", lambda _target: found)
    return aws


def has_secret(aws: Stub, **secret: str) -> None:
    aws("secretsmanager").add_response("get_secret_value", {"SecretString": json.dumps(secret)}, {"SecretId": ARN})


def test_connect_prints_the_uri_that_the_secret_holds(subscription: Stub) -> None:
    has_secret(subscription, username="nami", password="x", uri="mongodb://127.0.0.1:27017/")
    result = CliRunner().invoke(app, ["connect", "shopify"])
    assert result.stdout == "mongodb://127.0.0.1:27017/\n"


def test_connect_prints_a_uri_through_the_tunnel_until_that_closes(subscription: Stub, plugin: Any) -> None:
    plugin(OPENS.replace("60", "0.2"))
    has_secret(subscription, username="nami", password="p@ss/w")
    has_host(subscription)
    has_session(subscription)
    result = CliRunner().invoke(app, ["connect", "shopify"])
    assert result.stdout == "mongodb://nami:p%40ss%2Fw@127.0.0.1:54321/nami?authSource=admin&directConnection=true\n"
    assert "closed by the other side" in str(result.exception)


@pytest.mark.parametrize(("text", "expected"), [(None, {}), ('{"body.order.id": 1001}', {"body.order.id": 1001})])
def test_query_is_mongodbs(text: str | None, expected: dict[str, Any]) -> None:
    assert events.parse_query(text) == expected


def test_query_takes_dates_in_extended_json() -> None:
    query = events.parse_query('{"received_at": {"$gte": {"$date": "2026-01-31T00:00:00Z"}}}')
    assert query["received_at"]["$gte"].year == 2026


@pytest.mark.parametrize("text", ["{", "[1]", "1", "body=1"])
def test_query_that_is_none_is_one_line_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r'try --query|such as \'\{"body.order.id": 1001\}\''):
        events.parse_query(text)


def test_database_that_does_not_answer_is_code_7(subscription: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo, "_ANSWERS_WITHIN", 0.2)
    has_secret(subscription, uri="mongodb://127.0.0.1:9/")
    found = events.find("shopify")
    with pytest.raises(DatabaseError, match="does not answer"), mongo.collection(found) as documents:
        documents.find_one()


def test_subscription_without_mongodb_is_told(subscription: Stub) -> None:
    found = events.find("shopify")
    found.drains[0].post_queue = Function("post", {"DESTINATION": "dynamodb"}, "/post")
    with pytest.raises(UsageError, match="stores nothing in MongoDB"), tunnel.database(found):
        pass
