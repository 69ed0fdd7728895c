"""What the pages share: the AWS that they look at, and what was found there a moment ago."""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from nami_console.guard import Keys
from nami_console.jobs import Jobs
from nami_control import deployment, destinations, figures, overview, stacks
from nami_control.aws import Aws
from nami_control.deployment import Deployment, Drain
from nami_control.errors import NotRunningError
from nami_control.overview import Row
from nami_control.searching import Store
from nami_control.stacks import Target
from nami_stack.settings import Environment, stack_name

_DEPLOYMENTS_STAY = 30.0  # seconds until it is looked again whether a stack has changed
_IDLE = 900.0  # seconds; Session Manager closes a tunnel by itself that has been idle for twenty minutes
LOCAL_PAUSE, AWS_PAUSE = 2.0, 60.0
"""Seconds between looks while a page is open: CloudWatch tells something new each minute, and is paid by the look."""


class Site:
    """One start of the console.

    Args:
        aws: where it looks.
        read_only: it offers nothing that changes something.
    """

    def __init__(self, aws: Aws, *, read_only: bool = False) -> None:
        self.aws, self.read_only = aws, read_only
        self.keys = Keys()
        self.jobs = Jobs()
        self.figures = figures.source(aws)
        self.pause = LOCAL_PAUSE if aws.is_local else AWS_PAUSE
        self._deployments: dict[str, tuple[float, Deployment]] = {}
        self._rows = Kept(self.pause * 0.9, self._look)
        self._stores: dict[tuple[str, str], _Opened] = {}
        self._lock = Lock()

    @property
    def place(self) -> str:
        """Where it looks, for people."""
        where = "local AWS" if self.aws.is_local else self.aws.client("cloudformation").meta.region_name
        return f"{where} · {self.aws.environment_name}" if self.aws.environment_name else where

    def rows(self) -> list[Row]:
        """All subscriptions, as they were at most a moment ago."""
        rows: list[Row] = self._rows.get()
        return rows

    def _look(self) -> list[Row]:
        return overview.rows(self.aws, self.figures, self.deployment)

    def deployment(self, label: str) -> Deployment:
        """A subscription, by what tells it from the one of the same name in another environment.

        Raises:
            NamiError: it is not deployed here.
        """
        known = self._deployments.get(label)
        if known and time.monotonic() - known[0] < _DEPLOYMENTS_STAY:
            return known[1]
        stack = stacks.find_stack(self.aws, stack_name(label))
        if stack is None or (owner := stack.owner) is None:
            raise NotRunningError(f"{label} is not deployed here")
        aws = copy.copy(self.aws)  # with the same clients
        aws.environment = Environment(name=owner.environment) if owner.environment else None
        found = deployment.find(Target(owner.subscription, aws))
        self._deployments[label] = (time.monotonic(), found)
        return found

    @contextmanager
    def store(self, found: Deployment, drain: Drain) -> Iterator[Store]:
        """What a destination keeps. The way to it, which may be a tunnel, stays open until the console ends."""
        with self._lock:
            opened = self._stores.setdefault((found.target.stack_name, drain.destination), _Opened())
        try:
            yield opened.store(found, drain)
        except Exception as error:
            opened.close(error)  # which words what the destination raised
            raise

    def close(self) -> None:
        """Close what was opened."""
        for opened in self._stores.values():
            opened.close()


class Kept:
    """What a look found, until it is too old; whoever asks meanwhile waits for the same look."""

    def __init__(self, seconds: float, look: Callable[[], Any]) -> None:
        self._seconds, self._look = seconds, look
        self._lock = Lock()
        self._found: Any = None
        self._at = -seconds

    def get(self) -> Any:
        """What was found last, or now."""
        with self._lock:
            if time.monotonic() - self._at >= self._seconds:
                self._found = self._look()
                self._at = time.monotonic()
            return self._found


@dataclass
class _Opened:
    _lock: Lock = field(default_factory=Lock)
    _open: ExitStack = field(default_factory=ExitStack)
    _store: Store | None = None

    _used_at: float = 0.0

    def store(self, found: Deployment, drain: Drain) -> Store:
        if time.monotonic() - self._used_at > _IDLE:
            self.close()
        with self._lock:
            if self._store is None:
                self._store = self._open.enter_context(destinations.of(found, drain).browsed())
            self._used_at = time.monotonic()
            return self._store

    def close(self, error: Exception | None = None) -> None:
        with self._lock:
            self._store, open_, self._open = None, self._open, ExitStack()
        open_.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
