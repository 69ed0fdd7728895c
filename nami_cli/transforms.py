"""`nami transform`: what a destination gets in place of a document."""

import json
from typing import Annotated

import typer

from nami_cli.terminal import print_json
from nami_cli.typed import Name, command
from nami_control import transforming
from nami_control.errors import UsageError
from nami_control.signature_check import read_file

app = typer.Typer(help="What a destination gets in place of a document.", no_args_is_help=True, rich_markup_mode=None)


@app.command("try", epilog="Example: nami transform try shopify order.json")
@command
def try_command(
    target: Name,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A body in JSON, or a request: its line, headers, a blank line, the body."),
    ] = None,
    delivery_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="A webhook that is stored, in place of a file.")
    ] = None,
    tried: Annotated[
        str | None, typer.Option("--transform", metavar="EXPRESSION", help="In place of the one that NAME has.")
    ] = None,
    destination: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose transform, and whose store with --id, as http.")
    ] = None,
) -> None:
    """Print what the transform of NAME makes of the webhook in FILE, or of a stored one, as JSON.

    Evaluated as the function behind the queue does, but for your own `process`. The transform is that of the cdk.json
    here, or the deployed one. The exit code is 12 where there is no result; the webhook would be tried again then, and
    at last be a dead letter.
    """
    if (file is None) == (delivery_id is None):
        raise UsageError("give a FILE, or the id of a stored webhook as --id")
    text = transforming.transform_of(target, tried, destination)
    if delivery_id is not None:
        document = transforming.of_stored(target, delivery_id, destination)
    else:
        scheme = target.subscription.signature
        verified = None if scheme in (None, "none") else scheme
        document = transforming.of_file(target, read_file(str(file)), verified)
    print_json(json.loads(transforming.result(text, document)))
