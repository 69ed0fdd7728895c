"""Bursts as arithmetic: which webhook is due when."""

import math
from collections.abc import Callable
from dataclasses import dataclass

CALM = 10.0  # seconds before and after a spike, to see the usual and the way back to it


@dataclass(frozen=True)
class Phase:
    """A stretch of so many seconds over which the rate goes evenly from one number of requests/s to another."""

    name: str
    seconds: float
    begin: float
    end: float

    @property
    def count(self) -> float:
        """Requests, the last of them perhaps not whole."""
        return self.seconds * (self.begin + self.end) / 2

    def when(self, number: float) -> float:
        """Seconds into the phase at which so many requests are due: the root of begin·t + (end - begin)·t²/2s."""
        slope = (self.end - self.begin) / self.seconds
        return 2 * number / (self.begin + math.sqrt(max(self.begin**2 + 2 * slope * number, 0.0)))


@dataclass(frozen=True)
class Shape:
    name: str
    phases: tuple[Phase, ...]

    @property
    def seconds(self) -> float:
        """How long it takes to send, where nothing is in the way."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def peak(self) -> float:
        return max(max(phase.begin, phase.end) for phase in self.phases)

    def due(self) -> list[float]:
        """Seconds after the start at which each webhook is due, in order."""
        found: list[float] = []
        before, whole = 0.0, 0.0
        for phase in self.phases:
            until = whole + phase.count
            while len(found) < round(until, 6):
                found.append(before + phase.when(len(found) - whole))
            before, whole = before + phase.seconds, until
        return found

    def __str__(self) -> str:
        return ", ".join(
            f"{phase.begin:g}"
            + (f" to {phase.end:g}" if phase.end != phase.begin else "")
            + f"/s for {phase.seconds:g} s"
            for phase in self.phases
        )


def steady(rate: float, _peak: float, seconds: float | None) -> Shape:
    """The usual rate, for half a minute where not said otherwise."""
    return Shape("steady", (Phase("steady", seconds or 30.0, rate, rate),))


def spike(rate: float, peak: float, seconds: float | None) -> Shape:
    """From one moment to the next the peak instead of the usual rate, for five seconds where not said otherwise."""
    calm = Phase("steady", CALM, rate, rate)
    return Shape("spike", (calm, Phase("spike", seconds or 5.0, peak, peak), calm))


def ramp(rate: float, peak: float, seconds: float | None) -> Shape:
    """Evenly from the usual rate up to the peak, within half a minute where not said otherwise."""
    return Shape("ramp", (Phase("ramp", seconds or 30.0, rate, peak),))


SHAPES: dict[str, Callable[[float, float, float | None], Shape]] = {"steady": steady, "spike": spike, "ramp": ramp}
