"""`nami events` and `nami connect`: what is stored."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console

from nami_cli import tunnel
from nami_cli.deployment import Deployment, find
from nami_cli.errors import DatabaseError, MissingToolError, UsageError
from nami_cli.flags import nami
from nami_cli.terminal import say

_POLL = 2.0  # seconds between looks while following
# Functions that run at once write at once: one that began earlier may be the later one to write.
_LATE = timedelta(seconds=60)
_EPOCH = datetime.fromtimestamp(0, UTC)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The subscription, such as shopify.")]
Query = Annotated[
    str | None, typer.Option(metavar="JSON", help='As MongoDB takes it, such as {"body.order.id": 1001}.')
]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in, until Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="One document a line, with its raw bytes.")]


@contextlib.contextmanager
def collection(deployment: Deployment, *, timeout: float = 10) -> Iterator[Any]:
    """The subscription's documents (a pymongo collection); what goes wrong with them becomes one line.

    Raises:
        DatabaseError: the database does not answer, or refused.
        MissingToolError: pymongo, or what a tunnel needs, is not installed.
    """
    try:
        import pymongo  # noqa: PLC0415 (a tenth of a second that other commands need not wait)
        import pymongo.errors  # noqa: PLC0415
    except ImportError:
        raise MissingToolError("pymongo is not installed; pip install 'nami[cli]'") from None
    with tunnel.database(deployment) as found:
        milliseconds = int(timeout * 1000)
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


def show(deployment: Deployment, *, query: dict[str, Any], limit: int, follow: bool, as_json: bool) -> None:
    """Print the stored documents, the newest last."""
    with collection(deployment) as documents:
        # Looked at first, so that what is stored meanwhile is not taken for old.
        known = _recent(documents) if follow else {}
        found = list(documents.find(query).sort("received_at", -1).limit(limit))
        for document in reversed(found):
            print_document(document, as_json=as_json)
        if follow:
            known |= {each["_id"]: each["stored_at"] for each in found if "stored_at" in each}
            for document in _arriving(documents, query, known):
                print_document(document, as_json=as_json)
    if not found:
        matching = " that matches" if query else ""
        say(f"no document of {deployment.name}{matching} yet; {nami()} send {deployment.name} sends a webhook")


def print_document(document: dict[str, Any], *, as_json: bool) -> None:
    """Print one document: a line of extended JSON, or for people, the raw bytes, which repeat the body, by length."""
    if as_json:
        typer.echo(extended_json(document, None))
        return
    raw = document.get("raw")
    text = extended_json(document | ({"raw": f"{len(raw)} bytes"} if isinstance(raw, bytes) else {}), 2)
    console = Console(soft_wrap=True)
    if console.is_terminal:
        console.print_json(text)
    else:
        typer.echo(text)


def extended_json(document: dict[str, Any], indent: int | None) -> str:
    """As MongoDB writes documents in JSON, with dates and bytes."""
    from bson import json_util  # noqa: PLC0415

    return json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS, indent=indent, ensure_ascii=False)


def wait_for(deployment: Deployment, delivery_ids: list[str], timeout: float) -> list[dict[str, Any]]:
    """The documents of these deliveries, as far as they are stored in time; `timeout` in seconds."""
    deadline = time.monotonic() + timeout
    with collection(deployment) as documents:
        while True:
            found = list(documents.find({"_id": {"$in": delivery_ids}}))
            if len(found) == len(set(delivery_ids)) or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


def events_command(
    name: Name, query: Query = None, limit: Limit = 10, follow: Follow = False, as_json: Json = False
) -> None:
    """Show the stored documents of NAME, the newest last.

    On AWS they are read through a Session Manager tunnel to the MongoDB host, for which the session-manager-plugin
    must be installed. A query over fields without an index reads the whole collection.
    """
    try:
        show(find(name), query=parse_query(query), limit=limit, follow=follow, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(0 if follow else 130) from None


def connect_command(name: Name) -> None:
    """Print a URI for mongosh and other tools; the tunnel to the host stays open until Ctrl-C.

    The URI contains the password. In a local run there is no tunnel, and the command ends at once.
    """
    with tunnel.database(find(name)) as found:
        typer.echo(found.uri)
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
