"""What a stack's tags reach, and what is found by them: ministack's tagging leaves out secrets and volumes."""

from collections.abc import Iterator
from typing import Any


def register() -> None:
    """Let both be found.

    Raises:
        AttributeError: ministack's internals have moved.
    """
    from ministack.services import tagging  # noqa: PLC0415 (as in aws.py)
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    provisioners._STACK_TAG_PROPERTY["AWS::EC2::Volume"] = ("Tags", "list")
    tagging._COLLECTORS["secretsmanager"] = tagging._collect_secretsmanager
    tagging._COLLECTORS["ec2"] = _volumes


def _volumes() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """ARN and tags of each."""
    from ministack.core.responses import get_account_id, get_region  # noqa: PLC0415
    from ministack.services import ec2  # noqa: PLC0415

    for volume_id in ec2._volumes:
        arn = f"arn:aws:ec2:{get_region()}:{get_account_id()}:volume/{volume_id}"
        yield arn, ec2._tags.get(volume_id, [])
