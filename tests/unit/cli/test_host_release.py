"""How old what a host runs is, told by its stack's template and by the name of its Amazon Linux."""

import json
from collections.abc import Callable

from aws_cdk.assertions import Template

from nami_control.destinations import host_release
from nami_control.errors import word
from nami_stack.destinations.mongo_release import KERNEL, MONGO_IMAGE
from tests.unit.cli.conftest import Stub, target

Synth = Callable[..., Template]
NEW = f"al2023-ami-2023.12.20260928.0-kernel-{KERNEL}-arm64"


def deployed(aws: Stub, template: Template, *changes: tuple[str, str]) -> None:
    text = json.dumps(template.to_json())
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    aws("cloudformation").add_response("get_template", {"TemplateBody": text}, {"StackName": "nami-shopify"})


def running(aws: Stub, name: str, ends: str = "2999-01-01T00:00:00.000Z") -> None:
    instance = {"InstanceId": "i-1", "ImageId": "ami-1"}
    aws("ec2").add_response("describe_instances", {"Reservations": [{"Instances": [instance]}]})
    image = {"Name": name, "DeprecationTime": ends}
    aws("ec2").add_response("describe_images", {"Images": [image]}, {"ImageIds": ["ami-1"], "IncludeDeprecated": True})


def behind(aws: Stub) -> tuple[str, str]:
    old, remedy = host_release.behind(target(), "group", "i-1")
    return ", ".join(old), word(remedy, "nami")


def test_host_of_this_version_is_behind_in_nothing(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth())
    running(aws, NEW)
    assert behind(aws)[0] == ""


def test_kernel_and_image_of_an_earlier_version_are_told_with_the_deployment(aws: Stub, synth: Synth) -> None:
    earlier = ("kernel-6.12-arm64", "kernel-default-arm64"), (MONGO_IMAGE, "public.ecr.aws/docker/library/mongo:8.0.4")
    deployed(aws, synth(), *earlier)
    old, remedy = behind(aws)
    assert old == (
        f"its stack says kernel default, and this nami {KERNEL}, "
        "its stack says mongo:8.0.4, and this nami mongo:8.0.32 (9535c3627cc8)"
    )
    assert remedy == "nami deploy shopify brings it up to date"


def test_same_version_of_another_build_is_told(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth(), ("@sha256:9535", "@sha256:0000"))
    assert "mongo:8.0.32 (0000" in behind(aws)[0]


def test_instance_with_another_kernel_than_its_stack_is_told_with_the_refresh(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth())
    running(aws, "al2023-ami-2023.7.20250527.1-kernel-6.1-arm64")
    old, remedy = behind(aws)
    assert old == f"it runs kernel 6.1, and its stack says {KERNEL}"
    assert "start-instance-refresh --auto-scaling-group-name group" in remedy


def test_amazon_linux_that_is_deprecated_is_told(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth())
    running(aws, NEW, ends="2026-06-01T00:00:00.000Z")
    assert behind(aws)[0] == "its Amazon Linux 2023.12.20260928.0 is deprecated since 2026-06-01"


def test_what_may_not_be_looked_at_is_left_out(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth())
    aws("ec2").add_client_error("describe_instances", "UnauthorizedOperation")
    assert behind(aws)[0] == ""


def test_image_that_is_gone_is_left_out(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth())
    aws("ec2").add_response("describe_instances", {"Reservations": [{"Instances": [{"ImageId": "ami-1"}]}]})
    aws("ec2").add_response("describe_images", {"Images": []})
    assert behind(aws)[0] == ""
