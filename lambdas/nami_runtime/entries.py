"""Requests that carry several webhooks to a service of AWS, which answers for each of their entries."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from nami_runtime.results import Away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_ENTRIES = 10
"""That EventBridge and SNS take in a request."""
_PAUSE_SECONDS = 0.2


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


Entry = TypeVar("Entry", bound=_Sized)


class Busy(Away):
    """The service asks for another try."""


class Words(NamedTuple):
    """The codes, without "Exception", that a service has for an entry; all others are of where it is to go, or of our
    rights to that.

    Args:
        busy: which ask for another try.
        its_own: which say what is wrong with it.
    """

    service: str
    busy: frozenset[str]
    its_own: frozenset[str]

    def of_entry(self, code: str) -> bool:
        """Whether it is the entry's own."""
        return code.removesuffix("Exception") in self.its_own

    def reason(self, code: str) -> str:
        """Why the entry did not get there; empty without a code."""
        if not code:
            return ""
        if self.of_entry(code):
            return f"{self.service}: {code}"
        kind = Busy if code.removesuffix("Exception") in self.busy else Away
        return kind(f"{self.service} away: {code}")


def groups(sending: dict[int, Entry], max_bytes: Callable[[], int]) -> Iterator[dict[int, Entry]]:
    """As many at once as one request takes."""
    group: dict[int, Entry] = {}
    size = 0
    for index, entry in sending.items():
        if group and (len(group) == MAX_ENTRIES or size + entry.size > max_bytes()):
            yield group
            group, size = {}, 0
        group[index] = entry
        size += entry.size
    if group:
        yield group


def sent(
    sending: dict[int, Entry],
    max_bytes: Callable[[], int],
    together: Callable[[dict[int, Entry], float], dict[int, str]],
    deadline: float,
) -> dict[int, str]:
    """By index, why an entry did not get there; empty where it did. What the service was too busy for is tried alone.

    Args:
        together: makes one request before the deadline, and says the same of its entries.
    """
    said: dict[int, str] = {}
    for group in groups(sending, max_bytes):
        said |= together(group, deadline)
    for index in [index for index, reason in said.items() if isinstance(reason, Busy)]:
        while isinstance(said[index], Busy) and deadline - monotonic() > _PAUSE_SECONDS:
            time.sleep(_PAUSE_SECONDS)
            said |= together({index: sending[index]}, deadline)
    return said
