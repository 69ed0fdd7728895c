"""Numbers as SVG paths: drawn here, so that a page without scripts has its pictures too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nami_control.figures import Figures

WIDTH, HEIGHT = 600, 120
_Values = Sequence[float | None]


@dataclass(frozen=True)
class Series:
    """One line or colour of a chart: `kind` is how it is drawn, fill or line, and with `key` its class of style."""

    key: str
    name: str
    values: list[float | None]
    path: str
    kind: str = "fill"


@dataclass(frozen=True)
class Chart:
    """A chart of several series over the same periods.

    Args:
        key: names it in the page.
        unit: of its values.
        most: what the upper edge stands for.
    """

    key: str
    title: str
    unit: str
    series: list[Series]
    most: float

    @property
    def shown(self) -> list[Series]:
        """Those with something to see, or the first of them."""
        return [each for each in self.series if any(each.values)] or self.series[:1]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(value for each in self.series for value in each.values)


def bars(
    key: str,
    title: str,
    unit: str,
    stacked: Mapping[str, tuple[str, _Values]],
    *,
    width: float = WIDTH,
    height: float = HEIGHT,
    beside: _Values = (),
) -> Chart:
    """Series by their keys, each with its name, one upon the other; what is drawn `beside` them has the same scale."""
    count = max((len(values) for _, values in stacked.values()), default=1)
    sums = [sum(values[at] or 0 for _, values in stacked.values()) for at in range(count)]
    most, step = _rounded(max([*sums, *(value or 0 for value in beside)], default=0)), width / count
    below = [0.0] * count
    drawn = []
    for series, (name, values) in stacked.items():
        path = []
        for at, value in enumerate(values):
            if value:
                tall = max(value / most * height, 1.0)  # what is there is seen
                bottom = height - below[at]
                path.append(f"M{_n(at * step)} {_n(bottom)}h{_n(step * 0.8)}v{_n(-tall)}h{_n(-step * 0.8)}z")
                below[at] += tall
        drawn.append(Series(series, name, list(values), "".join(path)))
    return Chart(key, title, unit, drawn, most)


def lines(key: str, title: str, unit: str, several: Mapping[str, tuple[str, _Values]]) -> Chart:
    """Series by their keys, each with its name; a gap where nothing is known."""
    known = [value for _, values in several.values() for value in values if value is not None]
    most = _rounded(max(known, default=0))
    drawn = [
        Series(series, name, list(values), _steps(values, most, WIDTH, HEIGHT), "line")
        for series, (name, values) in several.items()
    ]
    return Chart(key, title, unit, drawn, most)


def _steps(values: _Values, most: float, width: float, height: float) -> str:
    """A line with a step as wide as its period for each value, so that a lone one is seen."""
    step, path, joined = width / max(len(values), 1), [], False
    for at, value in enumerate(values):
        if value is not None:
            path.append(f"{'L' if joined else 'M'}{_n(at * step)} {_n(height - value / most * height)}h{_n(step)}")
        joined = value is not None
    return "".join(path)


def last_hour(figures: Figures) -> Chart:
    """What was received as a line, and what became of it as bars below; small enough for a row of a table."""
    parts: dict[str, tuple[str, _Values]] = {
        "stored": ("stored", figures.counts["Stored"]),
        "refused": ("refused", figures.refused_in_all),
        "failed": ("failed", figures.counts["Failed"]),
    }
    width, height, received = 120.0, 24.0, figures.counts["Received"]
    drawn = bars("hour", "The last hour", "webhooks", parts, width=width, height=height, beside=received)
    line = _steps([value or None for value in received], drawn.most, width, height)  # the ground is no news
    return replace(drawn, series=[*drawn.series, Series("received", "received", list(received), line, "line")])


def of_subscription(figures: Figures) -> list[Chart]:
    """What came, what became of it, what waited, and how long that took."""
    counts = figures.counts
    came: dict[str, tuple[str, _Values]] = {"received": ("received", counts["Received"])}
    became: dict[str, tuple[str, _Values]] = {
        "stored": ("stored", counts["Stored"]),
        "duplicates": ("stored before", counts["Duplicates"]),
        "failed": ("failed tries", counts["Failed"]),
        "away": ("waited for their destination", counts["Away"]),
    }
    refused: dict[str, tuple[str, _Values]] = {name: (name, values) for name, values in figures.refused.items()}
    ages: dict[str, tuple[str, _Values]] = {
        "p50": ("median", figures.ages["p50"]),
        "p99": ("99 of 100", figures.ages["p99"]),
    }
    waiting: dict[str, tuple[str, _Values]] = {
        f"queue{number}": (name, values) for number, (name, values) in enumerate(figures.queued.items())
    }
    return [
        bars("came", "Received", "webhooks", came),
        bars("became", "What became of them", "webhooks", became),
        lines("waiting", "Waiting", "webhooks", waiting),
        lines("ages", "From arrival to storage", "ms", ages),
        bars("refused", "Refused, by reason", "webhooks", refused),
    ]


def _rounded(value: float) -> float:
    """The next number from 1, 2, 5, 10, 20, … on that is no smaller."""
    scale = 1.0
    while True:
        for step in (1, 2, 5):
            if value <= step * scale:
                return step * scale
        scale *= 10


def numbers(values: _Values) -> str:
    """Values for the page's script: rounded, separated by blanks, - where nothing is known."""
    return " ".join("-" if value is None else f"{value:.0f}" for value in values)


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
