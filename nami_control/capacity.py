"""What a burst does to a subscription with these settings, what it costs, and which setting to change first.

The simulation and the prices are pure arithmetic; what goes into them beside the settings is in ASSUMED and PROFILES,
each with its source or its reasoning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from typing import Any

from pydantic import ValidationError

from nami_control import prices, simulation
from nami_control.prices import Line
from nami_control.simulation import Arrivals, Drain, Drained, Intake, Taken
from nami_runtime.destinations import dynamodb
from nami_runtime.outcome import MARGIN_SECONDS
from nami_stack.settings import SettingsError, Subscription, backend_batch

ACCOUNT_CONCURRENCY = 1000
"""Concurrent executions of an account by default; a new one may have 10:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
UNRESERVED = 100
"""What AWS keeps free of reservations: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
GATEWAY_RATE = 10_000
"""Requests a second to all APIs of the account in a region, 2,500 in newer regions; the burst, half of it, is AWS's own
to set: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
LATE = 300.0
"""Seconds that a webhook may wait in the queue before somebody should know, as the alarm has it."""

QUOTAS = {
    "account_concurrency": "a quota of {:,} concurrent executions",
    "gateway_rate": "a quota of {:,} requests a second",
}

_VCPU_MB = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_EVENT_KB = 6 * 1024  # Lambda's request: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_TABLE_RATE, _HIGHEST_TABLE_RATE = (
    4_000,
    40_000,
)  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
MONGO_ATTEMPT = 10.0  # seconds that nami_runtime.destinations.mongo waits for one bulk write
_ENVELOPE_KB = 1.0  # headers and the rest of the message, of a Shopify webhook
_STORED = 2.0  # a document holds the body twice, raw and parsed
METRICS = ("Received", "Enqueued", "Stored", "Age")  # where all goes well, of nami_runtime.log
_KINDS = {"mongo-host": "mongo", "shared-mongo": "mongo", "mongo-database": "mongo"}
_SIZES = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}


@dataclass(frozen=True)
class Assumption:
    """A number that no setting says, and where it is from."""

    value: float
    unit: str
    source: str


ASSUMED = {
    "sqs": Assumption(13, "ms for a send", "assumed: one call in the region, over a connection that is open"),
    "handler": Assumption(
        1.0,
        "ms of a whole vCPU for a webhook before the queue",
        "make bench, 0.15 ms; the rest for Graviton and Lambda's runtime",
    ),
    "cold start": Assumption(
        300,
        "ms until a new environment takes a request",
        "make bench, 50 ms of CPU; the platform's part assumed",
    ),
    "batch": Assumption(15, "ms for a batch, whatever is in it", "the platform, and one journalled commit; assumed"),
    "mongo": Assumption(
        0.27, "ms of a whole vCPU for a webhook of a batch", "measured, 0.18 ms; half more on Graviton"
    ),
    "dynamodb": Assumption(
        1.5, "ms of a whole vCPU for a webhook of a batch", "measured, 1.0 ms; half more on Graviton"
    ),
    "http": Assumption(1.1, "ms of a whole vCPU for a webhook of a batch", "measured, 0.7 ms; half more on Graviton"),
    "mongo write": Assumption(
        1.0,
        "ms of one of the database's vCPUs for a write",
        "assumed, with caution: a thousand upserts a second for each",
    ),
    "dynamodb write": Assumption(
        5, "ms for a write", "single-digit milliseconds: https://aws.amazon.com/dynamodb/features/"
    ),
    "http write": Assumption(100, "ms for the backend's answer", "assumed; yours is what counts"),
    "access log": Assumption(0.4, "KB of log for a request at the gateway", "its line"),
    "intake log": Assumption(0.45, "KB of log for a webhook before the queue", "its line"),
    "batch log": Assumption(0.4, "KB of log for a batch", "its line"),
    "id log": Assumption(0.05, "KB of log for a webhook of a batch", "its id and its age"),
}


@dataclass(frozen=True)
class Profile:
    """A named way in which webhooks come."""

    total: float
    seconds: float
    shape: tuple[tuple[float, float], ...]
    why: str

    def arrivals(self, rate: float | None, seconds: float | None) -> Arrivals:
        """As it is, or with another peak, or over another time."""
        length = seconds or self.seconds
        unit = Arrivals(1.0, length, self.shape)
        return replace(unit, peak=rate or self.total / Arrivals(1.0, self.seconds, self.shape).total)


