"""`nami doctor`: what is well, what is not, and the command that mends it."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from nami_cli.terminal import print_json, print_text, say
from nami_cli.typed import AsJson
from nami_control import checks, health
from nami_control.aws import Aws
from nami_control.checks import Check
from nami_control.errors import CheckError, word
from nami_control.stacks import Target
from nami_control.text import visible_line

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    aws: Aws,
    target: Annotated[
        Target | None, typer.Argument(metavar="[NAME]", help="A subscription, to look at it as well.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether all is well, and how to mend what is not.

    At the tools, the account and its quotas; with a name at that subscription too.

    Each line says ok, warn or fail, and what to do. The exit code is 12 when something fails.
    """
    found = [*checks.tools(), *health.of_account(aws)]
    if target and not any(check.name == "credentials" and check.status == "fail" for check in found):
        found += health.of_subscription(target, tell=say)
    if as_json:
        entries = [
            {"check": each.name, "status": each.status, "detail": each.detail, "remedy": word(each.remedy, aws.nami)}
            for each in found
        ]
        print_json(entries)
    else:
        _print(found, aws.nami)
    if failed := [check.name for check in found if check.status == "fail"]:
        raise CheckError(f"{', '.join(failed)}: not well; the lines above say what to do")


def _print(found: list[Check], nami: str) -> None:
    if not sys.stdout.isatty():
        for check in found:
            print_text(check.line(nami))
        return
    console = Console(highlight=False, soft_wrap=True)
    for check in found:
        line = Text(visible_line(check.line(nami)))
        line.stylize(_COLOURS[check.status], 0, len(check.status))
        console.print(line)
