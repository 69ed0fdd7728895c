"""A burst of webhooks on its way into the queue, as a fluid in steps of some hundredths of a second.

Pure arithmetic: `take_in` is the gateway and the pre-queue function, `drain.empty` what comes after them. A fluid in
time steps answers in milliseconds what a simulation of every single request (300,000 of them in a minute's burst)
answers in many seconds, and capacity is a matter of rates. Times are in seconds, rates in webhooks a second, counts in
webhooks or environments; counts may have fractions.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from nami_control.planning.arrivals import Arrivals

# "1,000 execution environment instances every 10 seconds" for each function, refilled continuously, never saved up; and
# ten requests a second for each unit of concurrency:
# https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
SCALING_AT_ONCE = 1000.0
SCALING_RATE = 100.0
REQUESTS_PER_ENVIRONMENT = 10.0
_FINEST_STEP = 0.01
COARSEST_STEP = 0.05
_STEPS = 4000
LITTLE = 1e-6


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
    while moment < arrivals.seconds - LITTLE:
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
    fine = max(min(request / 10, COARSEST_STEP), _FINEST_STEP)
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
