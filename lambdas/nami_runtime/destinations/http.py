"""An HTTP backend of the user's own: each webhook is forwarded as it came in, and signed.

The signature is that of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, spec): `webhook-id`,
`webhook-timestamp` and `webhook-signature`, one `v1,` for each key of the secret. A delivery arrives at least once.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import re
import select
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from email.utils import parsedate_to_datetime
from hmac import digest
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote_plus, urlsplit

from nami_runtime import aws, log
from nami_runtime.destinations import NO_TIME, Apart, Away, Later, apart
from nami_runtime.destinations.dynamodb import encoded
from nami_runtime.documents import TRANSFORMED, iso
from nami_runtime.reaching import Forbidden, reach
from nami_runtime.secret import Secret
from nami_runtime.tries import note_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What a note may take, and what is left of the batch's time for the last one.
NOTE_SECONDS = 1.0
NOTE_BYTES = 2048
# Of an answer that nobody reads; a longer one costs its connection.
_MAX_ANSWER_BYTES = 65_536
# Node's servers close after 5 idle seconds; a request that crosses such an end would be a failed try.
_IDLE_SECONDS = 4.0
# The longest that a backend can put a webhook off. SQS would take 12 hours, and five such waits outlive a short queue.
MAX_LATER_SECONDS = 3600

_NO_TIME = f"backend: {NO_TIME}"
# RFC 9110, section 7.6.1, and what belongs to this hop: the connection's own, and what is computed anew.
_HOP_BY_HOP = frozenset(
    {
        *("connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "content-length", "expect", "accept-encoding"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }
)
# What speaks of the body that came, where another one is sent: RFC 9110, section 8; RFC 9530; RFC 1864.
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-md5", "content-digest", "repr-digest", "digest"})
# By these a server says of itself that it takes nothing now (RFC 6585, section 4; RFC 9110, section 15.6.4). 502 and
# 504 are a proxy's word on one request, and what makes the backend behind it fail may be this webhook.
_TAKES_NOTHING_NOW = (429, 503)
_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_control = re.compile(rb"[\x00-\x1f\x7f]")


def connect() -> Backend:
    """Connects at the first write, not here."""
    return Backend()


class _Unreached(Exception):
    """There is no connection to the backend, so it has not seen the webhook."""


class Answer(NamedTuple):
    """What the backend said."""

    status: int
    retry_after: str
    body: bytes


class _Final(http.client.HTTPResponse):
    """The answer that counts: of those below 200, which come on the way to it, http.client itself skips 100 alone.

    RFC 9110, section 15.2. 101 is one that counts: what follows it is no HTTP.
    """

    def begin(self) -> None:
        super().begin()
        while self.status < 200 and self.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment] # as long as there are some, nothing more is read
            super().begin()


class Backend:
    """The URL that BACKEND_URL names."""

    def __init__(self) -> None:
        environ = os.environ
        self._url = urlsplit(environ["BACKEND_URL"])
        self._connect_seconds = int(environ["BACKEND_CONNECT_TIMEOUT"])
        self._read_seconds = int(environ["BACKEND_READ_TIMEOUT"])
        self._allow_private = environ.get("BACKEND_ALLOW_PRIVATE") == "1"
        self._table = environ["BACKEND_ATTEMPTS_TABLE"]
        self._secret = Secret(environ["BACKEND_SECRET_ARN"])
        self._pool = ThreadPoolExecutor(int(environ["BACKEND_CONCURRENCY"]), thread_name_prefix="http")
        self._own = threading.local()

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        try:
            keys = [key_of(value) for value in self._secret.values(deadline)]
        except ValueError:
            return [Away("backend away: its secret is no key in base64")] * len(documents)
        except (aws.Unavailable, aws.Rejected) as error:
            return [Away(f"backend away: its secret can't be read: {error}")] * len(documents)
        if not keys:
            return [Away("backend away: its secret is empty")] * len(documents)
        tries = [self._pool.submit(self._deliver, document, keys, deadline) for document in documents]
        results = []
        for each in tries:
            try:
                results.append(each.result(max(0.0, deadline - monotonic())))
            except TimeoutError:  # a name that does not resolve can't be interrupted
                each.cancel()
                results.append(_NO_TIME)
            except Exception as error:  # of a document without what a request is made of
                results.append(f"backend: {type(error).__name__}")
        return results

    def _deliver(self, document: dict[str, Any], keys: list[bytes], deadline: float) -> str:
        started = monotonic()
        if started >= deadline - NOTE_SECONDS:
            return _NO_TIME
        answer, reason, told = None, "", document["_id"]
        try:
            document = self._under_its_id(document, deadline - NOTE_SECONDS)
        except (aws.Unavailable, aws.Rejected) as error:
            return Away(f"backend: the table of its tries: {error}")
        try:
            answer = self._exchange(document, keys, deadline - NOTE_SECONDS)
            if not 200 <= answer.status < 300:
                reason = f"backend: HTTP {answer.status}"
        except _Unreached as error:
            reason = Away(f"backend away: {error}")
        except Exception as error:
            reason = f"backend: {type(error).__name__}"
        self._note(document, answer, reason, round((monotonic() - started) * 1000), deadline)
        if not reason:
            return "stored" if document["_id"] == told else Apart("stored", document["_id"])
        if answer is None:
            return reason
        seconds = later(answer.retry_after, int(document["attempts"]))
        if answer.status in _TAKES_NOTHING_NOW:
            return Away(reason, seconds)
        return Later(reason, seconds) if seconds else reason

    def _under_its_id(self, document: dict[str, Any], deadline: float) -> dict[str, Any]:
        """The document as the backend gets it: apart, where another body was forwarded under its id before.

        The backend may leave out what comes again under the same `webhook-id`, so the id is taken before it is used, on
        condition that no other content has it. Raises aws.Unavailable or aws.Rejected where the table does not say.
        """
        if "raw_sha256" not in document:
            return document
        parameters: dict[str, object] = {
            "TableName": self._table,
            "Item": encoded(note_of(document) | {"delivered": False, "reason": "backend: under way"}),
            "ConditionExpression": "attribute_not_exists(id) OR raw_sha256 = :content",
            "ExpressionAttributeValues": encoded({":content": document["raw_sha256"]}),
        }
        try:
            self._notes().call("DynamoDB_20120810.PutItem", parameters, min(deadline, monotonic() + NOTE_SECONDS))
        except aws.Rejected as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return apart(document)
        return document

    def _exchange(self, document: dict[str, Any], keys: list[bytes], deadline: float) -> Answer:
        """Raises _Unreached, OSError or http.client.HTTPException; the thread's connection is then closed."""
        try:
            connection = self._connected(deadline)
        except Forbidden as error:
            raise _Unreached(str(error)) from None
        except OSError as error:
            raise _Unreached(type(error).__name__) from None
        raw = _body(document)
        try:
            with _cut_at(min(deadline, monotonic() + self._read_seconds), connection.sock):
                target = self._target(document["query"])
                connection.putrequest(document["method"], target, skip_host=True, skip_accept_encoding=True)
                for name, value in self._headers(document, keys, raw, time.time()):
                    connection.putheader(name, value)
                connection.endheaders(raw or None)
                response = connection.getresponse()
                body = response.read(_MAX_ANSWER_BYTES)
        except BaseException:
            self._close()
            raise
        # What is left of an answer would be taken for the next one's.
        if response.will_close or not response.isclosed() or response.status < 200:
            self._close()
        self._own.used_at = monotonic()
        return Answer(response.status, response.getheader("retry-after", ""), body)

    def _headers(self, document: dict[str, Any], keys: list[bytes], raw: bytes, now: float) -> list[tuple[str, bytes]]:
        given = document["headers"]
        left_out = _HOP_BY_HOP | {name.strip().lower() for name in given.get("connection", "").split(",")}
        if TRANSFORMED in document:
            left_out |= _OF_THE_BODY
        delivery_id = quote(str(document["_id"]), safe="".join(map(chr, range(33, 127))))
        stamp = str(int(now))
        signatures = " ".join(sign(key, delivery_id, stamp, raw) for key in keys)
        headers = [
            (name, value)
            for name, value in given.items()
            # Many servers read both characters as one: WSGI, CGI and PHP hand on HTTP_WEBHOOK_ID for either.
            if (read := name.replace("_", "-")) not in left_out and not read.startswith("nami-") and _token(name)
        ]
        headers += [
            ("host", self._url.netloc),
            ("accept-encoding", "identity"),
            *([("content-type", "application/json")] if TRANSFORMED in document else []),
            ("nami-delivery-id", delivery_id),
            ("nami-attempt", str(document["attempts"])),
            ("webhook-id", delivery_id),
            ("webhook-timestamp", stamp),
            ("webhook-signature", signatures),
        ]
        if "replayed_at" in document:
            headers.append(("nami-replayed-at", iso(document["replayed_at"])))
        if raw or document["method"] not in ("GET", "DELETE"):
            headers.append(("content-length", str(len(raw))))
        return [(name, _control.sub(b" ", value.encode())) for name, value in headers]

    def _target(self, query: str) -> str:
        """The URL's path with its own query and the producer's, as it was written; what is the URL's own stays so."""
        own = {_name_of(part) for part in self._url.query.split("&")}
        parts = [part for part in query.split("&") if part and _name_of(part) not in own]
        joined = "&".join([*filter(None, [self._url.query]), *parts])
        target = (self._url.path or "/") + (f"?{joined}" if joined else "")
        return quote(target, safe="".join(map(chr, range(33, 127))))

    def _connected(self, deadline: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection:
            fresh = monotonic() - self._own.used_at < _IDLE_SECONDS
            if fresh and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            self._close()
        limit = min(deadline, monotonic() + self._connect_seconds)
        secure = self._url.scheme == "https"
        host = self._url.hostname or ""
        connection = http.client.HTTPConnection(host)
        connection.response_class = _Final
        connection.auto_open = 0  # only to the address that was checked
        connection.sock = reach(host, self._url.port or (443 if secure else 80), limit, self._allow_private)
        self._own.connection = connection
        if secure:
            # The handshake apart, since wrapping takes the descriptor away from the plain socket.
            secured = _tls().wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
            connection.sock = secured
            try:
                with _cut_at(limit, secured):
                    secured.do_handshake()
            except BaseException:
                self._close()
                raise
        return connection

    def _close(self) -> None:
        connection = getattr(self._own, "connection", None)
        self._own.connection = None
        if connection:
            connection.close()

    def _note(
        self, document: dict[str, Any], answer: Answer | None, reason: str, milliseconds: int, deadline: float
    ) -> None:
        """Keeps how the last try went. What goes wrong with it concerns no webhook."""
        fields = note_of(document) | {"ms": milliseconds, "delivered": not reason}
        if reason:
            fields["reason"] = reason
        if answer:
            fields |= {"status": answer.status, "answer": answer.body[:NOTE_BYTES].decode(errors="replace")}
        try:
            parameters: dict[str, object] = {"TableName": self._table, "Item": encoded(fields)}
            # Not the batch's time, which others need that wait for this thread.
            limit = min(deadline, monotonic() + NOTE_SECONDS)
            self._notes().call("DynamoDB_20120810.PutItem", parameters, limit)
        except Exception as error:
            log.line("WARNING", "the try is not noted", id=fields["id"], reason=f"{type(error).__name__}: {error}")

    def _notes(self) -> aws.Client:
        if not hasattr(self._own, "notes"):
            self._own.notes = aws.Client("dynamodb")
        client: aws.Client = self._own.notes
        return client


def _body(document: dict[str, Any]) -> bytes:
    result: str | None = document.get(TRANSFORMED)
    return document.get("raw") or b"" if result is None else result.encode()


def _name_of(part: str) -> str:
    """Of a query's `name=value`, as a server reads it."""
    return unquote_plus(part.partition("=")[0])


def sign(key: bytes, delivery_id: str, stamp: str, body: bytes) -> str:
    """A Standard Webhooks signature; `stamp` is in epoch seconds."""
    mac = digest(key, f"{delivery_id}.{stamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(mac).decode()


def later(retry_after: str, attempt: int) -> int:
    """Seconds until the next try, by the backend's Retry-After; 0 where it says nothing.

    Never less than 1, 5, 25, … seconds for the first, second, third … try, so that a backend that always says `1` does
    not use up all tries at once.
    """
    if retry_after.isdecimal():
        seconds = int(retry_after[:9])
    elif not retry_after:
        return 0
    else:
        try:
            at = parsedate_to_datetime(retry_after)
        except ValueError:
            return 0
        seconds = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time()) + 1
    least: int = 5 ** min(attempt - 1, 9)
    return min(max(seconds, least), MAX_LATER_SECONDS)


_context: ssl.SSLContext | None = None


def _tls() -> ssl.SSLContext:
    global _context  # noqa: PLW0603 - the certificates are read once
    if _context is None:
        _context = ssl.create_default_context()
    return _context


@contextlib.contextmanager
def _cut_at(limit: float, connected: socket.socket) -> Iterator[None]:
    """Ends a socket's waiting at `limit`: a time-out is that of each read, and a slow sender makes many.

    Raises TimeoutError for whatever came of it.
    """

    def cut() -> None:
        with contextlib.suppress(OSError):
            # Not the TLS socket's own, which would take its state away under the other thread.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    connected.settimeout(max(0.001, limit - monotonic()))
    watch = threading.Timer(limit - monotonic(), cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if monotonic() >= limit:
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()


def key_of(text: str) -> bytes:
    """The key that a secret's value holds, in base64 with or without `whsec_` before it. Raises ValueError."""
    key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    if not key:
        raise ValueError("empty")
    return key
