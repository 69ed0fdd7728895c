"""Keeps strangers out of local AWS, which would run their code: web pages, and other users of the machine.

A request must bear the session token of this run, which tools and functions have in their environment. A page in the
browser of whoever runs it does not know that, nor can it read it from the answer to a link. The endpoints of webhooks
stay open, also to a tunnel: they are public by nature, and the function verifies what comes.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs, quote

_Scope = MutableMapping[str, Any]
_App = Callable[[_Scope, Any, Any], Awaitable[None]]
# (host, path) to the API, the stage and the path behind a domain of the user's own.
_Domains = Callable[[str, str], tuple[str, str, str] | None]

REFUSED = (
    "local AWS answers programs with its credentials, which `nami local env` prints, and no web page: without them, "
    "with an Origin, from another site, forwarded, or to another host than 127.0.0.1 or localhost a request reaches "
    "webhook endpoints alone (/_aws/execute-api/...)\n"
)

_OWN_HOST = re.compile(rb"(127\.0\.0\.1|([\w.-]+\.)?localhost)(:\d+)?", re.IGNORECASE)
# Of ministack's routes the one that ends in an API, whatever the headers say. What posts to the clients of a WebSocket
# API is beside it, and asks for rights on AWS.
_ENDPOINT = re.compile(r"/_aws/execute-api/[a-z0-9]+/(?![^/]*/@connections/)")
_ENDPOINT_HOST = re.compile(r"([a-z0-9]+)\.execute-api\.localhost(:\d+)?")
# What ministack asks of itself: whether it is up; how a custom resource went, at an address with a token of its own.
_OWN_PATH = re.compile(r"/_ministack/(health|cfn-response/[\w-]+|cfn-signal/[\w-]+)")


def guard(app: _App, domains: _Domains, token: str) -> _App:
    """Let `app` (ASGI) see only what a program with this token sends, and webhooks.

    Args:
        token: empty where `app` itself proves who calls, as with ministack's AUTH.
    """

    def is_known(scope: _Scope) -> bool:
        free = not token or _OWN_PATH.fullmatch(scope["path"])
        return not _is_foreign(scope["headers"]) and (bool(free) or compare_digest(_token(scope), token.encode()))

    async def guarded(scope: _Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or is_known(scope):
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
    forwarded = any(name in (b"forwarded", b"via") or name.startswith(b"x-forwarded-") for name, _ in said)
    return from_page or forwarded or not hosts or not all(map(_OWN_HOST.fullmatch, hosts))


def _token(scope: _Scope) -> bytes:
    """The session token that a request is signed with, in its headers or, where its URL is signed, in its query."""
    headers: list[bytes] = [value for name, value in scope["headers"] if name.lower() == b"x-amz-security-token"]
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return headers[0] if headers else query.get("X-Amz-Security-Token", [""])[0].encode()


def _webhook(scope: _Scope, domains: _Domains) -> _Scope | None:
    """The request as one to an API's own address, where it is a webhook; so nothing routes it by its host."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"), "")
    path, raw_path = scope["path"], scope["raw_path"]
    if named := _ENDPOINT_HOST.fullmatch(host):
        path = f"/_aws/execute-api/{named[1]}{path}"
        raw_path = f"/_aws/execute-api/{named[1]}".encode() + raw_path
    if not _ENDPOINT.match(path) and (behind := domains(host, path)):
        api, stage, rest = behind
        path = f"/_aws/execute-api/{api}/{stage}{rest}"
        raw_path = quote(path).encode()
    if not _ENDPOINT.match(path):
        return None
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
    return {**scope, "path": path, "raw_path": raw_path, "headers": [(b"host", b"127.0.0.1"), *headers]}
