"""What is kept of a stack that failed, is gone, or has let go of it: named, and removed where one says so."""

import json
import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_cdk.assertions import Template
from typer.testing import CliRunner, Result

from nami_cli.leftovers import told_after_failure
from nami_cli.main import app
from nami_control import leftovers
from nami_control.aws import Aws
from nami_control.errors import DeployError, NotRunningError
from nami_control.leftovers import Leftover
from nami_control.stacks import Stack
from nami_stack.names import SETTINGS_METADATA
from tests.unit.cli.conftest import Stub, target

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/nami-shopify/1"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:MongoHostSecret-AbCdEf"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/waiting"
VOLUME_IS = Leftover("AWS::EC2::Volume", "vol-1", "10 GiB, 0.80 dollars a month")
SECRET_IS = Leftover("AWS::SecretsManager::Secret", SECRET, "0.40 dollars a month")
QUEUE_IS = Leftover("AWS::SQS::Queue", QUEUE, "empty, and free")
ADOPTION = f"--data-volume-id vol-1 --availability-zone eu-west-1b --database-secret-arn {SECRET}"


def stack(status: str = "ROLLBACK_COMPLETE", **outputs: str) -> Any:
    return {
        "StackId": STACK_ID,
        "StackName": "nami-shopify",
        "StackStatus": status,
        "CreationTime": AT,
        "Tags": [{"Key": "nami:subscription", "Value": "shopify"}],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }


def described(aws: Stub, *found: Any) -> None:
    aws("cloudformation").add_response("describe_stacks", {"Stacks": list(found)})


def not_there(aws: Stub) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")


def resource(kind: str, identity: str, status: str, logical_id: str = "Any") -> dict[str, Any]:
    return {
        "ResourceType": kind,
        "PhysicalResourceId": identity,
        "LogicalResourceId": logical_id,
        "ResourceStatus": status,
        "LastUpdatedTimestamp": AT,
    }


def resources(aws: Stub, *found: dict[str, Any]) -> None:
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": list(found)})


def events(aws: Stub, *found: tuple[str, str, str]) -> None:
    own = {"StackId": STACK_ID, "StackName": "nami-shopify", "Timestamp": AT}
    told = [
        {**own, "EventId": str(n), "ResourceType": kind, "PhysicalResourceId": identity, "ResourceStatus": status}
        for n, (kind, identity, status) in enumerate(found)
    ]
    aws("cloudformation").add_response("describe_stack_events", {"StackEvents": told}, {"StackName": STACK_ID})


KEPT = (
    ("AWS::EC2::Volume", "vol-1", "DELETE_SKIPPED"),
    ("AWS::SecretsManager::Secret", SECRET, "DELETE_SKIPPED"),
    ("AWS::SQS::Queue", QUEUE, "DELETE_SKIPPED"),
    ("AWS::SQS::Queue", QUEUE + "-gone", "DELETE_COMPLETE"),
    ("AWS::Lambda::Function", "pre", "DELETE_COMPLETE"),
)


def volume(aws: Stub) -> None:
    aws("ec2").add_response("describe_volumes", {"Volumes": [{"Size": 10, "AvailabilityZone": "eu-west-1b"}]})


def looked_at(aws: Stub, *, queue: bool = True, zone: bool = True) -> None:
    volume(aws)
    aws("secretsmanager").add_response("describe_secret", {"ARN": SECRET}, {"SecretId": SECRET})
    if queue:
        aws("sqs").add_response("get_queue_attributes", {"Attributes": {}})
    if zone:
        volume(aws)  # for the zone that it is taken up in


def tagged(aws: Stub, *arns: str, environment: str = "") -> None:
    tags = [{"Key": "nami:subscription", "Value": "shopify"}]
    tags += [{"Key": "nami:environment", "Value": environment}] if environment else []
    found = [{"ResourceARN": arn, "Tags": tags} for arn in arns]
    aws("resourcegroupstaggingapi").add_response(
        "get_resources",
        {"ResourceTagMappingList": found},
        {"TagFilters": [{"Key": "nami:subscription", "Values": ["shopify"]}]},
    )


def test_destroy_names_what_earlier_deployments_kept(aws: Stub) -> None:
    described(aws, stack("CREATE_COMPLETE"))
    aws("cloudformation").add_response("get_template", {"TemplateBody": "{}"})
    described(aws, stack("CREATE_COMPLETE"))
    resources(aws, resource("AWS::SQS::Queue", QUEUE, "CREATE_COMPLETE"))
    tagged(aws, ARNS[0], "arn:aws:sqs:eu-west-1:123456789012:waiting")
    volume(aws)
    said = typed("destroy", "shopify", answer="n\n").stderr
    assert "is kept: the data volume vol-1 (10 GiB, 0.80 dollars a month); `aws ec2 delete-volume" in said
    assert "queue" not in said


