"""`nami logs`: what the functions of a subscription printed, and one webhook's path through them."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from nami_cli import times
from nami_cli.flags import Name, nami
from nami_cli.terminal import print_json, say, visible, visible_line
from nami_control import aws
from nami_control.deployment import Deployment, find
from nami_control.errors import NotFoundError

_POLL = 1.5  # seconds between looks while following
_LATE = 15_000  # ms: how much later than others of its time a line may become visible
_COLOURS = {"ERROR": "red", "WARNING": "yellow", "INFO": "green"}
# The platform's own lines where logs are text, for each invocation; one that tells of a failure has its status.
_PLATFORM = ("START ", "END ", "REPORT ", "INIT_START ", "XRAY ")

Id = Annotated[str | None, typer.Option("--id", metavar="DELIVERY", help="Only this webhook's path.")]
Since = Annotated[
    str | None, typer.Option(help="From when: 30s, 10m, 2h or 3d ago, or an ISO time. An hour; with --id a day.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="Every line, the platform's too, as it was printed.")]


@dataclass(frozen=True)
class Line:
    """One line of a function's log; `at` is epoch ms, `fields` what it says where it is JSON."""

    at: int
    function: str
    message: str
    event_id: str

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON in the line; empty where it is none."""
        try:
            found = json.loads(self.message)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Step:
    """What happened to one webhook, or what a function said of itself (no id)."""

    at: int
    function: str
    level: str
    what: str
    delivery_id: str = ""

    @property
    def style(self) -> str:
        """Its colour."""
        return _COLOURS.get(self.level, "dim")


def groups(deployment: Deployment) -> dict[str, str]:
    """The log group of each function."""
    first = {"pre-queue": deployment.pre_queue.log_group} if deployment.pre_queue else {}
    return first | post_queue_groups(deployment)


def post_queue_groups(deployment: Deployment) -> dict[str, str]:
    """The log group of each post-queue function; where there are several they are called by their destinations."""
    alone = len(deployment.drains) == 1
    return {
        "post-queue" if alone else f"to {each.destination}": each.post_queue.log_group for each in deployment.drains
    }


def read(log_groups: Mapping[str, str], *, since: float, pattern: str = "") -> Iterator[Line]:
    """Lines of each group since then (epoch seconds); in time order within a group.

    `pattern` is CloudWatch's: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    pages = aws.client("logs").get_paginator("filter_log_events")
    for function, group in log_groups.items():
        for page in pages.paginate(logGroupName=group, startTime=int(since * 1000), filterPattern=pattern):
            for event in page["events"]:
                yield Line(event["timestamp"], function, event["message"].rstrip(), event.get("eventId", ""))


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By time; what a function printed within a millisecond stays as it was printed."""
    return sorted(lines, key=lambda line: line.at)


def naming(text: str) -> str:
    """The pattern of lines that hold this text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def steps(line: Line, only: str | None = None) -> Iterator[Step]:
    """What a line tells, a step for each webhook in it."""
    fields = line.fields
    level = str(fields.get("level", ""))
    if fields.get("message") == "batch":
        told = [("INFO", "stored", each) for each in fields.get("stored", [])]
        told += [("INFO", "stored before, a duplicate", each) for each in fields.get("duplicates", [])]
        told += [("ERROR", f"failed: {each['reason']}", each["id"]) for each in fields.get("failed", [])]
        told += [("WARNING", f"in quarantine: {each['reason']}", each["id"]) for each in fields.get("quarantined", [])]
    elif fields.get("message") == "webhook":
        told = [(level, _answered(fields), str(fields.get("id", "")))]
    elif str(fields.get("type", "")).startswith("platform."):
        status = str(fields.get("record", {}).get("status", "success"))
        told = [] if status == "success" else [("ERROR", f"the platform ended it: {status}", "")]
    elif fields:
        rest = {key: value for key, value in fields.items() if key not in ("level", "message")}
        told = [(level, f"{fields.get('message', '')} {json.dumps(rest) if rest else ''}".strip(), "")]
    else:
        failed = any(word in line.message for word in ("Traceback", "Task timed out", "Status: ", "Runtime."))
        told = [("ERROR" if failed else "", " ".join(line.message.split("\t")), "")]
        if line.message.startswith(_PLATFORM) and not failed:
            told = []
    for severity, what, delivery_id in told:
        if only is None or delivery_id == only:
            # A reason may repeat what a webhook said; it must not pass for a line of its own.
            yield Step(line.at, line.function, severity, visible_line(what) if fields else what, delivery_id)


def path(deployment: Deployment, delivery_id: str, since: float) -> list[Step]:
    """What happened to one webhook, in time order."""
    lines = read(groups(deployment), since=since, pattern=naming(delivery_id))
    return [step for line in in_order(lines) for step in steps(line, delivery_id)]


def show(deployment: Deployment, *, delivery_id: str | None, since: str | None, follow: bool, as_json: bool) -> None:
    """Print the log, or a webhook's path, until now or until Ctrl-C.

    Raises:
        NotFoundError: no line names the webhook.
    """
    start = times.moment(since) if since else time.time() - (86_400 if delivery_id else 3600)
    console = Console(soft_wrap=True, highlight=False)
    seen: set[Line] = set()
    last: Step | None = None
    pattern = naming(delivery_id) if delivery_id else ""
    while True:
        found = read(groups(deployment), since=start, pattern=pattern)
        fresh = in_order(line for line in found if line not in seen)
        for line in fresh:
            if as_json:
                print_json({"at": times.iso(line.at), "function": line.function, "message": line.message}, None)
                continue
            for step in steps(line, delivery_id):
                last = step
                console.print(_rendered(step, alone=delivery_id is not None))
        if not follow:
            break
        # Lines come in late: each look goes back a little, and leaves out what was shown.
        newest = max([line.at for line in fresh], default=0)
        start = max(start, (newest - _LATE) / 1000)
        seen = {line for line in seen | set(fresh) if line.at >= start * 1000}
        time.sleep(_POLL)
    if delivery_id and last is None and not as_json:
        raise NotFoundError(
            f"no log line names {delivery_id}; look further back with --since 7d, and among "
            f"{nami()} dlq list {deployment.name}"
        )
    if delivery_id and last and last.function == "pre-queue" and last.level == "INFO":
        say(
            "not processed yet, or the post-queue function ended before it could say so; "
            f"{nami()} logs {deployment.name} shows all lines"
        )


def logs_command(
    name: Name,
    delivery_id: Id = None,
    since: Since = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show what the functions of NAME printed, or with --id one webhook's path through them."""
    try:
        show(find(name), delivery_id=delivery_id, since=since, follow=follow, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(130 if not follow else 0) from None


def _answered(fields: Mapping[str, Any]) -> str:
    status = fields.get("status", 0)
    said = f"answered {status} in {fields.get('ms', 0)} ms"
    if "bytes" in fields:
        said += f", {fields['bytes']} bytes"
    if fields.get("verified"):
        said += f", signed by {fields['verified']}"
    return said + (f": {fields['reason']}" if fields.get("reason") else "")


def _rendered(step: Step, *, alone: bool) -> Text:
    text = Text(f"{times.clock(step.at)}  ", style="dim")
    text.append(f"{step.function:<10}  ", style="cyan")
    if step.delivery_id and not alone:
        text.append(f"{visible_line(step.delivery_id)}  ")
    text.append(visible(step.what), style=step.style)
    return text
