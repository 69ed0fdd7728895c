"""MongoDB: idempotent upserts by delivery id, unordered and in bulk, over a connection kept between invocations."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import bson
import pymongo
from bson.decimal128 import Decimal128
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.write_concern import WriteConcern

from nami_runtime import aws, log, login, same_id, secret
from nami_runtime.bodies import MAX_DEPTH
from nami_runtime.documents import OPTIONAL, without_body
from nami_runtime.login import NotNow
from nami_runtime.results import NO_TIME, Away

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pymongo.collection import Collection

    Upsert = pymongo.UpdateOne

# MongoDB's limit for a stored document, less the room that an update's own frame takes.
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024 - 16 * 1024
_PAUSE_SECONDS = 0.5
# A host that vanished without a word is noticed after this long, and the next attempt finds its successor.
ATTEMPT_SECONDS = 10.0
# What "the newest" and "since then" are asked by; without an index each such question reads the whole collection.
_INDEXED = ("received_at", "stored_at")
# Up to this many documents an index is made in milliseconds; of a collection of millions its owner decides.
_FEW_DOCUMENTS = 10_000
# By it MongoDB deletes a document once its date is over:
# https://www.mongodb.com/docs/manual/tutorial/expire-data/#expire-documents-at-a-specific-clock-time
_EXPIRES = "expires_at"
_INDEX_SECONDS = 2.0
_DUPLICATE_KEY = 11000
_HASH = {"raw_sha256": 1}
# Codes that can stand beside a single document and say nothing of it: the server shuts down, steps down, starts up or
# can't be reached by its router; it is busy (16500 is Cosmos DB's throttling), interrupted or out of room; 13 and 8000
# are rights and quotas. https://www.mongodb.com/docs/manual/reference/error-codes/
_NOT_THE_DOCUMENT = frozenset(
    {
        *(6, 7, 13, 24, 46, 50, 89, 91, 112, 133, 189, 202, 262, 290, 317, 8000, 9001, 10107),
        *(11600, 11601, 11602, 13388, 13435, 13436, 14031, 16500),
    }
)


def connect() -> Mongo:
    """Connects at the first write, not here."""
    return Mongo()


class Mongo:
    """The collection that MONGO_HOST, MONGO_SECRET_ARN, MONGO_DATABASE and MONGO_COLLECTION name."""

    name = "MongoDB"

    def __init__(self) -> None:
        self._collection: Collection[Any] | None = None
        self._looked_at_indexes = False
        self._keep = timedelta(days=int(os.environ.get("KEEP_DAYS") or 0))

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        if self._keep:
            expires_at = datetime.now(UTC) + self._keep
            for each in documents:
                each.setdefault(_EXPIRES, expires_at)
        return same_id.write(self, documents, deadline)

    def renew(self, documents: Mapping[int, dict[str, Any]], results: list[str], deadline: float) -> None:
        self.put(documents, results, deadline, _renewal)
        for index in documents:
            results[index] = "stored" if results[index] == "duplicate" else results[index]

    def put(
        self,
        documents: Mapping[int, dict[str, Any]],
        results: list[str],
        deadline: float,
        write: Callable[[dict[str, Any]], Upsert] | None = None,
    ) -> None:
        write = write or _upsert
        items: dict[int, Upsert] = {}
        for index, document in documents.items():
            if monotonic() >= deadline:
                results[index] = f"MongoDB: {NO_TIME}"
                continue
            try:
                items[index] = write(document)
            except Exception as error:
                results[index] = f"can't be stored: {type(error).__name__}"
        refused = self._write(items, results, deadline)
        # Older servers than 5.0, DocumentDB and others take fewer names of fields.
        others = {index: write(documents[index]) for index in refused if _fit(documents[index], _without_signs)}
        refused = {index: why for index, why in refused.items() if index not in others}
        refused |= self._write(others, results, deadline)
        # What the server won't take in parsed form even so (a depth of its own) goes in raw.
        bare = {
            index: write(without_body(documents[index], f"refused by MongoDB: {reason}"))
            for index, reason in refused.items()
        }
        for index, reason in self._write(bare, results, deadline).items():
            results[index] = f"refused by MongoDB: {reason}"

    def hashes(self, ids: list[Any], deadline: float) -> dict[Any, str]:
        while True:
            try:
                with pymongo.timeout(max(0.001, min(deadline - monotonic(), ATTEMPT_SECONDS))):
                    # Where the URI asks for a secondary: that one may not have it yet.
                    primary = self._open(deadline).with_options(read_preference=ReadPreference.PRIMARY)
                    found = {each["_id"]: each.get("raw_sha256") for each in primary.find({"_id": {"$in": ids}}, _HASH)}
                    # Of a document from before hashes were kept.
                    bare = [each for each, content in found.items() if content is None]
                    raws = primary.find({"_id": {"$in": bare}}, {"raw": 1}) if bare else ()
                    return found | {each["_id"]: sha256(each.get("raw") or b"").hexdigest() for each in raws}
            except (PyMongoError, aws.Unavailable, aws.Rejected) as error:
                if deadline - monotonic() < _PAUSE_SECONDS:
                    raise NotNow(Away(f"MongoDB away: {type(error).__name__}")) from None
                sleep(_PAUSE_SECONDS)

    def _write(self, items: dict[int, Upsert], results: list[str], deadline: float) -> dict[int, str]:
        """Fills in the results; returns what the server refused, with its reason."""
        refused: dict[int, str] = {}
        while items:
            try:
                answer = self._when_reachable(list(items.values()), deadline)
            except NotNow as not_now:
                self._forget()
                for index in items:
                    results[index] = not_now.reason
                break
            fresh = {entry["index"] for entry in answer.get("upserted", [])}
            errors = {entry["index"]: entry for entry in answer.get("writeErrors", [])}
            again: dict[int, Upsert] = {}
            for position, index in enumerate(items):
                error = errors.get(position)
                if error is None or _same_id(error):
                    results[index] = "stored" if position in fresh else "duplicate"
                elif error.get("code") in _NOT_THE_DOCUMENT:
                    results[index] = Away(f"MongoDB away: code {error['code']}")
                    again[index] = items[index]
                else:
                    refused[index] = f"code {error.get('code')}"
            if not again or deadline - monotonic() < _PAUSE_SECONDS:
                break
            sleep(_PAUSE_SECONDS)
            items = again
        return refused

    def _when_reachable(self, operations: list[Upsert], deadline: float) -> dict[str, Any]:
        """The bulk's result. A repeat after a broken connection is safe; it is what upserts are for."""
        while True:
            try:
                if (left := deadline - monotonic()) <= 0:
                    raise NotNow(f"MongoDB: {NO_TIME}")
                with pymongo.timeout(min(left, ATTEMPT_SECONDS)):
                    result = self._open(deadline).bulk_write(operations, ordered=False)
                self._index(deadline)
                return dict(result.bulk_api_result)
            except BulkWriteError as error:
                details: dict[str, Any] = dict(error.details)
                if not details.get("writeConcernErrors"):
                    return details
                reason = "write concern"
            except (PyMongoError, aws.Unavailable) as error:
                reason = f"{type(error).__name__} {getattr(error, 'code', None) or ''}".strip()
                if getattr(error, "code", None) in _LOGIN_FAILED:
                    self._forget()
            if deadline - monotonic() < _PAUSE_SECONDS:
                raise NotNow(Away(f"MongoDB away: {reason}"))
            sleep(_PAUSE_SECONDS)

    def _index(self, deadline: float) -> None:
        """Makes the indexes once in the life of this process, after the first documents are safe.

        Making one that is there already changes nothing. Without the right to, the webhooks are stored all the same.
        """
        if self._looked_at_indexes or self._collection is None or deadline - monotonic() < 2 * _INDEX_SECONDS:
            return
        self._looked_at_indexes = True
        few = lambda found: found.estimated_document_count() < _FEW_DOCUMENTS  # noqa: E731
        self._make(self._collection, _INDEXED, few)
        if self._keep:  # whatever that takes: else nothing would ever be deleted
            self._make(self._collection, (_EXPIRES,), lambda _: True, expireAfterSeconds=0)

    @staticmethod
    def _make(
        collection: Collection[Any], names: Sequence[str], wanted: Callable[[Collection[Any]], bool], **options: Any
    ) -> None:
        try:
            with pymongo.timeout(_INDEX_SECONDS):
                if wanted(collection):
                    collection.create_indexes([pymongo.IndexModel(name, **options) for name in names])
        except PyMongoError as error:
            reason = f"{type(error).__name__} {getattr(error, 'code', None) or ''}".strip()
            log.line("WARNING", "no index was made", fields=names, reason=reason)

    def _open(self, deadline: float) -> Collection[Any]:
        if self._collection is None:
            found = login.read(self.name, os.environ["MONGO_SECRET_ARN"], deadline, _login)
            try:
                client = _client(found)
            except (PyMongoError, ValueError, TypeError) as error:
                raise login.unusable(self.name, f"no client can be made of it: {type(error).__name__}") from None
            database = client[os.environ["MONGO_DATABASE"]]
            collection = os.environ["MONGO_COLLECTION"]
            self._collection = database.get_collection(collection, write_concern=_durable(client.write_concern))
        return self._collection

    def _forget(self) -> None:
        """Reads the secret again next time: it may say by now where the database is, or with which password."""
        if self._collection is not None:
            self._collection.database.client.close()
            self._collection = None


