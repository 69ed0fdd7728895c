"""The queue, its event source and the destination, as a fluid: the second half of `intake`."""

from bisect import bisect_right
from dataclasses import dataclass, field

from nami_control.planning.intake import COARSEST_STEP, LITTLE, Taken

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
FIRST_BATCHES = 5.0
MORE_BATCHES = 300 / 60
# DynamoDB's on-demand tables take up to double the peak that they had before, anew after half an hour of it:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
DOUBLING_SECONDS = 1800.0

_GROWTH = 0.01


@dataclass(frozen=True)
class Drain:
    """From one queue to one destination.

    Args:
        batch_size: webhooks in a batch at the most, by the settings, the destination and Lambda's 6 MB.
        batch_seconds: of each batch, whatever is in it.
        webhook_seconds: of each webhook in a batch, as long as the database keeps up.
        database_rate: webhooks a second that the destination takes at the most; None: no limit is known.
        rate_is: what that rate comes of.
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
    rate_is: str = "database"
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


@dataclass
class Drained:
    """How the queue emptied. Series as in `Taken`; they go on until it is empty, or until webhooks expire."""

    times: list[float] = field(default_factory=list)
    backlog: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)
    oldest: float = 0.0
    invocations: float = 0.0
    function_seconds: float = 0.0
    longest_batch: float = 0.0
    peak_rate: float = 0.0
    drain_seconds: float | None = None
    limits: dict[str, float] = field(default_factory=dict)
    """Seconds in which each was what kept the queue from emptying faster."""

    @property
    def peak_backlog(self) -> float:
        """The most that waited."""
        return max(self.backlog, default=0.0)

    @property
    def peak_batches(self) -> float:
        """The most batches at once."""
        return max(self.batches, default=0.0)

    @property
    def limited_by(self) -> str | None:
        """What kept it from emptying faster for the longest time."""
        return max(self.limits, key=lambda limit: self.limits[limit]) if self.limits else None

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


def empty(taken: Taken, drain: Drain) -> Drained:
    """Deliver what was taken until the queue is empty, or until what waits begins to expire."""
    queue = _Queue(drain)
    moment = 0.0
    for end, webhooks in zip(taken.times, taken.taken, strict=True):
        queue.step(end, end - moment, webhooks)
        moment = end
    last = moment
    shortest = taken.times[0] if taken.times else COARSEST_STEP
    while queue.backlog > LITTLE and not queue.expired:
        seconds = max(min(shortest, COARSEST_STEP), (moment - last) * _GROWTH)
        # Not past the end of what waits, so that the moment at which the queue is empty is exact.
        seconds = min(seconds, queue.seconds_left())
        moment += seconds
        queue.step(moment, seconds, 0.0)
    if not queue.expired:
        queue.drained.drain_seconds = max(moment - last, 0.0)
    return queue.drained


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
        self.backlog = 0.0
        self.expired = False
        self.drained = Drained()

    def seconds_left(self) -> float:
        """Until the queue is empty at the present rate, if nothing more comes."""
        return self.backlog / self._rate()

    def _rate(self) -> float:
        size = self._drain.batch_size
        by_function = self._batches * size / self._drain.duration(size)
        return by_function if self._database is None else min(by_function, self._database)

    def step(self, moment: float, seconds: float, webhooks: float) -> None:
        drain, drained = self._drain, self.drained
        self._came_at.append(moment)
        self._came.append(self._came[-1] + webhooks)
        rate = self._rate()
        there = self.backlog + webhooks
        out = min(there, rate * seconds)
        full = out < there - LITTLE
        drained.batches.append(self._account(out, seconds, full) if out > 0.0 else 0.0)
        self._out += out
        # What is left of the difference of two large sums is nothing.
        self.backlog = 0.0 if there - out <= LITTLE else there - out
        drained.times.append(moment)
        drained.backlog.append(self.backlog)
        drained.stored.append(out)
        drained.peak_rate = max(drained.peak_rate, out / seconds)
        age = moment - self._arrival_of(self._out) if self.backlog else 0.0
        drained.oldest = max(drained.oldest, age)
        self.expired = age >= drain.retention
        if full:
            self._note_limit(seconds)
            self._batches = min(self._batches + MORE_BATCHES * seconds, drain.most_batches)

    def _note_limit(self, seconds: float) -> None:
        drain = self._drain
        by_function = self._batches * drain.batch_size / drain.duration(drain.batch_size)
        if self._database is not None and self._database <= by_function:
            limit = drain.rate_is
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
        self.drained.limits[limit] = self.drained.limits.get(limit, 0.0) + seconds

    def _account(self, out: float, seconds: float, full: bool) -> float:
        """What the function costs: its invocations, and how long each takes; returns how many are under way."""
        drain, drained = self._drain, self.drained
        gathered = out / seconds * drain.batch_window / self._batches
        size = drain.batch_size if full else min(max(gathered, 1.0), drain.batch_size)
        invocations = out / size
        duration = drain.duration(size)
        if full and self._database is not None:
            duration = max(duration, self._batches * size / self._database)
        drained.longest_batch = max(drained.longest_batch, duration)
        drained.invocations += invocations
        drained.function_seconds += invocations * duration
        return min(invocations * duration / seconds, self._batches)

    def _arrival_of(self, number: float) -> float:
        """When the webhook of this number came."""
        after = bisect_right(self._came, number)
        if after >= len(self._came):
            return self._came_at[-1]
        low, high = self._came[after - 1], self._came[after]
        share = (number - low) / (high - low)
        return self._came_at[after - 1] + share * (self._came_at[after] - self._came_at[after - 1])
