"""A burst of webhooks on its way through the pipeline, as a fluid in steps of some hundredths of a second.

Pure arithmetic: `take_in` is the gateway and the pre-queue function, `drain` is the queue, its event source and the
destination. A fluid in time steps answers in milliseconds what a simulation of every single request (300,000 of them in
a minute's burst) answers in many seconds, and capacity is a matter of rates. Times are in seconds, rates in webhooks a
second, counts in webhooks or environments; counts may have fractions.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# "1,000 execution environment instances every 10 seconds" for each function, refilled continuously, never saved up; and
# ten requests a second for each unit of concurrency:
# https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
SCALING_AT_ONCE = 1000.0
SCALING_RATE = 100.0
REQUESTS_PER_ENVIRONMENT = 10.0
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
FIRST_BATCHES = 5.0
MORE_BATCHES = 300 / 60
# DynamoDB's on-demand tables take up to double the peak that they had before, anew after half an hour of it:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
DOUBLING_SECONDS = 1800.0

_FINEST_STEP = 0.01
_COARSEST_STEP = 0.05
_STEPS = 4000
_GROWTH = 0.01
_LITTLE = 1e-6


@dataclass(frozen=True)
class Arrivals:
    """How webhooks come: a peak rate, a duration, and a shape.

    The shape is a line through points (fraction of the duration, fraction of the peak), from 0 to 1; two points at the
    same time are a jump.
    """

    peak: float
    seconds: float
    shape: Sequence[tuple[float, float]] = ((0.0, 1.0), (1.0, 1.0))

    def until(self, moment: float) -> float:
        """Webhooks that have come by this moment."""
        at = min(max(moment / self.seconds, 0.0), 1.0)
        area = 0.0
        for (left, low), (right, high) in pairwise(self.shape):
            if at <= left:
                break
            end = min(at, right)
            there = high if right == left else low + (high - low) * (end - left) / (right - left)
            area += (end - left) * (low + there) / 2
        return area * self.peak * self.seconds

    @property
    def total(self) -> float:
        """All webhooks."""
        return self.until(self.seconds)


@dataclass(frozen=True)
class Intake:
    """The gateway, and the function before the queue; without `handler_seconds` the gateway writes to the queue.

    `concurrency` is what the account leaves to the function; `cold_seconds` are what the first request of an
    environment waits beyond a warm one.
    """

    gateway_rate: float
    gateway_burst: float
    handler_seconds: float | None
    cold_seconds: float
    concurrency: float


@dataclass(frozen=True)
class Taken:
    """What came of the arrivals. One entry of each series for each step, which ends at `times`."""

    times: Sequence[float]
    arrived: Sequence[float]
    taken: Sequence[float]
    concurrency: Sequence[float]
    throttled_by_gateway: float
    throttled_by_concurrency: float
    throttled_by_requests: float
    throttled_by_scaling: float
    peak_concurrency: float
    warm_concurrency: float
    environments: float

    @property
    def total(self) -> float:
        """Webhooks in the queue."""
        return sum(self.taken)

    @property
    def throttled_by_lambda(self) -> float:
        """Webhooks that no environment took, whyever."""
        return self.throttled_by_concurrency + self.throttled_by_requests + self.throttled_by_scaling


@dataclass(frozen=True)
class Drain:
    """From one queue to one destination.

    Args:
        batch_size: webhooks in a batch at the most, by the settings, the destination and Lambda's 6 MB.
        batch_seconds: of each batch, whatever is in it.
        webhook_seconds: of each webhook in a batch, as long as the database keeps up.
        database_rate: webhooks a second that the destination takes at the most; None: no limit is known.
        doubles: whether that rate doubles after half an hour at it, as DynamoDB's does, up to `highest_rate`.
        groups: values of order_by that come at once; None: there is no order to keep.
        retention: seconds that the queue keeps a webhook.
    """

    concurrency: float
    batch_size: float
    batch_window: float
    batch_seconds: float
    webhook_seconds: float
    retention: float
    database_rate: float | None = None
    doubles: bool = False
    highest_rate: float | None = None
    groups: float | None = None

    def duration(self, webhooks: float) -> float:
        """Seconds of a batch where the database keeps up."""
        return self.batch_seconds + webhooks * self.webhook_seconds

    @property
    def most_batches(self) -> float:
        """Batches at once, once scaled up: a message group is in one batch at a time."""
        return self.concurrency if self.groups is None else min(self.concurrency, self.groups)


@dataclass(frozen=True)
class Drained:
    """How the queue emptied. Series as in `Taken`; they go on until it is empty, or until webhooks expire."""

    times: Sequence[float]
    backlog: Sequence[float]
    stored: Sequence[float]
    batches: Sequence[float]
    peak_backlog: float
    oldest: float
    peak_batches: float
    invocations: float
    function_seconds: float
    longest_batch: float
    peak_rate: float
    drain_seconds: float | None
    limited_by: str | None

    @property
    def total(self) -> float:
        """Webhooks stored."""
        return sum(self.stored)

    @property
    def left(self) -> float:
        """Webhooks that are still in the queue when it ends; they expire."""
        return self.backlog[-1] if self.backlog else 0.0

    def batches_until(self, moment: float) -> float:
        """The most batches at once until then."""
        return max(self.batches[: bisect_right(self.times, moment)], default=0.0)


def take_in(arrivals: Arrivals, intake: Intake) -> Taken:
    """Let the arrivals into the queue, as far as the gateway and Lambda let them."""
    step = _step(arrivals, intake)
    gateway = _Gateway(intake)
    function = None if intake.handler_seconds is None else _Function(intake, intake.handler_seconds)
    times: list[float] = []
    arrived: list[float] = []
    taken: list[float] = []
    concurrency: list[float] = []
    moment, before = 0.0, 0.0
    while moment < arrivals.seconds - _LITTLE:
        moment = min(moment + step, arrivals.seconds)
        width = moment - (times[-1] if times else 0.0)
        come = arrivals.until(moment)
        admitted = gateway.admit(come - before, width)
        times.append(moment)
        arrived.append(come - before)
        taken.append(function.take(admitted, moment - width, width) if function else admitted)
        concurrency.append(function.busy if function else 0.0)
        before = come
    return Taken(
        times,
        arrived,
        taken,
        concurrency,
        throttled_by_gateway=gateway.throttled,
        throttled_by_concurrency=function.full if function else 0.0,
        throttled_by_requests=function.over_rate if function else 0.0,
        throttled_by_scaling=function.too_fast if function else 0.0,
        peak_concurrency=max(concurrency, default=0.0),
        warm_concurrency=function.warm_peak if function else 0.0,
        environments=function.environments if function else 0.0,
    )


def _step(arrivals: Arrivals, intake: Intake) -> float:
    """Short beside what a request takes, unless the arrivals last for hours."""
    request = (intake.handler_seconds or 1.0) + intake.cold_seconds
    fine = max(min(request / 10, _COARSEST_STEP), _FINEST_STEP)
    return min(max(fine, arrivals.seconds / _STEPS), arrivals.seconds)


class _Gateway:
    """A token bucket: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html."""

    def __init__(self, intake: Intake) -> None:
        self._rate, self._burst = intake.gateway_rate, intake.gateway_burst
        self._tokens = self._burst
        self.throttled = 0.0

    def admit(self, requests: float, seconds: float) -> float:
        tokens = self._tokens + self._rate * seconds
        admitted = min(requests, tokens)
        self._tokens = min(tokens - admitted, self._burst)
        self.throttled += requests - admitted
        return admitted


class _Function:
    """Environments, each with one request at a time: started as requests find none free, and kept."""

    def __init__(self, intake: Intake, warm_seconds: float) -> None:
        self._limit = intake.concurrency
        self._warm_seconds = warm_seconds
        self._cold_seconds = warm_seconds + intake.cold_seconds
        self._scaling = SCALING_AT_ONCE
        self._warm = _Busy()
        self._cold = _Busy()
        self._idle = 0.0
        self.environments = 0.0
        self.busy = 0.0
        self.warm_peak = 0.0
        # Why some are not taken: all environments are busy, or serve as many as they may, or can't be started so fast.
        self.full = 0.0
        self.over_rate = 0.0
        self.too_fast = 0.0

    def take(self, requests: float, begin: float, seconds: float) -> float:
        end = begin + seconds
        self._idle += self._warm.free(end) + self._cold.free(end)
        self._scaling = min(self._scaling + SCALING_RATE * seconds, SCALING_AT_ONCE)
        allowed = min(requests, self._limit * REQUESTS_PER_ENVIRONMENT * seconds)
        # In a step longer than a request an environment serves several.
        turns = max(seconds / self._warm_seconds, 1.0)
        warm = min(allowed, self._idle * turns)
        self._idle -= warm / turns
        self._warm.add(warm / turns, begin, end, self._warm_seconds)
        # Each of the others needs an environment of its own until the first of those started is free again.
        turns = max(seconds / self._cold_seconds, 1.0)
        room = self._limit - self.environments
        started = max(min((allowed - warm) / turns, room, self._scaling), 0.0)
        self._cold.add(started, begin, end, self._cold_seconds)
        served = warm + started * turns
        self.over_rate += requests - allowed
        if room <= self._scaling:
            self.full += allowed - served
        else:
            self.too_fast += allowed - served
        self._scaling -= started
        self.environments += started
        self.busy = self.environments - self._idle
        self.warm_peak = max(self.warm_peak, served / seconds * self._warm_seconds)
        return served


class _Busy:
    """Environments by when they are free again: those taken in a step are so one after the other."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, float, float]] = deque()

    def add(self, count: float, begin: float, end: float, seconds: float) -> None:
        if count:
            short = seconds < end - begin
            self._entries.append((end, end, count) if short else (begin + seconds, end + seconds, count))

    def free(self, end: float) -> float:
        """Those that are free by then."""
        freed = 0.0
        while self._entries and self._entries[0][0] < end:
            first, last, count = self._entries.popleft()
            if last <= end:
                freed += count
                continue
            part = (end - first) / (last - first)
            freed += count * part
            self._entries.appendleft((end, last, count * (1 - part)))
            break
        return freed


