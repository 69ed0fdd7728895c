"""The data volume of a host that is deployed anew."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_cdk.assertions import Template

from nami_control import volumes
from nami_control.aws import Aws
from nami_control.errors import CheckError
from nami_control.stacks import Stack
from tests.unit.cli.conftest import Stub

Synth = Callable[..., Template]
SAID: Any = {"StackName": "nami-shopify", "StackStatus": "CREATE_COMPLETE"}


def stack() -> Stack:
    return Stack(SAID, Aws())


def volume_of(template: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    ((logical_id, resource),) = [
        entry for entry in template["Resources"].items() if entry[1]["Type"] == "AWS::EC2::Volume"
    ]
    return logical_id, resource["Properties"]


def of_an_earlier_version(template: Template) -> dict[str, Any]:
    """As hosts were before the zone was the first subnet's, and 10 GiB the default."""
    earlier: dict[str, Any] = template.to_json()
    first = {"Fn::Select": [0, {"Fn::GetAZs": ""}]}
    for resource in earlier["Resources"].values():
        if resource["Type"] in ("AWS::EC2::Volume", "AWS::EC2::Subnet"):
            resource["Properties"]["AvailabilityZone"] = first
    volume_of(earlier)[1]["Size"] = 20
    return earlier


def deployed(aws: Stub, template: dict[str, Any], *, zone: str = "") -> None:
    aws("cloudformation").add_response(
        "get_template", {"TemplateBody": json.dumps(template)}, {"StackName": "nami-shopify"}
    )
    if zone:
        resource = {
            "LogicalResourceId": volume_of(template)[0],
            "PhysicalResourceId": "vol-1",
            "ResourceType": "AWS::EC2::Volume",
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": datetime.now(UTC),
        }
        aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": [resource]})
        found = {"Volumes": [{"AvailabilityZone": zone}]}
        aws("ec2").add_response("describe_volumes", found, {"VolumeIds": ["vol-1"]})


def test_host_of_an_earlier_version_stops_with_the_settings_that_keep_it(aws: Stub, synth: Synth) -> None:
    deployed(aws, of_an_earlier_version(synth()), zone="eu-west-1b")
    with pytest.raises(CheckError) as raised:
        volumes.require_kept("shopify", stack(), [synth().to_json()])
    assert "add --volume-size 20 --availability-zone eu-west-1b " in str(raised.value)
    assert "nothing was changed" in str(raised.value)


def test_with_these_settings_it_goes_on(aws: Stub, synth: Synth) -> None:
    deployed(aws, of_an_earlier_version(synth()), zone="eu-west-1b")
    again = synth(volume_size="20", availability_zone="eu-west-1b")
    volumes.require_kept("shopify", stack(), [again.to_json()])


def test_volume_does_not_shrink(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth(volume_size="40").to_json())
    with pytest.raises(CheckError, match="has 40 GiB and would get 10, which EBS refuses; add --volume-size 40 "):
        volumes.require_kept("shopify", stack(), [synth().to_json()])


def test_volume_does_not_move_to_another_zone(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth(availability_zone="eu-west-1a").to_json(), zone="eu-west-1a")
    with pytest.raises(CheckError, match=r"is in eu-west-1a and .* add --availability-zone eu-west-1a "):
        volumes.require_kept("shopify", stack(), [synth(availability_zone="eu-west-1b").to_json()])


@pytest.mark.parametrize("settings", [{}, {"volume_size": "40"}, {"destination": "dynamodb"}])
def test_what_keeps_the_volume_goes_on(aws: Stub, synth: Synth, settings: dict[str, str]) -> None:
    deployed(aws, synth().to_json())
    volumes.require_kept("shopify", stack(), [synth(**settings).to_json()])


def test_first_deployment_has_nothing_to_keep(synth: Synth) -> None:
    volumes.require_kept("shopify", None, [synth().to_json()])
