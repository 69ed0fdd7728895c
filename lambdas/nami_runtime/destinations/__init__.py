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
        `Later`, which says when the next try is worth it. A repeat has the same content: where an id is another
        document's, with another `raw_sha256`, this one is stored as `apart` says, and its result is `Apart`.
        """


NO_TIME = "no time left"
"""Why those failed that were not reached before the deadline."""


APART = "~"
"""Between an id and the hash that is added to it."""


class Later(str):
    """The reason of a failure, and the seconds after which the store wants to be tried again."""

    seconds: int

    def __new__(cls, reason: str, seconds: int) -> Self:
        later = super().__new__(cls, reason)
        later.seconds = seconds
        return later


class Apart(str):
    """The result of a document whose id is another's, with other content: it is stored under an id of its own."""

    delivery_id: str

    def __new__(cls, result: str, delivery_id: str) -> Self:
        apart = super().__new__(cls, result)
        apart.delivery_id = delivery_id
        return apart


def apart(document: dict[str, Any]) -> dict[str, Any]:
    """The document under an id of its own, which begins with the one that is taken and follows from its content.

    So a repeat of it finds it, whichever of the two came first. `same_id_as` is the id that is taken.
    """
    taken = str(document["_id"])
    return {**document, "_id": f"{taken}{APART}{document['raw_sha256'][:32]}", "same_id_as": taken}


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
