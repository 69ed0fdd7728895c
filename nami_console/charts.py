"""Numbers as SVG paths: drawn here, so that a page without scripts has its pictures too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nami_control.figures import Figures

WIDTH, HEIGHT = 600, 120
_Values = Sequence[float | None]


@dataclass(frozen=True)
class Series:
    """One line or colour of a chart; `key` is its class in the style sheet, `path` its SVG path."""

    key: str
    name: str
    values: list[float | None]
    path: str


@dataclass(frozen=True)
class Chart:
    """A chart of several series over the same periods.

    Args:
        key: names it in the page.
        kind: how it is drawn, fill or line.
        unit: of its values.
        most: what the upper edge stands for.
    """

    key: str
    kind: str
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
) -> Chart:
    """Series by their keys, each with its name, one upon the other."""
    count = max((len(values) for _, values in stacked.values()), default=1)
    sums = [sum(values[at] or 0 for _, values in stacked.values()) for at in range(count)]
    most, step = _rounded(max(sums, default=0)), width / count
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
    return Chart(key, "fill", title, unit, drawn, most)


def lines(key: str, title: str, unit: str, several: Mapping[str, tuple[str, _Values]]) -> Chart:
    """Series by their keys, each with its name; a gap where nothing is known."""
    known = [value for _, values in several.values() for value in values if value is not None]
    most = _rounded(max(known, default=0))
    drawn = []
    for series, (name, values) in several.items():
        step, path, joined = WIDTH / max(len(values), 1), [], False
        for at, value in enumerate(values):
            if value is not None:  # a step as wide as its period, so that a lone one is seen
                y = HEIGHT - value / most * HEIGHT
                path.append(f"{'L' if joined else 'M'}{_n(at * step)} {_n(y)}h{_n(step)}")
            joined = value is not None
        drawn.append(Series(series, name, list(values), "".join(path)))
    return Chart(key, "line", title, unit, drawn, most)


def last_hour(figures: Figures) -> Chart:
    """Small enough for a row of a table."""
    parts: dict[str, tuple[str, _Values]] = {
        "stored": ("stored", figures.counts["Stored"]),
        "refused": ("refused", figures.refused_in_all),
        "failed": ("failed", figures.counts["Failed"]),
    }
    return bars("hour", "The last hour", "webhooks", parts, width=120, height=24)


def of_subscription(figures: Figures) -> list[Chart]:
    """What came, what became of it, and how long that took."""
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
    drawn = [
        bars("came", "Received", "webhooks", came),
        bars("became", "What became of them", "webhooks", became),
        bars("refused", "Refused, by reason", "webhooks", refused),
        lines("ages", "From arrival to storage", "ms", ages),
    ]
    if figures.queued:
        queued: dict[str, tuple[str, _Values]] = {
            f"queue{number}": (name, values) for number, (name, values) in enumerate(figures.queued.items())
        }
        drawn.append(lines("queued", "Waiting", "webhooks", queued))
    return drawn


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