def empty(taken: Taken, drain: Drain) -> Drained:
    """Deliver what was taken until the queue is empty, or until what waits begins to expire."""
    queue = _Queue(drain)
    moment = 0.0
    for end, webhooks in zip(taken.times, taken.taken, strict=True):
        queue.step(end, end - moment, webhooks)
        moment = end
    last = moment
    shortest = taken.times[0] if taken.times else _COARSEST_STEP
    while queue.backlog > _LITTLE and not queue.expired:
        seconds = max(min(shortest, _COARSEST_STEP), (moment - last) * _GROWTH)
        # Not past the end of what waits, so that the moment at which the queue is empty is exact.
        seconds = min(seconds, queue.seconds_left())
        moment += seconds
        queue.step(moment, seconds, 0.0)
    return queue.result(last)


class _Queue:
    """What waits, since when, and how many batches are under way."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._batches = drain.most_batches if drain.groups is not None else min(FIRST_BATCHES, drain.most_batches)
        self._database = drain.database_rate
        self._saturated = 0.0
        self._came_at: list[float] = [0.0]
        self._came: list[float] = [0.0]
        self._out = 0.0
        self._limits: dict[str, float] = {}
        self.backlog = 0.0
        self.expired = False
        self.times: list[float] = []
        self.waiting: list[float] = []
        self.stored: list[float] = []
        self.batches: list[float] = []
        self.oldest = 0.0
        self.invocations = 0.0
        self.function_seconds = 0.0
        self.longest_batch = 0.0
        self.peak_rate = 0.0

    def seconds_left(self) -> float:
        """Until the queue is empty at the present rate, if nothing more comes."""
        return self.backlog / self._rate()

    def _rate(self) -> float:
        size = self._drain.batch_size
        by_function = self._batches * size / self._drain.duration(size)
        return by_function if self._database is None else min(by_function, self._database)

    def step(self, moment: float, seconds: float, webhooks: float) -> None:
        drain = self._drain
        self._came_at.append(moment)
        self._came.append(self._came[-1] + webhooks)
        rate = self._rate()
        there = self.backlog + webhooks
        out = min(there, rate * seconds)
        full = out < there - _LITTLE
        self.batches.append(self._account(out, seconds, full) if out > 0.0 else 0.0)
        self._out += out
        # What is left of the difference of two large sums is nothing.
        self.backlog = 0.0 if there - out <= _LITTLE else there - out
        self.times.append(moment)
        self.waiting.append(self.backlog)
        self.stored.append(out)
        self.peak_rate = max(self.peak_rate, out / seconds)
        age = moment - self._arrival_of(self._out) if self.backlog else 0.0
        self.oldest = max(self.oldest, age)
        self.expired = age >= drain.retention
        if full:
            self._note_limit(seconds)
            self._batches = min(self._batches + MORE_BATCHES * seconds, drain.most_batches)

    def _note_limit(self, seconds: float) -> None:
        drain = self._drain
        by_function = self._batches * drain.batch_size / drain.duration(drain.batch_size)
        if self._database is not None and self._database <= by_function:
            limit = "database"
            self._saturated += seconds
            if drain.doubles and self._saturated >= DOUBLING_SECONDS:
                self._saturated = 0.0
                self._database = min(self._database * 2, drain.highest_rate or self._database * 2)
        elif self._batches < drain.most_batches:
            limit = "scaling"
        elif drain.groups is not None and drain.groups < drain.concurrency:
            limit = "groups"
        else:
            limit = "concurrency"
        self._limits[limit] = self._limits.get(limit, 0.0) + seconds

    def _account(self, out: float, seconds: float, full: bool) -> float:
        """What the function costs: its invocations, and how long each takes; returns how many are under way."""
        drain = self._drain
        gathered = out / seconds * drain.batch_window / self._batches
        size = drain.batch_size if full else min(max(gathered, 1.0), drain.batch_size)
        invocations = out / size
        duration = drain.duration(size)
        if full and self._database is not None:
            duration = max(duration, self._batches * size / self._database)
        self.longest_batch = max(self.longest_batch, duration)
        self.invocations += invocations
        self.function_seconds += invocations * duration
        return min(invocations * duration / seconds, self._batches)

    def _arrival_of(self, number: float) -> float:
        """When the webhook of this number came."""
        after = bisect_right(self._came, number)
        if after >= len(self._came):
            return self._came_at[-1]
        low, high = self._came[after - 1], self._came[after]
        share = (number - low) / (high - low)
        return self._came_at[after - 1] + share * (self._came_at[after] - self._came_at[after - 1])

    def result(self, last_arrival: float) -> Drained:
        end = self.times[-1] if self.times else 0.0
        return Drained(
            self.times,
            self.waiting,
            self.stored,
            self.batches,
            peak_backlog=max(self.waiting, default=0.0),
            oldest=self.oldest,
            peak_batches=max(self.batches, default=0.0),
            invocations=self.invocations,
            function_seconds=self.function_seconds,
            longest_batch=self.longest_batch,
            peak_rate=self.peak_rate,
            drain_seconds=None if self.expired else max(end - last_arrival, 0.0),
            limited_by=max(self._limits, key=lambda limit: self._limits[limit]) if self._limits else None,
        )
