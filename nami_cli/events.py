"""`nami events` and `nami connect`: what is stored, and the way to it."""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from nami_cli import tunnel
from nami_cli.flags import Name, nami
from nami_cli.items import Items
from nami_cli.terminal import print_exact, say, visible_json
from nami_control.deployment import Deployment, Drain, find
from nami_control.errors import DatabaseError, MissingToolError, NotFoundError, UsageError

_POLL = 2.0  # seconds between looks while following
_ANSWERS_WITHIN = 10.0  # seconds; a database that is up does at once
# Functions that run at once write at once: one that began earlier may be the later one to write.
_LATE = timedelta(seconds=60)
_EPOCH = datetime.fromtimestamp(0, UTC)

Ids = Annotated[list[str] | None, typer.Option("--id", metavar="DELIVERY", help="Only this one; may be repeated.")]
Destination = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as dynamodb or http; the first that keeps webhooks.")
]
Query = Annotated[
    str | None, typer.Option(metavar="JSON", help='As MongoDB takes it, such as {"body.order.id": 1001}.')
]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in, until Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="One document a line, with its raw bytes.")]


@contextlib.contextmanager
def collection(deployment: Deployment, drain: Drain | None = None) -> Iterator[Any]:
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
    with tunnel.database(deployment, drain) as found:
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


def parse_query(text: str | None) -> dict[str, Any]:
    """A MongoDB query from (extended) JSON.

    Raises:
        UsageError: it is none.
    """
    from bson import json_util  # noqa: PLC0415

    try:
        query = json_util.loads(text or "{}")
    except (ValueError, TypeError) as error:
        raise UsageError(f"--query {text}: is no JSON ({error}); try --query '{{\"body.order.id\": 1001}}'") from None
    if not isinstance(query, dict):
        raise UsageError(f"--query {text}: must be a JSON object, such as '{{\"body.order.id\": 1001}}'")
    return query


def show(
    deployment: Deployment,
    *,
    query: dict[str, Any],
    ids: list[str],
    limit: int,
    follow: bool,
    as_json: bool,
    destination: str | None,
) -> None:
    """Print what is stored, the newest last.

    Raises:
        UsageError: there is no such destination, or it takes no query.
        NotFoundError: none of `ids` is there.
    """
    drain = _chosen(deployment, destination)
    found = 0
    with contextlib.closing(_stored(deployment, drain, query, ids, limit, follow=follow)) as documents:
        for document in documents:
            found += 1
            print_document(document, as_json=as_json)
    if ids and not found:
        raise NotFoundError(
            f"{drain.destination} has no {ids[0]}; {nami()} logs {deployment.name} --id {ids[0]} tells its path"
        )
    if not found:
        matching = " that matches" if query else ""
        say(f"no document of {deployment.name}{matching} yet; {nami()} send {deployment.name} sends a webhook")


def _chosen(deployment: Deployment, destination: str | None) -> Drain:
    """The destination of that name; else the first that keeps webhooks, since a backend's log tells only of tries."""
    if destination is not None:
        return deployment.drain(destination)
    there = deployment.drains
    chosen = next((each for each in there if _kind(each) != "http"), there[0])
    if others := [each.destination for each in there if each is not chosen]:
        say(f"of {chosen.destination} alone; --destination {' or '.join(others)} for the others")
    return chosen


def _kind(drain: Drain) -> str:
    return drain.post_queue.environment.get("DESTINATION", "mongo")


def _stored(
    deployment: Deployment, drain: Drain, query: dict[str, Any], ids: list[str], limit: int, *, follow: bool
) -> Generator[dict[str, Any]]:
    """What is there, the newest last, and with `follow` what comes."""
    if _kind(drain) == "mongo":
        wanted = {"_id": {"$in": ids}, **query} if ids else query
        with collection(deployment, drain) as documents:
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


def print_document(document: dict[str, Any], *, as_json: bool) -> None:
    """Print one document: a line of extended JSON, or for people, the raw bytes, which repeat the body, by length."""
    if as_json:
        print_exact(extended_json(document, None))
        return
    raw = document.get("raw")
    text = extended_json(document | ({"raw": f"{len(raw)} bytes"} if isinstance(raw, bytes) else {}), 2)
    console = Console(soft_wrap=True)
    if console.is_terminal:
        console.print(JSONHighlighter()(Text(text)))
    else:
        print_exact(text)


def extended_json(document: dict[str, Any], indent: int | None) -> str:
    """As MongoDB writes documents in JSON, with dates and bytes; what would act on a terminal is escaped."""
    from bson import json_util  # noqa: PLC0415

    options = json_util.RELAXED_JSON_OPTIONS
    return visible_json(json_util.dumps(document, json_options=options, indent=indent, ensure_ascii=False))


def wait_for(deployment: Deployment, delivery_ids: list[str], timeout: float) -> list[dict[str, Any]]:
    """The documents of these deliveries, as far as they are stored in time; `timeout` in seconds."""
    deadline = time.monotonic() + timeout
    with _by_id(deployment, _chosen(deployment, None)) as find_them:
        while True:
            found = find_them(delivery_ids)
            if len(found) == len(set(delivery_ids)) or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


@contextlib.contextmanager
def _by_id(deployment: Deployment, drain: Drain) -> Iterator[Callable[[list[str]], list[dict[str, Any]]]]:
    if _kind(drain) != "mongo":
        yield Items(deployment, drain).get
        return
    with collection(deployment, drain) as documents:
        yield lambda ids: list(documents.find({"_id": {"$in": ids}}))


def events_command(
    name: Name,
    query: Query = None,
    ids: Ids = None,
    limit: Limit = 10,
    follow: Follow = False,
    destination: Destination = None,
    as_json: Json = False,
) -> None:
    """Show the stored documents of NAME, the newest last; of an HTTP backend how the last try of each webhook went.

    On AWS those of the MongoDB host are read through a Session Manager tunnel, for which the session-manager-plugin
    must be installed. A query over fields without an index reads the whole collection. Which items of a DynamoDB table
    are the newest is known from the function's log, for as long as that is kept.
    """
    try:
        show(
            find(name),
            query=parse_query(query),
            ids=ids or [],
            limit=limit,
            follow=follow,
            as_json=as_json,
            destination=destination,
        )
    except KeyboardInterrupt:
        raise typer.Exit(0 if follow else 130) from None


def connect_command(name: Name) -> None:
    """Print a URI for mongosh and other tools; the tunnel to the host stays open until Ctrl-C.

    The URI contains the password. In a local run there is no tunnel, and the command ends at once.
    """
    with tunnel.database(find(name)) as found:
        print_exact(found.uri)
        say(f"database {found.name}, collection {found.collection}; give the URI to mongosh, in quotes")
        if found.tunnel is None:
            return
        say("the tunnel is open; Ctrl-C closes it, and so does Session Manager after 20 idle minutes")
        try:
            found.tunnel.wait()
        except KeyboardInterrupt:
            return
    raise DatabaseError("the tunnel was closed by the other side; open it again")


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
