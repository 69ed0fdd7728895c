"""A stack's resources as they come and go: moving on a terminal, a line for each where nobody watches."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from nami_cli.terminal import say
from nami_control.cdk_output import Resource
from nami_control.stacks import Target

_ROWS = 6  # of resources that are under way; what a small terminal holds


class Display:
    """Shows on standard error what happens to a stack."""

    def __init__(self, name: str, progress: Progress) -> None:
        self._name = name
        self._progress = progress
        self._main = progress.add_task(name, total=None)
        self._rows: dict[str, TaskID] = {}
        self._told: set[tuple[str, str]] = set()
        self._step = ""

    def step(self, text: str) -> None:
        """What the command does now."""
        self._progress.update(self._main, description=f"{self._name}: {text}")
        if self._progress.disable and text != self._step:
            say(f"{self._name}: {text}")
        self._step = text

    def show(self, resources: Mapping[str, Resource], total: int | None = None) -> None:
        """The resources as they stand now."""
        finished = [resource for resource in resources.values() if not resource.under_way]
        count = f" {len(finished)}/{total}" if total else ""
        self._progress.update(self._main, description=f"{self._name}: {self._step}{count}")
        if self._progress.disable:
            for resource in finished:
                if (key := (resource.path, resource.status)) not in self._told:
                    self._told.add(key)
                    say(f"{self._name}: {resource} {resource.status}")
            return
        busy = {path: resource for path, resource in list(resources.items())[::-1] if resource.under_way}
        for path in [path for path in self._rows if path not in busy]:
            self._progress.remove_task(self._rows.pop(path))
        for path, resource in busy.items():
            if path not in self._rows and len(self._rows) < _ROWS:
                self._rows[path] = self._progress.add_task(f"  {resource}", total=None)


@contextmanager
def display(target: Target) -> Iterator[Display]:
    """Open the display of one command's work."""
    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Display(target.name, progress)
