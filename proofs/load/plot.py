"""The picture of a load test: requests, latency and queue over one axis of time."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from proofs.load.series import Series, phases, seconds

_INK, _FAINT, _GRID = "#1f2937", "#6b7280", "#e5e7eb"
_ASKED, _ACCEPTED, _OTHER = "#9ca3af", "#0f766e", "#dc2626"
_HALF, _MOST, _QUEUE = "#2563eb", "#93c5fd", "#b45309"
_BANDS = {"spike": "#fef3c7", "ramp": "#eff6ff"}


def draw(series: Series, path: Path) -> None:
    """Write a PNG of 1600 by about 1100 pixels; without depths of the queue it has no panel for them."""
    watched = bool(series.depths)
    figure = Figure(figsize=(10, 6.9 if watched else 5.4), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    heights = [3, 2, 2] if watched else [3, 2]
    panels: list[Any] = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    _requests(panels[0], series)
    _latency(panels[1], series)
    if watched:
        _depth(panels[2], series)
    end = max(series.end, series.shape.seconds, max((at for at, _ in series.depths), default=0.0), 1.0)
    for panel in panels:
        _dress(panel, series, end)
    panels[-1].xaxis.set_major_locator(MaxNLocator(9, integer=True, steps=[1, 2, 5, 10]))
    panels[-1].set_xlabel("seconds after the start", color=_FAINT, fontsize=9)
    top = 1 - 0.34 / figure.get_figheight()
    figure.text(0.075, top, _title(series), fontsize=13.5, fontweight="bold", color=_INK, va="center")
    figure.text(0.075, top - 0.27 / figure.get_figheight(), _verdict(series), fontsize=9.5, color=_FAINT, va="center")
    figure.subplots_adjust(left=0.075, right=0.975, top=top - 0.75 / figure.get_figheight(), bottom=0.085, hspace=0.32)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _title(series: Series) -> str:
    usual, peak = series.shape.phases[0].begin, series.shape.peak
    rates = f"{usual:g} requests/s" if peak == usual else f"{usual:g} to {peak:g} requests/s (\u00d7{peak / usual:g})"
    return f"{series.shape.name.capitalize()}: {rates}, {series.place}"


def _verdict(series: Series) -> str:
    said = [f"{len(series.requests):,} sent", f"{len(series.taken):,} acknowledged"]
    if series.stored is not None:
        said.append(f"{series.stored:,} stored" + ("" if series.stored == len(series.taken) else " (some are missing)"))
    if (drained := series.drained()) is not None:
        said.append(f"queue empty {drained:.1f} s after the last answer")
    if not series.depths and series.no_depths:
        said.append(f"queue not watched: {series.no_depths}")
    return "  ·  ".join(said)


def _requests(panel: Any, series: Series) -> None:
    line = seconds(series)
    edges = [*(second.at for second in line), len(line)]
    accepted = [second.accepted for second in line]
    panel.stairs(accepted, edges, fill=True, color=_ACCEPTED, alpha=0.85, label="acknowledged")
    if any(second.other for second in line):
        tops = [second.accepted + second.other for second in line]
        panel.stairs(tops, edges, baseline=accepted, fill=True, color=_OTHER, alpha=0.85, label="other answers")
    panel.stairs([second.due for second in line], edges, color=_INK, linewidth=1.3, linestyle=(0, (3, 2)), label="due")
    panel.set_ylim(0, 1.2 * max(1, *(max(second.due, second.accepted + second.other) for second in line)))
    for name, begin, until in phases(series.shape):
        middle, top = (begin + until) / 2, panel.get_xaxis_transform()
        panel.text(middle, 0.97, name, transform=top, fontsize=8.5, color=_FAINT, ha="center", va="top")
    _name(panel, "requests/s")


def _latency(panel: Any, series: Series) -> None:
    line = [second for second in seconds(series) if second.p50 is not None]
    middles = [second.at + 0.5 for second in line]
    panel.fill_between(
        middles, [second.p50 for second in line], [second.p95 for second in line], color=_MOST, alpha=0.35, linewidth=0
    )
    panel.plot(middles, [second.p95 for second in line], color=_MOST, marker=".", markersize=5, label="p95")
    panel.plot(middles, [second.p50 for second in line], color=_HALF, marker=".", markersize=5, label="p50")
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    times = [value for second in line for value in (second.p50, second.p95) if value]
    if times:
        panel.set_ylim(min(times) / 1.8, max(times) * 2.2)
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(times) < 30 * min(times) else (1,)))
    _name(panel, "latency in ms")


def _depth(panel: Any, series: Series) -> None:
    times, depths = [at for at, _ in series.depths], [depth for _, depth in series.depths]
    panel.fill_between(times, depths, color=_QUEUE, alpha=0.2, linewidth=0)
    panel.plot(times, depths, color=_QUEUE, label="waiting or being stored")
    most = max(depths)
    panel.set_ylim(0, 1.3 * max(most, 4))
    _name(panel, "messages in the queue")
    panel.axvline(series.end, color=_INK, linewidth=1, linestyle=(0, (1, 2)), label="last answer")


def _dress(panel: Any, series: Series, end: float) -> None:
    panel.set_xlim(0, end)
    panel.set_axisbelow(True)
    panel.grid(axis="y", color=_GRID, linewidth=0.8)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(_GRID)
    panel.tick_params(colors=_FAINT, labelsize=8.5, length=0, which="both")
    if panel.get_yscale() == "linear":
        panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for name, begin, until in phases(series.shape):
        if name in _BANDS:
            panel.axvspan(begin, until, color=_BANDS[name], zorder=0, linewidth=0)
    panel.legend(
        loc="lower right",
        bbox_to_anchor=(1.005, 0.985),
        fontsize=8.5,
        frameon=False,
        labelcolor=_INK,
        ncols=3,
        borderaxespad=0,
        handlelength=1.6,
        columnspacing=1.4,
    )


def _name(panel: Any, text: str) -> None:
    panel.text(0, 1.045, text, transform=panel.transAxes, fontsize=9.5, color=_INK, va="bottom")
