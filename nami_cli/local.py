"""`nami local …`: the same template, on this machine."""

import functools
import os
import shlex
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from nami_cli import events, logs, send
from nami_cli.flags import TYPED_LOCAL, Name, checked_name, nami, with_env
from nami_cli.resources import display
from nami_cli.terminal import print_exact, print_json, print_text, say
from nami_control import deployment, stacks
from nami_control import events as stored_events
from nami_control.errors import LocalAwsError, NotRunningError, UsageError, WebhookError
from nami_control.interrupts import Interrupted, interruptible, starting
from nami_control.sending import Answer, Sender
from nami_control.times import took
from nami_local import cdk, environment, machine, up
from nami_local.differences import DIFFERENCES
from nami_local.state import DATABASE, Home, State

app = typer.Typer(
    help="Run the pipeline on this machine: a local AWS, no account, no Docker.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("up", epilog="Example: nami local up shopify -c batch_window=0 -c batch_size=10")
@with_env
def up_command(
    name: Name,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Leave it running; end it with nami local down.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"Port of local AWS; {machine.DEFAULT_PORT} where not given.")
    ] = None,
    mongo_uri: Annotated[
        str | None,
        typer.Option(help="A database of yours. Else a mongod on PATH, else a small stand-in (nx-27017), is started."),
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", "-c", metavar="KEY=VALUE", help="A setting, as for cdk deploy.")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Send one sample webhook and show the document.")] = False,
) -> None:
    """Deploy NAME into an AWS on this machine, and keep it up until Ctrl-C.

    The first name starts the local AWS, others join it. Ctrl-C takes this name down, and with the last name everything.
    """
    home = Home()
    checked_name(name)
    cdk.check_tools()
    settings = _settings(context or [])
    label = stacks.label(name)
    was_up = True
    with interruptible():
        try:
            try:
                with starting():
                    state, was_up = machine.join(home, label, port=port, mongo_uri=mongo_uri)
                started = time.monotonic()
                with display(label) as shown:
                    endpoint = up.bring_up(home, name, settings, state, shown)
                say(f"{label}: deployed in {took(started)}")
                machine.mark_ready(home, label)
                try:
                    _introduce(state, name, endpoint)
                except BrokenPipeError:  # whoever reads this has enough of it; what is up stays up
                    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 it lives as long as the process
                if sample:
                    _send(name)
            except BaseException:
                if not was_up:
                    machine.leave(home, name)
                raise
            if detach or was_up:
                return
            say(f"{label} is up; Ctrl-C takes it down.")
        except Interrupted as interrupted:
            say("stopped")
            raise typer.Exit(interrupted.exit_code) from None
        try:
            say(up.hold(home, label))
            machine.stop_unused(home)
        except Interrupted:
            _say_what_stays(label, machine.leave(home, name))
        except LocalAwsError:
            machine.shut_down(home)
            raise


