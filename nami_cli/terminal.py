"""What a command prints: data on standard output, all else on standard error; what came from strangers escaped."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from nami_control.text import visible, visible_json, visible_line


def say(line: str) -> None:
    """Tell the user something that is no data."""
    typer.echo(visible(line), err=True)


def print_text(text: str) -> None:
    """Print data as text."""
    typer.echo(visible(text))


def print_line(text: str) -> None:
    """Print data that must stay one line."""
    typer.echo(visible_line(text))


def print_exact(text: str) -> None:
    """Print what a shell or another program takes, or one has coloured: nothing in it is escaped."""
    typer.echo(text)


def print_json(value: object, indent: int | None = 2) -> None:
    """Print data as JSON."""
    typer.echo(visible_json(json.dumps(value, indent=indent)))


@contextmanager
def until_interrupted(follow: bool) -> Iterator[None]:
    """Ctrl-C ends what goes on; what follows without end has then done all that it was asked for."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0 if follow else 130) from None


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar while something takes its time; yields a function to be told of each step. One step has no bar."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal or total == 1
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)


class Table:
    """Rows as they come, below their heading: columns on a terminal, else separated by tabs. Nothing is cut short.

    Args:
        widths: of the columns at the least; a longer cell moves those behind it.
    """

    def __init__(self, heading: Sequence[str], widths: Sequence[int]) -> None:
        self._heading = heading
        self._widths = [max(len(name), width) for name, width in zip(heading, widths, strict=True)]
        self._begun = False

    def add(self, *cells: str) -> None:
        """Print one row."""
        if not self._begun:
            self._begun = True
            self._print(self._heading, bold=True)
        self._print(list(map(visible_line, cells)), bold=None)

    def _print(self, cells: Sequence[str], *, bold: bool | None) -> None:
        if not sys.stdout.isatty():
            typer.echo("\t".join(cells))
            return
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        typer.secho(line.rstrip(), bold=bold)


def print_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """All rows of a table, its columns as wide as what is in them."""
    shown = [list(map(visible_line, row)) for row in rows]
    table = Table(heading, [max(map(len, column)) for column in zip(heading, *shown, strict=True)])
    for row in rows:
        table.add(*row)
