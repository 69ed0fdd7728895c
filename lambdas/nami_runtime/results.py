"""What a destination answers for each document: stored, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self


class Destination(Protocol):
    """What the post-queue function needs of one."""

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        """Stores documents so that a repeat changes nothing.

        Returns, in the same order, "stored", "duplicate", or the reason why that one failed: `Away` where it is the
        destination's and not the webhook's own, which costs the webhook no try; `Later` where a try is worth it only
        after some time. Waits for a store that is away until `deadline` (time.monotonic()). A repeat has the same
        content: where an id is another document's, with another `raw_sha256`, this one is stored as `apart` says, and
        its result is `Apart`. One with `replayed_at` takes the place of the document of its id and content, but for the
        first `stored_at`, and is "stored".
        """


NO_TIME = "no time left"
"""Why those failed that were not reached before the deadline."""
APART = "~"
"""Between an id and the hash that is added to it."""


class Later(str):
    """The reason of a failure, and the seconds after which the store wants to be tried again."""

    seconds: int

    def __new__(cls, reason: str, seconds: int = 0) -> Self:
        later = super().__new__(cls, reason)
        later.seconds = seconds
        return later


class Away(Later):
    """Nothing is wrong with the webhook: the destination is away, or its secret or a setting of it can't be read."""


class NotYet(Away):
    """The destination was not asked, because others go first; this says nothing of whether it is away."""


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


def each_id_once(documents: Sequence[dict[str, Any]]) -> Iterator[dict[int, dict[str, Any]]]:
    """The documents by their index, in turns: each turn's ids are different, so that one finds the one before it."""
    waiting = dict(enumerate(documents))
    while waiting:
        first = {str(document["_id"]): index for index, document in reversed(waiting.items())}
        yield {index: waiting.pop(index) for index in sorted(first.values())}
