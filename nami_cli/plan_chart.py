"""The course of a burst over time: as columns of characters, and as a picture."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.text import Text

from nami_cli.plan_words import counted
from nami_control.planning.course import course
from nami_control.planning.plan import Plan
from nami_control.times import spell

_HEIGHT = 5
_SEEN = 0.01
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SLICES = 480


def panels(found: Plan, columns: int) -> list[Text]:
    """One above the other: what arrives, what is stored, what waits, and the time below them."""
    over = course(found, columns)
    refused = [arrive - took for arrive, took in zip(over.arriving, over.taken, strict=True)]
    several = len(found.drains) > 1
    panels = [
        _panel("arriving a second", over.taken, "green", refused if found.refused >= 0.5 else None),
        _panel("stored a second" + (", the slowest destination" if several else ""), over.stored, "blue"),
        *([_panel("waiting in the queue", over.waiting, "yellow")] if max(over.waiting) >= 1 else []),
    ]
    end = spell(over.seconds / 1.02)
    axis = Text(f"{'0':>9} └{'─' * columns}\n{'':>11}", style="dim")
    axis.append(f"0 s{end:>{columns - 3}}", style="dim")
    return [*panels, axis]


def _panel(title: str, values: Sequence[float], colour: str, more: Sequence[float] | None = None) -> Text:
    """A title, and columns of eighths of a character; what is `more` stands on top in red."""
    tops = [value + extra for value, extra in zip(values, more or [0.0] * len(values), strict=True)]
    highest = max(tops)
    text = Text(f"{'':>11}")
    text.append(title, style="bold")
    if more:
        text.append(" (red: refused)", style="red")
    for row in range(_HEIGHT - 1, -1, -1):
        label = counted(highest) if row == _HEIGHT - 1 else ""
        text.append(f"\n{label:>9} ", style="dim")
        text.append("┤" if label else "│", style="dim")
        cells = [_cell(value, top, highest, row) for value, top in zip(values, tops, strict=True)]
        for refused, alike in groupby(cells, key=lambda cell: cell[1]):
            text.append("".join(character for character, _ in alike), style="red" if refused else colour)
    text.append("\n")
    return text


def _cell(value: float, top: float, highest: float, row: int) -> tuple[str, bool]:
    """A character, and whether it is red: however little is refused, the top of its column is."""
    filled = _eighths(top, highest, row)
    refused = _eighths(value, highest, row) < filled or (top - value > _SEEN and not _eighths(top, highest, row + 1))
    return _EIGHTHS[filled], refused


def _eighths(value: float, highest: float, row: int) -> int:
    if value <= highest * 1e-6:
        return 0
    level = max(round(value / highest * _HEIGHT * 8), 1)  # what is there is seen
    return min(max(level - row * 8, 0), 8)


def matplotlib() -> ModuleType:
    """The library that draws, which takes a while to load.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    import matplotlib.pyplot  # noqa: PLC0415 - only a picture needs it

    matplotlib.use("Agg")  # into a file, without a display
    return matplotlib.pyplot


def draw(found: Plan, title: str, file: Path) -> None:
    """Draw it into a file of a kind that its name says."""
    plots = matplotlib()
    over = course(found, _SLICES)
    unit, size = _time_unit(over.seconds)
    times = [over.seconds * (number + 0.5) / _SLICES / size for number in range(_SLICES)]
    figure, (flow, executions, queue) = plots.subplots(
        3, 1, sharex=True, figsize=(9, 7.2), layout="constrained", height_ratios=(3, 2, 3)
    )
    figure.suptitle(title, fontsize=14, fontweight="bold", x=0.02, ha="left")
    flow.fill_between(times, over.taken, color="#7fb77e", linewidth=0, label="taken in")
    if found.refused >= 0.5:
        flow.fill_between(times, over.taken, over.arriving, color="#d1495b", linewidth=0, label="refused")
    stored = "stored by the slowest destination" if len(found.drains) > 1 else "stored"
    flow.plot(times, over.stored, color="#00607a", linewidth=1.8, label=stored)
    _dress(flow, "webhooks a second")
    executions.fill_between(times, over.executions, color="#b8a1d1", linewidth=0, label="before the queue")
    executions.plot(times, over.batches, color="#00607a", linewidth=1.8, label="batches behind it")
    if max(over.executions) > 0.5 * found.intake.concurrency:
        executions.axhline(
            found.intake.concurrency, color="#d1495b", linewidth=1, linestyle="--", label="the account's limit"
        )
    _dress(executions, "executions at once")
    queue.fill_between(times, over.waiting, color="#edae49", linewidth=0)
    if found.oldest >= 1:
        queue.set_title(f"the oldest waits {spell(found.oldest)}", fontsize=10, loc="right", color="#555555")
    _dress(queue, "waiting in the queue")
    queue.set_xlabel(unit)
    queue.set_xlim(0, over.seconds / size)
    try:
        figure.savefig(file, dpi=150)
    finally:
        plots.close(figure)


def _dress(axes: Any, what: str) -> None:
    axes.set_title(what, fontsize=11, loc="left")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)  # room for the legend
    axes.margins(x=0)
    axes.yaxis.set_major_formatter(lambda value, _: counted(value))
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, loc="upper right", ncols=3)


def _time_unit(seconds: float) -> tuple[str, float]:
    for unit, size, most in (("seconds", 1.0, 300.0), ("minutes", 60.0, 7200.0), ("hours", 3600.0, 172_800.0)):
        if seconds <= most:
            return unit, size
    return "days", 86_400.0
