"""A bus of EventBridge, and the table in which it is noted which webhooks are on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil

from nami_control.aws import Aws
from nami_control.checks import Check, fail, ok, warn
from nami_control.destinations.base import Find, Looks, Speed
from nami_control.destinations.dynamodb import HIGHEST_RATE, RATE
from nami_control.destinations.items import InTable, Items
from nami_control.planning.assumptions import Assumption, Times
from nami_control.planning.bill import Line, line
from nami_control.stacks import Stack
from nami_runtime.destinations.eventbridge import THREADS
from nami_stack.settings import Subscription

_NOTES = 2  # of each webhook: its id is taken, and marked
_EVENT_KB = 64
_RULES_DOCUMENT = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule.html"


class EventBridge(InTable):
    """Webhooks are put on a bus; what can be read is which of them are there."""

    kind = "eventbridge"
    keeps_webhooks = False
    comes_again = True
    shown_by = "EventBusName"
    work = Assumption(0.8, "ms of a whole vCPU for a webhook of a batch", "measured, half of DynamoDB's")
    write = Assumption(20, "ms for two notes and a tenth of a request", "assumed")

    @contextmanager
    def opened(self) -> Iterator[Find]:
        """Found by ids, once they are on the bus."""
        items = Items(self.deployment, self.drain)
        yield lambda ids: [each for each in items.get(ids) if each.get("delivered")]

    def looks(self) -> Looks:
        """At the bus, what waits on it for events, and how the last ones went."""
        return {"bus": self._bus}

    @classmethod
    def looks_before(cls, aws: Aws, asked: Subscription, stack: Stack | None) -> Looks:
        """At a bus of this account."""
        return {} if asked.event_bus.startswith("arn:") else {"bus": partial(_there, aws, asked.event_bus)}

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """What the table of notes takes."""
        return Speed(at_once=THREADS, rate=RATE / _NOTES, doubles=True, highest_rate=HIGHEST_RATE / _NOTES)

    @classmethod
    def burst_lines(cls, subscription: Subscription, stored: float, times: Times) -> list[Line]:
        """The events, and the notes of them."""
        return [
            line("EventBridge", "event", stored * max(ceil(times.body_kb / _EVENT_KB), 1)),
            line("DynamoDB", "dynamodb-write", stored * _NOTES),
        ]

    def _bus(self) -> Check:
        aws, bus = self.deployment.aws, self.drain.post_queue.environment["EVENT_BUS"]
        where = bus
        if not bus.startswith("arn:"):
            if (there := _there(aws, bus)).status != "ok":
                return there
            pages = aws.client("events").get_paginator("list_rules").paginate(EventBusName=bus)
            rules = [rule for page in pages for rule in page["Rules"] if rule.get("State", "").startswith("ENABLED")]
            listening = [rule for rule in rules if rule.get("EventPattern") and not rule.get("ManagedBy")]
            if not listening:
                return warn(
                    "bus",
                    f"{bus} has no rule, so nobody gets the events",
                    f'make one for {{"source": ["nami.{self.deployment.name}"]}}: {_RULES_DOCUMENT}',
                )
            where = f"{bus}, {len(listening)} rules" if len(listening) > 1 else f"{bus}, 1 rule"
        return self.tries("bus", lambda _: where, failed="are not on it", shows="them")


def _there(aws: Aws, bus: str) -> Check:
    """Whether the bus is there: AWS takes events for one that is not, and loses them."""
    events = aws.client("events")
    try:
        events.describe_event_bus(Name=bus)
    except events.exceptions.ResourceNotFoundException:
        return fail(
            "bus", f"there is no bus {bus} here", f"`aws events create-event-bus --name {bus}`, or another --event-bus"
        )
    return ok("bus", bus)
