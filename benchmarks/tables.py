"""Tables of Markdown whose cells say first how many times ours something is, and the page that they stand in."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Table:
    """A name, under which it stands in the page, the columns' heads, and rows of cells by their labels."""

    name: str
    head: Sequence[str]
    rows: dict[str, list[str]] = field(default_factory=dict)

    def markdown(self) -> str:
        """As it stands in the page."""
        lines = ["| | " + " | ".join(self.head) + " |", "|---" * (len(self.head) + 1) + "|"]
        lines += [f"| {label} | {' | '.join(cells)} |" for label, cells in self.rows.items()]
        return "\n".join(lines) + "\n"


def cell(theirs: Sequence[float], ours: Sequence[float], show: Callable[[float], str]) -> str:
    """The median of the rounds' ratios, and of the values."""
    return f"{times(ratio(theirs, ours))} ({show(median(theirs))})"


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """How many times ours theirs is: the median of the rounds' own ratios."""
    return median(b / a for a, b in zip(ours, theirs, strict=True))


def times(value: float) -> str:
    """A ratio in two digits or as a whole number."""
    return "1" if value == 1 else f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def microseconds(seconds: float) -> str:
    """CPU of a call."""
    return f"{1e6 * seconds:,.0f} µs"


def milliseconds(seconds: float) -> str:
    """CPU of a process."""
    return f"{1e3 * seconds:,.0f} ms"


def kilobytes(size: float) -> str:
    """Of an archive."""
    return f"{size / 1000:,.0f} KB" if size < 1e6 else f"{size / 1e6:.1f} MB"


def fill(page: Path, contents: Mapping[str, str]) -> None:
    """Write each content between its marks in the page."""
    text = page.read_text()
    for name, content in contents.items():
        block = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, places = block.subn(lambda match, content=content: f"{match[1]}\n{content}\n{match[2]}", text)
        if places != 1:
            raise SystemExit(f"{page} has {places} places for {name}")
    page.write_text(text)
