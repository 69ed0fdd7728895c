"""`nami destroy`: a subscription goes, its documents stay."""

import time
from typing import Annotated

import typer

from nami_cli.leftovers import offer, tell
from nami_cli.resources import Verbose, display
from nami_cli.terminal import print_text, say
from nami_cli.typed import Name
from nami_control import checks, destroying, leftovers
from nami_control.aws_errors import going_on
from nami_control.destinations import DESTINATIONS
from nami_control.destroying import Removal
from nami_control.errors import NotRunningError, UsageError, as_flags
from nami_control.interrupts import Interrupted, interruptible
from nami_control.stacks import Target
from nami_control.times import took

_HOLD_DATA = {key: words for each in DESTINATIONS.values() for key, words in each.holds.items()}


def destroy(
    target: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    verbose: Verbose = False,
) -> None:
    """Remove a subscription; its documents are kept.

    The volume with the documents and the secret with the credentials stay, and can be adopted again. Of a subscription
    whose first deployment failed, or that is gone, it names what is kept and what that costs, and offers to remove it;
    with --yes, which does not ask, it keeps that and names the commands.

    Waits until everything else is gone. Other subscriptions are not touched, nor is what they share: NAME may be shared
    once no subscription uses it.
    """
    started = time.monotonic()
    name, nami = target.name, target.aws.nami
    if target.aws.environment:
        looks = [checks.look("environment", lambda: checks.environment(target.aws, checks.account(target.aws)))]
        checks.require(target.aws, looks, say)
    try:
        removal = destroying.plan(target)
    except NotRunningError:
        _clear(target, ask=not yes)
        return
    failed = removal.left_by_failure
    kept = _tell(removal)
    if not yes:
        _ask(target)
    try:
        with interruptible(), display(target, verbose=verbose) as progress:
            progress.step("destroying")
            removal.carry_out(progress)
    except Interrupted as interrupted:
        say(f"stopped; CloudFormation goes on by itself: {nami} list shows {name} until it is gone")
        raise typer.Exit(interrupted.exit_code) from None
    if target.aws.is_local:
        _forget(target)
    say(f"{name}: destroyed in {took(started)}")
    if failed:
        offer(target, failed, ask=not yes, named=removal.settings.get("destinations"))
    if any(kept.values()):
        say("to take the documents up again:")
        print_text(f"{nami} deploy {name} {as_flags(removal.settings_again(kept))}")


def _clear(target: Target, *, ask: bool) -> None:
    """Of what is not deployed something may be kept all the same.

    Raises:
        NotRunningError: nothing is, or it stays.
    """
    found = leftovers.of_former(target, None)
    if not found or not offer(target, found, ask=ask):
        raise destroying.not_deployed(target)
    say(f"{target.name}: nothing is left of it")


def _tell(removal: Removal) -> dict[str, dict[str, str]]:
    """Say what goes and what stays; returns the settings by which another deployment takes that up, by destination."""
    for url in removal.urls:
        say(f"goes away: {url}")
    for what, count in removal.counts().items():
        if count:
            say(f"goes away: {count} {what}")
    if "SignatureSecretArn" in removal.outputs:
        say("goes away: the signature's secret")
    kept: dict[str, dict[str, str]] = {}
    with going_on(say, "the volume can't be looked at"):  # it is gone, or the caller may not see it
        kept = removal.kept()
    for what in removal.kept_elsewhere():
        say(f"is kept: {what}")
    for key, value in (item for of in kept.values() for item in of.items()):
        if key in _HOLD_DATA:
            say(f"is kept: {_HOLD_DATA[key]} {value}")
    with going_on(say, "whether something is kept from before can't be looked up"):
        tell(each.by_hand for each in removal.kept_before())
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
