"""What a command prints: data on standard output, all else on standard error; what came from strangers escaped."""

import json
import sys
from collections.abc import Callable, Iterator
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


def print_table(heading: list[str], rows: list[list[str]]) -> None:
    """Columns on a terminal, tab-separated lines without a heading where a program reads them. Nothing is cut short."""
    rows = [list(map(visible_line, row)) for row in rows]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    shown = [heading, *rows] if heading else rows
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    for row in shown:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        typer.secho(line, bold=True if row is heading else None)
