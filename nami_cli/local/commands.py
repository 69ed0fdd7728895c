"""`nami local …`: the same template, on this machine."""

import contextlib
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from nami_cli import stacks
from nami_cli.errors import CliError, LocalAwsError, NotRunningError, WebhookError
from nami_cli.local import cdk, database, environment, machine, up
from nami_cli.local.differences import DIFFERENCES
from nami_cli.local.state import DATABASE, Home, State

app = typer.Typer(
    help="Run the pipeline on this machine: a local AWS, no account, no Docker.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SAMPLE = {"event": "order.created", "order": {"id": 1001, "total": "19.90", "currency": "EUR"}}
_TYPES = {".json": "application/json", ".xml": "application/xml", ".txt": "text/plain"}
_FORM = "application/x-www-form-urlencoded"

Name = Annotated[str, typer.Argument(help="The subscription, such as shopify.")]


@app.command("up", epilog="Example: nami local up shopify -c batch_window=0 -c batch_size=10")
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
    cdk.check_tools()
    for setting in context or []:
        if "=" not in setting:
            raise CliError(f"-c {setting}: a setting is given as key=value")
    was_up = True
    with up.interruptible():
        try:
            state, was_up = machine.join(home, name, port=port, mongo_uri=mongo_uri, detach=detach)
            try:
                with _progress(name) as report:
                    endpoint = up.bring_up(home, name, context or [], state, report)
                machine.mark(home, name, detach=detach)
                _introduce(home, state, name, endpoint)
                if sample:
                    _send(state, name, endpoint, json.dumps(SAMPLE).encode(), "application/json", wait=True)
            except BaseException:
                if not was_up:
                    machine.leave(home, name)
                raise
            if detach or was_up:
                return
            _say(f"{name} is up; Ctrl-C takes it down.")
        except up.Interrupted as interrupted:
            _say("stopped")
            raise typer.Exit(interrupted.exit_code) from None
        try:
            _say(up.hold(home, name))
        except up.Interrupted:
            _say_what_stays(name, machine.leave(home, name))
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
            _print_json({"endpoints": {}, "mongo_uri": None, "database": None, "aws_endpoint_url": None})
        state = machine.require(home)
    endpoints = _endpoints(home, state)
    if as_json:
        _print_json(
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
        typer.echo(f"{name}\tPOST {url}")
    if not endpoints:
        typer.echo("nothing is deployed")
    typer.echo(f"documents\t{state.mongo_uri} (database {DATABASE}, a collection of each name)")
    typer.echo(f"AWS\t{state.endpoint_url}")
    typer.echo(f"log\t{home.aws_log}")


@app.command(epilog="Example: nami local send shopify order.json")
def send(
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(help="The body; - is standard input; a sample where not given.")
    ] = None,
    content_type: Annotated[str | None, typer.Option(help="Else by the file's ending.")] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="NAME: VALUE", help="A header of the webhook.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the document and print it.")] = True,
) -> None:
    """Send a webhook, and show the document that it became."""
    home = Home()
    state = machine.require(home)
    endpoint = _endpoint(home, state, name)
    if file is None:
        body, kind = json.dumps(SAMPLE).encode(), "application/json"
    elif str(file) == "-":
        body, kind = sys.stdin.buffer.read(), "application/json"
    else:
        try:
            body = file.read_bytes()
        except OSError as error:
            raise CliError(f"{file}: {error.strerror}") from None
        kind = _TYPES.get(file.suffix.lower(), "application/octet-stream")
    headers = dict(_header(each) for each in header or [])
    _send(state, name, endpoint, body, content_type or kind, wait=wait, headers=headers)


@app.command(epilog="Example: nami local events shopify --limit 3")
def events(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One document a line, with its raw bytes.")] = False,
) -> None:
    """Show the stored documents, the newest last."""
    state = machine.require(Home())
    with database.connect(state.mongo_uri) as documents:
        found = list(documents[name].find().sort("received_at", -1).limit(limit))
    if not found:
        _say(f"no document of {name} yet; send one with nami local send {name}")
    for document in reversed(found):
        if as_json:
            typer.echo(_extended_json(document, None))
        else:
            _show(document)


@app.command(epilog="Example: nami local logs shopify --since 60")
def logs(
    name: Name,
    since: Annotated[float, typer.Option(min=0, help="Seconds to look back.")] = 3600,
) -> None:
    """Show what the functions of NAME printed, their errors included."""
    home = Home()
    state = machine.require(home)
    _endpoint(home, state, name)
    lines: list[tuple[int, str, str]] = []
    client = stacks.logs()
    for label, group in stacks.log_groups(stacks.stack_outputs(stacks.PREFIX + name)).items():
        pages = client.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group, startTime=int((time.time() - since) * 1000)):
            lines += [(event["timestamp"], label, event["message"].rstrip()) for event in page["events"]]
    for at, label, message in sorted(lines):
        typer.echo(f"{time.strftime('%H:%M:%S', time.localtime(at / 1000))} {label} {message}")


