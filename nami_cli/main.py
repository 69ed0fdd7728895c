"""`nami`: webhook pipelines on AWS, and on this machine."""

import contextlib
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from nami_cli import (
    console,
    create,
    dead_letters,
    deploy,
    destroy,
    doctor,
    events,
    filters,
    listing,
    logs,
    manual,
    pausing,
    plan,
    replay,
    secret,
    send,
    signatures,
    smoke,
    transforms,
)
from nami_cli.flags import SettingsCommand
from nami_cli.local import app as local_app
from nami_cli.terminal import print_line
from nami_cli.typed import Typed, command
from nami_control.aws import VARIABLE
from nami_control.aws_errors import told
from nami_control.errors import NamiError
from nami_control.text import visible

FIRST_WEBHOOK = """\b
First webhook, on this machine: no AWS account, no Docker.
  nami local up shopify --detach   a local AWS with the whole pipeline, in seconds
  nami local send shopify          a sample webhook, and the document that it became
  nami local events shopify        what is stored
  nami local down                  stop it; the documents stay in .nami

\b
Then on AWS, with credentials and a region (AWS_PROFILE, AWS_REGION) set:
  nami doctor                      what is missing, and the command that mends it
  nami deploy shopify --signature shopify
                                   ends with the URL to give to Shopify
  nami secret shopify              asks for the secret that Shopify shows you
  nami send shopify                a signed webhook, as Shopify would send it
  nami events shopify              what is stored
  nami list                        every subscription: its URL, what waits, what is dead
  nami destroy shopify             the volume with the documents is kept

\b
To change what happens to a webhook: nami create shopify, edit, nami deploy shopify.
Each command tells its own: nami help deploy. With --local it works on local AWS.
"""


class Nami(TyperGroup):
    """The command; what fails is worded for where the command was told to work."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except NamiError as error:
            with contextlib.suppress(NamiError):
                error.nami = ctx.obj.aws.nami
            raise


app = typer.Typer(
    cls=Nami,
    help="Webhook intake for bursts, in your own AWS account or on this machine.",
    epilog=FIRST_WEBHOOK,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        print_line(version("nami-webhooks"))
        raise typer.Exit


@app.callback()
def nami(
    context: typer.Context,
    local: Annotated[
        bool, typer.Option("--local", help="Work on the local AWS that runs for this folder (nami local up).")
    ] = False,
    env: Annotated[
        str | None,
        typer.Option("--env", metavar="ENV", envvar=VARIABLE, help="An environment of cdk.json, as prod."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version.")
    ] = False,
) -> None:
    """Webhook intake for bursts, in your own AWS account or on this machine."""
    context.obj = Typed(local=local, environment=env or "")


app.command("help", epilog="Example: nami help deploy")(manual.show)
app.command("create", epilog="Example: nami create shopify")(create.create)
app.command("deploy", cls=SettingsCommand, epilog="Example: nami deploy shopify --signature shopify --volume-size 50")(
    command(deploy.deploy)
)
app.command("diff", cls=SettingsCommand, epilog="Example: nami diff shopify --pre-queue-memory 512")(
    command(deploy.diff)
)
app.command("plan", cls=SettingsCommand, epilog="Example: nami plan shopify --rate 5000 --burst 60s")(
    command(plan.plan)
)
app.command("list", epilog="Example: nami list --json | jq -r '.[].endpoint'")(command(listing.list_subscriptions))
app.command("outputs", epilog="Example: nami outputs shopify --json | jq -r .QueueUrl")(command(listing.outputs))
app.command("doctor", epilog="Example: nami doctor shopify")(command(doctor.doctor))
app.command("destroy", epilog="Example: nami destroy shopify")(command(destroy.destroy))

app.command("secret", epilog="Example: nami secret shopify")(command(secret.secret_command))
app.command("send", epilog="Example: nami send shopify order.json --provider shopify")(command(send.send_command))
app.command("events", epilog="Example: nami events shopify --query '{\"body.order.id\": 1001}'")(
    command(events.events_command)
)
app.command("connect", epilog='Example: mongosh "$(nami --local connect shopify)"')(command(events.connect_command))
app.command("logs", epilog="Example: nami logs shopify --id b54557e4-5c29-4e3c-9d83-e1a5d0e0e0a1")(
    command(logs.logs_command)
)
app.command("pause", epilog="Example: nami pause shopify --destination http")(command(pausing.pause_command))
app.command("resume", epilog="Example: nami resume shopify")(command(pausing.resume_command))
app.command("replay", epilog="Example: nami replay shopify --since 2h --dry-run")(command(replay.replay_command))
app.command("listen", epilog="Example: nami listen shopify --to http://localhost:3000/webhooks")(
    command(replay.listen_command)
)
app.command("console", epilog="Example: nami console --read-only")(command(console.console_command))
app.command("smoke", epilog="Example: nami smoke shopify")(command(smoke.smoke_command))
app.add_typer(dead_letters.app, name="dlq")
app.add_typer(signatures.app, name="signatures")
app.add_typer(filters.app, name="filter")
app.add_typer(transforms.app, name="transform")
app.add_typer(local_app, name="local")


def main() -> None:
    """Run the command: 0 when all went well, else a line that says why and a code by its cause."""
    try:
        app()
    except Exception as error:
        if (why := told(error)) is None:
            raise
        terminal = Console(stderr=True, highlight=False, soft_wrap=True)
        terminal.print(f"error: {visible(str(why))}", style="red", markup=False)
        sys.exit(why.exit_code)


if __name__ == "__main__":
    main()
