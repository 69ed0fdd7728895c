"""What a burst does to a subscription with these settings, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from nami_control.destinations import DESTINATIONS, named
from nami_control.planning import models, prices
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import UNRESERVED, Times
from nami_control.planning.bill import HOURS, Line, line
from nami_control.planning.drain import Drain, Drained, empty
from nami_control.planning.intake import Intake, Taken, take_in
from nami_control.planning.models import ASSUMED
from nami_runtime.outcome import MARGIN_SECONDS
from nami_stack.settings import Subscription

# SQS bills each 64 KB of a call as a request, and hands out ten messages a call at the most.
SQS_UNIT_KB = 64
SQS_MESSAGES = 10
HTTP_API_UNIT_KB = 512
# Of nami_runtime.log, where all goes well: what the function before the queue writes, and what those behind it do.
OF_INTAKE = ("Received", "Enqueued")
OF_DESTINATION = ("Stored", "Age")  # of one with a name also for itself
METRICS = (*OF_INTAKE, *OF_DESTINATION)


@dataclass(frozen=True)
class Plan:
    """A burst, and all that comes of it."""

    subscription: Subscription
    arrivals: Arrivals
    times: Times
    intake: Intake
    taken: Taken
    drains: Mapping[str, tuple[Drain, Drained]]

    @property
    def refused(self) -> float:
        """Webhooks that got 429 or 503."""
        return self.taken.throttled_by_gateway + self.taken.throttled_by_lambda

    @property
    def left(self) -> float:
        """Webhooks that expire in the queue, of all destinations."""
        return sum(drained.left for _, drained in self.drains.values())

    @property
    def oldest(self) -> float:
        """Seconds that the oldest webhook waits in a queue, where a function takes it from there."""
        return max((drained.oldest for _, drained in self.drains.values()), default=0.0)

    @property
    def drain_seconds(self) -> float | None:
        """Seconds from the last webhook's arrival until all queues are empty; None: webhooks expire before."""
        each = [drained.drain_seconds for _, drained in self.drains.values()]
        return None if None in each else max((seconds for seconds in each if seconds is not None), default=0.0)

    @property
    def seconds(self) -> float:
        """From the first webhook until all queues are empty, or until what waits expires."""
        return max([self.arrivals.seconds, *(drained.times[-1] for _, drained in self.drains.values())])

    @property
    def too_long(self) -> bool:
        """Whether a batch takes longer than it may, so that its webhooks are tried again and again."""
        return any(drained.longest_batch > self.batch_limit(name) for name, (_, drained) in self.drains.items())

    @property
    def longest_batch(self) -> float:
        """Seconds of the longest batch of all destinations."""
        return max((drained.longest_batch for _, drained in self.drains.values()), default=0.0)

    @property
    def reserves_too_much(self) -> bool:
        """Whether AWS refuses to reserve that much concurrency in this account."""
        reserved = sum(each.post_queue_reservation or 0 for each in self.ways.values())
        return bool(reserved) and self.times.account_concurrency - reserved < UNRESERVED

    def batch_limit(self, destination: str) -> float:
        """Seconds that a batch may take."""
        way = self.ways[destination]
        whole = way.post_queue_timeout - MARGIN_SECONDS
        return min(whole, named(*way.destination).speed(way, self.times, 1).longest or whole)

    @cached_property
    def ways(self) -> dict[str, Subscription]:
        """By destination, the settings of the way to it."""
        return self.subscription.with_function

    @cached_property
    def burst_lines(self) -> list[Line]:
        """What the burst costs."""
        asked, direct = self.subscription, self.intake.handler_seconds is None
        requests, total = self.arrivals.total - self.taken.throttled_by_gateway, self.taken.total
        lines = []
        if asked.gateway == "rest":
            lines.append(line("REST API", "rest-api-request", requests))
        else:
            units = requests * ceil(self.times.body_kb / HTTP_API_UNIT_KB)
            lines.append(line("HTTP API", "http-api-request", units))
        if not direct:
            seconds = total * (self.intake.handler_seconds or 0.0) + self.taken.environments * self.intake.cold_seconds
            lines += _function("pre-queue function", total, seconds * asked.pre_queue_memory)
        messages, message_kb = total * len(asked.kinds), self.times.message_kb
        sent = messages * ceil(message_kb / SQS_UNIT_KB)
        calls = messages / SQS_MESSAGES
        received = calls * ceil(SQS_MESSAGES * message_kb / SQS_UNIT_KB)
        lines.append(line("SQS", "sqs-fifo-request" if asked.order_by else "sqs-request", sent + received + calls))
        batches = sum(drained.invocations for _, drained in self.drains.values())
        mb_seconds = sum(
            drained.function_seconds * self.ways[name].post_queue_memory for name, (_, drained) in self.drains.items()
        )
        if self.drains:
            lines += _function("post-queue function", batches, mb_seconds)
        lines.append(line("logs", "log-gb", self._log_kb(requests, batches) / 1e6))
        lines.append(line("metrics", "metric", self._metrics() * ceil(self.seconds / 3600) / HOURS))
        return lines + self._lines_of_destinations()

    def _metrics(self) -> int:
        """How many the functions write."""
        named = len(self.ways) if self.subscription.destinations else 0
        of_destinations = len(OF_DESTINATION) * (bool(self.ways) + named)
        return of_destinations + (0 if self.intake.handler_seconds is None else len(OF_INTAKE))

    def _log_kb(self, requests: float, batches: float) -> float:
        """Of the gateway and of all functions."""
        stored = sum(drained.total for _, drained in self.drains.values())
        written = batches * ASSUMED["batch log"].value + stored * ASSUMED["id log"].value
        if _access_logs(self.subscription):
            written += requests * ASSUMED["access log"].value
        if self.intake.handler_seconds is not None:
            written += self.taken.total * ASSUMED["intake log"].value
        return written

    def _lines_of_destinations(self) -> list[Line]:
        """What is used by several is one line."""
        lines: dict[tuple[str, str], float] = {}
        kinds = list(DESTINATIONS)
        ways = [(name, way) for name, way in self.ways.items() if way.destination[0] in DESTINATIONS]
        for name, way in sorted(ways, key=lambda item: kinds.index(item[1].destination[0])):
            for each in named(*way.destination).burst_lines(way, self.drains[name][1].total, self.times):
                lines[each.what, each.price] = lines.get((each.what, each.price), 0.0) + each.quantity
        return [line(what, price, quantity) for (what, price), quantity in lines.items() if quantity]

    @cached_property
    def idle_lines(self) -> list[Line]:
        """What a month costs in which nothing comes."""
        return prices.idle_month(self.subscription)

    @property
    def burst_dollars(self) -> float:
        """What the burst costs."""
        return sum(line.dollars for line in self.burst_lines)

    @property
    def idle_dollars(self) -> float:
        """What a month costs in which nothing comes."""
        return sum(line.dollars for line in self.idle_lines)