@app.command(epilog='Example: eval "$(nami local env)" && cdk diff -c name=shopify')
def env() -> None:
    """Print the variables that point cdk, aws and boto3 at the local AWS, for a shell."""
    home = Home()
    for key, value in environment.for_tools(home, machine.require(home)).items():
        typer.echo(f"export {key}='{value}'")


@app.command(epilog="Example: nami local down")
def down(name: Annotated[str | None, typer.Argument(help="Only this subscription.")] = None) -> None:
    """Stop everything, or take one subscription down. The documents stay in .nami."""
    home = Home()
    if name is None:
        names = machine.shut_down(home)
        _say(f"stopped {', '.join(names)}" if names else "nothing was up")
        return
    state = machine.require(home)
    if name not in state.subscriptions and name not in _endpoints(home, state):
        raise NotRunningError(f"{name} is not up")
    _say_what_stays(name, machine.leave(home, name))


def _introduce(home: Home, state: State, name: str, endpoint: str) -> None:
    typer.echo(f"""
endpoint   POST {endpoint}
try it     curl -X POST '{endpoint}' -H 'content-type: application/json' -d '{{"hello": "world"}}'
documents  nami local events {name}
           {state.mongo_uri} (database {DATABASE}, collection {name})
functions  nami local logs {name}
tools      eval "$(nami local env)", then cdk and aws talk to {state.endpoint_url}

What AWS does and this machine does not:""")
    for difference in DIFFERENCES:
        typer.echo(f"  - {difference}")
    typer.echo("")
    sys.stdout.flush()


def _send(
    state: State,
    name: str,
    endpoint: str,
    body: bytes,
    content_type: str,
    *,
    wait: bool,
    headers: dict[str, str] | None = None,
) -> None:
    message = urllib.request.Request(  # noqa: S310 (the URL is the one that local AWS was deployed to)
        endpoint, data=body, headers={"content-type": content_type, **(headers or {})}, method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(message, timeout=30) as response:
            code, delivery_id = response.status, response.headers.get("nami-delivery-id")
    except urllib.error.HTTPError as error:
        said = error.read(1000).decode(errors="replace").strip()
        raise WebhookError(f"{name} answered {error.code}: {said}; see nami local logs {name}") from None
    except OSError as error:
        raise WebhookError(f"{endpoint} does not answer: {error}; see {Home().aws_log}") from None
    _say(f"{code}, delivery {delivery_id}")
    if not wait or delivery_id is None:
        return
    document = database.stored(state.mongo_uri, name, delivery_id, timeout=20)
    if document is None:
        raise WebhookError(f"{delivery_id} was accepted and not stored within 20 s; see nami local logs {name}")
    _show(document)


def _endpoints(home: Home, state: State) -> dict[str, str]:
    if not machine.is_ready(home, state):
        raise LocalAwsError(f"local AWS runs and does not answer; see {home.aws_log}, end it with nami local down")
    machine.point_tools_at(home, state)
    return stacks.endpoints()


def _endpoint(home: Home, state: State, name: str) -> str:
    found = _endpoints(home, state)
    if name not in found:
        there = f"; up: {', '.join(sorted(found))}" if found else ""
        raise NotRunningError(f"{name} is not up{there}; start it with nami local up {name}")
    return found[name]


def _header(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon:
        raise CliError(f"-H {text}: a header is given as 'Name: value'")
    return key.strip(), value.strip()


def _show(document: dict[str, Any]) -> None:
    """Print one document for people; the raw bytes, which repeat the body, by their length."""
    raw = document.get("raw")
    shown = document | ({"raw": f"{len(raw)} bytes"} if isinstance(raw, bytes) else {})
    text = _extended_json(shown, 2)
    console = Console(soft_wrap=True)
    if console.is_terminal:
        console.print_json(text)
    else:
        typer.echo(text)


def _extended_json(document: dict[str, Any], indent: int | None) -> str:
    from bson import json_util  # noqa: PLC0415

    return json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS, indent=indent, ensure_ascii=False)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _say_what_stays(name: str, names: list[str]) -> None:
    if names:
        _say(f"{name} is down; still up: {', '.join(names)} (nami local down stops everything)")
    else:
        _say(f"{name} is down, and so is the local AWS")


@contextlib.contextmanager
def _progress(name: str) -> Iterator[up.Report]:
    """Show what happens on standard error: a moving bar on a terminal, a line for each step elsewhere."""
    console = Console(stderr=True)
    seen: set[str] = set()
    started = time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def report(step: str, done: tuple[int, int] | None) -> None:
            progress.update(
                task, description=f"{name}: {step}", total=done and done[1], completed=done[0] if done else 0
            )
            if not console.is_terminal and step not in seen:
                seen.add(step)
                _say(f"{name}: {step}")

        yield report
    _say(f"{name}: deployed in {time.monotonic() - started:.1f} s")
