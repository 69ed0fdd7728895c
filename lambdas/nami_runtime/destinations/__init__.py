"""Where documents end. A destination is one module with a class; `from_environment` picks it by DESTINATION."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Destination(Protocol):
    """What the post-queue function needs of one."""

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        """Stores documents so that a repeat changes nothing.

        Returns, in the same order, "stored", "duplicate", or the reason why that one failed. Waits for a store that is
        away until `deadline` (time.monotonic()), since each failure counts towards the dead letters.
        """


def from_environment() -> Destination:
    """The destination that the stack has set. Connects at the first write, not here."""
    name = os.environ.get("DESTINATION", "mongo")
    if name == "mongo":
        from nami_runtime.destinations.mongo import Mongo  # noqa: PLC0415 - only the driver in use is imported

        return Mongo()
    raise ValueError(f"unknown DESTINATION {name!r}")
