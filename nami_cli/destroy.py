"""`nami destroy`: a subscription goes, its documents stay."""

import os
import time
from typing import Annotated, Any

import typer

from nami_cli import flags
from nami_cli.doctor import say_check
from nami_cli.resources import Display, display
from nami_cli.terminal import print_text, say
from nami_control import aws, checks, environments, queues, shared, stacks
from nami_control.cdk import Resource
from nami_control.errors import CheckError, DeployError, NotRunningError, UsageError, as_flags, of_aws
from nami_control.interrupts import Interrupted, interruptible
from nami_control.queues import dead_letter_queues, depth, waiting
from nami_control.times import took
from nami_stack.settings import SHARED

_PAUSE = 2.0  # seconds between two looks at a stack on AWS; its network interfaces alone take minutes
_LOCAL_PAUSE = 0.2
_HOLD_DATA = {
    "data_volume_id": "the volume with the documents,",
    "database_secret_arn": "the secret with its credentials,",
    "table_name": "the table with the webhooks,",
}


def destroy(
    name: flags.Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a subscription; its documents are kept.

    The volume with the documents and the secret with the credentials stay, and can be adopted again.

    Waits until everything else is gone. Other subscriptions are not touched, nor is what they share: NAME may be shared
    once no subscription uses it.
    """
    started = time.monotonic()
    if environments.current():
        checks.require([checks.look("environment", lambda: checks.environment(checks.account()))], say_check)
    stack = stacks.describe(name)
    if stack is None:
        raise NotRunningError(f"{stacks.owner_here(name)} is not deployed here; {flags.nami()} list shows what is")
    if name == SHARED:
        _require_unused(stack["StackName"])
    outputs = stacks.outputs_of(stack)
    for line in _losses(outputs):
        say(line)
    kept = _kept(outputs)
    settings = checks.deployed_settings(name)
    again = {**settings, **kept}
    if "shared-mongo" in settings.get("destination", ()):
        say(f"is kept: the collection {name} in {stacks.name_of(SHARED)}")
    for key, value in kept.items():
        if key in _HOLD_DATA:
            say(f"is kept: {_HOLD_DATA[key]} {value}")
    _ask(name, yes)
    try:
        with interruptible(), display(name) as shown:
            shown.step("destroying")
            client = aws.client("cloudformation")
            status = _delete(client, stack["StackId"], shown)
    except Interrupted as interrupted:
        say(f"stopped; CloudFormation goes on by itself: {flags.nami()} list shows {name} until it is gone")
        raise typer.Exit(interrupted.exit_code) from None
    if status == "DELETE_FAILED":
        raise DeployError(f"{_failure(client, stack['StackId'])}; mend that, then {flags.nami()} destroy {name} again")
    queues.delete(url for urls in _queues(outputs).values() for url in urls)
    _forget(name)
    say(f"{name}: destroyed in {took(started)}")
    if kept:
        say("to take the documents up again:")
        print_text(f"{flags.nami()} deploy {name} {as_flags(again)}")


def _delete(client: Any, stack_id: str, shown: Display) -> str:
    """Delete a stack and show how it goes; returns what it ends in."""
    client.delete_stack(StackName=stack_id)
    while True:
        status: str = client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        shown.show(_resources(client, stack_id))
        if status in ("DELETE_COMPLETE", "DELETE_FAILED"):
            return status
        time.sleep(_LOCAL_PAUSE if environments.is_local() else _PAUSE)


def _forget(name: str) -> None:
    """Where it was up on this machine, it no longer is."""
    if not environments.is_local():
        return
    from nami_local import machine  # noqa: PLC0415 (what AWS needs does not depend on it)
    from nami_local.state import Home  # noqa: PLC0415

    home = Home()
    if (state := machine.running(home)) and state.endpoint_url == os.environ.get("AWS_ENDPOINT_URL"):
        machine.forget(home, name)


def _require_unused(stack: str) -> None:
    if users := shared.users(stack):
        raise CheckError(
            f"{stack} is used by {', '.join(users)}; destroy them first, or deploy them with another gateway and "
            "destination; nothing was changed"
        )


def _queues(outputs: dict[str, str]) -> dict[str, list[str]]:
    """What is in which queues."""
    return {
        "webhooks that wait in the queue": waiting(outputs),
        "dead letters": dead_letter_queues(outputs),
        "webhooks in quarantine": [url for key, url in outputs.items() if key == "QuarantineUrl"],
    }


def _losses(outputs: dict[str, str]) -> list[str]:
    lines = [f"goes away: {stacks.reachable(outputs[key])}" for key in ("EndpointUrl", "GatewayUrl") if key in outputs]
    for what, urls in _queues(outputs).items():
        if count := sum(map(depth, urls)):
            lines.append(f"goes away: {count} {what}")
    if "SignatureSecretArn" in outputs:
        lines.append("goes away: the signature's secret")
    return lines


def _kept(outputs: dict[str, str]) -> dict[str, str]:
    try:
        return checks.adoption(outputs)
    except Exception as error:
        # A volume that is gone, or that the caller may not see, keeps nobody from destroying the rest.
        if (told := of_aws(error)) is None:
            raise
        say(f"the volume can't be looked at: {told}")
        return {}


def _ask(name: str, yes: bool) -> None:
    if yes:
        return
    try:
        sure = typer.confirm(f"destroy {name}?", err=True)
    except typer.Abort:
        raise UsageError(f"nobody is there to confirm it; {flags.nami()} destroy {name} --yes does not ask") from None
    if not sure:
        say("nothing was changed")
        raise typer.Exit(1)


def _resources(client: Any, stack_id: str) -> dict[str, Resource]:
    return {
        resource["LogicalResourceId"]: Resource(
            resource["ResourceType"], resource["LogicalResourceId"], resource["ResourceStatus"]
        )
        for resource in stacks.resources(stack_id, client)
        if resource["ResourceStatus"].startswith("DELETE_")
    }


def _failure(client: Any, stack_id: str) -> str:
    """The first thing that could not be removed, and why."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    failed = [
        event
        for event in pages.build_full_result()["StackEvents"]
        if event["ResourceStatus"] == "DELETE_FAILED" and event["ResourceType"] != "AWS::CloudFormation::Stack"
    ]
    if not failed:
        return "the stack could not be removed"
    first = failed[-1]  # the newest comes first
    return (
        f"{first['ResourceType']} {first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}"
    )
