"""Keeps web pages out of local AWS, which asks nobody for credentials and lets whoever calls it run code.

A page in the browser of whoever runs it can send it requests, and under a name that it makes resolve to 127.0.0.1 also
read the answers. The endpoints of webhooks stay open, also to a tunnel: they are public by nature, and the function
verifies what comes.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

_Scope = MutableMapping[str, Any]
_App = Callable[[_Scope, Any, Any], Awaitable[None]]
# (host, path) to the API, the stage and the path behind a domain of the user's own.
_Domains = Callable[[str, str], tuple[str, str, str] | None]

REFUSED = (
    "local AWS answers programs of this machine, and no web page: a request with an Origin, from another site, or to "
    "another host than 127.0.0.1 or localhost reaches webhook endpoints alone (/_aws/execute-api/...)\n"
)

_OWN_HOST = re.compile(rb"(127\.0\.0\.1|([\w.-]+\.)?localhost)(:\d+)?", re.IGNORECASE)
# Of ministack's routes the one that ends in an API, whatever the headers say. What posts to the clients of a WebSocket
# API is beside it, and asks for rights on AWS.
_ENDPOINT = re.compile(r"/_aws/execute-api/[a-z0-9]+/(?![^/]*/@connections/)")


def guard(app: _App, domains: _Domains) -> _App:
    """Let `app` (ASGI) see only what a program of this machine sends, and webhooks."""

    async def guarded(scope: _Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or not _is_foreign(scope["headers"]):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        elif webhook := _webhook(scope, domains):
            await app(webhook, receive, send)
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSED)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSED.encode()})

    return guarded


def _is_foreign(headers: list[tuple[bytes, bytes]]) -> bool:
    said = [(name.lower(), value) for name, value in headers]
    hosts = [value for name, value in said if name == b"host"]
    # A browser says `none` of what its user typed, https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
    from_page = any(name == b"origin" or (name == b"sec-fetch-site" and value != b"none") for name, value in said)
    return from_page or not hosts or not all(map(_OWN_HOST.fullmatch, hosts))


def _webhook(scope: _Scope, domains: _Domains) -> _Scope | None:
    """The request as one to an API's own address, where it is a webhook; so nothing routes it by its host."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"), "")
    path, raw_path = scope["path"], scope["raw_path"]
    if not _ENDPOINT.match(path) and (behind := domains(host, path)):
        api, stage, rest = behind
        path = f"/_aws/execute-api/{api}/{stage}{rest}"
        raw_path = quote(path).encode()
    if not _ENDPOINT.match(path):
        return None
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
    return {**scope, "path": path, "raw_path": raw_path, "headers": [(b"host", b"127.0.0.1"), *headers]}
