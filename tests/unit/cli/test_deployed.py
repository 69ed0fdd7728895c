"""What list, doctor and destroy make of AWS's answers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import ANY
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control import health
from nami_control.aws import Aws
from nami_control.destinations import host
from nami_control.errors import CheckError, DeployError, NotRunningError, UsageError, word
from nami_stack.settings import SETTINGS_METADATA
from tests.unit.cli.conftest import Stub, nothing_kept, target

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
OUTPUTS = {
    "EndpointUrl": "https://a1.execute-api.eu-west-1.amazonaws.com/nami/shopify",
    "QueueUrl": QUEUES + "waiting",
    "DeadLetterQueueUrl": QUEUES + "dead",
    "PreQueueFunctionName": "pre",
    "PostQueueFunctionName": "post",
    "DataVolumeId": "vol-1",
    "DatabaseSecretArn": "arn:secret",
}
UUID = "57bb9d38-f192-495e-befe-92ab9658a160"
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/nami-shopify/1"


def stack(name: str = "shopify", status: str = "CREATE_COMPLETE", outputs: dict[str, str] | None = None) -> Any:
    return {
        "StackId": STACK_ID,
        "StackName": f"nami-{name}",
        "StackStatus": status,
        "CreationTime": AT,
        "Tags": [{"Key": "nami:subscription", "Value": name}],
        "Outputs": [
            {"OutputKey": key, "OutputValue": value} for key, value in (OUTPUTS if outputs is None else outputs).items()
        ],
    }


def stacks(aws: Stub, *found: Any) -> None:
    aws("cloudformation").add_response("describe_stacks", {"Stacks": list(found)})


def depth(aws: Stub, queue: str, count: int) -> None:
    aws("sqs").add_response(
        "get_queue_attributes",
        {"Attributes": {"ApproximateNumberOfMessages": str(count)}},
        {"QueueUrl": QUEUES + queue, "AttributeNames": ANY},
    )


def ages(aws: Stub, *values: float) -> None:
    aws("cloudwatch").add_response(
        "get_metric_data", {"MetricDataResults": [{"Id": "q0", "Values": list(values), "StatusCode": "Complete"}]}
    )
    aws("lambda").add_response("list_event_source_mappings", {"EventSourceMappings": []})


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def listed() -> dict[str, str]:
    """The one row of the list, by its heading."""
    heading, row = run("list").stdout.splitlines()
    return dict(zip(heading.split("\t"), row.split("\t"), strict=True))


def test_list_tells_depth_dead_letters_and_age(aws: Stub) -> None:
    stacks(aws, stack())
    ages(aws, 240.0, 180.0)
    depth(aws, "waiting", 12)
    depth(aws, "dead", 3)
    assert json.loads(run("list", "--json").stdout) == [
        {
            "name": "shopify",
            "environment": None,
            "destinations": ["mongo"],
            "endpoint": OUTPUTS["EndpointUrl"],
            "waiting": 12,
            "dead_letters": 3,
            "oldest_seconds": 240.0,
            "paused": False,
            "kept_until": None,
            "deployed": "2026-01-31T12:00:00+00:00",
            "status": "CREATE_COMPLETE",
            "used_by": None,
        }
    ]


def test_age_that_the_metric_still_tells_is_nobodys_where_nothing_waits(aws: Stub) -> None:
    stacks(aws, stack())
    ages(aws, 240.0)
    depth(aws, "waiting", 0)
    depth(aws, "dead", 0)
    assert json.loads(run("list", "--json").stdout)[0]["oldest_seconds"] is None


def test_list_adds_up_the_queues_of_several_destinations(aws: Stub) -> None:
    second = {"HttpQueueUrl": QUEUES + "second", "HttpDeadLetterQueueUrl": QUEUES + "second-dead"}
    stacks(aws, stack(outputs=OUTPUTS | second))
    ages(aws)
    for queue, count in (("waiting", 1), ("second", 10), ("dead", 2), ("second-dead", 20)):
        depth(aws, queue, count)
    row = json.loads(run("list", "--json").stdout)[0]
    assert (row["waiting"], row["dead_letters"]) == (11, 22)


@pytest.mark.parametrize("backend", ["HttpBackendSecretArn", "HttpBackendSignature"])
def test_list_tells_what_webhooks_end_in(aws: Stub, backend: str) -> None:
    outputs = {"QueueUrl": QUEUES + "waiting", "LargeItemsBucketName": "b", backend: "s"}
    stacks(aws, stack(outputs=outputs))
    ages(aws)
    depth(aws, "waiting", 0)
    assert json.loads(run("list", "--json").stdout)[0]["destinations"] == ["dynamodb", "http"]


def test_list_shows_a_dash_where_no_age_is_known(aws: Stub) -> None:
    stacks(aws, stack())
    ages(aws)
    depth(aws, "waiting", 0)
    depth(aws, "dead", 0)
    assert listed()["oldest"] == "-"


def test_list_tells_of_a_stack_that_failed_to_be_made(aws: Stub) -> None:
    stacks(aws, stack(status="ROLLBACK_COMPLETE", outputs={}))
    row = json.loads(run("list", "--json").stdout)[0]
    assert (row["status"], row["endpoint"], row["waiting"]) == ("ROLLBACK_COMPLETE", None, None)


def test_list_leaves_out_what_is_not_namis(aws: Stub) -> None:
    stacks(aws, stack() | {"StackName": "nami-like", "Tags": []}, stack("gone", "DELETE_COMPLETE"))
    result = run("list", "--json")
    assert json.loads(result.stdout) == []
    assert "nami deploy shopify" in result.stderr


def test_list_tells_the_age_in_its_two_largest_units(aws: Stub) -> None:
    stacks(aws, stack())
    ages(aws, 3725.0)
    depth(aws, "waiting", 1)
    depth(aws, "dead", 0)
    assert listed()["oldest"] == "1 h 2 min"


def test_outputs_of_what_is_not_deployed_is_code_3(aws: Stub) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "Stack with id … does not exist")
    assert isinstance(run("outputs", "shopify").exception, NotRunningError)


def volume(aws: Stub) -> None:
    aws("ec2").add_response("describe_volumes", {"Volumes": [{"AvailabilityZone": "eu-west-1b"}]})


def losses(aws: Stub, waiting: int = 0, dead: int = 0) -> None:
    depth(aws, "waiting", waiting)
    depth(aws, "dead", dead)


def deployed_with(aws: Stub, **settings: Any) -> None:
    template = {"Metadata": {SETTINGS_METADATA: settings}}
    aws("cloudformation").add_response("get_template", {"TemplateBody": json.dumps(template)})


def resources(aws: Stub, *found: dict[str, str]) -> None:
    summaries = [{"LastUpdatedTimestamp": AT, "LogicalResourceId": "Any", **each} for each in found]
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": summaries})


def test_destroy_says_what_is_lost_before_it_asks(aws: Stub) -> None:
    stacks(aws, stack())
    losses(aws, waiting=12, dead=3)
    volume(aws)
    deployed_with(aws)
    nothing_kept(aws)
    result = CliRunner().invoke(app, ["destroy", "shopify"], input="n\n")
    assert "12 webhooks that wait in the queue" in result.stderr
    assert "3 dead letters" in result.stderr
    assert "is kept: the volume with the documents, vol-1" in result.stderr
    assert result.exit_code == 1


def test_destroy_without_anybody_to_ask_changes_nothing(aws: Stub) -> None:
    stacks(aws, stack())
    losses(aws)
    volume(aws)
    deployed_with(aws)
    nothing_kept(aws)
    error = run("destroy", "shopify").exception
    assert isinstance(error, UsageError)
    assert "--yes" in str(error)


def test_destroy_waits_and_ends_with_the_command_that_adopts(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nami_control.destroying._PAUSE", 0)
    stacks(aws, stack(outputs={**OUTPUTS, "LargeBodiesBucketName": "bodies"}))
    losses(aws)
    volume(aws)
    deployed_with(aws, batch_size=50, methods=["GET", "POST"])
    nothing_kept(aws)
    aws("cloudformation").add_response("delete_stack", {}, {"StackName": STACK_ID})
    stacks(aws, stack(status="DELETE_IN_PROGRESS"))
    resources(aws, {"ResourceType": "AWS::SQS::Queue", "ResourceStatus": "DELETE_COMPLETE"})
    stacks(aws, stack(status="DELETE_COMPLETE"))
    resources(aws)
    for url in ("waiting", "dead"):  # which CloudFormation keeps
        aws("sqs").add_response("delete_queue", {}, {"QueueUrl": QUEUES + url})
    aws("s3").add_response("list_objects_v2", {}, {"Bucket": "bodies"})
    aws("s3").add_response("delete_bucket", {}, {"Bucket": "bodies"})
    result = run("destroy", "shopify", "--yes")
    assert result.exit_code == 0, result.exception
    assert result.stdout == (
        "nami deploy shopify --batch-size 50 --methods GET,POST "
        "--data-volume-id vol-1 --availability-zone eu-west-1b --database-secret-arn arn:secret\n"
    )


def test_destroy_that_fails_names_the_resource_and_the_reason(aws: Stub) -> None:
    stacks(aws, stack())
    losses(aws)
    volume(aws)
    deployed_with(aws)
    nothing_kept(aws)
    aws("cloudformation").add_response("delete_stack", {})
    stacks(aws, stack(status="DELETE_FAILED"))
    resources(aws)
    event = {"StackId": STACK_ID, "EventId": "1", "StackName": "nami-shopify", "Timestamp": AT}
    failed = {"ResourceStatus": "DELETE_FAILED", "LogicalResourceId": "Bucket"}
    aws("cloudformation").add_response(
        "describe_stack_events",
        {
            "StackEvents": [
                {**event, **failed, "ResourceType": "AWS::CloudFormation::Stack", "ResourceStatusReason": "see below"},
                {**event, **failed, "ResourceType": "AWS::S3::Bucket", "ResourceStatusReason": "not empty"},
            ]
        },
    )
    error = run("destroy", "shopify", "--yes").exception
    assert isinstance(error, DeployError)
    assert str(error).startswith("AWS::S3::Bucket Bucket: not empty; ")


def group(aws: Stub, *instances: dict[str, str]) -> None:
    resources(
        aws,
        {
            "ResourceType": "AWS::AutoScaling::AutoScalingGroup",
            "PhysicalResourceId": "group",
            "ResourceStatus": "CREATE_COMPLETE",
        },
    )
    common = {"AvailabilityZone": "eu-west-1a", "InstanceType": "t4g.micro", "ProtectedFromScaleIn": False}
    aws("autoscaling").add_response(
        "describe_auto_scaling_groups",
        {
            "AutoScalingGroups": [
                {
                    "AutoScalingGroupName": "group",
                    "MinSize": 1,
                    "MaxSize": 1,
                    "DesiredCapacity": 1,
                    "DefaultCooldown": 300,
                    "AvailabilityZones": ["eu-west-1a"],
                    "HealthCheckType": "EC2",
                    "CreatedTime": AT,
                    "Instances": [{**common, **instance} for instance in instances],
                }
            ]
        },
        {"AutoScalingGroupNames": ["group"]},
    )


@pytest.mark.parametrize(
    ("state", "condition", "status"),
    [("InService", "Healthy", "ok"), ("InService", "Unhealthy", "fail"), ("Pending", "Healthy", "fail")],
)
def test_host_is_well_when_its_instance_is_in_service_and_healthy(
    aws: Stub, state: str, condition: str, status: str
) -> None:
    group(aws, {"InstanceId": "i-1", "LifecycleState": state, "HealthStatus": condition})
    if status == "ok":
        deployed_with(aws)
        aws("ec2").add_client_error("describe_instances", "UnauthorizedOperation")  # how old it is
    assert host.look(target()).status == status


def test_host_without_an_instance_fails(aws: Stub) -> None:
    group(aws)
    assert host.look(target()).status == "fail"


def test_firing_alarm_of_the_stack_fails(aws: Stub) -> None:
    resources(
        aws,
        {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "old", "ResourceStatus": "CREATE_COMPLETE"},
    )
    aws("cloudwatch").add_response(
        "describe_alarms",
        {"MetricAlarms": [{"AlarmName": "old"}]},
        {"AlarmNames": ["old"], "StateValue": "ALARM", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]},
    )
    check = health._alarms(target())
    assert check.status == "fail"
    assert "old" in check.detail


@pytest.mark.parametrize(("rate", "status"), [(10_000.0, "ok"), (500.0, "warn")])
def test_low_gateway_quota_is_a_warning(aws: Stub, rate: float, status: str) -> None:
    aws("service-quotas").add_response("get_service_quota", {"Quota": {"Value": rate}})
    assert health._throttle(Aws()).status == status


def test_dead_letters_are_a_warning_that_leads_to_them(aws: Stub) -> None:
    depth(aws, "dead", 2)
    check = health._dead_letters(target(), OUTPUTS)
    assert (check.status, check.detail) == ("warn", "2")
    assert "nami dlq list shopify" in word(check.remedy, "nami")


def test_doctor_ends_with_code_12_when_something_fails(aws: Stub) -> None:
    aws("sts").add_client_error("get_caller_identity", "InvalidClientTokenId")
    result = run("doctor", "--json")
    assert isinstance(result.exception, CheckError)
    assert result.exception.exit_code == 12
    checks = {check["check"]: check["status"] for check in json.loads(result.stdout)}
    assert checks == {"python": "ok", "node": "ok", "cdk": "ok", "credentials": "fail"}