PROFILES = {
    "shopify-bulk": Profile(
        10_000,
        60,
        ((0, 0), (0.05, 1), (0.8, 1), (1, 0)),
        "ten thousand products edited or imported at once: one products/update each, as Shopify's job gets to them "
        "(https://shopify.dev/docs/api/webhooks)",
    ),
    "flash-sale": Profile(
        60_000,
        600,
        ((0, 0), (0.01, 1), (0.1, 0.6), (0.3, 0.2), (1, 0.05)),
        "a shop opens its doors: most orders in the first minute, and a long tail; the size is assumed",
    ),
    "github-push": Profile(
        1_280,
        300,
        ((0, 1), (5 / 300, 1), (5 / 300, 0.0254), (1, 0.0254)),
        "a push starts 256 jobs, the most of one matrix (https://docs.github.com/en/actions/reference/limits); of each "
        "come workflow_job three times and check_run twice, two of the five at once",
    ),
    "steady-day": Profile(
        1_000_000,
        86_400,
        ((0, 0.3), (0.2, 0.15), (0.4, 0.9), (0.75, 1), (1, 0.3)),
        "a million over a day with a night in it; the shape is assumed",
    ),
}


@dataclass(frozen=True)
class Times:
    """What was measured, or is known of the account; None: as assumed.

    `handler_ms` is the pre-queue function's duration while warm; `write_ms` what the destination takes for one webhook;
    `groups` how many values of order_by come at once.
    """

    handler_ms: float | None = None
    cold_start_ms: float | None = None
    write_ms: float | None = None
    body_kb: float = 3.0
    groups: int | None = None
    account_concurrency: int = ACCOUNT_CONCURRENCY
    gateway_rate: int = GATEWAY_RATE

    @property
    def message_kb(self) -> float:
        """What the queue holds of a webhook."""
        return self.body_kb + _ENVELOPE_KB


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
    def reserves_too_much(self) -> bool:
        """Whether AWS refuses to reserve that much concurrency in this account."""
        reserved = sum(self.subscription.post_queue_reservation or 0 for _ in self.subscription.destination)
        return bool(reserved) and self.times.account_concurrency - reserved < UNRESERVED

    def batch_limit(self, destination: str) -> float:
        """Seconds that a batch may take."""
        whole = self.subscription.post_queue_timeout - MARGIN_SECONDS
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


@dataclass(frozen=True)
class Change:
    """Settings to change, or a quota to have raised, and the plan with it."""

    plan: Plan
    settings: Mapping[str, Any] = field(default_factory=dict)
    quotas: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As one would say it."""
        quotas = " and ".join(QUOTAS[key].format(value) for key, value in self.quotas.items())
        return quotas or " ".join(f"{key}={value}" for key, value in self.settings.items())


@dataclass(frozen=True)
class Advice:
    """What to change first: by the goal that matters most, the best of what was tried.

    `goal` is refused, expired, too long or waiting; `needed` says whether it is a fault or only slower than need be.
    """

    goal: str
    needed: bool
    best: Change | None
    tried: list[Change] = field(default_factory=list)


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
    taken = simulation.take_in(arrivals, intake)
    return intake, taken, {name: (model, simulation.empty(taken, model)) for name, model in models.items()}


def share(memory: int) -> float:
    """Of a vCPU, that a function of so many MB has; our handlers use no more than one."""
    return min(memory / _VCPU_MB, 1.0)


def kind_of(destination: str) -> str:
    """mongo, dynamodb or http: what a destination is to its function."""
    return _KINDS.get(destination, destination)


def vcpus(instance_type: str) -> int:
    """Of an arm64 instance type, by its size: those of t4g have two and more, others' medium has one."""
    family, _, size = instance_type.partition(".")
    if size == "medium" and not family.startswith("t"):
        return 1
    if size == "metal":
        return 64
    return _SIZES.get(size) or 4 * int(size.removesuffix("xlarge") or 1)


def advise(base: Plan) -> Advice:
    """Try what could help with the most pressing trouble, and tell the best of it."""
    goal, needed = _goal(base)
    if not needed and base.oldest < 1:
        return Advice(goal, needed, None)
    enough = 0.9 * _measure(base, goal)
    tried = [change for change in _changes(base, intake=goal == "refused") if _measure(change.plan, goal) < enough]
    tried = [change for change in tried if not _harms(change.plan, base, goal)]
    tried.sort(key=lambda change: (_measure(change.plan, goal), change.plan.idle_dollars, change.plan.burst_dollars))
    return Advice(goal, needed, _best(tried, base, goal), tried)


def _best(tried: list[Change], base: Plan, goal: str) -> Change | None:
    """Of those that end it, or do nine tenths of what the best does: the least change, and of such the cheapest."""
    if not tried:
        return None
    before, least = _measure(base, goal), _measure(tried[0].plan, goal)
    enough = 1.0 if goal in ("refused", "expired") and least < 1 else before - 0.9 * (before - least)
    good = [change for change in tried if _measure(change.plan, goal) <= enough]
    return min(good, key=lambda change: (len(change.settings), change.plan.idle_dollars + change.plan.burst_dollars))


