"""What the functions of a subscription printed, and one webhook's path through them."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nami_control.aws import Aws
from nami_control.deployment import Deployment
from nami_control.text import visible_line
from nami_runtime.results import APART

_POLL = 1.5  # seconds between looks while following
_LATE = 15_000  # ms: how much later than others of its time a line may become visible
# The platform's own lines where logs are text, for each invocation; one that tells of a failure has its status.
_PLATFORM = ("START ", "END ", "REPORT ", "INIT_START ", "XRAY ")

UNWANTED = "not wanted by "
"""What a step begins with where one destination's filter does not want the webhook; its name follows."""
FILTERED = "not wanted by the filter"
"""What a step has where no destination wants it."""


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

    @property
    def written_at(self) -> int:
        """Epoch ms by the line itself where it says so; `at` is its arrival, which under load is another order."""
        own = self.fields.get("_aws")
        at = own.get("Timestamp") if isinstance(own, dict) else None
        return at if isinstance(at, int) else self.at


@dataclass(frozen=True)
class Step:
    """What happened to one webhook, or what a function said of itself (no id)."""

    at: int
    function: str
    level: str
    what: str
    delivery_id: str = ""
    refused: bool = False
    """Whether its sender was not proven."""


def groups(deployment: Deployment) -> dict[str, str]:
    """The log group of each function."""
    first = {"pre-queue": deployment.pre_queue.log_group} if deployment.pre_queue else {}
    return first | post_queue_groups(deployment)


def post_queue_groups(deployment: Deployment) -> dict[str, str]:
    """The log group of each post-queue function; where there are several they are called by their destinations."""
    drains = [each for each in deployment.drains if each.has_function]
    return {
        "post-queue" if len(deployment.drains) == 1 else f"to {each.destination}": each.post_queue.log_group
        for each in drains
    }


def read(
    aws: Aws, log_groups: Mapping[str, str], *, since: float, until: float | None = None, pattern: str = ""
) -> Iterator[Line]:
    """Lines of each group since then, and before `until` (epoch seconds); in time order within a group.

    `pattern` is CloudWatch's: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    pages = aws.client("logs").get_paginator("filter_log_events")
    span: Any = {"startTime": int(since * 1000)} | ({} if until is None else {"endTime": int(until * 1000)})
    for function, group in log_groups.items():
        for page in pages.paginate(logGroupName=group, filterPattern=pattern, **span):
            for event in page["events"]:
                yield Line(event["timestamp"], function, event["message"].rstrip(), event.get("eventId", ""))


def lines(deployment: Deployment, *, since: float, follow: bool = False, pattern: str = "") -> Iterator[Line]:
    """Lines of all functions since then (epoch seconds), by time; with `follow` then those that come, without end."""
    seen: set[Line] = set()
    while True:
        found = read(deployment.aws, groups(deployment), since=since, pattern=pattern)
        fresh = in_order(line for line in found if line not in seen)
        yield from fresh
        if not follow:
            return
        # Lines come in late: each look goes back a little, and leaves out what was shown.
        newest = max([line.at for line in fresh], default=0)
        since = max(since, (newest - _LATE) / 1000)
        seen = {line for line in seen | set(fresh) if line.at >= since * 1000}
        time.sleep(_POLL)


def in_order(lines: Iterable[Line]) -> list[Line]:
    """By time; what a function printed within a millisecond stays as it was printed."""
    return sorted(lines, key=lambda line: line.written_at)


def naming(text: str) -> str:
    """The pattern of lines that hold this text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def steps(line: Line, only: str | None = None) -> Iterator[Step]:
    """What a line tells, a step for each webhook in it."""
    fields = line.fields
    level = str(fields.get("level", ""))
    if str(fields.get("message", "")).startswith("batch"):
        told = [("INFO", "stored", each) for each in fields.get("stored", [])]
        told += [("INFO", "stored before, a duplicate", each) for each in fields.get("duplicates", [])]
        told += [("INFO", "dropped by process, not stored", each) for each in fields.get("dropped", [])]
        told += [
            ("INFO", f"other content came under this id, stored as {each}", each.rpartition(APART)[0])
            for each in fields.get("same_id", [])
        ]
        told += [("ERROR", f"failed: {each['reason']}", each["id"]) for each in fields.get("failed", [])]
        told += [("WARNING", f"in quarantine: {each['reason']}", each["id"]) for each in fields.get("quarantined", [])]
        if away := fields.get("away"):
            told.append(("ERROR", f"{away['webhooks']} wait, at no cost of a try: {away['reason']}", ""))
    elif fields.get("message") == "webhook":
        told = [(level, _answered(fields), str(fields.get("id", "")))]
    elif fields.get("message") == "not wanted":
        told = [(level, f"{UNWANTED}{fields.get('destination', '')}", str(fields.get("id", "")))]
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
        if only is None or delivery_id == only or _is_made_of(delivery_id, only):
            # A reason may repeat what a webhook said; it must not pass for a line of its own.
            refused = fields.get("refused") == "signature" or what.startswith("in quarantine: ")
            yield Step(
                line.written_at, line.function, severity, visible_line(what) if fields else what, delivery_id, refused
            )


def path(deployment: Deployment, delivery_id: str, since: float) -> list[Step]:
    """What happened to one webhook, in time order."""
    found = lines(deployment, since=since, pattern=naming(delivery_id))
    return [step for line in found for step in steps(line, delivery_id)]


def _is_made_of(made: str, delivery_id: str) -> bool:
    """Whether it is the id of one of several documents that `process` made of a webhook."""
    return made.startswith(delivery_id + APART) and made[len(delivery_id) + 1 :].isdecimal()


def _answered(fields: Mapping[str, Any]) -> str:
    status = fields.get("status", 0)
    said = f"answered {status} in {fields.get('ms', 0)} ms"
    if "bytes" in fields:
        said += f", {fields['bytes']} bytes"
    if fields.get("verified"):
        said += f", signed by {fields['verified']}"
    if fields.get("Filtered"):
        said += f", {FILTERED} and not stored"
    return said + (f": {fields['reason']}" if fields.get("reason") else "")
