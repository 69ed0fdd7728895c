"""How whoever waits is told what goes on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Tell = Callable[[str], object]
"""Is given a line on what takes a while."""
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Opened with what is done, and of how many; what it gives is told of each step."""


def silent(_line: str) -> None:
    """For whom nobody waits."""


@contextmanager
def unshown(_what: str, _total: int | None) -> Iterator[Callable[[int], None]]:
    """Progress that nobody looks at."""
    yield lambda _steps: None
