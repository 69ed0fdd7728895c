"""A webhook as it came in; an event is that of an HTTP API (payload format 2.0) or a REST API (1.0)."""

from __future__ import annotations

import binascii
import time
from hashlib import sha256
from json import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A function is invoked with 6 MB at most, so nothing larger can arrive; it is refused before anything hashes it.
MAX_BODY_BYTES = 6 * 1024 * 1024
# Schemes that look into the body parse it before anybody has proven anything; so many values take 120 MB at the most.
MAX_JSON_VALUES = 1_000_000
_YEAR_9999 = 253_370_764_800_000


class Refused(Exception):
    """Ends a request with an answer other than success; the reason is logged and never sent."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Request:
    """What the producer sent: header names in lower case, the query as it was written, the body's exact bytes."""

    __slots__ = (
        "body",
        "deadline",
        "delivery_id",
        "domain",
        "enqueued",
        "headers",
        "json_body",
        "method",
        "path",
        "query",
        "received_at",
        "request_id",
        "source_ip",
        "text",
        "verified",
    )

    def __init__(
        self,
        method: str,
        path: str = "/",
        query: str = "",
        *,
        headers: dict[str, str],
        body: bytes,
        request_id: str,
        domain: str = "",
        source_ip: str = "",
        received_at: int = 0,
        deadline: float = 0.0,
    ) -> None:
        """`received_at` is in epoch ms, 0 for now; `deadline` is in the clock of time.monotonic().

        Raises Refused: 400 for a request id that can't travel in a header, 413 for a body over the limit.
        """
        if not request_id or not request_id.isascii() or not request_id.isprintable():
            raise Refused(400, "unreadable request: its id")
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, "body too large")
        self.method = method.upper()
        self.path = path
        self.query = query
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.text: str | None = None  # the body, where it came as text
        # The delivery's own, until a signature or the provider names a better one.
        self.request_id = self.delivery_id = request_id
        self.domain = domain
        self.source_ip = source_ip
        self.received_at = received_at or int(time.time() * 1000)
        self.deadline = deadline
        self.verified: str | None = None
        self.enqueued = False
        self.json_body: Any = ...

    @classmethod
    def from_event(cls, event: dict[str, Any], deadline: float = 0.0) -> Request:
        """Raises Refused: 400 for an event or a body that can't be read, 413 for a body over the limit."""
        try:
            if "http" not in event["requestContext"]:
                from nami_runtime import rest_event  # noqa: PLC0415 - only a REST API's events need it

                event = rest_event.as_http_event(event)
            context = event["requestContext"]
            http = context["http"]
            headers = event.get("headers") or {}
            "".join(headers.values())  # raises where one is no text
            if cookies := event.get("cookies"):  # this payload format takes them out of the headers
                headers = {**headers, "cookie": "; ".join(cookies)}
            arrived = context.get("timeEpoch")
            body, encoded = event.get("body") or "", bool(event.get("isBase64Encoded"))
            if len(body) > (MAX_BODY_BYTES * 4 // 3 + 4 if encoded else MAX_BODY_BYTES):
                raise Refused(413, "body too large")
            request = cls(
                http["method"],
                _text(event.get("rawPath") or http.get("path") or "/"),
                _text(event.get("rawQueryString") or ""),
                headers=headers,
                body=binascii.a2b_base64(body, strict_mode=True) if encoded else body.encode(),
                request_id=context["requestId"],
                domain=_text(context.get("domainName") or ""),
                source_ip=_text(http.get("sourceIp") or ""),
                received_at=arrived if type(arrived) is int and 0 < arrived < _YEAR_9999 else 0,
                deadline=deadline,
            )
            if not encoded:
                request.text = body
            return request
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Refused(400, f"unreadable request: {type(error).__name__}") from None

    def header(self, name: str) -> str:
        """A header's value. Raises Refused (401) where there is none."""
        value = self.headers.get(name, "")
        if not value:
            raise Refused(401, f"no {name}")
        return value

    def json(self) -> Any:
        """The body as JSON, parsed once; None where it is none, or holds over MAX_JSON_VALUES."""
        if self.json_body is ...:
            try:
                self.json_body = None if _values(self.body) > MAX_JSON_VALUES else loads(self.body)
            except (ValueError, RecursionError):
                self.json_body = None
        return self.json_body

    def body_hash(self) -> str:
        """The SHA-256 of the body, in hex."""
        return sha256(self.body).hexdigest()


def _values(body: bytes) -> int:
    """At most how many values a JSON body holds; not counted where its length tells enough."""
    if len(body) <= MAX_JSON_VALUES:
        return len(body)
    return body.count(b"{") + body.count(b"[") + body.count(b",")


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError("not a string")
    return value


def field(value: object, path: str) -> str:
    """A text or integer inside parsed JSON, or empty."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
