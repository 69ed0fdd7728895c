"""A stored webhook is posted to a URL as it came: its method, its query, its headers with the signature, its bytes."""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from nami_control.errors import UsageError
from nami_control.searching import event_type

ANSWERS_WITHIN = 30.0
"""Seconds, as long as a gateway waits."""
# RFC 9110, section 7.6.1, and what belongs to the way that it came: the connection's own, and what is computed anew.
_OF_THE_WAY = frozenset(
    {
        *("connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "content-length", "expect"),
    }
)
_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_control = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Posted:
    """How it went: `at` is epoch seconds, `status` None where nothing answered, for the `reason`."""

    delivery_id: str
    type: str
    at: float
    milliseconds: float
    status: int | None
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


class Poster:
    """Posts to one URL, one webhook after the other.

    Raises:
        UsageError: the URL is none.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--to {url}: is no URL; give one such as http://localhost:3000/webhooks")
        import urllib3  # noqa: PLC0415

        self.url = url
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(ANSWERS_WITHIN))

    def post(self, document: dict[str, Any]) -> Posted:
        """Post it, and tell how that went; what the server does wrong raises nothing."""
        import urllib3  # noqa: PLC0415

        at, started, status, reason = time.time(), time.monotonic(), None, ""
        raw: bytes = document.get("raw") or b""
        sent: Any = headers(document)  # bytes, since text would have to be Latin-1
        try:
            answer = self._pool.request(
                document["method"], self._target(document), body=raw or None, headers=sent, redirect=False
            )
            status = answer.status
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = _reason(error)
        # The server ends it, as it was asked to, and need not say so; the pool would use it again until then.
        self._pool.clear()
        took = (time.monotonic() - started) * 1000
        return Posted(str(document["_id"]), event_type(document), at, took, status, reason)

    def _target(self, document: dict[str, Any]) -> str:
        query = document.get("query") or ""
        joined = f"{self.url}{'&' if '?' in self.url else '?'}{query}" if query else self.url
        return quote(joined, safe="".join(map(chr, range(33, 127))))


def headers(document: dict[str, Any]) -> dict[str, bytes]:
    """Those that it came with, but for those of the connection, and its delivery id."""
    given: dict[str, str] = document["headers"]
    left_out = _OF_THE_WAY | {name.strip().lower() for name in given.get("connection", "").split(",")}
    kept = {name: value for name, value in given.items() if name not in left_out and _token(name)}
    # A server under development is started anew often, and a connection to the former one leads nowhere.
    kept |= {"nami-delivery-id": str(document["_id"]), "connection": "close"}
    return {name: _control.sub(" ", value).encode() for name, value in kept.items()}


def _reason(error: Exception) -> str:
    import urllib3  # noqa: PLC0415

    if isinstance(error, urllib3.exceptions.NewConnectionError | ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return f"no answer within {ANSWERS_WITHIN:g} s"
    return type(error).__name__
