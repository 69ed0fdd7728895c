"""What is stored of one subscription: the events, and one of them with its path."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from nami_console import words
from nami_console.pages import live, page, piece, site
from nami_control import logs, searching, times
from nami_control.deployment import Deployment, Drain
from nami_control.errors import NamiError, NotFoundError, UsageError
from nami_control.events import Summary, destination_of, state_of
from nami_control.logs import Step
from nami_control.searching import Document, Position, Search

_ROWS = 50
_PATIENCE = 5.0  # seconds that a search looks on before it says how far it came
_DAY = 86_400
_MOST_RAW = 65_536  # bytes of a body that a page shows as they came
_MOST_HEADERS = 200
# Functions that run at once write at once: one that began earlier may be the later one to write.
_LATE = timedelta(seconds=10)


@dataclass(frozen=True)
class Row:
    """One event as a row; `states` has what became of it at each other destination."""

    key: str
    id: str
    at: datetime | None
    type: str
    method: str
    size: int | None
    verified: str
    tries: int | None
    states: tuple[str, ...]


def show(request: Request) -> Response:
    """The newest, or a page further back, of all or of those that are searched for."""
    label, asked = request.path_params["label"], request.query_params
    found = site(request).deployment(label)
    drain, others = _drains(found, asked.get("to"))
    context: dict[str, Any] = {"label": label, "drain": drain, "others": others, "drains": found.drains, "asked": asked}
    try:
        search = _search(asked)
    except UsageError as error:
        return page(request, "events.html", 400, **context, rows=[], older="", found=None, wrong=str(error), live="")
    with site(request).store(found, drain) as store:
        if given := asked.get("id", "").strip():
            result = searching.Page(store.get([given]), None, 1, stopped=False)
        else:
            before = Position.parse(asked.get("before", ""))
            result = searching.page(store, search, before, _ROWS, _PATIENCE)
    rows = _rows(request, found, result.documents, others)
    older = urlencode({**asked, "before": str(result.older)}) if result.older else ""
    follows = "" if given or asked.get("before") or search.until else f"/s/{label}/events/live?{urlencode(asked)}"
    return page(request, "events.html", **context, rows=rows, older=older, found=result, wrong="", live=follows)


async def follow(request: Request) -> Response:
    """Rows of what is stored from now on."""
    label, asked = request.path_params["label"], request.query_params
    here, search = site(request), _search(asked)
    seen: set[str] = set()
    after = Position.parse(f"{asked.get('after', '')}.0")  # epoch ms
    since = datetime.fromtimestamp(after.at / 1000, UTC) if after else datetime.now(UTC)

    def look() -> str:
        nonlocal since
        found = here.deployment(label)
        drain, others = _drains(found, asked.get("to"))
        began = datetime.now(UTC)
        with here.store(found, drain) as store:
            written = store.written_since(since - _LATE)
        since = began
        fresh = [each for each in written if str(each["_id"]) not in seen]
        seen.update(str(each["_id"]) for each in fresh)
        chosen = [each for each in reversed(fresh) if search.takes(each)][:_ROWS]
        rows = _rows(request, found, chosen, others)
        return piece(request, "event_rows.html", rows=rows, label=label, others=others, drain=drain) if rows else ""

    return live(request, look, 2.0)


def show_one(request: Request) -> Response:
    """One event: what is known of it wherever it is stored, its body, headers, and the way to its path."""
    label, asked = request.path_params["label"], request.query_params
    found, given = site(request).deployment(label), asked.get("id", "")
    drain, others = _drains(found, asked.get("to"))
    document = stored(request, found, drain.destination, given)
    context: dict[str, Any] = {"label": label, "id": given, "drain": drain, "document": document, "all": "all" in asked}
    if document is None:
        return page(request, "event.html", 404, **context)
    content = document.get("raw") if isinstance(document.get("raw"), bytes) else b""
    body, whole_body = words.tree(document.get("body"))
    raw, whole_raw = words.raw(content or b"", _MOST_RAW)
    headers = list((document.get("headers") or {}).items())
    shown = headers if "all" in asked else headers[:_MOST_HEADERS]
    return page(
        request,
        "event.html",
        **context,
        row=_rows(request, found, [document], others)[0],
        others=others,
        body=body,
        whole_body=whole_body,
        raw=raw,
        whole_raw=whole_raw,
        headers=shown,
        more_headers=len(headers) - len(shown),
        curl=words.curl(found.endpoint, document),
    )


def show_path(request: Request) -> Response:
    """What happened to one event, as the log of the functions tells."""
    label, given = request.path_params["label"], request.query_params.get("id", "")
    found = site(request).deployment(label)
    document = stored(request, found, request.query_params.get("to"), given)
    received = document.get("received_at") if document else None
    since = received.timestamp() - 60 if received else time.time() - _DAY
    return page(request, "path.html", steps=path(logs.path(found, given, since), received), id=given, label=label)


def download(request: Request) -> Response:
    """The body as it came, which no browser takes for a page."""
    label, given = request.path_params["label"], request.query_params.get("id", "")
    found = site(request).deployment(label)
    document = stored(request, found, request.query_params.get("to"), given)
    if document is None or not isinstance(document.get("raw"), bytes):
        raise NotFoundError(f"{given} is not stored with its body here")
    headers = {"content-disposition": 'attachment; filename="body"', "content-security-policy": "sandbox"}
    return Response(document["raw"], media_type="application/octet-stream", headers=headers)


@dataclass(frozen=True)
class Moment:
    """One step of a path; `after` is ms since the one before, None of the first."""

    at: float
    after: float | None
    where: str
    what: str
    level: str


def path(steps: list[Step], received: datetime | None) -> list[Moment]:
    """A path with the time between its steps, from the webhook's arrival on."""
    told = [(float(step.at), step.function, step.what, step.level) for step in steps]
    if received:
        at = received.timestamp() * 1000
        # Of another clock, and told by the document: it is first, whatever the log's clock says.
        told = [(at, "gateway", "received", "INFO"), *((max(each[0], at), *each[1:]) for each in told)]
    return [
        Moment(at, at - told[number - 1][0] if number else None, where, what, level)
        for number, (at, where, what, level) in enumerate(told)
    ]


