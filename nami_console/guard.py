"""Who may look, and what a page may do: nothing reaches the pages but what this lets through.

- The server listens on 127.0.0.1, and answers to its own name alone: a name of somebody else's that leads here (DNS
  rebinding) is refused.
- The URL that opens the console holds a token, which works once and becomes a cookie that no script reads and no other
  site sends.
- A request that another site's page makes is refused by its Origin.
- What changes something is a POST whose form holds a second token, which only the pages themselves have.
- A page runs no script and no style but the console's own files, and loads nothing from elsewhere.
"""

import secrets
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST = 8 * 1024 * 1024  # bytes of a form: a webhook of 6 MB, escaped as forms are
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",  # without any, a form of the page's own would have the Origin null
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Stands before the pages.

    Args:
        port: that the server listens on.
        read_only: nothing can be changed.
    """

    def __init__(self, app: ASGIApp, *, port: int, keys: "Keys", read_only: bool) -> None:
        self._app, self._keys, self._read_only = app, keys, read_only
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"nami-console-{port}"  # cookies do not tell ports apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the request through."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = self._refusal(request) or self._entry(request)
        if answer is None and request.method == "POST":
            receive, answer = await self._form(request)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, "no-cache" if request.url.path.startswith("/static/") else "no-store")
            await send(message)

        await (answer or self._app)(scope, receive, sending)

    def _refusal(self, request: Request) -> Response | None:
        """Where the request comes from elsewhere."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if host not in self._hosts:
            return _refused(421, "this is nami's console, under another name than its own")
        if origin is not None and origin != f"http://{host}":
            return _refused(403, "another site's page asked for this")
        # To cookies too, pages on other ports of this machine are of the same site; all they may is lead here.
        follows_link = request.method == "GET" and request.headers.get("sec-fetch-dest") == "document"
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not follows_link:
            return _refused(403, "another site's page asked for this")
        if request.method not in ("GET", "HEAD", "POST"):
            return _refused(405, "GET and POST are all there is")
        return None

    def _entry(self, request: Request) -> Response | None:
        """Where the cookie is missing: the way in by the token, or none."""
        if secrets.compare_digest(request.cookies.get(self._cookie, "").encode(), self._keys.cookie.encode()):
            return None
        if request.method != "GET" or not self._keys.open(request.query_params.get("token", "")):
            return _refused(403, "open the URL that `nami console` printed; it works once: start it again for another")
        inside = RedirectResponse("/", 303)
        inside.set_cookie(self._cookie, self._keys.cookie, httponly=True, samesite="strict")
        return inside

    async def _form(self, request: Request) -> tuple[Receive, Response | None]:
        """The body of a POST again, for the page that takes it, or why it is refused."""
        if self._read_only:
            return request.receive, _refused(403, "this console is read-only")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST:
                return request.receive, _refused(413, "that form is too large")
        try:
            given = fields(body).get("token", "")
        except ValueError:
            return request.receive, _refused(413, "that form has too many fields")
        if not secrets.compare_digest(given.encode(errors="replace"), self._keys.form.encode()):
            return request.receive, _refused(403, "this form is of another start of the console: load its page again")

        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await request.receive()

        return again, None


class Keys:
    """The secrets of one start: `entry` of the URL, `cookie` of the browser, `form` of the pages."""

    def __init__(self) -> None:
        self.entry, self.cookie, self.form = (secrets.token_urlsafe(32) for _ in range(3))
        self._opened = False

    def open(self, token: str) -> bool:
        """Whether it is the token of the URL, for the first time."""
        if self._opened or not secrets.compare_digest(token.encode(errors="replace"), self.entry.encode()):
            return False
        self._opened = True
        return True


def fields(body: bytes) -> dict[str, str]:
    """A form's fields; of several of a name the last."""
    return {name: values[-1] for name, values in lists(body).items()}


def lists(body: bytes) -> dict[str, list[str]]:
    """A form's fields, with all the values of each name."""
    return parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=20_000)


def _refused(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status)


def _add_headers(message: MutableMapping[str, Any], kept: str) -> None:
    there = Headers(raw=message["headers"])
    added = {**_HEADERS, "cache-control": kept}
    message["headers"] = [
        *message["headers"],
        *((name.encode(), value.encode()) for name, value in added.items() if name not in there),
    ]
