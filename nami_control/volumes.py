"""A host's data volume while its stack is deployed anew: it never shrinks, and never moves to another zone.

A setting that is left out goes back to its default, and defaults change with a version: hosts from before these had
20 GiB, and the zone that was the region's first.
"""

from collections.abc import Iterable
from typing import Any

from nami_control.errors import CheckError, as_flags
from nami_control.stacks import Stack

_VOLUME = "AWS::EC2::Volume"


def require_kept(name: str, stack: Stack | None, templates: Iterable[dict[str, Any]]) -> None:
    """A deployment of these templates must leave each volume of the stack as large as it is, and where it is.

    EBS refuses a smaller one, and for another zone CloudFormation would make an empty one beside it:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-volume.html

    Raises:
        CheckError: it would not; names the settings that keep it so.
    """
    if stack is None:
        return
    there, planned = _volumes([stack.template]), _volumes(templates)
    wrong, lost = [], {}
    for logical_id in sorted(there.keys() & planned.keys()):
        before, after = there[logical_id], planned[logical_id]
        if int(after.get("Size", 0)) < int(before.get("Size", 0)):
            wrong.append(f"has {before['Size']} GiB and would get {after['Size']}, which EBS refuses")
            lost["volume_size"] = before["Size"]
        if after["AvailabilityZone"] != before["AvailabilityZone"]:
            zone = _zone(stack, logical_id)
            if after["AvailabilityZone"] != zone:
                wrong.append(f"is in {zone} and could come to be another one, empty, in another zone")
                lost["availability_zone"] = zone
    if wrong:
        raise CheckError(
            f"{name}: its data volume {' and '.join(wrong)}",
            f"add {as_flags(lost)} (--save keeps it in cdk.json); nothing was changed",
        )


def _volumes(templates: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The properties of each volume, by its logical id."""
    return {
        logical_id: resource["Properties"]
        for template in templates
        for logical_id, resource in template.get("Resources", {}).items()
        if resource["Type"] == _VOLUME
    }


def _zone(stack: Stack, logical_id: str) -> str:
    """Where a volume of the stack really is."""
    (volume_id,) = [each["PhysicalResourceId"] for each in stack.resources if each["LogicalResourceId"] == logical_id]
    zone: str = stack.aws.client("ec2").describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["AvailabilityZone"]
    return zone