_LOGIN_FAILED = (18, 8000)


def _durable(given: WriteConcern) -> WriteConcern:
    """What the client's options ask for, but at least what neither a killed host nor an election takes back.

    What is acknowledged is deleted from the queue. A number of members over one, a tag, and `journal=false` stay what
    they are; a single server takes "majority" too, since it is one:
    https://www.mongodb.com/docs/manual/reference/write-concern/. DocumentDB's writes are durable anyway, and Cosmos DB
    goes by its account: https://docs.aws.amazon.com/documentdb/latest/developerguide/how-it-works.html,
    https://learn.microsoft.com/azure/cosmos-db/mongodb/consistency-mapping
    """
    asked = given.document
    members = asked.get("w", 1)
    return WriteConcern(**{"j": True, **asked, "w": "majority" if members in (0, 1) else members})


def _login(text: str) -> dict[str, str]:
    return secret.database(text, on_host="MONGO_HOST" in os.environ)


def _client(login: dict[str, str]) -> pymongo.MongoClient[Any]:
    options: dict[str, Any] = {"appname": "nami", "maxPoolSize": 2, "connectTimeoutMS": 3000, "tz_aware": True}
    if "uri" in login:
        return pymongo.MongoClient(login["uri"], **options)
    options |= {"username": login["username"], "password": login["password"], "directConnection": True}
    return pymongo.MongoClient(os.environ["MONGO_HOST"], **options)


