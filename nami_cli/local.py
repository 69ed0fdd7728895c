"""`nami local …`: the same template, on this machine."""

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from nami_cli import events, logs, send
from nami_cli.resources import Verbose, display
from nami_cli.terminal import print_exact, print_json, print_table, print_text, say
from nami_cli.typed import AsJson, Name, command
from nami_control import destinations, stacks
from nami_control.aws import Aws
from nami_control.deploying import Show
from nami_control.deployment import find
from nami_control.errors import LocalAwsError, UsageError, usage_errors
from nami_control.interrupts import Interrupted, interruptible, starting
from nami_control.sending import Sender
from nami_control.stacks import Target
from nami_control.times import took
from nami_local import cdk, environment, machine, up
from nami_local.differences import PAGE as DIFFERENCES_PAGE
from nami_local.local_aws import LocalAws
from nami_local.state import DATABASE, Home, State
from nami_stack.settings import check_name

app = typer.Typer(
    help="Run the pipeline on this machine: a local AWS, no account, no Docker.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def up_command(
    target: Name,
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
    sample: Annotated[bool, typer.Option("--sample", help="Send a sample webhook and show what became of it.")] = False,
    verbose: Verbose = False,
    no_console: Annotated[bool, typer.Option("--no-console", help="Serve no page for the browser.")] = False,
) -> None:
    """Deploy NAME into an AWS on this machine, and keep it up until Ctrl-C.

    The first name starts the local AWS, others join it, and it serves the page of nami console for them. Ctrl-C takes
    this name down, and with the last name everything.
    """
    home = Home()
    with usage_errors():
        check_name(target.name)
    cdk.check_tools()
    target = replace(target, given=_settings(context or []))
    with interruptible(), contextlib.ExitStack() as beside:
        try:
            show = partial(display, verbose=verbose)
            url, was_up = _bring_up(home, target, show, port=port, mongo_uri=mongo_uri, sample=sample)
            holds = not detach and not was_up
            if holds and not no_console:
                _serve_console(target.aws, beside)
            with _as_long_as_it_is_read():
                _tell_next(target, url)
            if not holds:
                return
            say(f"{target.label} is up; Ctrl-C takes it down.")
        except Interrupted as interrupted:
            say("stopped")
            raise typer.Exit(interrupted.exit_code) from None
        _hold(home, target)


def _hold(home: Home, target: Target) -> None:
    """Stay until Ctrl-C, or until another command takes it down."""
    try:
        say(up.hold(home, target.label))
        machine.stop_unused(home)
    except Interrupted:
        _say_what_stays(target.label, machine.leave(home, target))
    except LocalAwsError:
        machine.shut_down(home)
        raise


def _serve_console(aws: Aws, beside: contextlib.ExitStack) -> None:
    """Serve the page for all that is up, where its packages are installed, until `beside` is closed."""
    try:
        from nami_console import server, site  # noqa: PLC0415 (a third of a second, and an extra of its own)
    except ImportError:
        return
    say(f"console    {beside.enter_context(server.beside(site.Site(aws)))}")


app.command("up", epilog="Example: nami local up shopify -c batch_window=0 -c batch_size=10")(
    command(up_command, local=True)
)


@app.command(epilog="Example: nami local status --json | jq -r .endpoints.shopify")
def status(as_json: AsJson = False) -> None:
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
    places = {label: f"POST {url}" for label, url in sorted(endpoints.items())}
    places |= {
        "documents": f"{state.mongo_uri} (database {DATABASE}, a collection of each name)",
        "AWS": state.endpoint_url,
        "log": str(home.aws_log),
    }
    print_table(["what", "where"], list(places.items()))
    if not endpoints:
        say("nothing is deployed")


# As `nami --local events`, and so on.
app.command("send", epilog="Example: nami local send shopify --provider shopify order.json")(
    command(send.send_command, local=True, wait=True)
)
app.command("events", epilog="Example: nami local events shopify --limit 3")(command(events.events_command, local=True))
app.command("logs", epilog="Example: nami local logs shopify --since 1m")(command(logs.logs_command, local=True))


