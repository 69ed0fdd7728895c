"""What is sent from a page, and its path: a test webhook, signed on this side of the page, or a stored one again."""

import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nami_console import guard
from nami_console.events import path, stored
from nami_console.pages import live, page, piece, site
from nami_control import logs, providers, samples
from nami_control.deployment import Deployment
from nami_control.errors import NotFoundError, UsageError
from nami_control.replaying import Asked, Replay
from nami_control.sending import Sender

_TRAVELS = 120  # seconds that a page follows a webhook
_EARLIER = 60  # seconds by which a function's clock may be behind


def show(request: Request) -> Response:
    """A sample to be changed and sent; `provider` says whose, where it is not the one who signs here."""
    label, provider = request.path_params["label"], request.query_params.get("provider", "")
    found = site(request).deployment(label)
    if provider in _providers() and provider != found.signature["scheme"]:
        body, kind = samples.written(provider)
    else:
        # Nothing is signed for a sample, so that the secret need not be read, nor be there.
        body, kind = Sender(found, secret="-").sample()  # noqa: S106 (none)
    return _form(request, found, _indented(body), kind, "", provider=provider)


async def send(request: Request) -> Response:
    """Sign it and send it; leads to its path."""
    form = guard.fields(await request.body())
    return await run_in_threadpool(_send, request, form)


async def again(request: Request) -> Response:
    """Send a stored webhook through the queue again; leads to its path."""
    form = guard.fields(await request.body())
    return await run_in_threadpool(_again, request, form)


def show_sent(request: Request) -> Response:
    """What the endpoint answered, and the webhook's path so far."""
    label, asked = request.path_params["label"], request.query_params
    found, given = site(request).deployment(label), asked.get("id", "")
    steps = path(logs.path(found, given, _since(asked, time.time() - _TRAVELS)), None) if given else []
    return page(request, "sent.html", label=label, asked=asked, id=given, steps=steps, query=urlencode(asked))


async def follow(request: Request) -> Response:
    """The path, as it grows, until the webhook is stored."""
    label, asked = request.path_params["label"], request.query_params
    given, here, began, is_there = asked.get("id", ""), site(request), time.time(), False

    def look() -> str:
        nonlocal is_there
        found = here.deployment(label)
        steps = path(logs.path(found, given, _since(asked, began)), None)
        times_stored = sum(step.what.startswith("stored") for step in steps)
        is_there = times_stored >= (1 if asked.get("again") else sum(each.has_function for each in found.drains))
        return piece(request, "sent_live.html", steps=steps, label=label, id=given)

    return live(request, look, 1.0, lambda: is_there or time.time() - began > _TRAVELS)


def _send(request: Request, form: Mapping[str, str]) -> Response:
    label = request.path_params["label"]
    found = site(request).deployment(label)
    body, kind, given = form.get("body", "").replace("\r\n", "\n"), form.get("type", ""), form.get("headers", "")
    try:
        answer = Sender(found).send(body.encode(errors="replace"), {"content-type": kind, **_headers(given)})
    except UsageError as error:
        return _form(request, found, body, kind, given, str(error))
    said = {"id": answer.delivery_id or "", "status": answer.status, "ms": round(answer.milliseconds)}
    if not answer.ok:
        said["answer"] = answer.body[:500].decode(errors="replace")
    return RedirectResponse(f"/s/{label}/sent?{urlencode(said)}", 303)


def _providers() -> dict[str, str]:
    """Whose samples there are, and how they are called."""
    return {name: providers.FACTS[name].title for name in sorted({*samples.SAMPLES, *samples.FORMS})}


def _again(request: Request, form: Mapping[str, str]) -> Response:
    label, given = request.path_params["label"], form.get("id", "")
    found = site(request).deployment(label)
    at, document = int(time.time() * 1000), stored(request, found, form.get("from"), given)
    if document is None or not isinstance(document.get("raw"), bytes):
        raise NotFoundError(f"{given} is not stored with its body here")
    replay = Replay(found, Asked(at / 1000, at / 1000, destination=form.get("to")), replayed_at=at)
    replay.send([document])
    said = {"id": given, "again": replay.drain.destination, "since": at}
    return RedirectResponse(f"/s/{label}/sent?{urlencode(said)}", 303)


def _since(asked: Mapping[str, str], otherwise: float) -> float:
    """From when on the log is looked into, in epoch seconds: what was sent again has a path of before."""
    given = asked.get("since", "")
    return int(given) / 1000 if given.isascii() and given.isdecimal() and len(given) < 15 else otherwise - _EARLIER


def _form(
    request: Request, found: Deployment, body: str, kind: str, headers: str, wrong: str = "", provider: str = ""
) -> Response:
    return page(
        request,
        "send.html",
        400 if wrong else 200,
        label=request.path_params["label"],
        scheme=str(found.signature["scheme"]),
        providers=_providers(),
        provider=provider,
        body=body,
        type=kind,
        headers=headers,
        wrong=wrong,
    )


def _headers(text: str) -> dict[str, str]:
    """A line each, as `name: value`.

    Raises:
        UsageError: a line is none.
    """
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"{line}: a header is given as name: value")
        if not line.isascii() or not line.isprintable():
            raise UsageError(f"{name}: a header is made of what ASCII prints")
        found[name.strip()] = value.strip()
    return found


def _indented(body: bytes) -> str:
    """JSON a field a line; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode(errors="replace")
