"""`nami`: webhook pipelines on AWS, and on this machine."""

import sys

import typer
from rich.console import Console

from nami_cli.errors import CliError

app = typer.Typer(
    help="Webhook intake for bursts, in your own AWS account or on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def nami() -> None:
    """Webhook intake for bursts, in your own AWS account or on this machine."""


def _add_local() -> None:
    from nami_cli.local.commands import app as local  # noqa: PLC0415

    app.add_typer(local, name="local")


_add_local()


def main() -> None:
    """Run the command: 0 when all went well, else a line that says why and a code by its cause."""
    try:
        app()
    except CliError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error}", style="red", markup=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