@app.command(epilog='Example: eval "$(nami local env)" && cdk diff -c name=shopify')
def env() -> None:
    """Print the variables that point cdk, aws and boto3 at the local AWS, for a shell."""
    home = Home()
    for key, value in environment.for_tools(home, machine.require(home)).items():
        print_exact(f"export {key}={shlex.quote(value)}")


def down(
    target: Annotated[Target | None, typer.Argument(metavar="[NAME]", help="Only this subscription.")] = None,
) -> None:
    """Stop everything, or take one subscription down. The documents stay in .nami."""
    home = Home()
    if target is None:
        names = machine.shut_down(home)
        say(f"stopped {', '.join(names)}" if names else "nothing was up")
        return
    state = machine.require(home)
    if target.label not in state.subscriptions and target.label not in _endpoints(home, state):
        raise target.aws.not_deployed(target.name)
    if machine.is_ready(home, state):
        target.describe()  # is it this one's, and not of another environment?
    _say_what_stays(target.label, machine.leave(home, target))


app.command(epilog="Example: nami local down")(command(down, local=True))


def _bring_up(
    home: Home, target: Target, show: Show, *, port: int | None, mongo_uri: str | None, sample: bool
) -> tuple[str, bool]:
    """Deploy it and say where it is; returns that, and whether it was up before. What fails leaves nothing behind."""
    label, was_up = target.label, True
    try:
        with starting():
            state, was_up = machine.join(home, label, port=port, mongo_uri=mongo_uri)
        started = time.monotonic()
        url = up.bring_up(home, target, show, say)
        say(f"{label}: deployed in {took(started)}")
        machine.mark_ready(home, label)
        with _as_long_as_it_is_read():
            _introduce(state, target, url)
        with _as_long_as_it_is_read():
            if sample:
                _send_sample(target)
    except BaseException:
        if not was_up:
            machine.leave(home, target)
        raise
    return url, was_up


@contextlib.contextmanager
def _as_long_as_it_is_read() -> Iterator[None]:
    """Whoever reads what is printed may have enough of it; what is up stays up."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 it lives as long as the process


def _introduce(state: State, target: Target, url: str) -> None:
    there = any(destinations.named(*each.destination).in_local_mongo for each in target.subscription.each.values())
    documents = f"documents  {state.mongo_uri} (database {DATABASE}, collection {target.name})\n" if there else ""
    print_text(f"""
endpoint   POST {url}
{documents}tools      eval "$({_local(target.aws)} env)", then cdk and aws talk to {state.endpoint_url}
differs    what AWS does and this machine does not: {DIFFERENCES_PAGE}
""")


def _send_sample(target: Target) -> None:
    """Send one webhook as its provider would, and print the row of what became of it."""
    deployment = find(target)
    sender = Sender(deployment, tell=say)
    body, content_type = sender.sample()
    answers = [sender.send(body, {"content-type": content_type})]
    send.require_accepted(target, answers)
    send.show_stored(deployment, answers, lambda document: print_table(events.HEADING, [events.event_row(document)]))
    print_text("")


def _tell_next(target: Target, url: str) -> None:
    local, name = _local(target.aws), target.name
    is_signed = target.subscription.signature not in (None, "none")
    by_hand = f"curl -X POST '{url}' -H 'content-type: application/json' -d '{{\"hello\": \"world\"}}'"
    settings = "".join(f" -c {shlex.quote(f'{key}={value}')}" for key, value in target.given.items())
    shown = f"events {name} --full" if destinations.any_is_read(target.subscription) else f"doctor {name}"
    print_text(f"""\
try next   {f"{local} send {name}" if is_signed else by_hand}
           {local} {shown}
           nami create {name}, edit webhooks/{name}, then {local} up {name}{settings}""")


def _local(aws: Aws) -> str:
    return f"nami{f' --env {aws.environment_name}' if aws.environment else ''} local"


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
    return stacks.endpoints(LocalAws(home))


def _say_what_stays(name: str, names: list[str]) -> None:
    if names:
        say(f"{name} is down; still up: {', '.join(names)} (nami local down stops everything)")
    else:
        say(f"{name} is down, and so is the local AWS")
