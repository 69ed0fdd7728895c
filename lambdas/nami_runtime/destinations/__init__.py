"""Where documents end. A destination is one module here with a function `connect`; DESTINATION names it."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self


class Destination(Protocol):
    """What the post-queue function needs of one."""

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        """Stores documents so that a repeat changes nothing.

        Returns, in the same order, "stored", "duplicate", or the reason why that one failed. Waits for a store that is
        away until `deadline` (time.monotonic()), since each failure counts towards the dead letters. A reason may be
        `Later`, which says when the next try is worth it.
        """


NO_TIME = "no time left"
"""Why those failed that were not reached before the deadline."""


class Later(str):
    """The reason of a failure, and the seconds after which the store wants to be tried again."""

    seconds: int

    def __new__(cls, reason: str, seconds: int) -> Self:
        later = super().__new__(cls, reason)
        later.seconds = seconds
        return later


def store(destination: Destination, documents: Sequence[dict[str, Any]], deadline: float) -> list[str | Exception]:
    """As Destination.write; what that raises stands in the place of the document that it was raised for."""
    try:
        return [*destination.write(documents, deadline)]
    except Exception as error:
        if len(documents) == 1:
            return [error]
        # Whichever of them it was, the others are written.
        return [result for document in documents for result in store(destination, [document], deadline)]


def from_environment() -> Destination:
    """The destination that the stack has set. Connects at the first write, not here."""
    name = os.environ.get("DESTINATION", "mongo")
    module = f"{__name__}.{name}"
    if not name.isidentifier() or find_spec(module) is None:
        raise ValueError(f"unknown DESTINATION {name!r}")
    destination: Destination = import_module(module).connect()
    return destination
