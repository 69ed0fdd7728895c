"""What goes on in the background because a form asked for it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from nami_control.aws_errors import told
from nami_control.progress import Progress

_FOLLOWED = 120.0  # seconds: what fails at once has failed by then


@dataclass
class Job:
    """One task; `done` of about `total` so far, `trouble` where it failed.

    Args:
        began: epoch seconds.
        failing: tells what has failed again since a moment, by reason; None where nothing can.
    """

    number: int
    label: str
    what: str
    total: int
    back: str
    failing: Callable[[float], Mapping[str, int]] | None = None
    began: float = field(default_factory=time.time)
    done: int = 0
    is_over: bool = False
    trouble: str = ""

    @property
    def is_told(self) -> bool:
        """Whether there is nothing more to come: neither of the task, nor of what fails again."""
        return self.is_over and (self.failing is None or time.time() - self.began > _FOLLOWED)

    @contextmanager
    def progress(self, _what: str, _total: int | None) -> Iterator[Callable[[int], None]]:
        """Is told of each step."""

        def advance(steps: int) -> None:
            self.done += steps

        yield advance


class Jobs:
    """Those of one start of the console."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._of: dict[int, Job] = {}

    def start(
        self,
        label: str,
        what: str,
        total: int,
        back: str,
        task: Callable[[Progress], object],
        failing: Callable[[float], Mapping[str, int]] | None = None,
    ) -> Job:
        """Begin a task; `back` is the page that it was asked for on. What is not done when the console ends is left."""
        job = Job(next(self._numbers), label, what, total, back, failing)
        self._of[job.number] = job

        def run() -> None:
            try:
                task(job.progress)
            except Exception as error:
                if (why := told(error)) is None:
                    job.trouble = f"it failed by a fault of nami's: {type(error).__name__}"
                    raise
                job.trouble = str(why)
            finally:
                job.is_over = True

        threading.Thread(target=run, daemon=True).start()
        return job

    def get(self, label: str, number: int) -> Job | None:
        """That of a subscription; None where there is none."""
        job = self._of.get(number)
        return job if job and job.label == label else None
