"""A webhook as it came in."""

from __future__ import annotations

import binascii
import time
from hashlib import sha256
from json import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    class Proof(Protocol):
        """What proved the sender: a scheme."""

        def secret_source(self) -> str:
            """The source of the secret itself, where it comes with the request; or empty."""

        def covers(self, source: str) -> bool:
            """Whether the signature covers that source."""


# A function is invoked with 6 MB at most, so nothing larger can arrive; it is refused before anything hashes it.
MAX_BODY_BYTES = 6 * 1024 * 1024
# Schemes that look into the body parse it before anybody has proven anything; so many values take 120 MB at the most.
MAX_JSON_VALUES = 1_000_000
YEAR_9999 = 253_370_764_800_000
"""Epoch ms from which on no date holds a moment in every time zone."""


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
        "filtered",
        "hashed",
        "headers",
        "id_is_bound",
        "json_body",
        "method",
        "path",
        "proven_by",
        "query",
        "received_at",
        "request_id",
        "source_ip",
        "text",
        "unwanted",
        "verified",
    )

    def __init__(
        self,
        method: str,
        path: str = "/",
        query: str = "",
        *,
        headers: dict[str, str],
        body: bytes | str,
        request_id: str,
        domain: str = "",
        source_ip: str = "",
        received_at: int | None = None,
        deadline: float = 0.0,
    ) -> None:
        """`headers` have lower-case names, `body` is text where it came as text, `received_at` is in epoch ms."""
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.text = body if isinstance(body, str) else None
        self.body = body.encode() if isinstance(body, str) else body
        # The delivery's own, until a signature or the provider names a better one.
        self.request_id = self.delivery_id = request_id
        # Whether the delivery's id stands for its content as well, or is meant to without.
        self.id_is_bound = False
        self.domain = domain
        self.source_ip = source_ip
        self.received_at = int(time.time() * 1000) if received_at is None else received_at
        self.deadline = deadline
        self.verified: str | None = None
        self.proven_by: Proof | None = None
        self.enqueued = self.filtered = False
        self.unwanted: Sequence[str] = ()  # names of the destinations that do not want it
        self.hashed: tuple[bytes, str] | None = None
        self.json_body: Any = ...

    @property
    def id_may_repeat(self) -> bool:
        """Whether another body may come under the same id, which is the provider's own and says nothing of the body.

        So it is where a provider's two endpoints send one event in two versions of its API.
        """
        return self.delivery_id != self.request_id and not self.id_is_bound

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
        """The SHA-256 of the body, in hex; computed once, as the ways to write a URL are many."""
        if self.hashed is None or self.hashed[0] is not self.body:
            self.hashed = self.body, sha256(self.body).hexdigest()
        return self.hashed[1]


class GatewayRequest(Request):
    """A request as a gateway's event tells it: an HTTP API's (payload format 2.0) or a REST API's (1.0)."""

    __slots__ = ()

    def __init__(self, event: dict[str, Any], deadline: float = 0.0) -> None:
        """Raises Refused: 400 for an event or a body that can't be read, 413 for a body over the limit."""
        try:
            if "http" not in event["requestContext"]:
                from nami_runtime import rest_event  # noqa: PLC0415 - only a REST API's events need it

                event = rest_event.as_http_event(event)
            context = event["requestContext"]
            http = context["http"]
            request_id = context["requestId"]
            if not request_id or not request_id.isascii() or not request_id.isprintable():
                raise ValueError("request id")  # it travels in a header of the answer
            headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
            if cookies := event.get("cookies"):  # this payload format takes them out of the headers
                headers["cookie"] = "; ".join(cookies)
            path, query = event.get("rawPath") or http.get("path") or "/", event.get("rawQueryString") or ""
            domain, source_ip = context.get("domainName") or "", http.get("sourceIp") or ""
            "".join([path, query, domain, source_ip, *headers.values()])  # raises where one is no text
            body, encoded = event.get("body") or "", bool(event.get("isBase64Encoded"))
            if not isinstance(body, str):
                raise TypeError("body")
            if len(body) > (MAX_BODY_BYTES * 4 // 3 + 4 if encoded else MAX_BODY_BYTES):
                raise Refused(413, "body too large")
            arrived = context.get("timeEpoch")
            super().__init__(
                http["method"].upper(),
                path,
                query,
                headers=headers,
                body=binascii.a2b_base64(body, strict_mode=True) if encoded else body,
                request_id=request_id,
                domain=domain,
                source_ip=source_ip,
                received_at=arrived if type(arrived) is int and 0 < arrived < YEAR_9999 else None,
                deadline=deadline,
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Refused(400, f"unreadable request: {type(error).__name__}") from None
        if len(self.body) > MAX_BODY_BYTES:
            raise Refused(413, "body too large")


def _values(body: bytes) -> int:
    """At most how many values a JSON body holds; not counted where its length tells enough."""
    if len(body) <= MAX_JSON_VALUES:
        return len(body)
    return body.count(b"{") + body.count(b"[") + body.count(b",")


def field(value: object, path: str) -> str:
    """A text or integer inside parsed JSON, or empty."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