def _upsert(document: dict[str, Any]) -> Upsert:
    """Encoded here and now, so that what BSON can't hold fails this document and not the whole bulk."""
    key = RawBSONDocument(bson.encode({"_id": document["_id"]}))
    return pymongo.UpdateOne(key, {"$setOnInsert": _encoded(document)}, upsert=True)


def _renewal(document: dict[str, Any]) -> Upsert:
    """What the user's own programs have added to a document stays in it."""
    key = RawBSONDocument(bson.encode({"_id": document["_id"]}))
    first = {name: document[name] for name in ("stored_at", _EXPIRES) if name in document}
    fields = _encoded({name: value for name, value in document.items() if name not in first})
    update: dict[str, Any] = {"$set": fields, "$setOnInsert": first}
    if gone := [name for name in OPTIONAL if name not in fields]:
        update["$unset"] = dict.fromkeys(gone, "")
    return pymongo.UpdateOne(key, update, upsert=True)


_UNFIT = (InvalidDocument, OverflowError, UnicodeError, RecursionError, ValueError)


def _encoded(document: dict[str, Any]) -> RawBSONDocument:
    try:
        return _within_limit(document)
    except _TooLarge as error:
        return _within_limit(without_body(document, str(error)))
    except _UNFIT:
        _fit(document, _storable)
    try:
        return _within_limit(document)
    except _UNFIT as error:
        reason = str(error) if isinstance(error, _TooLarge) else f"BSON can't hold it: {type(error).__name__}"
        return _within_limit(without_body(document, reason))


def _fit(document: dict[str, Any], name: Callable[[str], str]) -> bool:
    from nami_runtime import fitting  # noqa: PLC0415 - most documents fit

    return fitting.fit(document, fitting.Limits(_exact, name, MAX_DEPTH))


def _exact(number: Any) -> object | None:
    if isinstance(number, float) or (isinstance(number, int) and -(1 << 63) <= number < 1 << 63):
        return number
    try:
        return Decimal128(Decimal(number))  # of 34 digits; it rounds nothing
    except ArithmeticError:
        return None


def _storable(name: str) -> str:
    return name.replace("\0", "\\u0000")


def _without_signs(name: str) -> str:
    """For servers that take no dollar before a field's name, and no dot in it."""
    name = _storable(name).replace(".", "\\u002e")
    return "\\u0024" + name[1:] if name.startswith("$") else name


class _TooLarge(ValueError):
    """Over MongoDB's limit once parsed."""


def _within_limit(document: dict[str, Any]) -> RawBSONDocument:
    encoded = bson.encode({name: value for name, value in document.items() if name != "_id"})
    if len(encoded) > MAX_DOCUMENT_BYTES:
        raise _TooLarge("over 16 MB once parsed")
    return RawBSONDocument(encoded)


def _same_id(error: dict[str, Any]) -> bool:
    """Two invocations upserting one id at once: one of them is told so, and the document is there."""
    if error.get("code") != _DUPLICATE_KEY:
        return False
    pattern = error.get("keyPattern")
    return list(pattern) == ["_id"] if pattern else " _id_ " in f"{error.get('errmsg', '')} "
