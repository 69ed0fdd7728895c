"""How old what a MongoDB host runs is: beside its stack, and beside what this version of nami would deploy."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from nami_control import stacks
from nami_control.aws_errors import of_aws
from nami_control.errors import Command, Remedy
from nami_control.stacks import Target
from nami_stack.destinations.mongo_release import AMAZON_LINUX, KERNEL, MONGO_IMAGE

# Such as al2023-ami-2023.12.20260928.0-kernel-6.12-arm64:
# https://docs.aws.amazon.com/linux/al2023/ug/naming-and-versioning.html
_IMAGE_NAME = re.compile(r"al2023-ami-(?P<release>[\d.]+)-kernel-(?P<kernel>\d+\.\d+)-")
_IN_TEMPLATE = re.compile(r"ami-amazon-linux-latest/al2023-ami-kernel-([\w.]+)-arm64")
_IN_USER_DATA = re.compile(r"NAMI_MONGO_IMAGE='?([^'\\\s\"]+)")


def behind(target: Target, group: str, instance_id: str) -> tuple[list[str], Remedy]:
    """What is older than it should be, and what to do; what may not be looked at is left out.

    The instance is not asked: the name of its Amazon Linux has the kernel's line.
    """
    if old := _of_stack(target):
        return old, (Command(f"deploy {target.name}"), " brings it up to date")
    refresh = f"`aws autoscaling start-instance-refresh --auto-scaling-group-name {group}` makes a new host"
    return _of_instance(target, instance_id), (refresh,)


def _of_stack(target: Target) -> list[str]:
    """What a deployment with this version of nami would change."""
    template = stacks.template_of(target.aws, target.stack_name)
    resources = template.get("Resources", {}).values()
    said = json.dumps([each for each in resources if each["Type"] == "AWS::EC2::LaunchTemplate"])
    kernel, image = _IN_TEMPLATE.search(said), _IN_USER_DATA.search(said)
    found = []
    if kernel and kernel[0] not in AMAZON_LINUX:
        found.append(f"its stack says kernel {kernel[1]}, and this nami {KERNEL}")
    if image and image[1] != MONGO_IMAGE:
        found.append(f"its stack says {_short(image[1])}, and this nami {_short(MONGO_IMAGE)}")
    return found


def _short(image: str) -> str:
    """`mongo:8.0.32 (9535c3627cc8)`."""
    name, _, digest = image.rsplit("/", 1)[-1].partition("@sha256:")
    return f"{name} ({digest[:12]})" if digest else name


def _of_instance(target: Target, instance_id: str) -> list[str]:
    """Whether it was made before the stack changed its kernel, or of an Amazon Linux that AWS has retired."""
    try:
        image = _image(target, instance_id)
    except Exception as error:
        if of_aws(error) is None:
            raise
        return []
    found = []
    named = _IMAGE_NAME.match(image.get("Name", ""))
    if named and named["kernel"] != KERNEL:
        found.append(f"it runs kernel {named['kernel']}, and its stack says {KERNEL}")
    # 90 days after its release: https://docs.aws.amazon.com/linux/al2023/ug/ec2.html#ami-deprecation
    if (ends := image.get("DeprecationTime")) and datetime.fromisoformat(ends) < datetime.now(UTC):
        found.append(f"its Amazon Linux {named['release'] if named else ''} is deprecated since {ends[:10]}")
    return found


def _image(target: Target, instance_id: str) -> dict[str, Any]:
    """What EC2 says of the instance's image; empty where that is gone."""
    ec2 = target.aws.client("ec2")
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    images = ec2.describe_images(ImageIds=[instance["ImageId"]], IncludeDeprecated=True)["Images"]
    found: dict[str, Any] = dict(images[0]) if images else {}
    return found
