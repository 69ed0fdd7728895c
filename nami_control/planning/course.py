"""The course of a burst over time."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from nami_control.planning.drain import Drained
from nami_control.planning.plan import Plan

_SEEN = 0.01


@dataclass(frozen=True)
class Course:
    """What one looks at over time: webhooks a second, or webhooks, at the end of each slice."""

    seconds: float
    arriving: list[float]
    taken: list[float]
    stored: list[float]
    waiting: list[float]
    executions: list[float]
    batches: list[float]


def course(found: Plan, slices: int) -> Course:
    """The whole of it in so many slices of equal length; of several destinations the slowest."""
    seconds = found.seconds * 1.02  # a little of what comes after it shows that it is over
    edges = [seconds * number / slices for number in range(slices + 1)]
    taken = found.taken
    all_drained = (drained for _, drained in found.drains.values())
    nothing = [0.0] * len(taken.times)  # where no function takes from any queue
    slowest = max(
        all_drained,
        key=lambda drained: (drained.peak_backlog, -drained.peak_rate),
        default=Drained(list(taken.times), nothing, nothing, nothing),
    )
    return Course(
        seconds,
        _rates(taken.times, taken.arrived, edges),
        _rates(taken.times, taken.taken, edges),
        _rates(slowest.times, slowest.stored, edges),
        _levels(slowest.times, slowest.backlog, edges),
        _levels(taken.times, taken.concurrency, edges),
        _levels(slowest.times, slowest.batches, edges),
    )


def _rates(times: Sequence[float], counts: Sequence[float], edges: Sequence[float]) -> list[float]:
    """Averages between the edges."""
    until = _line([0.0, *times], [0.0, *accumulate(counts)])
    return [(until(right) - until(left)) / (right - left) for left, right in pairwise(edges)]


def _levels(times: Sequence[float], values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """The highest between the edges, of what changes gradually and is nothing before and after."""
    at = _line([0.0, *times, times[-1] + _SEEN], [0.0, *values, 0.0])
    return [
        max(high, at(left), at(right))
        for high, (left, right) in zip(_highest(times, values, edges), pairwise(edges), strict=True)
    ]


def _highest(times: Sequence[float], values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """The highest of the steps that end between the edges."""
    return [
        max(values[bisect_right(times, left) : bisect_right(times, right)], default=0.0)
        for left, right in pairwise(edges)
    ]


def _line(moments: Sequence[float], values: Sequence[float]) -> Callable[[float], float]:
    """Straight from each to the next; after the last it stays."""

    def at(moment: float) -> float:
        after = bisect_right(moments, moment)
        if after >= len(moments):
            return values[-1]
        part = (moment - moments[after - 1]) / (moments[after] - moments[after - 1])
        return values[after - 1] + part * (values[after] - values[after - 1])

    return at
