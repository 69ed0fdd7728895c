"""AWS as botocore's stubs play it: each call and each answer is held to its model of the service."""

import functools
import time
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
import typer.testing
from botocore.stub import Stubber

from nami_control.aws import Aws
from nami_control.checks import Account
from nami_control.deploying import Attempt
from nami_control.stacks import Stack, Target

Stub = Callable[[str], Stubber]


@pytest.fixture(scope="session", autouse=True)
def commands_are_made_once() -> Iterator[None]:
    """Typer's runner makes all of them anew for each one that is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", functools.cache(typer.main.get_command))
        yield


@functools.cache
def _client(service: str) -> Any:
    """One for all tests: to read a service's model takes longer than most of them."""
    make: Any = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1").client
    return make(service)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """AWS of which only what a test has stubbed answers; all of it must have been asked."""
    stubs: dict[str, Stubber] = {}
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    def stub(service: str) -> Stubber:
        if service not in stubs:
            stubs[service] = Stubber(_client(service))
            stubs[service].activate()
        return stubs[service]

    monkeypatch.setattr(boto3, "client", lambda service, **_where: stub(service).client)
    yield stub
    for each in stubs.values():
        each.deactivate()
    for each in stubs.values():
        each.assert_no_pending_responses()


def room_for_host(aws: Stub) -> None:
    """Every zone offers the host's instance type, and the region has room for its VPC."""
    aws("ec2").add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": [{"Location": "eu-west-1a"}]})
    aws("ec2").add_response("describe_availability_zones", {"AvailabilityZones": [{"ZoneName": "eu-west-1a"}]})
    aws("ec2").add_response("describe_vpcs", {"Vpcs": []})
    aws("service-quotas").add_response("get_service_quota", {"Quota": {"Value": 5}})
    aws("ec2").add_response("get_ebs_default_kms_key_id", {"KmsKeyId": "alias/aws/ebs"})


def nothing_kept(aws: Stub, name: str = "shopify") -> None:
    """No earlier stack of the name has left anything."""
    aws("cloudformation").add_response("describe_stacks", {"Stacks": []})
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": []})
    aws("resourcegroupstaggingapi").add_response(
        "get_resources",
        {"ResourceTagMappingList": []},
        {"TagFilters": [{"Key": "nami:subscription", "Values": [name]}]},
    )


def target(name: str = "shopify", environment: str = "", **given: str) -> Target:
    """A subscription where the usual variables point, with these settings."""
    return Target(name, Aws(environment), given)


def attempt(asked: Target, stack: Stack | None = None) -> Attempt:
    """To deploy this over that."""
    caller = Account("123456789012", "eu-west-1", "arn:aws:iam::123456789012:user/me")
    return Attempt(asked, caller, stack, asked.given_anywhere)


def sleep_in(monkeypatch: pytest.MonkeyPatch, module: ModuleType, sleep: Callable[[float], None]) -> None:
    """Let this module alone sleep otherwise: other threads of the test run use time.sleep too."""
    monkeypatch.setattr(module, "time", SimpleNamespace(**{**vars(time), "sleep": sleep}))
