"""What is stored of a subscription, whichever destination keeps it."""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from nami_control import tunnel
from nami_control.deployment import Deployment, Drain
from nami_control.errors import DatabaseError, MissingToolError, UsageError
from nami_control.items import Items
from nami_control.tunnel import Tell, silent

_POLL = 2.0  # seconds between looks while following
_ANSWERS_WITHIN = 10.0  # seconds; a database that is up does at once
# Functions that run at once write at once: one that began earlier may be the later one to write.
_LATE = timedelta(seconds=60)
_EPOCH = datetime.fromtimestamp(0, UTC)


@contextlib.contextmanager
def collection(deployment: Deployment, drain: Drain | None = None, *, tell: Tell = silent) -> Iterator[Any]:
    """The subscription's documents (a pymongo collection); what goes wrong with them becomes one line.

    Of one destination, or of the first in MongoDB.

    Raises:
        DatabaseError: the database does not answer, or refused.
        MissingToolError: pymongo, or what a tunnel needs, is not installed.
    """
    try:
        import pymongo  # noqa: PLC0415 (a tenth of a second that other commands need not wait)
        import pymongo.errors  # noqa: PLC0415
    except ImportError:
        raise MissingToolError("pymongo is not installed; pip install 'nami[cli]'") from None
    with tunnel.database(deployment, drain, tell=tell) as found:
        milliseconds = int(_ANSWERS_WITHIN * 1000)
        try:
            with pymongo.MongoClient[dict[str, Any]](
                found.uri, serverSelectionTimeoutMS=milliseconds, connectTimeoutMS=milliseconds, tz_aware=True
            ) as client:
                yield client[found.name][found.collection]
        except pymongo.errors.OperationFailure as error:
            raise DatabaseError(f"the database refused: {error.details and error.details.get('errmsg')}") from None
        except pymongo.errors.PyMongoError as error:
            reason = str(error).split(", Timeout:")[0].split(" (configured timeouts")[0]
            raise DatabaseError(f"the database does not answer: {reason}") from None


def drain_of(deployment: Deployment, destination: str | None) -> Drain:
    """The destination of that name; else the first that keeps webhooks, since a backend's log tells only of tries."""
    if destination is not None:
        return deployment.drain(destination)
    there = deployment.drains
    return next((each for each in there if _kind(each) != "http"), there[0])


def _kind(drain: Drain) -> str:
    return drain.post_queue.environment.get("DESTINATION", "mongo")


def stored(
    deployment: Deployment,
    drain: Drain,
    *,
    query: dict[str, Any],
    ids: list[str],
    limit: int,
    follow: bool,
    tell: Tell = silent,
) -> Generator[dict[str, Any]]:
    """The documents that are there, the newest last, and with `follow` those that come.

    Raises:
        UsageError: the destination takes no query.
    """
    if _kind(drain) == "mongo":
        wanted = {"_id": {"$in": ids}, **query} if ids else query
        with collection(deployment, drain, tell=tell) as documents:
            # Looked at first, so that what is stored meanwhile is not taken for old.
            known = _recent(documents) if follow else {}
            found = list(documents.find(wanted).sort("received_at", -1).limit(max(limit, len(ids))))
            yield from reversed(found)
            if follow:
                known |= {each["_id"]: each["stored_at"] for each in found if "stored_at" in each}
                yield from _arriving(documents, wanted, known)
        return
    if query:
        raise UsageError(f"--query: {drain.destination} is found by ids alone; give --id, or leave it out")
    table = Items(deployment, drain)
    arriving = table.arriving() if follow else iter(())
    found = table.get(ids) if ids else table.newest(limit)
    yield from reversed(found)
    shown = {document["_id"] for document in found} if _kind(drain) != "http" else set()
    yield from (each for each in arriving if each["_id"] not in shown and (not ids or each["_id"] in ids))


def wait_for(
    deployment: Deployment, delivery_ids: list[str], timeout: float, *, tell: Tell = silent
) -> list[dict[str, Any]]:
    """The documents of these deliveries, as far as they are stored in time; `timeout` in seconds."""
    deadline = time.monotonic() + timeout
    with _by_id(deployment, drain_of(deployment, None), tell) as find_them:
        while True:
            found = find_them(delivery_ids)
            if len(found) == len(set(delivery_ids)) or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


@contextlib.contextmanager
def _by_id(deployment: Deployment, drain: Drain, tell: Tell) -> Iterator[Callable[[list[str]], list[dict[str, Any]]]]:
    if _kind(drain) != "mongo":
        yield Items(deployment, drain).get
        return
    with collection(deployment, drain, tell=tell) as documents:
        yield lambda ids: list(documents.find({"_id": {"$in": ids}}))


def _recent(documents: Any) -> dict[Any, datetime]:
    """Ids of what was stored about when the newest was, with their times."""
    newest = documents.find({}, {"stored_at": 1}).sort("stored_at", -1).limit(1)
    since = max((document["stored_at"] for document in newest), default=_EPOCH) - _LATE
    found = documents.find({"stored_at": {"$gte": since}}, {"stored_at": 1})
    return {document["_id"]: document["stored_at"] for document in found}


def _arriving(documents: Any, query: dict[str, Any], seen: dict[Any, datetime]) -> Iterator[dict[str, Any]]:
    """What is stored from now on. It looks back a little each time, and leaves out what was there."""
    while True:
        since = max(seen.values(), default=_EPOCH) - _LATE
        recent = {"stored_at": {"$gte": since}}
        for document in documents.find({"$and": [recent, query]} if query else recent).sort("stored_at", 1):
            if document["_id"] not in seen:
                seen[document["_id"]] = document["stored_at"]
                yield document
        seen = {key: at for key, at in seen.items() if at >= since}
        time.sleep(_POLL)