def plan(subscription: Subscription, arrivals: Arrivals, times: Times) -> Plan:
    """Simulate it, but for how a consumer of the user's own keeps up; it is taken to receive ten at a time."""
    each = subscription.with_function
    ways = {name: models.drain(way, times) for name, way in each.items()}
    kept = sum(way.post_queue_reservation or 0 for way in each.values())
    intake, taken, drains = _run(arrivals, models.intake(subscription, times, kept), ways)
    if not kept:
        # Nothing is reserved: what the batches take meanwhile, the pre-queue function has not.
        busy = sum(drained.batches_until(arrivals.seconds) for _, drained in drains.values())
        intake, taken, drains = _run(arrivals, models.intake(subscription, times, ceil(busy)), ways)
    return Plan(subscription, arrivals, times, intake, taken, drains)


def _run(
    arrivals: Arrivals, intake: Intake, ways: Mapping[str, Drain]
) -> tuple[Intake, Taken, dict[str, tuple[Drain, Drained]]]:
    taken = take_in(arrivals, intake)
    return intake, taken, {name: (way, empty(taken, way)) for name, way in ways.items()}


def _access_logs(subscription: Subscription) -> bool:
    """Whether the gateway writes a line for each request; a shared one does unless it is told not to."""
    return subscription.access_logs is True if subscription.gateway == "rest" else subscription.access_logs is not False


def _function(what: str, invocations: float, mb_seconds: float) -> list[Line]:
    return [
        line(f"{what}: invocations", "lambda-request", invocations),
        line(f"{what}: compute", "lambda-gb-second", mb_seconds / 1024),
    ]
