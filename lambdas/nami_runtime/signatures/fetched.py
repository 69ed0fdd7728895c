"""What a sender publishes at its own host: fetched by https, kept, and never asked for without bounds."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from nami_runtime import aws
from nami_runtime.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

KEEP_SECONDS = 3600.0
# What is asked for may come with the request, so anybody can name a new one: so many fetches at once, and so many a
# second after that, are worth it to a process. Whoever sends less than that keeps no genuine webhook out.
FETCHES = 10.0
FETCHES_A_SECOND = 1.0
# Where the post-queue function verifies, its deadline is that of the whole batch.
_FETCH_SECONDS = 2.0
_MOST_KEPT = 4


class Fetched(Generic[T]):
    """Answers of `https` hosts by their place, each `read` once and kept for an hour; an old one serves on.

    `what` says in an error what it is; `read` raises ValueError for what is none.
    """

    def __init__(self, what: str, read: Callable[[bytes], T]) -> None:
        self._what, self._read = what, read
        self._kept: dict[str, tuple[float, T]] = {}
        self._left, self._counted_at = FETCHES, 0.0

    def get(self, host: str, path: str, deadline: float) -> T:
        """What lies at https://host/path. Raises aws.Unavailable where it was never read and can't be now."""
        now, place = monotonic(), host + path
        kept = self._kept.get(place)
        if kept and now - kept[0] < KEEP_SECONDS:
            return kept[1]
        try:
            found = self._fetched(host, path, now, deadline)
        except aws.Unavailable:
            if kept:
                return kept[1]
            raise
        self._kept.pop(place, None)
        while len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[place] = now, found
        return found

    def _fetched(self, host: str, path: str, now: float, deadline: float) -> T:
        self._left = min(FETCHES, self._left + (now - self._counted_at) * FETCHES_A_SECOND)
        self._counted_at = now
        if self._left < 1:
            raise aws.Unavailable(f"{self._what}: asked for too often")
        self._left -= 1
        try:
            return self._read(fetch(self._what, host, path, min(deadline, now + _FETCH_SECONDS)))
        except ValueError:
            raise aws.Unavailable(f"{self._what}: what came is none") from None


def fetch(what: str, host: str, path: str, deadline: float) -> bytes:
    """The body at https://host/path. Raises aws.Unavailable; redirects are not followed."""
    connection = Connection(f"https://{host}")
    try:
        status, body = connection.exchange(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n", b"", deadline)
    except OSError as error:
        raise aws.Unavailable(f"{what}: {type(error).__name__}") from None
    finally:
        connection.close()
    if status != 200:
        raise aws.Unavailable(f"{what}: HTTP {status}")
    return body
