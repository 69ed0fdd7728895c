"""What is stored, the newest first: page by page, as far back as the store goes, and searched on the way.

No store has an index over bodies and headers, so a search reads what is there; it stops after a while and says how far
it came, and the next page goes on from there.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from nami_runtime.request import YEAR_9999

Document = dict[str, Any]
_MOST = 2**31  # that a database skips


@dataclass(frozen=True)
class Position:
    """A place between two documents: `at` is epoch ms in the store's own order, of which `skip` were shown."""

    at: int
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.at}.{self.skip}"

    @classmethod
    def behind(cls, at: int, before: "Position | None") -> "Position":
        """That behind a document of this moment, which was the next one after `before`."""
        return cls(at, before.skip + 1 if before and before.at == at else 1)

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """What `str` made of one; None of any other text."""
        at, _, skip = text.partition(".")
        is_one = at.isdecimal() and skip.isdecimal() and len(text) < 40 and int(at) < YEAR_9999 and int(skip) < _MOST
        return cls(int(at), int(skip)) if is_one else None


class Store(Protocol):
    """What one destination keeps, as long as it is open; one thread at a time."""

    def newest_first(self, before: Position | None, since: float | None) -> Iterator[tuple[int, Document]]:
        """Documents with their moments (epoch ms) behind a position, back to `since` (epoch seconds)."""

    def get(self, ids: list[str]) -> list[Document]:
        """Those of these deliveries that are there."""

    def written_since(self, at: datetime) -> list[Document]:
        """What was written since then."""


@dataclass(frozen=True)
class Search:
    """Which documents are meant; nothing given means all.

    Args:
        text: that is in the body as it came, in a header, in the query or the id.
        fields: values by their paths, such as body.order.id or headers.x-shopify-topic; compared as text.
        since: epoch seconds, as `until`.
    """

    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    since: float | None = None
    until: float | None = None

    def takes(self, document: Document) -> bool:
        """Whether text and fields are in the document."""
        fields = ((_header(path), value) for path, value in self.fields)
        return all(value in values_at(document, path) for path, value in fields) and self._has_text(document)

    def _has_text(self, document: Document) -> bool:
        if not self.text:
            return True
        raw = document.get("raw")
        if isinstance(raw, bytes) and self.text.encode(errors="replace") in raw:
            return True
        headers = (document.get("headers") or {}).items()
        name, colon, value = self.text.partition(":")
        sought = {self.text, f"{name.lower()}{colon}{value}"}
        if any(each in f"{name}: {value}" for name, value in headers for each in sought):
            return True
        return any(self.text in each for each in (str(document.get("query", "")), str(document["_id"])))


@dataclass(frozen=True)
class Page:
    """Documents, the newest first; `older` is where the next page begins, None at the end of the store.

    `looked_at` documents were read for it, and where `stopped` the time was up before there were enough.
    """

    documents: list[Document]
    older: Position | None
    looked_at: int
    stopped: bool


def page(store: Store, search: Search, before: Position | None, limit: int, seconds: float) -> Page:
    """The next page of those that match, found within about so many seconds."""
    deadline = time.monotonic() + seconds
    if search.until is not None and (before is None or before.at > search.until * 1000):
        before = Position(int(search.until * 1000))
    found: list[Document] = []
    looked_at, here = 0, before
    for at, document in store.newest_first(before, search.since):
        looked_at += 1
        here = Position.behind(at, here)
        if search.takes(document):
            found.append(document)
        stopped = time.monotonic() > deadline
        if len(found) == limit or stopped:
            return Page(found, here, looked_at, stopped and len(found) < limit)
    return Page(found, None, looked_at, stopped=False)


def _header(path: str) -> str:
    """A header's path with its name in small letters, as names are kept, however it was typed."""
    return path.lower() if path.lower().startswith("headers.") else path


def values_at(document: Any, path: str) -> set[str]:
    """What stands at a path such as body.items.sku as text: in lists, of each of their items."""
    there = [document]
    for name in path.split("."):
        inside: list[Any] = []
        for each in there:
            if isinstance(each, list):
                inside += [one[name] for one in each if isinstance(one, Mapping) and name in one]
                inside += each[int(name) : int(name) + 1] if name.isdecimal() else []
            elif isinstance(each, Mapping) and name in each:
                inside.append(each[name])
        there = inside
    flat = [one for each in there for one in (each if isinstance(each, list) else [each])]
    return {_text(each) for each in flat}


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return str(value)


# Where providers say what happened: headers by how their names end, then fields of the body. The providers' own
# documents, which docs/signatures.md links to, name them.
_HEADERS = ("-topic", "-event", "-event-type", "-event-key", "-event-name", "event-type")
_FIELDS = ("type", "event", "event_type", "eventType", "topic", "event_name", "webhookEvent", "triggerEvent", "action")


def event_type(document: Document) -> str:
    """What the provider calls the event, as far as a header or the body's first level tells; else empty."""
    for name, value in islice((document.get("headers") or {}).items(), 200):
        if name.endswith(_HEADERS) and value:
            return str(value)
    body = document.get("body")
    told = [body.get(name) for name in _FIELDS] if isinstance(body, Mapping) else []
    return next((each for each in told if isinstance(each, str) and each), "")
