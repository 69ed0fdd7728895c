"""One id, two contents: where a store tells repeats by the id alone, the second is kept under an id of its own.

What is replayed finds its document by the same way, and renews it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from nami_runtime.login import NotNow
from nami_runtime.results import Apart, apart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nami_runtime.documents import Document


class Store(Protocol):
    """What holds documents by their ids."""

    name: str

    def put(self, documents: Mapping[int, Document], results: list[str], deadline: float) -> None:
        """Writes these of a batch's documents, and fills in their results."""

    def renew(self, documents: Mapping[int, Document], results: list[str], deadline: float) -> None:
        """As `put`, but what is there under an id takes all of the new document's fields but `stored_at`."""

    def hashes(self, ids: list[Any], deadline: float) -> dict[Any, str]:
        """The hash of what is stored under each of these ids, as far as they are there. Raises NotNow."""


def write(store: Store, documents: Sequence[Document], deadline: float) -> list[str]:
    """Writes a batch, and returns the result of each document."""
    results = [""] * len(documents)
    store.put(dict(enumerate(documents)), results, deadline)
    _keep_both(store, documents, results, deadline)
    if any("replayed_at" in each for each in documents):
        _renew(store, documents, results, deadline)
    return results


def _renew(store: Store, documents: Sequence[Document], results: list[str], deadline: float) -> None:
    """What is there of those that are replayed becomes what they are now; of one id the last one counts."""
    last: dict[Any, int] = {}
    own: dict[int, Document] = {}
    for index, document in enumerate(documents):
        result = results[index]
        if result == "duplicate" and "replayed_at" in document:
            own[index] = apart(document) if isinstance(result, Apart) else document
            last[own[index]["_id"]] = index
    store.renew({index: own[index] for index in last.values()}, results, deadline)
    for index, document in own.items():
        renewed = results[last[document["_id"]]]
        is_apart = document["_id"] != documents[index]["_id"]
        results[index] = Apart(renewed, document["_id"]) if is_apart and renewed == "stored" else renewed


def _keep_both(store: Store, documents: Sequence[Document], results: list[str], deadline: float) -> None:
    """What was taken for a repeat, and has other content than the document of that id, is stored beside it."""
    told = {i: each for i, each in enumerate(documents) if results[i] == "duplicate" and "raw_sha256" in each}
    if not (others := _others(store, told, results, deadline)):
        return
    own = {index: apart(document) for index, document in others.items()}
    store.put(own, results, deadline)
    again = {index: document for index, document in own.items() if results[index] == "duplicate"}
    for index in _others(store, again, results, deadline):
        results[index] = "its id, and the one of its own, are those of other documents"
    for index, document in own.items():
        if results[index] in ("stored", "duplicate"):
            results[index] = Apart(results[index], document["_id"])


def _others(store: Store, documents: dict[int, Document], results: list[str], deadline: float) -> dict[int, Document]:
    """Those whose content is not that of the document of their id. Where that can't be told, the result says so."""
    if not documents:
        return {}
    try:
        there = store.hashes([document["_id"] for document in documents.values()], deadline)
    except NotNow as not_now:
        for index in documents:
            results[index] = not_now.reason
        return {}
    for index, document in documents.items():
        if document["_id"] not in there:
            results[index] = f"{store.name}: the document of its id was deleted meanwhile"
    return {
        index: document
        for index, document in documents.items()
        if there.get(document["_id"], document["raw_sha256"]) != document["raw_sha256"]
    }
