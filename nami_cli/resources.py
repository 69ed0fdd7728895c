"""A stack's resources as they come and go: moving on a terminal; where nobody watches, a line for each phase."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from nami_cli.terminal import say
from nami_control.cdk_output import Resource
from nami_control.stacks import Target
from nami_control.times import took

Verbose = Annotated[bool, typer.Option("--verbose", help="A line for each resource, as it is done.")]

_ROWS = 6  # of resources that are under way; what a small terminal holds
_PATIENCE = 60  # seconds of a phase until those who can't see it move hear how far it is, and again after as many


class Display:
    """Shows on standard error what happens to a stack."""

    def __init__(self, name: str, progress: Progress, *, verbose: bool) -> None:
        self._name, self._progress, self._verbose = name, progress, verbose
        self._main = progress.add_task(name, total=None)
        self._rows: dict[str, TaskID] = {}
        self._told: set[tuple[str, str]] = set()
        self._step = ""
        self._began = self._spoke = time.monotonic()

    def step(self, text: str) -> None:
        """What the command does now."""
        if text != self._step:
            self.end()
            self._step, self._began, self._spoke = text, time.monotonic(), time.monotonic()
        self._progress.update(self._main, description=f"{self._name}: {text}")

    def end(self) -> None:
        """What it did is done."""
        if self._progress.disable and self._step:
            say(f"{self._name}: {self._step} took {took(self._began)}")

    def show(self, resources: Mapping[str, Resource], total: int | None = None) -> None:
        """The resources as they stand now."""
        finished = [resource for resource in resources.values() if not resource.under_way]
        count = f" {len(finished)}/{total}" if total else ""
        self._progress.update(self._main, description=f"{self._name}: {self._step}{count}")
        if not self._progress.disable:
            self._move(resources)
        elif self._verbose:
            for resource in finished:
                if (key := (resource.path, resource.status)) not in self._told:
                    self._told.add(key)
                    say(f"{self._name}: {resource} {resource.status}")
        elif time.monotonic() - self._spoke > _PATIENCE:
            self._spoke = time.monotonic()
            say(f"{self._name}: {self._step}{count}, for {took(self._began)}")

    def _move(self, resources: Mapping[str, Resource]) -> None:
        busy = {path: resource for path, resource in list(resources.items())[::-1] if resource.under_way}
        for path in [path for path in self._rows if path not in busy]:
            self._progress.remove_task(self._rows.pop(path))
        for path, resource in busy.items():
            if path not in self._rows and len(self._rows) < _ROWS:
                self._rows[path] = self._progress.add_task(f"  {resource}", total=None)


@contextmanager
def display(target: Target, *, verbose: bool = False) -> Iterator[Display]:
    """Open the display of one command's work."""
    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    disable = verbose or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as progress:
        shown = Display(target.name, progress, verbose=verbose)
        yield shown
        shown.end()