@app.command(epilog="Example: nami local status --json | jq -r .endpoints.shopify")
def status(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show what is up, and where."""
    home = Home()
    state = machine.running(home)
    if state is None:
        if as_json:
            print_json({"endpoints": {}, "mongo_uri": None, "database": None, "aws_endpoint_url": None})
        state = machine.require(home)
    endpoints = _endpoints(home, state)
    if as_json:
        print_json(
            {
                "endpoints": endpoints,
                "mongo_uri": state.mongo_uri,
                "database": DATABASE,
                "aws_endpoint_url": state.endpoint_url,
                "environment": environment.for_tools(home, state),
                "log": str(home.aws_log),
            }
        )
        return
    for name, url in sorted(endpoints.items()):
        print_text(f"{name}\tPOST {url}")
    if not endpoints:
        print_text("nothing is deployed")
    print_text(f"documents\t{state.mongo_uri} (database {DATABASE}, a collection of each name)")
    print_text(f"AWS\t{state.endpoint_url}")
    print_text(f"log\t{home.aws_log}")


@app.command("send", epilog="Example: nami local send shopify --provider shopify order.json")
@with_env
def send_command(
    name: Name,
    file: send.File = None,
    provider: send.Provider = None,
    header: send.Headers = None,
    count: send.Count = 1,
    content_type: send.ContentType = None,
    wait: Annotated[bool, typer.Option(help="Wait for the document and print it.")] = True,
) -> None:
    """Send a webhook, signed with the local secret, and show the document that it became.

    Where the subscription has a signature and its secret is empty, a value is made up and filled in.
    """
    _require(name)
    _send(name, file, provider=provider, headers=header, count=count, content_type=content_type, wait=wait)


def _on_local(command: Callable[..., None]) -> Callable[..., None]:
    """The command on a deployed subscription, as it is on the local AWS of this folder."""

    @functools.wraps(command)
    def run(name: str, **options: Any) -> None:
        _require(name)
        command(name, **options)

    return run


app.command("events", epilog="Example: nami local events shopify --limit 3")(with_env(_on_local(events.events_command)))
app.command("logs", epilog="Example: nami local logs shopify --since 1m")(with_env(_on_local(logs.logs_command)))


@app.command(epilog='Example: eval "$(nami local env)" && cdk diff -c name=shopify')
def env() -> None:
    """Print the variables that point cdk, aws and boto3 at the local AWS, for a shell."""
    home = Home()
    for key, value in environment.for_tools(home, machine.require(home)).items():
        print_exact(f"export {key}={shlex.quote(value)}")


@app.command(epilog="Example: nami local down")
@with_env
def down(name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this subscription.")] = None) -> None:
    """Stop everything, or take one subscription down. The documents stay in .nami."""
    home = Home()
    if name is None:
        names = machine.shut_down(home)
        say(f"stopped {', '.join(names)}" if names else "nothing was up")
        return
    state, label = machine.require(home), stacks.label(name)
    if label not in state.subscriptions:
        _endpoint(home, state, name)
    if machine.is_ready(home, state):
        machine.point_tools_at(home, state)
        stacks.describe(name)  # is it this one's, and not of another environment?
    _say_what_stays(label, machine.leave(home, name))


def _introduce(state: State, name: str, endpoint: str) -> None:
    print_text(f"""
endpoint   POST {endpoint}
try it     curl -X POST '{endpoint}' -H 'content-type: application/json' -d '{{"hello": "world"}}'
documents  {nami()} local events {name}
           {state.mongo_uri} (database {DATABASE}, collection {name})
functions  {nami()} local logs {name}
tools      eval "$(nami local env)", then cdk and aws talk to {state.endpoint_url}

What AWS does and this machine does not:""")
    for difference in DIFFERENCES:
        print_text(f"  - {difference}")
    print_text("")
    sys.stdout.flush()


def _send(
    name: str,
    file: str | None = None,
    *,
    provider: str | None = None,
    headers: list[str] | None = None,
    count: int = 1,
    content_type: str | None = None,
    wait: bool = True,
) -> None:
    found = deployment.find(name)
    accepted: list[str] = []

    def report(answer: Answer) -> None:
        say(str(answer))
        if answer.ok and answer.delivery_id:
            accepted.append(answer.delivery_id)

    sender = Sender(found, provider, tell=say)
    send.send_all(sender, file, content_type=content_type, headers=headers, count=count, report=report)
    if not wait or not accepted:
        return
    documents = stored_events.wait_for(found, accepted, timeout=20, tell=say)
    for document in documents:
        events.print_document(document, as_json=False)
    if missing := set(accepted) - {document["_id"] for document in documents}:
        raise WebhookError(
            f"{', '.join(sorted(missing))} was accepted and not stored within 20 s; see {nami()} logs {name}"
        )


def _require(name: str) -> None:
    """Let everything that follows work on local AWS, where the subscription is up."""
    home = Home()
    _endpoint(home, machine.require(home), name)
    os.environ[TYPED_LOCAL] = "1"


def _settings(context: list[str]) -> dict[str, str]:
    settings = {}
    for setting in context:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"-c {setting}: a setting is given as key=value")
        if key == "name":
            raise UsageError(f"-c {setting}: the name is given once, as nami local up {value}")
        if key == "env":
            raise UsageError(f"-c {setting}: the environment is given as --env {value}")
        settings[key] = value
    return settings


def _endpoints(home: Home, state: State) -> dict[str, str]:
    if not machine.is_ready(home, state):
        raise LocalAwsError(f"local AWS runs and does not answer; see {home.aws_log}, end it with nami local down")
    machine.point_tools_at(home, state)
    return stacks.endpoints()


def _endpoint(home: Home, state: State, name: str) -> str:
    found, label = _endpoints(home, state), stacks.label(name)
    if label not in found:
        there = f"; up: {', '.join(sorted(found))}" if found else ""
        raise NotRunningError(f"{label} is not up{there}; start it with {nami()} local up {name}")
    return found[label]


def _say_what_stays(name: str, names: list[str]) -> None:
    if names:
        say(f"{name} is down; still up: {', '.join(names)} (nami local down stops everything)")
    else:
        say(f"{name} is down, and so is the local AWS")
