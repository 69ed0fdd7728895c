"""What is kept when a stack goes, or never came to be: named, and removed where one is asked and says so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from nami_cli.terminal import print_text, say
from nami_control import leftovers
from nami_control.aws_errors import going_on
from nami_control.errors import DeployError, as_flags
from nami_control.leftovers import Leftover
from nami_control.progress import silent
from nami_control.stacks import Target


@contextmanager
def told_after_failure(target: Target) -> Iterator[None]:
    """Where a first deployment fails, name what it leaves."""
    try:
        yield
    except DeployError:
        for each in (target, target.shared):
            _tell_of_failed(each)
        raise


def _tell_of_failed(target: Target) -> None:
    with going_on(silent):  # the deployment's own failure tells more
        stack = target.describe()
        found = leftovers.of_failed(target, stack)
        tell(found)
        if not stack or not found:
            return
        say(f"{target.aws.nami} destroy {target.name} offers to remove it")
        if kept := leftovers.adoption(target.aws, found, stack.settings.get("destinations")):
            say(f"{target.aws.nami} deploy {target.name} {as_flags(kept)} takes it up again")


def tell(found: Iterable[Leftover | str]) -> None:
    """Name what is kept."""
    for each in found:
        say(f"is kept: {each}")


def offer(
    target: Target, found: Sequence[Leftover], *, ask: bool, named: Mapping[str, Mapping[str, Any]] | None = None
) -> bool:
    """Remove what is kept, where one is asked and says so; else say how to. Returns whether all of it is gone.

    Args:
        named: the destinations by names of the stack that has left it.
    """
    if not ask:
        tell(each.by_hand for each in found)
    else:
        tell(found)
        try:
            sure = typer.confirm("remove all of it, with whatever it holds?", err=True)
        except typer.Abort:
            sure = False
        if sure:
            failed = leftovers.delete(target.aws, found)
            for each in failed:
                say(f"could not be removed: {each}")
            return not failed
    if kept := leftovers.adoption(target.aws, found, named):
        say("to take it up again:")
        print_text(f"{target.aws.nami} deploy {target.name} {as_flags(kept)}")
    return False
