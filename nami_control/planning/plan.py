"""What a burst does to a subscription with these settings, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from nami_control.planning import prices
from nami_control.planning.assumptions import ASSUMED, UNRESERVED, Times, share, vcpus
from nami_control.planning.drain import Drain, Drained, empty
from nami_control.planning.intake import Arrivals, Intake, Taken, take_in
from nami_control.planning.prices import Line
from nami_stack.settings import Subscription, backend_batch

_EVENT_KB = 6 * 1024  # Lambda's request: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_TABLE_RATE, _HIGHEST_TABLE_RATE = (
    4_000,
    40_000,
)  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
DYNAMO_THREADS = 8  # nami_runtime.destinations.dynamodb
MONGO_ATTEMPT = 10.0  # seconds that nami_runtime.destinations.mongo waits for one bulk write
_STORED = 2.0  # a document holds the body twice, raw and parsed
METRICS = ("Received", "Enqueued", "Stored", "Age")  # where all goes well, of nami_runtime.log
_KINDS = {"mongo-host": "mongo", "shared-mongo": "mongo", "mongo-database": "mongo"}


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
        """Seconds that the oldest webhook waits in a queue."""
        return max(drained.oldest for _, drained in self.drains.values())

    @property
    def drain_seconds(self) -> float | None:
        """Seconds from the last webhook's arrival until all queues are empty; None: webhooks expire before."""
        each = [drained.drain_seconds for _, drained in self.drains.values()]
        return None if None in each else max(seconds for seconds in each if seconds is not None)

    @property
    def seconds(self) -> float:
        """From the first webhook until all queues are empty, or until what waits expires."""
        return max(self.arrivals.seconds, *(drained.times[-1] for _, drained in self.drains.values()))

    @property
    def too_long(self) -> bool:
        """Whether a batch takes longer than it may, so that its webhooks are tried again and again."""
        return any(drained.longest_batch > self.batch_limit(name) for name, (_, drained) in self.drains.items())

    @property
    def longest_batch(self) -> float:
        """Seconds of the longest batch of all destinations."""
        return max(drained.longest_batch for _, drained in self.drains.values())

    @property
    def reserves_too_much(self) -> bool:
        """Whether AWS refuses to reserve that much concurrency in this account."""
        reserved = sum(self.subscription.post_queue_reservation or 0 for _ in self.subscription.destination)
        return bool(reserved) and self.times.account_concurrency - reserved < UNRESERVED

    def batch_limit(self, destination: str) -> float:
        """Seconds that a batch may take."""
        whole = self.subscription.post_queue_timeout - 2.0
        return min(whole, MONGO_ATTEMPT) if destination in _KINDS else whole

    @cached_property
    def burst_lines(self) -> list[Line]:
        """What the burst costs."""
        batches = sum(drained.invocations for _, drained in self.drains.values())
        stored = {name: drained.total for name, (_, drained) in self.drains.items()}
        total = self.taken.total
        direct = self.intake.handler_seconds is None
        log_kb = batches * ASSUMED["batch log"].value + sum(stored.values()) * ASSUMED["id log"].value
        requests = self.arrivals.total - self.taken.throttled_by_gateway
        if _access_logs(self.subscription):
            log_kb += requests * ASSUMED["access log"].value
        usage = prices.Usage(
            requests=requests,
            body_kb=self.times.body_kb,
            invocations=0 if direct else total,
            handler_seconds=total * (self.intake.handler_seconds or 0.0)
            + self.taken.environments * self.intake.cold_seconds,
            batches=batches,
            batch_seconds=sum(drained.function_seconds for _, drained in self.drains.values()),
            messages=total * len(self.drains),
            message_kb=self.times.message_kb,
            writes=stored.get("dynamodb", 0.0) * _write_units(self.times) + stored.get("http", 0.0),
            log_kb=log_kb + (0.0 if direct else total * ASSUMED["intake log"].value),
            metric_hours=(2 if direct else len(METRICS)) * ceil(self.seconds / 3600),
            forwarded_kb=stored.get("http", 0.0) * self.times.message_kb,
        )
        return prices.burst(self.subscription, usage)

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
    """Simulate it."""
    models: dict[str, Drain] = {name: _drain(subscription, name, times) for name in subscription.destination}
    kept = (subscription.post_queue_reservation or 0) * len(models)
    intake, taken, drains = _run(arrivals, _intake(subscription, times, kept), models)
    if not kept:
        # Nothing is reserved: what the batches take meanwhile, the pre-queue function has not.
        busy = sum(drained.batches_until(arrivals.seconds) for _, drained in drains.values())
        intake, taken, drains = _run(arrivals, _intake(subscription, times, ceil(busy)), models)
    return Plan(subscription, arrivals, times, intake, taken, drains)


