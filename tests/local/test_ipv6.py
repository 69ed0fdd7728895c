"""A subscription whose function reaches AWS over IPv6: the template deploys, and webhooks travel through it."""

import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline


@pytest.fixture(scope="module")
def spring(nami: Nami) -> Pipeline:
    nami.up("spring", *QUICK, "-c", "egress=ipv6")
    return pipeline(nami, "spring")


def test_webhook_is_stored_whether_or_not_the_queue_can_hold_it(spring: Pipeline) -> None:
    for body in (b'{"n": 1}', b"x" * 2_000_000):
        status, delivery_id = spring.post(body, content_type="text/plain")
        assert status == 200
        assert spring.document(delivery_id)["raw"] == body


def test_its_vpc_has_an_egress_only_gateway_and_no_endpoint(spring: Pipeline) -> None:
    resources = spring.client("cloudformation").describe_stack_resources(StackName="nami-spring")["StackResources"]
    (vpc,) = (each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::EC2::VPC")
    ec2 = spring.client("ec2")
    gateways = ec2.describe_egress_only_internet_gateways()["EgressOnlyInternetGateways"]
    assert vpc in {attachment["VpcId"] for gateway in gateways for attachment in gateway["Attachments"]}
    assert vpc not in {endpoint["VpcId"] for endpoint in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
