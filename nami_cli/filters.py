"""`nami filter`: which webhooks are wanted."""

from dataclasses import asdict
from typing import Annotated

import typer

from nami_cli.terminal import print_json, print_line
from nami_cli.typed import AsJson, Name, command
from nami_control import filtering
from nami_control.errors import CheckError
from nami_control.filtering import Answer
from nami_control.signature_check import read_file
from nami_control.text import visible_line

app = typer.Typer(help="Which webhooks a subscription wants.", no_args_is_help=True, rich_markup_mode=None)


@app.command("try", epilog="Example: nami filter try shopify order.json")
@command
def try_command(
    target: Name,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A body in JSON, or a request: its line, headers, a blank line, the body."),
    ],
    tried: Annotated[
        str | None, typer.Option("--filter", metavar="PATTERN", help="In place of those that NAME has.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether NAME wants the webhook in FILE, and which conditions of its filter do not fit.

    Where its destinations have names, it tells this of each. Asked as the function before the queue asks, with the
    sender taken for proven. The filters are those of the cdk.json here, or the deployed ones. The exit code is 12 where
    nobody wants the webhook.
    """
    scheme = target.subscription.signature
    verified = None if scheme in (None, "none") else scheme
    request = filtering.webhook(read_file(file), verified)
    answers = {name: filtering.ask(asked, request) for name, asked in filtering.filters_of(target, tried).items()}
    if as_json:
        told = {name: asdict(answer) for name, answer in answers.items()}
        print_json(told.get("", told))
    else:
        for name, answer in answers.items():
            _print(name, answer)
    if not any(answer.wanted for answer in answers.values()):
        raise CheckError("it would be answered as taken, counted, and not stored")


def _print(name: str, answer: Answer) -> None:
    for number, conditions in enumerate(answer.alternatives):
        if number:
            print_line("or")
        for each in conditions:
            is_so = "ok  " if each.fits else "fail"
            print_line(visible_line(f"{is_so}  {each.field}  {each.written}  has {each.found}"))
    whose = f"{name}: " if name else ""
    print_line(f"{whose}{'wanted' if answer.wanted else 'not wanted'}: {answer.why}")
