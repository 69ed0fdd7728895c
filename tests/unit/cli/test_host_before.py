"""What AWS is asked before a MongoDB host is made, against answers that botocore holds to its model of AWS."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nami_control import deploying, destinations, health
from nami_control.aws import Aws
from nami_control.checks import Check, look
from nami_control.errors import CheckError, word
from nami_control.stacks import Stack
from nami_stack.settings import SharedSettings, Subscription
from tests.unit.cli.conftest import Stub, attempt, target

ADOPTED = {
    "data_volume_id": "vol-0123456789abcdef0",
    "availability_zone": "eu-west-1a",
    "database_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mongo-AbCdEf",
}
YOURS = {
    "vpc_id": "vpc-0123456789abcdef0",
    "host_subnet_id": "subnet-0123456789abcdef0",
    "function_subnet_id": "subnet-0123456789abcdef1",
    "availability_zone": "eu-west-1a",
}


def stack(**outputs: str) -> Stack:
    told: Any = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    said: Any = {"StackName": "nami-shopify", "StackId": "the-stack", "StackStatus": "CREATE_COMPLETE", "Outputs": told}
    return Stack(said, Aws())


def looked(name: str, there: Stack | None = None, **settings: Any) -> Check:
    looks = destinations.looks_before(Aws(), Subscription(name="shopify", **settings), there)
    return look(name, looks[name])


def told(check: Check) -> str:
    return f"{check.status}: {check.detail}; {word(check.remedy, 'nami')}"


def offered(aws: Stub, *zones: str) -> None:
    aws("ec2").add_response(
        "describe_instance_type_offerings",
        {"InstanceTypeOfferings": [{"InstanceType": "t4g.micro", "Location": zone} for zone in zones]},
        {
            "LocationType": "availability-zone",
            "Filters": [{"Name": "instance-type", "Values": ["t4g.micro"]}],
        },
    )


def zones(aws: Stub, *names: str) -> None:
    found = [{"ZoneName": name} for name in names]
    aws("ec2").add_response("describe_availability_zones", {"AvailabilityZones": found})


def volume(aws: Stub, zone: str, *instances: str) -> None:
    attached = [{"InstanceId": instance, "State": "attached"} for instance in instances]
    aws("ec2").add_response("describe_volumes", {"Volumes": [{"AvailabilityZone": zone, "Attachments": attached}]})


def vpcs(aws: Stub, there: int, quota: int | None) -> None:
    aws("ec2").add_response("describe_vpcs", {"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(there)]})
    expected = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}
    if quota is None:
        aws("service-quotas").add_client_error("get_service_quota", "AccessDeniedException", expected_params=expected)
    else:
        aws("service-quotas").add_response("get_service_quota", {"Quota": {"Value": quota}}, expected)


def default_key(aws: Stub, key: str) -> None:
    aws("ec2").add_response("get_ebs_default_kms_key_id", {"KmsKeyId": key})


CUSTOMERS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000"


@pytest.mark.parametrize("key", ["alias/aws/ebs", "arn:aws:kms:eu-west-1:123456789012:alias/aws/ebs"])
def test_volumes_that_awss_own_key_encrypts_are_well(aws: Stub, key: str) -> None:
    default_key(aws, key)
    assert looked("volume key").status == "ok"


def test_default_key_of_the_accounts_own_is_refused_before_a_host_is_made(aws: Stub) -> None:
    default_key(aws, CUSTOMERS_KEY)
    check = looked("volume key")
    assert check.status == "fail"
    assert f"add --volume-key-arn {CUSTOMERS_KEY}" in word(check.remedy, "nami")


def test_default_key_that_was_chosen_later_stops_no_deployment_of_what_is_there(aws: Stub) -> None:
    default_key(aws, CUSTOMERS_KEY)
    assert looked("volume key", stack()).status == "warn"


def test_named_key_makes_the_default_one_no_matter() -> None:
    named = Subscription(name="shopify", volume_key_arn=CUSTOMERS_KEY)
    assert "volume key" not in destinations.looks_before(Aws(), named, None)


def test_zone_that_offers_the_instance_type_is_well(aws: Stub) -> None:
    offered(aws, "eu-west-1a", "eu-west-1b")
    assert looked("instance type", availability_zone="eu-west-1b").status == "ok"


def test_zone_without_the_instance_type_is_refused_and_one_that_has_it_named(aws: Stub) -> None:
    offered(aws, "us-east-1a")
    check = looked("instance type", availability_zone="us-east-1e")
    assert told(check) == (
        "fail: t4g.micro is not offered in us-east-1e; give another --instance-type, or --availability-zone us-east-1a"
    )


def test_zone_of_a_volume_can_not_be_another(aws: Stub) -> None:
    offered(aws, "eu-west-1b")
    assert "--availability-zone" not in told(looked("instance type", **ADOPTED))


def test_where_ec2_chooses_the_zone_each_must_offer_the_instance_type(aws: Stub) -> None:
    offered(aws, "us-east-1b", "us-east-1a")
    zones(aws, "us-east-1a", "us-east-1b", "us-east-1e")
    check = looked("instance type")
    assert check.status == "fail"
    assert "not offered in us-east-1e, and EC2 would choose the zone" in check.detail
    assert "add --availability-zone us-east-1a" in word(check.remedy, "nami")


def test_instance_type_that_every_zone_offers_needs_no_zone(aws: Stub) -> None:
    offered(aws, "eu-west-1a", "eu-west-1b")
    zones(aws, "eu-west-1a", "eu-west-1b")
    assert looked("instance type").status == "ok"


def test_instance_type_that_the_region_does_not_have_is_refused(aws: Stub) -> None:
    offered(aws)
    assert told(looked("instance type")).startswith("fail: t4g.micro is offered nowhere in this region")


def test_deployed_host_stays_in_the_zone_of_its_volume(aws: Stub) -> None:
    offered(aws, "eu-west-1a")
    volume(aws, "eu-west-1a")
    assert looked("instance type", stack(DataVolumeId="vol-1")).status == "ok"


def test_what_may_not_be_asked_is_told_and_stops_nobody(aws: Stub) -> None:
    aws("ec2").add_client_error("describe_instance_type_offerings", "UnauthorizedOperation", "no")
    check = looked("instance type")
    assert told(check) == (
        "warn: not looked at: these credentials may not do this: no; allow ec2:DescribeInstanceTypeOfferings to see it"
    )


def test_service_that_gives_no_answer_stops_nobody(aws: Stub) -> None:
    aws("ec2").add_client_error("describe_vpcs", "InternalError", "try again")
    assert told(looked("network")).startswith("warn: not looked at: AWS refused DescribeVpcs: try again")


@pytest.mark.parametrize(("there", "status"), [(4, "ok"), (5, "fail")])
def test_host_needs_room_for_its_network(aws: Stub, there: int, status: str) -> None:
    vpcs(aws, there, 5)
    assert looked("network").status == status


def test_region_that_is_full_is_told_with_every_way_out(aws: Stub) -> None:
    vpcs(aws, 5, 5)
    remedy = word(looked("network").remedy, "nami")
    for way in ("--vpc-id", "--destination shared-mongo", "--quota-code L-F678F1CE --desired-value 10"):
        assert way in remedy


def test_quota_that_may_not_be_seen_stops_nobody(aws: Stub) -> None:
    vpcs(aws, 7, None)
    assert looked("network").status == "warn"


def test_network_that_is_there_needs_no_room(aws: Stub) -> None:
    resource = {
        "LogicalResourceId": "Vpc",
        "PhysicalResourceId": "vpc-1",
        "ResourceType": "AWS::EC2::VPC",
        "ResourceStatus": "CREATE_COMPLETE",
        "LastUpdatedTimestamp": datetime.now(UTC),
    }
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": [resource]})
    assert looked("network", stack()).status == "ok"


def test_adopted_volume_must_be_in_the_zone_of_the_host(aws: Stub) -> None:
    volume(aws, "eu-west-1c")
    check = looked("data volume", **ADOPTED)
    assert told(check) == (
        "fail: vol-0123456789abcdef0 is in eu-west-1c, and the host would be in eu-west-1a; "
        "give --availability-zone eu-west-1c"
    )


def test_volume_that_another_instance_holds_is_refused(aws: Stub) -> None:
    volume(aws, "eu-west-1a", "i-1")
    assert told(looked("data volume", **ADOPTED)).startswith("fail: vol-0123456789abcdef0 is attached to i-1")


def test_volume_that_the_host_itself_holds_is_well(aws: Stub) -> None:
    volume(aws, "eu-west-1a", "i-1")
    assert looked("data volume", stack(), **ADOPTED).status == "ok"


def test_volume_that_is_not_there_is_refused(aws: Stub) -> None:
    aws("ec2").add_client_error("describe_volumes", "InvalidVolume.NotFound")
    assert told(looked("data volume", **ADOPTED)).startswith("fail: there is no vol-0123456789abcdef0 in this region")


@pytest.mark.parametrize(("zone", "status"), [("eu-west-1a", "ok"), ("eu-west-1b", "fail")])
def test_subnets_must_be_in_the_zone_of_the_host(aws: Stub, zone: str, status: str) -> None:
    found = [
        {"SubnetId": YOURS["host_subnet_id"], "AvailabilityZone": "eu-west-1a"},
        {"SubnetId": YOURS["function_subnet_id"], "AvailabilityZone": zone},
    ]
    aws("ec2").add_response("describe_subnets", {"Subnets": found})
    assert looked("subnets", **YOURS).status == status


def test_vpc_of_yours_takes_no_room() -> None:
    assert "network" not in destinations.looks_before(Aws(), Subscription(name="shopify", **YOURS), None)


def test_nothing_is_asked_without_a_host() -> None:
    assert destinations.looks_before(Aws(), Subscription(name="shopify", destination="dynamodb"), None) == {}


def test_shared_host_is_looked_at_too() -> None:
    assert list(destinations.looks_before(Aws(), SharedSettings(), None)) == ["instance type", "network", "volume key"]


def test_this_machine_needs_no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert destinations.looks_before(Aws(), Subscription(name="shopify"), None) == {}


def test_deployment_stops_before_anything_is_made(aws: Stub) -> None:
    aws("ssm").add_response("get_parameter", {"Parameter": {"Value": "30"}})
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    aws("lambda").add_response("get_account_settings", {"AccountLimit": limits})
    offered(aws, "eu-west-1a")
    vpcs(aws, 5, 5)
    default_key(aws, "alias/aws/ebs")
    lines: list[str] = []
    with pytest.raises(CheckError, match="5 of the 5 VPCs"):
        deploying.require(attempt(target(availability_zone="eu-west-1a")), lines.append)
    assert len(lines) == 1  # that there is no signature


def test_doctor_says_of_what_is_not_deployed_whether_it_could_be(aws: Stub) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "does not exist")
    aws("cloudformation").add_response("describe_stacks", {"Stacks": []})
    offered(aws)
    vpcs(aws, 1, 5)
    default_key(aws, "alias/aws/ebs")
    found = {check.name: check.status for check in health.of_subscription(target())}
    assert found == {"stack": "fail", "instance type": "fail", "network": "ok", "volume key": "ok"}


@pytest.mark.parametrize(("there", "status"), [(1, "ok"), (5, "warn")])
def test_doctor_says_whether_an_account_has_room_for_a_host(aws: Stub, there: int, status: str) -> None:
    caller = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me", "UserId": "me"}
    aws("sts").add_response("get_caller_identity", caller)
    aws("ssm").add_response("get_parameter", {"Parameter": {"Value": "30"}})
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    aws("lambda").add_response("get_account_settings", {"AccountLimit": limits})
    aws("service-quotas").add_response("get_service_quota", {"Quota": {"Value": 10_000}})  # of the gateways
    vpcs(aws, there, 5)
    found = {check.name: check.status for check in health.of_account(Aws())}
    assert found["networks"] == status
