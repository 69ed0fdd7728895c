"""`nami destroy`: a subscription goes, its documents stay."""

import time
from typing import Annotated

import typer

from nami_cli.resources import display
from nami_cli.terminal import print_text, say
from nami_cli.typed import Name
from nami_control import checks, destroying
from nami_control.aws_errors import of_aws
from nami_control.destinations import DESTINATIONS
from nami_control.destroying import Removal
from nami_control.errors import UsageError, as_flags
from nami_control.interrupts import Interrupted, interruptible
from nami_control.stacks import Target
from nami_control.times import took

_HOLD_DATA = {key: words for each in DESTINATIONS.values() for key, words in each.holds.items()}


def destroy(
    target: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a subscription; its documents are kept.

    The volume with the documents and the secret with the credentials stay, and can be adopted again.

    Waits until everything else is gone. Other subscriptions are not touched, nor is what they share: NAME may be shared
    once no subscription uses it.
    """
    started = time.monotonic()
    name, nami = target.name, target.aws.nami
    if target.aws.environment:
        looks = [checks.look("environment", lambda: checks.environment(target.aws, checks.account(target.aws)))]
        checks.require(target.aws, looks, say)
    removal = destroying.plan(target)
    kept = _tell(removal)
    if not yes:
        _ask(target)
    try:
        with interruptible(), display(target) as progress:
            progress.step("destroying")
            removal.carry_out(progress)
    except Interrupted as interrupted:
        say(f"stopped; CloudFormation goes on by itself: {nami} list shows {name} until it is gone")
        raise typer.Exit(interrupted.exit_code) from None
    if target.aws.is_local:
        _forget(target)
    say(f"{name}: destroyed in {took(started)}")
    if kept:
        say("to take the documents up again:")
        print_text(f"{nami} deploy {name} {as_flags({**removal.settings, **kept})}")


def _tell(removal: Removal) -> dict[str, str]:
    """Say what goes and what stays; returns the settings by which another deployment takes up what stays."""
    for url in removal.urls:
        say(f"goes away: {url}")
    for what, count in removal.counts().items():
        if count:
            say(f"goes away: {count} {what}")
    if "SignatureSecretArn" in removal.outputs:
        say("goes away: the signature's secret")
    try:
        kept = removal.kept()
    except Exception as error:
        # A volume that is gone, or that the caller may not see, keeps nobody from destroying the rest.
        if (told := of_aws(error)) is None:
            raise
        say(f"the volume can't be looked at: {told}")
        kept = {}
    for what in removal.kept_elsewhere():
        say(f"is kept: {what}")
    for key, value in kept.items():
        if key in _HOLD_DATA:
            say(f"is kept: {_HOLD_DATA[key]} {value}")
    return kept


def _ask(target: Target) -> None:
    try:
        sure = typer.confirm(f"destroy {target.name}?", err=True)
    except typer.Abort:
        again = f"{target.aws.nami} destroy {target.name} --yes"
        raise UsageError(f"nobody is there to confirm it; {again} does not ask") from None
    if not sure:
        say("nothing was changed")
        raise typer.Exit(1)


def _forget(target: Target) -> None:
    """Where it was up on this machine, it no longer is."""
    from nami_local import machine  # noqa: PLC0415 (what AWS needs does not depend on it)
    from nami_local.state import Home  # noqa: PLC0415

    machine.forget(Home(), target)
