"""What a load test saw, and what it comes to."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from nami_control import figures
from proofs.load.shapes import Shape

NO_ANSWER = 0


@dataclass(frozen=True)
class Request:
    """One webhook: when it was due and sent (seconds after the start), milliseconds to its answer, and that one."""

    due: float
    sent: float
    milliseconds: float
    status: int
    delivery_id: str | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def answered(self) -> float:
        """Seconds after the start."""
        return self.sent + self.milliseconds / 1000


@dataclass
class Series:
    """All of one load test; `depths` are (seconds after the start, messages in the queue)."""

    shape: Shape
    place: str
    requests: list[Request] = field(default_factory=list)
    depths: list[tuple[float, int]] = field(default_factory=list)
    no_depths: str = ""
    """Why the queue could not be watched."""
    stored: int | None = None
    """How many of those taken on are in the database."""
    not_checked: str = ""
    """Why that is not known."""

    @property
    def taken(self) -> list[Request]:
        return [request for request in self.requests if request.ok]

    @property
    def end(self) -> float:
        return max((request.answered for request in self.requests), default=0.0)

    def drained(self) -> float | None:
        """Seconds from the last answer to an empty queue; None where it was not seen empty after that."""
        empty = None
        for at, depth in reversed(self.depths):
            if depth or at < self.end:
                break
            empty = at
        return None if empty is None else empty - self.end

    def statuses(self) -> dict[str, int]:
        """How many got which answer, the accepted first."""
        counts = Counter(request.status for request in self.requests)
        return {str(status or "no answer"): counts[status] for status in sorted(counts, key=lambda s: (s == 0, s))}

    def late(self) -> float:
        """Milliseconds after their time at which webhooks were sent: the 95th percentile."""
        return percentile([1000 * (request.sent - request.due) for request in self.requests], 95)

    def as_json(self) -> dict[str, Any]:
        """Everything that was counted, with a line for each second."""
        times = [request.milliseconds for request in self.requests]
        lost = None if self.stored is None else len(self.taken) - self.stored
        return {
            "shape": self.shape.name,
            "place": self.place,
            "due": len(self.shape.due()),
            "sent": len(self.requests),
            "seconds": round(self.end, 2),
            "statuses": self.statuses(),
            "acknowledged": len(self.taken),
            "stored": self.stored,
            "lost": lost,
            "not_checked": self.not_checked or None,
            "milliseconds": {f"p{share}": round(percentile(times, share), 1) for share in (50, 95, 99)},
            "late_milliseconds_p95": round(self.late(), 1),
            "deepest_queue": max((depth for _, depth in self.depths), default=None),
            "drained_after_seconds": None if (drained := self.drained()) is None else round(drained, 1),
            "no_depths": self.no_depths or None,
            "each_second": [vars(second) for second in seconds(self)],
            "depths": [[round(at, 2), depth] for at, depth in self.depths],
        }

    def rows(self) -> list[list[str]]:
        """The table for people: what, and how much."""
        times = [request.milliseconds for request in self.requests]
        busiest = max((second.accepted + second.other for second in seconds(self)), default=0)
        rows = [
            ["load", f"{self.shape.name}: {self.shape}"],
            ["sent", f"{len(self.requests):,} of {len(self.shape.due()):,} in {self.end:.1f} s; at most {busiest:,}/s"],
            *([status, f"{count:,}"] for status, count in self.statuses().items()),
            ["latency", ", ".join(f"p{share} {percentile(times, share):,.0f} ms" for share in (50, 95, 99))],
        ]
        if self.depths:
            drained = self.drained()
            empty = "not seen empty" if drained is None else f"empty {drained:.1f} s after the last answer"
            rows.append(["queue", f"at most {max(depth for _, depth in self.depths):,} messages; {empty}"])
        else:
            rows.append(["queue", f"not watched: {self.no_depths}"])
        if self.stored is None:
            rows.append(["stored", f"not checked: {self.not_checked}"])
        else:
            lost = len(self.taken) - self.stored
            verdict = "none is lost" if not lost else f"{lost:,} ARE MISSING"
            rows.append(["stored", f"{self.stored:,} of {len(self.taken):,} acknowledged: {verdict}"])
        return rows


@dataclass(frozen=True)
class Second:
    """One second: requests due, answers that accepted, other answers, and the latency of those answered in it (ms)."""

    at: int
    due: int
    accepted: int
    other: int
    p50: float | None
    p95: float | None


def seconds(series: Series) -> list[Second]:
    """The test second by second, to the last answer."""
    due = Counter(int(at) for at in series.shape.due())
    answers: dict[int, list[Request]] = {}
    for request in series.requests:
        answers.setdefault(int(request.answered), []).append(request)
    found = []
    for at in range(max([*due, *answers], default=-1) + 1):
        here = answers.get(at, [])
        times = [request.milliseconds for request in here]
        accepted = sum(request.ok for request in here)
        p50, p95 = (percentile(times, share) if times else None for share in (50, 95))
        found.append(Second(at, due[at], accepted, len(here) - accepted, p50, p95))
    return found


def percentile(values: Sequence[float], share: int) -> float:
    """The value that so many of a hundred do not exceed; 0 of none."""
    return figures.percentile(list(values), share / 100) or 0.0


def phases(shape: Shape) -> Iterable[tuple[str, float, float]]:
    """Name, begin and end of each phase, in seconds after the start."""
    edges = [0.0]
    for phase in shape.phases:
        edges.append(edges[-1] + phase.seconds)
    return [(phase.name, begin, end) for phase, (begin, end) in zip(shape.phases, pairwise(edges), strict=True)]
