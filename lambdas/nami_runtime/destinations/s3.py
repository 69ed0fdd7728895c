"""S3: an archive of gzipped JSON lines by day, an object for each batch, in which each webhook stands once.

An object is written once or never, and a table says of each webhook in which one it stands:

1. A webhook's id is taken in the table, on condition that it is free, with the key of the object that is to be written.
2. The object is written on condition that nothing is there, with the webhooks whose ids were taken for it.

Whoever finds an id taken looks into its object. Where the webhook is in it, this is a repeat. Where there is no object,
the invocation that took the id has ended before it, or is about to write: an empty object is put there, on the same
condition, and from then on that invocation can't write. So a webhook that its object does not hold never comes into it,
and its id is taken over for another one. Whenever an invocation ends, nothing is lost or in two objects; SQS may bring
the webhooks again in other batches as it likes.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import md5
from json import loads
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_runtime import aws, lines
from nami_runtime.clients import Clients
from nami_runtime.results import NO_TIME, Apart, Away, apart, each_id_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nami_runtime.documents import Document

THREADS = 8
_MARGIN_SECONDS = 1.0
_ROUNDS = 3
_PATIENCE_SECONDS = 1.0
"""For an object that another invocation may be about to write."""
_AFTER_THE_OBJECT = 7  # days: what is expired is deleted within some
_NOTHING_THERE, _NOT_SO = (403, 404), 412  # of a key that it may not list, S3 says 403
_EMPTY = lines.packed([])
_THE_IDS_OWN = frozenset({"ValidationException", "SerializationException"})


def connect() -> S3:
    """Connects at the first write, not here."""
    return S3()


class Claim(NamedTuple):
    """A document as it is to be written, and its object, or what became of it.

    Neither of the two where another invocation was faster.
    """

    document: Document
    key: str = ""
    said: str = ""


class S3:
    """The bucket that ARCHIVE_BUCKET names, and the table of ARCHIVE_IDS_TABLE."""

    def __init__(self) -> None:
        environ = os.environ
        self._bucket, self._table = environ["ARCHIVE_BUCKET"], environ["ARCHIVE_IDS_TABLE"]
        self._keep_days = int(environ.get("KEEP_DAYS") or 0)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")
        self._ids, self._store = Clients("dynamodb"), Clients("s3", bucket=self._bucket)
        self._looking = threading.Lock()

    def write(self, documents: Sequence[Document], deadline: float) -> list[str]:
        results = [""] * len(documents)
        for turn in each_id_once(documents):
            self._write(turn, results, deadline)
        return results

    def _write(self, documents: dict[int, Document], results: list[str], deadline: float) -> None:
        last = deadline - _MARGIN_SECONDS
        for _ in range(_ROUNDS):
            if documents and monotonic() < last:
                self._round(documents, results, last)
                documents = {index: document for index, document in documents.items() if not results[index]}
        for index in documents:
            results[index] = f"S3: {NO_TIME if monotonic() >= last else 'other invocations write it at the same time'}"

    def _round(self, documents: dict[int, Document], results: list[str], deadline: float) -> None:
        """Fills in the results of all but those that another invocation was faster with."""
        keys = _keys(documents)
        seen: dict[str, frozenset[str]] = {}
        claims = self._pool.map(lambda index: self._claimed(documents[index], keys[index], seen, deadline), documents)
        writing: dict[str, dict[int, Document]] = {}
        renewing: dict[str, dict[int, Document]] = {}
        said: dict[int, str] = {}
        own: dict[int, Document] = {}
        for index, claim in zip(documents, claims, strict=True):
            own[index] = claim.document
            if claim.said == "duplicate" and "replayed_at" in claim.document:
                renewing.setdefault(claim.key, {})[index] = claim.document
            elif claim.said:
                said[index] = claim.said
            elif claim.key:
                writing.setdefault(claim.key, {})[index] = claim.document
        for key, group in writing.items():
            said |= self._put(key, group, deadline)
        for key, group in renewing.items():
            said |= self._renew(key, group, deadline)
        for index, result in said.items():
            is_apart = own[index]["_id"] != documents[index]["_id"] and result in ("stored", "duplicate")
            results[index] = Apart(result, str(own[index]["_id"])) if is_apart else result

    def _claimed(self, document: Document, key: str, seen: dict[str, frozenset[str]], deadline: float) -> Claim:
        try:
            return self._claim(document, key, seen, deadline)
        except aws.Rejected as error:
            is_own = error.code in _THE_IDS_OWN
            return Claim(document, "", f"the table of ids: {error}" if is_own else Away(f"S3 away: {error}"))
        except aws.Unavailable as error:
            return Claim(document, "", Away(f"S3 away: {error}"))
        except Exception as error:  # of a document without what a note is made of
            return Claim(document, "", f"S3: {type(error).__name__}")

    def _claim(self, document: Document, key: str, seen: dict[str, frozenset[str]], deadline: float) -> Claim:
        if self._take(document, key, "", deadline):
            return Claim(document, key)
        delivery_id = str(document["_id"])
        if (there := self._noted(delivery_id, deadline)) is None:
            return Claim(document)
        content = document.get("raw_sha256")
        if content is not None and content != there.get("raw_sha256", {}).get("S"):
            if "same_id_as" in document:
                return Claim(document, "", "its id, and the one of its own, are those of others")
            return self._claim(apart(document), key, seen, deadline)
        held_in = there["held_in"]["S"]
        if held_in != key and delivery_id in self._ids_in(held_in, seen, deadline):
            return Claim(document, held_in, "duplicate")
        # The id is this object's already where it was taken, and the answer lost.
        ours = held_in == key or self._take(document, key, held_in, deadline)
        return Claim(document, key if ours else "")

    # The table.

    def _take(self, document: Document, key: str, held_in: str, deadline: float) -> bool:
        """Whether the id is this object's now: it was free, or another's that does not hold it."""
        note = {"id": str(document["_id"]), "held_in": key}
        note |= {name: document[name] for name in ("raw_sha256", "same_id_as") if name in document}
        item: dict[str, object] = {name: {"S": value} for name, value in note.items()}
        if self._keep_days:
            item["expires_at"] = {"N": str(int(time()) + (self._keep_days + _AFTER_THE_OBJECT) * 86_400)}
        parameters: dict[str, object] = {"TableName": self._table, "Item": item}
        if held_in:
            parameters |= {"ConditionExpression": "held_in = :there"}
            parameters |= {"ExpressionAttributeValues": {":there": {"S": held_in}}}
        else:
            parameters |= {"ConditionExpression": "attribute_not_exists(id)"}
        try:
            self._ids.own().call("DynamoDB_20120810.PutItem", parameters, deadline)
        except aws.Rejected as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _noted(self, delivery_id: str, deadline: float) -> dict[str, Any] | None:
        asked: dict[str, object] = {"TableName": self._table, "Key": {"id": {"S": delivery_id}}, "ConsistentRead": True}
        found: dict[str, Any] | None = self._ids.own().call("DynamoDB_20120810.GetItem", asked, deadline).get("Item")
        return found

    # The objects.

    def _ids_in(self, key: str, seen: dict[str, frozenset[str]], deadline: float) -> frozenset[str]:
        """What an object holds, and will always hold: where there is none, an empty one is put there."""
        with self._looking:
            if key not in seen:
                content = self._look(key, deadline)
                if content is None:
                    sleep(max(0.0, min(_PATIENCE_SECONDS, deadline - monotonic())))
                    content = self._look(key, deadline)
                if content is None:
                    content = _EMPTY if self._put_once(key, _EMPTY, deadline) else self._object(key, deadline)
                seen[key] = frozenset(str(loads(line)["id"]) for line in lines.unpacked(content))
            return seen[key]

    def _look(self, key: str, deadline: float) -> bytes | None:
        try:
            return self._object(key, deadline)
        except aws.Rejected as error:
            if error.status not in _NOTHING_THERE:
                raise
            return None

    def _put(self, key: str, documents: dict[int, Document], deadline: float) -> dict[int, str]:
        """Writes a new object; nothing is said of its webhooks where another invocation has closed it."""
        said: dict[int, str] = {}
        written: list[int] = []

        def fitting() -> Iterator[bytes]:
            for index, document in documents.items():
                try:
                    line = lines.of(document)
                except Exception as error:
                    said[index] = f"can't be stored: {type(error).__name__}"
                else:
                    written.append(index)
                    yield line

        content = lines.packed(fitting())
        if not written:
            return said
        try:
            if self._put_once(key, content, deadline) or self._object(key, deadline) == content:
                said |= dict.fromkeys(written, "stored")
        except (aws.Unavailable, aws.Rejected) as error:
            said |= dict.fromkeys(written, Away(f"S3 away: {error}"))
        return said

    def _renew(self, key: str, documents: dict[int, Document], deadline: float) -> dict[int, str]:
        """Webhooks take the place of what the object holds of them, but for the first `stored_at`."""
        try:
            content = self._object(key, deadline)
            renewed = {str(document["_id"]): document for document in documents.values()}
            put = [_renewed(line, renewed) for line in lines.unpacked(content)]
            # Of objects that S3 encrypts with keys of its own, this is what it knows their content by:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
            unchanged = {"if-match": f'"{md5(content, usedforsecurity=False).hexdigest()}"'}
            stored = self._put_if(key, lines.packed(put), unchanged, deadline)
        except (aws.Unavailable, aws.Rejected) as error:
            return dict.fromkeys(documents, Away(f"S3 away: {error}"))
        except Exception as error:
            return dict.fromkeys(documents, f"can't be stored: {type(error).__name__}")
        return dict.fromkeys(documents, "stored") if stored else {}

    def _object(self, key: str, deadline: float) -> bytes:
        return self._store.own().get_object(key, deadline)

    def _put_once(self, key: str, content: bytes, deadline: float) -> bool:
        return self._put_if(key, content, {"if-none-match": "*"}, deadline)

    def _put_if(self, key: str, content: bytes, condition: dict[str, str], deadline: float) -> bool:
        """Whether the condition held."""
        try:
            self._store.own().put_object(key, content, deadline, condition)
        except aws.Rejected as error:
            if error.status != _NOT_SO:
                raise
            return False
        return True


def _renewed(line: bytes, documents: dict[str, Document]) -> bytes:
    there = loads(line)
    document = documents.get(there["id"])
    return lines.of({**document, "stored_at": there["stored_at"]}) if document else line


def _keys(documents: dict[int, Document]) -> dict[int, str]:
    """By index, the key of a new object for the webhooks of one day."""
    now = datetime.now(UTC)
    came_in = {index: _received_at(document, now) for index, document in documents.items()}
    days: dict[str, list[datetime]] = {}
    for at in came_in.values():
        days.setdefault(lines.day_of(at), []).append(at)
    keys = {day: lines.key(day, min(times), max(times)) for day, times in days.items()}
    return {index: keys[lines.day_of(at)] for index, at in came_in.items()}


def _received_at(document: Document, otherwise: datetime) -> datetime:
    at = document.get("received_at")
    return at if isinstance(at, datetime) else otherwise