def test_destroy_goes_on_where_what_is_kept_may_not_be_looked_up(aws: Stub) -> None:
    described(aws, stack("CREATE_COMPLETE"))
    aws("cloudformation").add_response("get_template", {"TemplateBody": "{}"})
    described(aws, stack("CREATE_COMPLETE"))
    resources(aws)
    aws("resourcegroupstaggingapi").add_client_error("get_resources", "AccessDeniedException", "no")
    said = typed("destroy", "shopify", answer="n\n").stderr
    assert "whether something is kept from before can't be looked up: these credentials may not do this: no" in said
    assert "destroy shopify?" in said


def typed(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=answer)


def test_first_deployment_that_failed_leaves_what_is_named_with_its_price(aws: Stub) -> None:
    events(aws, *KEPT)
    looked_at(aws, zone=False)
    assert leftovers.of_failed(target(), Stack(stack(), Aws())) == [VOLUME_IS, QUEUE_IS, SECRET_IS]


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE"])
def test_what_was_deployed_once_is_no_leftover(status: str) -> None:
    assert leftovers.of_failed(target(), Stack(stack(status), Aws())) == []


def test_what_is_gone_meanwhile_is_not_named(aws: Stub) -> None:
    events(aws, KEPT[0])
    aws("ec2").add_client_error("describe_volumes", "InvalidVolume.NotFound")
    assert leftovers.of_failed(target(), Stack(stack(), Aws())) == []


def test_what_may_not_be_looked_at_is_named_all_the_same(aws: Stub) -> None:
    events(aws, KEPT[0])
    aws("ec2").add_client_error("describe_volumes", "UnauthorizedOperation", "no")
    assert leftovers.of_failed(target(), Stack(stack(), Aws())) == [
        Leftover("AWS::EC2::Volume", "vol-1", "these credentials may not do this: no")
    ]


def test_secret_that_is_on_its_way_out_is_not_named(aws: Stub) -> None:
    events(aws, KEPT[1])
    aws("secretsmanager").add_response("describe_secret", {"ARN": SECRET, "DeletedDate": AT})
    assert leftovers.of_failed(target(), Stack(stack(), Aws())) == []