def _goal(base: Plan) -> tuple[str, bool]:
    if base.refused >= 1:
        return "refused", True
    if base.left >= 1:
        return "expired", True
    if base.too_long:
        return "too long", True
    return "waiting", base.oldest > LATE


def _measure(of: Plan, goal: str) -> float:
    if goal == "refused":
        return of.refused
    if goal == "expired":
        return of.left
    if goal == "too long":
        return max(drained.longest_batch / of.batch_limit(name) for name, (_, drained) in of.drains.items())
    return of.oldest


def _harms(of: Plan, base: Plan, goal: str) -> bool:
    """Whether it brings a trouble that was not there."""
    worse_intake = goal != "refused" and of.refused > base.refused + 1
    too_long = of.too_long and not base.too_long
    unreservable = of.reserves_too_much and not base.reserves_too_much
    return worse_intake or of.left > base.left + 1 or too_long or unreservable


def _changes(base: Plan, *, intake: bool) -> Iterator[Change]:
    for settings in _intake_candidates(base) if intake else _drain_candidates(base):
        changed = _with(base.subscription, settings)
        if changed is not None:
            yield Change(plan(changed, base.arrivals, base.times), settings=settings)
    for quotas in _quota_candidates(base) if intake else ():
        yield Change(plan(base.subscription, base.arrivals, replace(base.times, **quotas)), quotas=quotas)


def _quota_candidates(base: Plan) -> Iterator[dict[str, int]]:
    now, taken = base.times, base.taken
    for factor in (2, 5, 10):
        executions = {"account_concurrency": now.account_concurrency * factor} if taken.throttled_by_lambda else {}
        requests = {"gateway_rate": now.gateway_rate * factor}
        if not taken.throttled_by_gateway or base.subscription.throttle_rate:
            requests = {}
        yield from (quotas for quotas in (executions, requests) if quotas)
        if executions and requests:
            yield {**executions, **requests}


def _intake_candidates(base: Plan) -> Iterator[dict[str, Any]]:
    now = base.subscription
    if now.throttle_rate and now.throttle_burst:
        for factor in (2, 5):
            yield {"throttle_rate": now.throttle_rate * factor, "throttle_burst": now.throttle_burst * factor}
    if now.ingest == "function":
        for memory in (512, 1024, _VCPU_MB):
            if memory > now.pre_queue_memory:
                yield {"pre_queue_memory": memory}
        yield {"ingest": "direct"} if now.gateway == "rest" else {"gateway": "rest", "ingest": "direct"}


def _drain_candidates(base: Plan) -> Iterator[dict[str, Any]]:
    now = base.subscription
    for batches in dict.fromkeys(
        (now.maximum_concurrency * 2, now.maximum_concurrency * 4, now.maximum_concurrency * 10)
    ):
        reserved = {"reserved_concurrency": batches} if now.reserved_concurrency else {}
        yield {"maximum_concurrency": batches, **reserved}
    for batches in (now.maximum_concurrency // 2, 2):
        if base.too_long and 2 <= batches < now.maximum_concurrency:
            yield {"maximum_concurrency": batches}
    for memory in (512, 1024, _VCPU_MB):
        if memory > now.post_queue_memory:
            yield {"post_queue_memory": memory}
    for size in (10, 50, 500, 1000):
        if (size < now.batch_size) == base.too_long and size != now.batch_size:
            yield {"batch_size": size}
    if "http" in now.destination:
        for factor in (2, 4):
            yield {"backend_concurrency": now.backend_concurrency * factor}
    if now.has_host:
        yield from ({"instance_type": instance} for instance in _bigger(now.instance_type))


def _bigger(instance_type: str) -> Iterator[str]:
    """The cheapest type of each number of vCPUs above this one's, of those with a known price and no less memory."""
    known = [(prices.PRICES[name].dollars, name) for name in prices.PRICES if "." in name and name[0] in "tmcr"]
    for count in sorted({vcpus(name) for _, name in known}):
        if count > vcpus(instance_type):
            yield min((dollars, name) for dollars, name in known if vcpus(name) == count)[1]


def _with(subscription: Subscription, settings: Mapping[str, Any]) -> Subscription | None:
    """The subscription with other settings, where they go together."""
    try:
        return Subscription.model_validate({**subscription.model_dump(exclude_unset=True), **settings})
    except (ValidationError, SettingsError):
        return None


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
    at_once = {"dynamodb": dynamodb.THREADS, "http": min(subscription.backend_concurrency, size)}.get(kind, 1)
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
