"""`nami help`: the same as --help, also for who does not know that."""

import difflib
from typing import Annotated, Any

import typer

from nami_cli.terminal import print_text
from nami_control.errors import UsageError


def show(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]...", help="The command, such as deploy, or local up.")
    ] = None,
) -> None:
    """Show how to begin, or what one command does."""
    here: Any = context.find_root()
    for word in command or []:
        commands = getattr(here.command, "commands", {})
        if word not in commands:
            near = difflib.get_close_matches(word, commands, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(commands) or 'none below it'}"
            raise UsageError(f"{word}: is not a command; {remedy}")
        here = type(here)(commands[word], info_name=word, parent=here)
    print_text(here.get_help())