def _run(
    arrivals: Arrivals, intake: Intake, models: Mapping[str, Drain]
) -> tuple[Intake, Taken, dict[str, tuple[Drain, Drained]]]:
    taken = take_in(arrivals, intake)
    return intake, taken, {name: (model, empty(taken, model)) for name, model in models.items()}


def kind_of(destination: str) -> str:
    """mongo, dynamodb or http: what a destination is to its function."""
    return _KINDS.get(destination, destination)


def _intake(subscription: Subscription, times: Times, kept: int) -> Intake:
    handler = None
    if subscription.ingest == "function":
        work = ASSUMED["handler"].value / share(subscription.pre_queue_memory)
        assumed = ASSUMED["sqs"].value * len(subscription.destination) + work
        handler = (assumed if times.handler_ms is None else times.handler_ms) / 1000
    cold = ASSUMED["cold start"].value if times.cold_start_ms is None else times.cold_start_ms
    return Intake(
        gateway_rate=min(subscription.throttle_rate or times.gateway_rate, times.gateway_rate),
        gateway_burst=min(subscription.throttle_burst or times.gateway_rate / 2, times.gateway_rate / 2),
        handler_seconds=handler,
        cold_seconds=0.0 if handler is None else cold / 1000,
        concurrency=max(times.account_concurrency - kept, 1),
    )


def _drain(subscription: Subscription, name: str, times: Times) -> Drain:
    kind = kind_of(name)
    work = ASSUMED[kind].value / share(subscription.post_queue_memory)
    write = ASSUMED[f"{kind} write"].value if times.write_ms is None else times.write_ms
    ordered = subscription.order_by is not None
    size = min(subscription.batch_size, max(_EVENT_KB // times.message_kb, 1))
    rate: float | None = None
    if kind == "mongo":
        # Whoever brings a database knows what it takes; until then it counts like the smallest host.
        cores = vcpus(subscription.instance_type) if name == "mongo-host" else 2
        rate = cores * 1000 / write
    elif kind == "dynamodb":
        rate = _TABLE_RATE / _write_units(times)
    else:
        size = min(size, _backend_batch(subscription))
    at_once = {"dynamodb": DYNAMO_THREADS, "http": min(subscription.backend_concurrency, size)}.get(kind, 1)
    return Drain(
        concurrency=min(subscription.maximum_concurrency, times.account_concurrency),
        batch_size=size,
        batch_window=subscription.batch_window,
        batch_seconds=ASSUMED["batch"].value / 1000,
        webhook_seconds=(work + write / at_once) / 1000,
        retention=subscription.queue_retention_days * 86_400,
        database_rate=rate,
        doubles=kind == "dynamodb",
        highest_rate=_HIGHEST_TABLE_RATE / _write_units(times),
        groups=(times.groups or subscription.maximum_concurrency) if ordered else None,
    )


def _backend_batch(subscription: Subscription) -> int:
    return backend_batch(
        connect=subscription.backend_connect_timeout,
        read=subscription.backend_read_timeout,
        concurrency=subscription.backend_concurrency,
        function=subscription.post_queue_timeout,
        ordered=subscription.order_by is not None,
    )


def _access_logs(subscription: Subscription) -> bool:
    """Whether the gateway writes a line for each request; a shared one does unless it is told not to."""
    return subscription.access_logs is True if subscription.gateway == "rest" else subscription.access_logs is not False


def _write_units(times: Times) -> int:
    """DynamoDB's units of 1 KB for one item."""
    return max(ceil(times.body_kb * _STORED), 1)
