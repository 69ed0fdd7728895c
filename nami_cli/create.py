"""`nami create`: the user's own copies of the two handlers."""

from pathlib import Path
from typing import Annotated

import typer

from nami_cli.terminal import print_text, say
from nami_cli.typed import NAME
from nami_control.cdk import short
from nami_control.errors import UsageError, usage_errors
from nami_stack.assets import LAMBDAS
from nami_stack.settings import check_name

_FILES = ("handler.py", "requirements.txt")
_FUNCTIONS = {
    "pre_queue": "authenticate() refuses a webhook before it is queued: raise intake.Refused(401, 'why')",
    "post_queue": "process() changes a webhook before it is stored; what it raises is tried again, then a dead letter",
}


def create(
    context: typer.Context,
    name: Annotated[str, NAME],
    force: Annotated[bool, typer.Option("--force", help="Overwrite handlers that are there.")] = False,
) -> None:
    """Write handlers for you to change, into webhooks/NAME.

    They do what nami's own do. nami deploy NAME takes them from then on, with what their requirements.txt names.
    """
    with usage_errors():
        check_name(name)
    folder = Path("webhooks") / name
    texts = {
        folder / function / file: (LAMBDAS / function / file).read_text() for function in _FUNCTIONS for file in _FILES
    }
    there = [path for path in texts if path.exists() and path.read_text() != texts[path]]
    if there and not force:
        raise UsageError(f"{there[0]} is there already, and changed; --force overwrites it; nothing was written")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print_text(short(path))
    for function, what in _FUNCTIONS.items():
        say(f"edit {folder / function / 'handler.py'}: {what}")
    say(f"then {context.find_root().obj.aws.nami} deploy {name}")
