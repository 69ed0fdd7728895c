"""`nami console`: a page in the browser for what is deployed."""

import contextlib
import webbrowser
from typing import Annotated

import typer

from nami_cli.terminal import print_exact, say
from nami_control.aws import Aws
from nami_control.errors import MissingToolError
from nami_control.stacks import deployed


def console_command(
    aws: Aws,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the page, on 127.0.0.1; any free one where not given.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Nothing can be changed in it.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only print the URL.")] = False,
) -> None:
    """Show what is deployed as a page in the browser, until Ctrl-C.

    It is served on this machine, to this machine alone, and works with your own credentials; nothing is deployed for
    it. The URL opens it once: whoever has it may do what you may.
    """
    try:
        from nami_console.server import serve  # noqa: PLC0415 (only whoever looks needs its packages)
        from nami_console.site import Site  # noqa: PLC0415
    except ImportError as error:
        raise MissingToolError(f"{error.name} is not installed; pip install 'nami-webhooks[console]'") from None

    deployed(aws)  # what is wrong with the credentials is told here, and not in the page

    def ready(url: str) -> None:
        print_exact(url)
        say("Ctrl-C ends the console.")
        if not no_open:
            webbrowser.open(url)

    with contextlib.suppress(KeyboardInterrupt):
        serve(Site(aws, read_only=read_only), port, ready)
