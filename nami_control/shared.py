"""What subscriptions share, the stack nami-shared: what it is, and who uses it."""

from collections.abc import Sequence

from nami_control import stacks
from nami_control.aws import Aws, Ignoring
from nami_control.errors import Command, NotRunningError, UsageError
from nami_control.stacks import Target
from nami_stack.settings import SHARED

GATEWAY, MONGO = "gateway", "mongo"  # the parts, as the exports call them
# Outputs that may change while subscriptions use what is shared.
READ_AT_DEPLOYMENT = ("GatewayUrl", "DatabaseSecretArn")


def users(aws: Aws, stack_name: str, parts: Sequence[str] = (GATEWAY, MONGO)) -> list[str]:
    """Names of the subscriptions that use these parts of a shared stack; other apps' stacks by the stack's name.

    CloudFormation knows: each of them imports what the shared stack exports.
    """
    found: set[str] = set()
    client = aws.client("cloudformation")
    for part in parts:
        with Ignoring("ValidationError"):  # nobody imports it, or it is not there
            for page in client.get_paginator("list_imports").paginate(ExportName=f"{stack_name}-{part}"):
                found.update(page["Imports"])
    prefix = stack_name.removesuffix(SHARED)
    return sorted(name.removeprefix(prefix) for name in found)


def refuse(target: Target) -> None:
    """Raise UsageError where it is not a subscription but what they share."""
    if not target.is_shared:
        return
    using = users(target.aws, target.stack_name)
    there = f", such as {using[0]}" if using else ""
    raise UsageError(f"{SHARED}: is what subscriptions share and takes no webhooks; name a subscription{there}")


def outputs(target: Target) -> dict[str, str]:
    """The shared stack's outputs.

    Raises:
        NotRunningError: it is not deployed here.
    """
    stack = target.describe()
    if not stack or not stack.is_whole:
        raise NotRunningError(f"{SHARED} is not deployed here", Command(f"deploy {SHARED}"), " deploys it")
    return {**stack.outputs, "GatewayUrl": stacks.reachable(target.aws, stack.outputs["GatewayUrl"])}
