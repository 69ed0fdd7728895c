"""How many webhooks came, were stored, refused and failed over time, and how long they took.

The functions count in their log lines, in CloudWatch's embedded metric format. On AWS CloudWatch has taken the counts
out of the lines; an AWS on this machine does not, so there the lines themselves are read. How many wait is a metric of
SQS's on either.
"""

import math
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Protocol

from nami_control import logs, queues
from nami_control.aws import Aws
from nami_control.deployment import Deployment
from nami_control.logs import Line
from nami_runtime import log

OF_DESTINATION = ("Stored", "Failed", "Away")
"""What is counted of each destination with a name, too."""
COUNTS = ("Received", "Enqueued", "Stored", "Duplicates", "Failed", "Away")
REASONS = (*log.REFUSED.values(), log.REFUSED_OTHERWISE)
"""What webhooks are refused for."""
PERCENTILES = {"p50": 0.5, "p99": 0.99}

_POINTS = 120  # at the most, in one chart
# Seconds. CloudWatch keeps a minute's values for 15 days, which is as long as a chart goes back:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_PERIODS = (10, 60, 300, 900, 3600, 10_800)
_SLICE = 10  # seconds that the log's counts are kept by
_LATE = 15.0  # seconds: how much later than others of its time a line may become visible


@dataclass(frozen=True)
class Window:
    """A span of time in periods of equal length; `start` is epoch seconds, `period` seconds."""

    start: int
    period: int
    count: int

    @classmethod
    def until_now(cls, span: float, *, shortest: int = _SLICE) -> "Window":
        """The last `span` seconds, the period that runs now included."""
        period = next((each for each in _PERIODS if each >= shortest and span / each <= _POINTS), _PERIODS[-1])
        count = max(math.ceil(span / period), 1)
        return cls((int(time.time()) // period + 1 - count) * period, period, count)

    @property
    def end(self) -> int:
        """Epoch seconds."""
        return self.start + self.period * self.count

    def place(self, at: float) -> int | None:
        """The number of the period that a moment (epoch seconds) is in; None outside of the window."""
        return int((at - self.start) // self.period) if self.start <= at < self.end else None


@dataclass(frozen=True)
class Figures:
    """What was counted in each period of a window; ages in milliseconds, None where nothing was stored."""

    window: Window
    counts: Mapping[str, list[float]]
    refused: Mapping[str, list[float]]
    """By reason."""
    ages: Mapping[str, list[float | None]]
    """From arrival to storage: the median (p50) and the 99th of a hundred (p99)."""
    queued: Mapping[str, list[float | None]] = field(default_factory=dict)
    """How many waited at the most, by destination; None where nobody has written it down."""
    of: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)
    """What OF_DESTINATION names, by destination with a name."""

    @property
    def refused_in_all(self) -> list[float]:
        """For whatever reason."""
        return [sum(each) for each in zip(*self.refused.values(), strict=True)]


class Source(Protocol):
    """Where counts come from."""

    shortest: int
    """Seconds of the shortest period that it tells apart."""

    def read(self, deployment: Deployment, window: Window) -> Figures:
        """What was counted of one subscription."""


def source(aws: Aws) -> Source:
    """The one for an AWS; it may be asked by several threads."""
    return LogLines() if aws.is_local else CloudWatch()


class CloudWatch:
    """CloudWatch's metrics. Each costs a hundred-thousandth of a dollar to read, so it is read once in its period."""

    shortest = 60

    def __init__(self) -> None:
        self._last: dict[tuple[str, int, int], Figures] = {}

    def read(self, deployment: Deployment, window: Window) -> Figures:
        """What was counted, a minute or two late."""
        key = (deployment.target.stack_name, window.period, window.count)
        if (last := self._last.get(key)) is None or last.window != window:
            self._last[key] = last = self._read(deployment, window)
        return last

    def _read(self, deployment: Deployment, window: Window) -> Figures:
        name = deployment.target.label
        asked: dict[str, Any] = {each: _own(each, "Sum", subscription=name) for each in COUNTS}
        if deployment.pre_queue is None:  # nobody counts before the queue but the queue itself
            asked["Received"] = queues.metric("NumberOfMessagesSent", "Sum", deployment.drains[0].queue_url)
        asked |= {f"refused {each}": _own("Refused", "Sum", subscription=name, refused=each) for each in REASONS}
        asked |= {f"age {each}": _own("Age", each, subscription=name) for each in PERCENTILES}
        waiting = _waiting(deployment)
        named = [drain.destination for drain in deployment.drains if drain.has_name]
        asked |= {
            f"{each} of {destination}": _own(each, "Sum", subscription=name, destination=destination)
            for destination in named
            for each in OF_DESTINATION
        }
        found = _values(deployment.aws, asked | waiting, window)
        return Figures(
            window,
            {each: _zeros(found[each]) for each in COUNTS},
            {each: _zeros(found[f"refused {each}"]) for each in REASONS},
            {each: found[f"age {each}"] for each in PERCENTILES},
            {each: found[each] for each in waiting},
            {each: {key: _zeros(found[f"{key} of {each}"]) for key in OF_DESTINATION} for each in named},
        )


def _waiting(deployment: Deployment) -> dict[str, Any]:
    """What waited at the most, by destination, and what the function had sent back with a delay meanwhile."""
    kinds = {"": "Visible", ", delayed": "Delayed"}
    return {
        f"{drain.destination}{words}": queues.metric(f"ApproximateNumberOfMessages{kind}", "Maximum", drain.queue_url)
        for drain in deployment.drains
        for words, kind in kinds.items()
    }


def _values(aws: Aws, asked: Mapping[str, Any], window: Window) -> dict[str, list[float | None]]:
    """Metrics by the names they are asked for with."""
    names = list(asked)
    queries: Any = [
        {"Id": f"m{number}", "MetricStat": {**asked[name], "Period": window.period}}
        for number, name in enumerate(names)
    ]
    found: dict[str, list[float | None]] = {name: [None] * window.count for name in names}
    pages = aws.client("cloudwatch").get_paginator("get_metric_data")
    start, end = datetime.fromtimestamp(window.start, UTC), datetime.fromtimestamp(window.end, UTC)
    for page in pages.paginate(StartTime=start, EndTime=end, MetricDataQueries=queries):
        for result in page["MetricDataResults"]:
            values = found[names[int(result["Id"][1:])]]
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                if (place := window.place(at.timestamp())) is not None:
                    values[place] = value
    return found


def _own(metric: str, statistic: str, **dimensions: str) -> dict[str, Any]:
    pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {
        "Metric": {"Namespace": log.NAMESPACE, "MetricName": metric, "Dimensions": pairs},
        "Stat": statistic,
    }


def _zeros(values: list[float | None]) -> list[float]:
    return [value or 0.0 for value in values]


class LogLines:
    """The functions' log lines, of which each is read once, and of CloudWatch what local AWS itself writes there."""

    shortest = _SLICE

    def __init__(self) -> None:
        self._of: dict[str, _Counted] = defaultdict(_Counted)
        self._lock = Lock()

    def read(self, deployment: Deployment, window: Window) -> Figures:
        """What was counted up to now."""
        with self._lock:
            counted = self._of[deployment.target.stack_name]
        return counted.read(deployment, window)


class _Counted:
    """What the lines of one subscription count, by slices of time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest = 0.0
        self._seen: set[Line] = set()
        self._counts: dict[tuple[str, int], float] = defaultdict(float)
        self._ages: dict[int, list[float]] = defaultdict(list)

    def read(self, deployment: Deployment, window: Window) -> Figures:
        with self._lock:
            self._go_on(deployment)
            named = [drain.destination for drain in deployment.drains if drain.has_name]
            of = {each: {key: f"{key} of {each}" for key in OF_DESTINATION} for each in named}
            keys = [key for own in of.values() for key in own.values()]
            counts = {each: [0.0] * window.count for each in (*COUNTS, *REASONS, *keys)}
            ages: list[list[float]] = [[] for _ in range(window.count)]
            for (name, slice_), value in self._counts.items():
                if name in counts and (place := window.place(slice_ * _SLICE)) is not None:
                    counts[name][place] += value
            for slice_, values in self._ages.items():
                if (place := window.place(slice_ * _SLICE)) is not None:
                    ages[place] += values
        return Figures(
            window,
            {each: counts[each] for each in COUNTS},
            {each: counts[each] for each in REASONS},
            {name: [percentile(values, share) for values in ages] for name, share in PERCENTILES.items()},
            _values(deployment.aws, _waiting(deployment), window),
            {each: {name: counts[key] for name, key in own.items()} for each, own in of.items()},
        )

    def _go_on(self, deployment: Deployment) -> None:
        since = max(self._newest - _LATE, 0.0)
        lines = logs.read(deployment.aws, logs.groups(deployment), since=since, pattern=logs.naming("_aws"))
        fresh = [line for line in lines if line not in self._seen]
        for line in fresh:
            self._count(line)
        self._newest = max([line.at / 1000 for line in fresh], default=self._newest)
        self._seen = {line for line in (*self._seen, *fresh) if line.at / 1000 >= self._newest - _LATE}

    def _count(self, line: Line) -> None:
        fields, slice_ = line.fields, line.at // 1000 // _SLICE
        for directive in fields.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                name, value = metric["Name"], fields[metric["Name"]]
                if name == "Age":
                    self._ages[slice_] += value if isinstance(value, list) else [value]
                else:
                    self._counts[fields["refused"] if name == "Refused" else name, slice_] += value
                    if destination := fields.get("destination"):
                        self._counts[f"{name} of {destination}", slice_] += value


def percentile(values: list[float], share: float) -> float | None:
    """The smallest of the values that no less than this share of them does not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(max(math.ceil(share * len(ordered)) - 1, 0), len(ordered) - 1)]