def test_failed_deployment_ends_with_what_it_left(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    described(aws, stack())
    events(aws, *KEPT)
    looked_at(aws)
    aws("cloudformation").add_response("get_template", {"TemplateBody": "{}"})
    not_there(aws)  # what subscriptions share
    with suppress(DeployError), told_after_failure(target()):
        raise DeployError("no room for a VPC")
    said = capsys.readouterr().err
    assert "is kept: the data volume vol-1 (10 GiB, 0.80 dollars a month)" in said
    assert f"is kept: the secret {SECRET} (0.40 dollars a month)" in said
    assert f"is kept: the queue {QUEUE} (empty, and free)" in said
    assert "nami destroy shopify offers to remove it" in said
    assert f"nami deploy shopify {ADOPTION} takes it up again" in said


def test_failed_update_leaves_nothing_to_name(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    described(aws, stack("UPDATE_ROLLBACK_COMPLETE"))
    not_there(aws)
    with suppress(DeployError), told_after_failure(target()):
        raise DeployError("no")
    assert capsys.readouterr().err == ""


def test_next_deployment_warns_of_what_the_failed_one_left(aws: Stub) -> None:
    events(aws, KEPT[0])
    volume(aws)
    line = leftovers.none_is_lost(target(), Stack(stack(), Aws())).line()
    assert line.startswith("warn  leftovers")
    assert line.endswith("nami destroy shopify offers to remove it, and says how to take it up again")


def rolled_back(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that is destroyed after its first deployment failed."""
    monkeypatch.setattr("nami_control.destroying._PAUSE", 0)
    described(aws, stack())
    events(aws, *KEPT)
    looked_at(aws, zone=False)
    aws("cloudformation").add_response("get_template", {"TemplateBody": "{}"})
    described(aws, stack())
    resources(aws)
    tagged(aws, "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1", "arn:aws:sqs:eu-west-1:123456789012:waiting")
    aws("cloudformation").add_response("delete_stack", {}, {"StackName": STACK_ID})
    described(aws, stack("DELETE_COMPLETE"))
    resources(aws)


def test_destroy_removes_what_the_failed_deployment_left_where_one_says_so(
    aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled_back(aws, monkeypatch)
    aws("ec2").add_response("delete_volume", {}, {"VolumeId": "vol-1"})
    aws("sqs").add_response("delete_queue", {}, {"QueueUrl": QUEUE})
    aws("secretsmanager").add_response("delete_secret", {}, {"SecretId": SECRET})
    result = typed("destroy", "shopify", answer="y\ny\n")
    assert result.exit_code == 0, result.exception
    assert "remove all of it, with whatever it holds?" in result.stderr


def test_destroy_that_does_not_ask_removes_no_data_and_names_the_commands(
    aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled_back(aws, monkeypatch)
    volume(aws)
    result = typed("destroy", "shopify", "--yes")
    assert result.exit_code == 0, result.exception
    assert "`aws ec2 delete-volume --volume-id vol-1` removes it" in result.stderr
    assert result.stdout == f"nami deploy shopify {ADOPTION}\n"


def gone(aws: Stub, *arns: str, environment: str = "", deployed: tuple[Any, ...] = ()) -> None:
    not_there(aws)
    described(aws, *deployed)
    tagged(aws, *arns, environment=environment)


ARNS = ("arn:aws:ec2:eu-west-1:123456789012:volume/vol-1", SECRET)


def test_destroy_of_what_is_gone_offers_what_is_kept_of_it(aws: Stub) -> None:
    gone(aws, *ARNS)
    looked_at(aws, queue=False)
    result = typed("destroy", "shopify", answer="n\n")
    assert isinstance(result.exception, NotRunningError)
    assert "is kept: the data volume vol-1" in result.stderr
    assert result.stdout.endswith(f"nami deploy shopify {ADOPTION}\n")


def test_what_could_not_be_removed_is_told(aws: Stub) -> None:
    gone(aws, *ARNS)
    looked_at(aws, queue=False, zone=False)
    aws("ec2").add_client_error("delete_volume", "VolumeInUse", "vol-1 is attached to i-1")
    aws("secretsmanager").add_response("delete_secret", {})
    result = typed("destroy", "shopify", answer="y\n")
    assert isinstance(result.exception, NotRunningError)
    assert "could not be removed: the data volume vol-1" in result.stderr
    assert "vol-1 is attached to i-1" in result.stderr


def test_destroy_of_what_is_gone_altogether_says_so(aws: Stub) -> None:
    gone(aws)
    assert isinstance(typed("destroy", "shopify", "--yes").exception, NotRunningError)


def test_what_another_environment_keeps_is_left_alone(aws: Stub) -> None:
    gone(aws, *ARNS, environment="prod")
    assert isinstance(typed("destroy", "shopify", "--yes").exception, NotRunningError)


def test_what_another_stack_has_taken_up_is_left_alone(aws: Stub) -> None:
    jira = stack("CREATE_COMPLETE", DataVolumeId="vol-1", DatabaseSecretArn=SECRET)
    gone(aws, *ARNS, deployed=(jira,))
    assert isinstance(typed("destroy", "shopify", "--yes").exception, NotRunningError)


def test_volume_and_secret_leave_with_their_destination(aws: Stub, synth: Callable[..., Template]) -> None:
    before: dict[str, Any] = synth(destination="mongo-host,dynamodb").to_json()
    kinds = {"AWS::EC2::Volume": "vol-1", "AWS::SecretsManager::Secret": SECRET, "AWS::DynamoDB::Table": "t"}
    there: Any = [
        resource(each["Type"], kinds[each["Type"]], "CREATE_COMPLETE", logical_id)
        for logical_id, each in before["Resources"].items()
        if each["Type"] in kinds
    ]
    looked_at(aws, queue=False, zone=False)
    after = synth(destination="dynamodb").to_json()
    assert leftovers.of_templates(Aws(), there, [after]) == [VOLUME_IS, SECRET_IS]


def test_volume_that_is_adopted_by_the_same_deployment_does_not_leave(
    aws: Stub, synth: Callable[..., Template]
) -> None:
    volume_id = "vol-0123456789abcdef0"
    there: Any = [resource("AWS::EC2::Volume", volume_id, "CREATE_COMPLETE", "MongoHostDataVolume")]
    adopting = synth(data_volume_id=volume_id, availability_zone="eu-west-1a", database_secret_arn=SECRET).to_json()
    assert volume_id in json.dumps(adopting)
    assert leftovers.of_templates(Aws(), there, [adopting]) == []


@pytest.mark.parametrize("found", [[VOLUME_IS], [VOLUME_IS, VOLUME_IS, SECRET_IS], [QUEUE_IS]])
def test_what_can_not_be_taken_up_again_is_not_offered_so(found: list[Leftover]) -> None:
    assert leftovers.adoption(Aws(), found) == {}


NAMED = {"orders": {"kind": "http", "url": "https://shop.example.com/"}, "base": {"kind": "mongo-host"}}


def test_failed_deployment_of_destinations_by_name_is_taken_up_again_by_name(
    aws: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    described(aws, stack())
    events(aws, *KEPT)
    looked_at(aws)
    made_with = {"Metadata": {SETTINGS_METADATA: {"destinations": NAMED}}}
    aws("cloudformation").add_response("get_template", {"TemplateBody": json.dumps(made_with)})
    not_there(aws)  # what subscriptions share
    with suppress(DeployError), told_after_failure(target()):
        raise DeployError("no room for a VPC")
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.endswith("takes it up again")]
    words = shlex.split(said)
    given = json.loads(words[words.index("--destinations") + 1])
    held = {"data_volume_id": "vol-1", "availability_zone": "eu-west-1b", "database_secret_arn": SECRET}
    assert given == {**NAMED, "base": {"kind": "mongo-host", **held}}
    assert "--data-volume-id" not in words


def test_table_of_one_of_two_names_is_not_offered_since_nothing_tells_whose_it_was() -> None:
    found = [Leftover("AWS::DynamoDB::Table", "t")]
    both = {"lake": {"kind": "dynamodb"}, "copy": {"kind": "dynamodb"}}
    assert leftovers.adoption(Aws(), found, both) == {}
    assert leftovers.adoption(Aws(), found, {"lake": both["lake"]}) == {
        "destinations": {"lake": {"kind": "dynamodb", "table_name": "t"}}
    }
