"""Delivery is paused: webhooks are taken in, and wait in the queue until it is resumed.

What takes them from a queue is an event source mapping of Lambda's, and a pause is one that is switched off:
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nami_control import queues, times
from nami_control.aws import Aws, Ignoring
from nami_control.deployment import Deployment, Drain
from nami_control.errors import AwsError, CheckError, Command, NotRunningError, UsageError
from nami_control.progress import Tell, silent

_OFF = ("Disabled", "Disabling")
# Another change of the mapping is under way.
_BUSY = ("ResourceInUseException", "ResourceConflictException")
_SETTLES_WITHIN, _LOOK_EVERY = 120, 0.5  # seconds; on AWS it takes up to a minute


@dataclass(frozen=True)
class Pause:
    """One destination to which nothing is delivered.

    Args:
        destination: such as mongo.
        since: epoch seconds at which it was switched off, or last changed while it was.
        waiting: about how many webhooks wait.
        runs_out: epoch seconds after which SQS deletes what has waited longest; None while nothing waits.
    """

    destination: str
    since: float
    waiting: int
    runs_out: float | None

    def __str__(self) -> str:
        paused = f"since {times.minute(self.since)}"
        if self.runs_out is None:
            return f"{paused}, nothing waits"
        return f"{paused}, {self.waiting} webhooks wait, SQS deletes the first at {times.minute(self.runs_out)}"


def states(aws: Aws, drain: Drain) -> list[str]:
    """What Lambda says of what takes webhooks from a queue, such as Enabled; empty where nothing does."""
    return [each["State"] for each in _mappings(aws, drain)]


def paused(deployment: Deployment) -> list[str]:
    """The names of the destinations to which nothing is delivered now."""
    aws = deployment.aws
    return [each.destination for each in deployment.drains if any(state in _OFF for state in states(aws, each))]


def pauses(deployment: Deployment, *, tell: Tell = silent) -> list[Pause]:
    """Those destinations to which nothing is delivered now."""
    return [pause for drain in deployment.drains if (pause := pause_of(deployment.aws, drain, tell=tell))]


def pause_of(aws: Aws, drain: Drain, *, tell: Tell = silent) -> Pause | None:
    """What a pause on the way to one destination means by now; None where there is none."""
    off = [each for each in _mappings(aws, drain) if each["State"] in _OFF]
    if not off:
        return None
    since, waiting = min(each["LastModified"].timestamp() for each in off), queues.depth(aws, drain.queue_url)
    runs_out = None
    if waiting:
        ages = queues.ages(aws, [drain.queue_url], tell)
        first = min(since, time.time() - ages[drain.queue_url]) if ages else since
        runs_out = first + queues.retention(aws, drain.queue_url)
    return Pause(drain.destination, since, waiting, runs_out)


def pause(deployment: Deployment, destination: str | None = None) -> list[str]:
    """Deliver nothing more to that destination, or to any; returns to which something was until now.

    What the functions have begun they end. An interrupted call may have paused some: call it again.

    Raises:
        UsageError: there is no such destination.
        UsageError: or a consumer of the user's own takes webhooks from its queue.
        NotRunningError: nothing takes webhooks from its queue anyway.
        AwsError: it was not switched off in time.
    """
    return _switch(deployment, _drains(deployment, destination), on=False)


def resume(deployment: Deployment, destination: str | None = None) -> list[str]:
    """Deliver again, to that destination or to all, what waits and what comes; returns to which nothing was until now.

    Raises:
        As `pause`.
    """
    return _switch(deployment, _drains(deployment, destination), on=True)


def functions_off(aws: Aws) -> set[str]:
    """The names of all functions here whose event source is switched off."""
    pages = aws.client("lambda").get_paginator("list_event_source_mappings").paginate()
    return {
        each["FunctionArn"].split(":")[6]
        for page in pages
        for each in page["EventSourceMappings"]
        if each["State"] in _OFF
    }


def require_same_queues(name: str, paused: Sequence[str], changes: Sequence[queues.Change]) -> None:
    """A queue that comes anew has an event source that is on, and what arrives would be delivered.

    Raises:
        CheckError: a deployment would end a pause by that.
    """
    if paused and any(change.leaves for change in changes):
        raise CheckError(
            f"{name} is paused ({', '.join(paused)}), and gets other queues by this deployment, which deliver at once",
            *(Command(f"resume {name}"), ", then deploy again; nothing was changed"),
        )


def keep(deployment: Deployment, paused: Sequence[str], tell: Tell = silent) -> None:
    """See to it that a deployment has ended no pause.

    The template says nothing of `Enabled`, so CloudFormation has no reason to touch it; whether it does where another
    property of the mapping changes is not documented.
    """
    for drain in deployment.drains:
        if drain.destination in paused and _switch(deployment, [drain], on=False):
            tell(f"{drain.destination}: the deployment had resumed it; it is paused again")


def _mappings(aws: Aws, drain: Drain) -> list[dict[str, Any]]:
    if drain.function_name is None:
        return []
    said = aws.client("lambda").list_event_source_mappings(FunctionName=drain.function_name)
    found: list[dict[str, Any]] = said["EventSourceMappings"]
    return found


def _drains(deployment: Deployment, destination: str | None) -> list[Drain]:
    """Of all, those with a function: a consumer of the user's own is not nami's to stop."""
    if destination is not None:
        return [deployment.drain(destination)]
    return [each for each in deployment.drains if each.has_function] or deployment.drains[:1]


def _switch(deployment: Deployment, drains: list[Drain], *, on: bool) -> list[str]:
    switched = []
    for drain in drains:
        mappings = _mappings(deployment.aws, drain)
        if not drain.has_function:
            raise UsageError(f"{drain.destination}: your own consumer takes webhooks from it; pause that")
        if not mappings:
            raise NotRunningError(
                f"nothing takes webhooks from the queue of {drain.destination}", Command(f"deploy {deployment.name}")
            )
        others = [each["UUID"] for each in mappings if (each["State"] in _OFF) is on]
        for uuid in others:
            _set(deployment.aws.client("lambda"), uuid, on=on)
        if others:
            switched.append(drain.destination)
    for drain in drains:
        _wait_until_settled(deployment, drain, on=on)
    return switched


def _set(client: Any, uuid: str, *, on: bool) -> None:
    for _ in _in_time():
        with Ignoring(*_BUSY):
            client.update_event_source_mapping(UUID=uuid, Enabled=on)
            return
    raise AwsError(f"the event source {uuid} is being changed by something else", "run it again")


def _wait_until_settled(deployment: Deployment, drain: Drain, *, on: bool) -> None:
    wanted = "Enabled" if on else "Disabled"
    last: list[str] = []
    for _ in _in_time():
        last = states(deployment.aws, drain)
        if all(state == wanted for state in last):
            return
    raise AwsError(
        f"the event source of {drain.destination} is {', '.join(last)} after {_SETTLES_WITHIN} s, not {wanted}",
        *(Command(f"doctor {deployment.name}"), " shows when it is"),
    )


def _in_time() -> Iterator[None]:
    deadline = time.monotonic() + _SETTLES_WITHIN
    while time.monotonic() < deadline:
        yield
        time.sleep(_LOOK_EVERY)