def _drains(found: Deployment, wanted: str | None) -> tuple[Drain, list[Drain]]:
    """The destination whose events are shown, and the others."""
    drain = destination_of(found, wanted or None).drain
    return drain, [each for each in found.drains if each.destination != drain.destination]


def _search(asked: Mapping[str, str]) -> Search:
    """What the form says.

    Raises:
        UsageError: a time or a field is none.
    """
    fields = []
    if given := asked.get("field", "").strip():
        name, equals, value = given.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{given}: a field is searched for as body.order.id = 1001")
        fields.append((name.strip(), value.strip()))
    since, until = (asked.get(name, "").strip() for name in ("since", "until"))
    return Search(
        asked.get("text", ""),
        tuple(fields),
        times.moment(since) if since else None,
        times.moment(until) if until else None,
    )


def stored(request: Request, found: Deployment, destination: str | None, delivery_id: str) -> Document | None:
    """An event as a destination keeps it, the first that does where none is named; None where it is not there."""
    drain = destination_of(found, destination or None).drain
    with site(request).store(found, drain) as store:
        return next(iter(store.get([delivery_id])), None)


def _rows(request: Request, found: Deployment, documents: list[Document], others: list[Drain]) -> list[Row]:
    ids = [str(each["_id"]) for each in documents]
    states = [_states(request, found, each, ids) for each in others] if ids else []
    return [_row(each, tuple(state.get(str(each["_id"]), "not there") for state in states)) for each in documents]


def _states(request: Request, found: Deployment, drain: Drain, ids: list[str]) -> dict[str, str]:
    """What became of deliveries at a destination that is not the one shown."""
    try:
        with site(request).store(found, drain) as store:
            return {str(each["_id"]): state_of(each) for each in store.get(ids)}
    except NamiError:  # the row is worth showing all the same
        return dict.fromkeys(ids, "not known")


def _row(document: Document, states: tuple[str, ...]) -> Row:
    short = Summary.of(document)
    return Row(
        key=sha256(short.id.encode(errors="replace")).hexdigest()[:16],
        id=short.id,
        at=short.at,
        type=short.type or (short.state if "delivered" in document else ""),
        method=str(document.get("method", "")),
        size=short.size,
        verified=str(document.get("verified") or ""),
        tries=document.get("attempts"),
        states=states,
    )
