"""`nami events` and `nami connect`: what is stored, and the way to it."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from nami_cli.terminal import Table, print_exact, print_table, say, until_interrupted
from nami_cli.typed import Name
from nami_control import events, times
from nami_control.deployment import find
from nami_control.destinations import tunnel
from nami_control.errors import Command, DatabaseError, NotFoundError, UsageError
from nami_control.events import Summary
from nami_control.text import visible_json, visible_line

Ids = Annotated[list[str] | None, typer.Option("--id", metavar="DELIVERY", help="Only this one; may be repeated.")]
Destination = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as dynamodb or http; the first that keeps webhooks.")
]
Query = Annotated[
    str | None, typer.Option(metavar="JSON", help='As MongoDB takes it, such as {"body.order.id": 1001}.')
]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes in, until Ctrl-C.")]
Full = Annotated[bool, typer.Option("--full", help="The documents themselves, with all that is in them.")]
Json = Annotated[bool, typer.Option("--json", help="One document a line, with its raw bytes.")]


def parse_query(text: str | None) -> dict[str, Any]:
    """A MongoDB query from (extended) JSON.

    Raises:
        UsageError: it is none.
    """
    from bson import json_util  # noqa: PLC0415

    try:
        query = json_util.loads(text or "{}")
    except Exception as error:  # of what a {"$date": …} can hold, bson raises a dozen kinds
        raise _no_query(text, f"is no JSON that MongoDB reads ({error})") from None
    if not isinstance(query, dict):
        raise _no_query(text, "must be a JSON object")
    return query


def _no_query(text: str | None, why: str) -> UsageError:
    return UsageError(visible_line(f"--query {text}: {why}; try --query '{{\"body.order.id\": 1001}}'"))


HEADING = ("time", "id", "type", "size", "state")
# Of what comes: the clock of today, and an id of nami's own; how long the others will be is not known yet.
_WIDTHS = (len("12:00:00.000"), 36, 20, len("999.9 KB"), 0)


def event_row(document: dict[str, Any]) -> list[str]:
    """All that one needs to find the right one."""
    short = Summary.of(document)
    at = times.clock(short.at.timestamp() * 1000) if short.at else "-"
    size = "-" if short.size is None else times.size(short.size)
    return [at, short.id, short.type or "-", size, short.state]


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


def events_command(
    target: Name,
    query: Query = None,
    ids: Ids = None,
    limit: Limit = 10,
    follow: Follow = False,
    destination: Destination = None,
    full: Full = False,
    as_json: Json = False,
) -> None:
    """Show what is stored of NAME, the newest last, a row each; of an HTTP backend how its last try went.

    On AWS those of the MongoDB host are read through a Session Manager tunnel, for which the session-manager-plugin
    must be installed. A query over fields without an index reads the whole collection. Which items of a DynamoDB table
    are the newest is known from the function's log, for as long as that is kept.
    """
    found = 0
    with until_interrupted(follow):
        deployment, wanted = find(target), parse_query(query)
        chosen = events.destination_of(deployment, destination, say)
        others = [each.destination for each in deployment.drains if each is not chosen.drain]
        if destination is None and others:
            say(f"of {chosen.drain.destination} alone; --destination {' or '.join(others)} for the others")
        stored = chosen.stored(query=wanted, ids=ids or [], limit=limit, follow=follow)
        whole = contextlib.nullcontext(partial(print_document, as_json=as_json))
        with contextlib.closing(stored), whole if full or as_json else _rows(as_they_come=follow) as show:
            for document in stored:
                found += 1
                show(document)
    if ids and not found:
        raise NotFoundError(
            f"{chosen.drain.destination} has no {ids[0]}",
            *(Command(f"logs {target.name} --id {ids[0]}"), " tells its path"),
        )
    if not found:
        matching = " that matches" if wanted else ""
        say(f"no document of {target.name}{matching} yet; {target.aws.nami} send {target.name} sends a webhook")


@contextlib.contextmanager
def _rows(*, as_they_come: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Prints a row for each document: at the end, when it is known how wide they are, or as they come."""
    if as_they_come:
        table = Table(HEADING, _WIDTHS)
        yield lambda document: table.add(*event_row(document))
        return
    rows: list[list[str]] = []
    yield lambda document: rows.append(event_row(document))
    print_table(HEADING, rows)


def connect_command(target: Name) -> None:
    """Print a URI for mongosh and other tools; the tunnel to the host stays open until Ctrl-C.

    The URI contains the password. In a local run there is no tunnel, and the command ends at once.
    """
    with tunnel.database(find(target), tell=say) as found:
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
