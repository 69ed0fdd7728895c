"""An HTTP backend of the user's own: each webhook is forwarded as it came in, and signed unless the stack says not to.

The signature is that of Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks, spec): `webhook-id`,
`webhook-timestamp` and `webhook-signature`, one `v1,` for each key of the secret. A delivery arrives at least once.
"""

from __future__ import annotations

import base64
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from hmac import digest
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote_plus, urlsplit

from nami_runtime import aws
from nami_runtime.destinations.dynamodb import encoded
from nami_runtime.documents import TRANSFORMED, iso
from nami_runtime.reaching import HOP_BY_HOP, Forbidden, Line, Way, token
from nami_runtime.results import NO_TIME, Apart, Away, Later, NotYet, apart
from nami_runtime.secret import Secret
from nami_runtime.tries import Notes, note_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.added_headers import AddedHeaders
    from nami_runtime.pace import Pace

# What is left of the batch's time when the last request ends: half of it for its thread to say so, all of it for notes.
NOTE_SECONDS = 1.0
NOTE_BYTES = 2048
# Of an answer that nobody reads; a longer one costs its connection.
_MAX_ANSWER_BYTES = 65_536
# The longest that a backend can put a webhook off. SQS would take 12 hours, and five such waits outlive a short queue.
MAX_LATER_SECONDS = 3600
# The longest that nothing at all is sent because it says so: one that is back before is noticed.
_LONGEST_REST_SECONDS = 900

_NO_TIME = f"backend: {NO_TIME}"
# What speaks of the body that came, where another one is sent: RFC 9110, section 8; RFC 9530; RFC 1864.
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-md5", "content-digest", "repr-digest", "digest"})
_OF_SIGNATURE = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})
# By these a server says of itself that it takes nothing now (RFC 6585, section 4; RFC 9110, section 15.6.4). 502 and
# 504 are a proxy's word on one request, and what makes the backend behind it fail may be this webhook.
_TOO_MANY = 429
_TAKES_NOTHING_NOW = (_TOO_MANY, 503)
# What an answer to headers that have changed looks like.
_REFUSED = frozenset({"backend: HTTP 401", "backend: HTTP 403"})
_PRINTABLE = "".join(map(chr, range(33, 127)))
_control = re.compile(rb"[\x00-\x1f\x7f]")


def connect() -> Backend:
    """Connects at the first write, not here."""
    return Backend()


class _Unready(Exception):
    """Nothing is forwarded now, for this reason."""


class _Unreached(Exception):
    """The backend has not seen the webhook, for this reason."""

    def __init__(self, reason: Away) -> None:
        super().__init__(reason)
        self.reason = reason


class Answer(NamedTuple):
    """What the backend said."""

    status: int
    retry_after: str
    body: bytes


class Backend:
    """The URL that BACKEND_URL names."""

    def __init__(self) -> None:
        environ = os.environ
        self._url = urlsplit(environ["BACKEND_URL"])
        self._own_query = {_name_of(part) for part in self._url.query.split("&")}
        self._way = Way(self._url, int(environ["BACKEND_CONNECT_TIMEOUT"]), environ.get("BACKEND_ALLOW_PRIVATE") == "1")
        self._read_seconds = int(environ["BACKEND_READ_TIMEOUT"])
        self._method = environ.get("BACKEND_METHOD")
        self._notes = Notes(environ["BACKEND_ATTEMPTS_TABLE"])
        arn, added = environ.get("BACKEND_SECRET_ARN"), environ.get("BACKEND_HEADERS_SECRET_ARN")
        self._secret = Secret(arn) if arn else None
        self._added = _added(added) if added else None
        rate = environ.get("BACKEND_RATE")
        self._pace = _pace(self._notes.table, float(rate)) if rate else None
        self._no_time = NotYet(_NO_TIME) if rate else _NO_TIME
        self._rests_until, self._rests_for = 0.0, ""  # time.monotonic(), and what the backend said
        self._pool = ThreadPoolExecutor(int(environ["BACKEND_CONCURRENCY"]), thread_name_prefix="http")

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        try:
            keys = self._keys(deadline)
            if self._added and not _values(self._added, "the secret of its headers", deadline):
                raise _Unready(f"the secret of its headers {self._added.fault}")
        except _Unready as error:
            return [Away(f"backend away: {error}")] * len(documents)
        notes: list[dict[str, Any]] = []
        tries = [self._pool.submit(self._deliver, document, keys, deadline, notes) for document in documents]
        results = []
        for each in tries:
            try:
                results.append(each.result(max(0.0, deadline - NOTE_SECONDS / 2 - monotonic())))
            except TimeoutError:  # a name that does not resolve can't be interrupted
                results.append(self._no_time if each.cancel() else _NO_TIME)
            except Exception as error:  # of a document without what a request is made of
                results.append(f"backend: {type(error).__name__}")
        self._notes.keep(notes[:], min(deadline, monotonic() + NOTE_SECONDS))
        if self._added and not _REFUSED.isdisjoint(results) and self._added.reread(deadline):
            # The headers were of yesterday, and nothing is wrong with the webhooks.
            results = [Away(result) if result in _REFUSED else result for result in results]
        return results

    def _keys(self, deadline: float) -> list[bytes]:
        """What webhooks are signed with; nothing where they are not. Raises _Unready."""
        if not self._secret:
            return []
        try:
            keys = [key_of(value) for value in _values(self._secret, "its secret", deadline)]
        except ValueError:
            raise _Unready("its secret is no key in base64") from None
        if not keys:
            raise _Unready("its secret is empty")
        return keys

    def _deliver(
        self, document: dict[str, Any], keys: list[bytes], deadline: float, notes: list[dict[str, Any]]
    ) -> str:
        """What became of one; of a try it adds a note."""
        started = monotonic()
        if started >= deadline - NOTE_SECONDS:
            return self._no_time
        if resting := self._resting():
            return resting
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
            reason = error.reason
        except Exception as error:
            reason = f"backend: {type(error).__name__}"
        notes.append(self._note(document, answer, reason, round((monotonic() - started) * 1000)))
        if reason:
            return self._failed(answer, reason, int(document["attempts"]))
        return "stored" if document["_id"] == told else Apart("stored", document["_id"])

    def _failed(self, answer: Answer | None, reason: str, attempt: int) -> str:
        """The result of a try that failed."""
        if answer is None:
            return reason
        seconds = later(answer.retry_after, attempt)
        if answer.status in _TAKES_NOTHING_NOW:
            self._rest(answer.status, reason, seconds)
            return Away(reason, seconds)
        return Later(reason, seconds) if seconds else reason

    def _rest(self, status: int, reason: str, seconds: int) -> None:
        """Nothing more is sent while the backend asks for that; 429 alone is a word for the others of the batch."""
        if seconds := seconds or int(status == _TOO_MANY):
            self._rests_for = reason
            self._rests_until = max(self._rests_until, monotonic() + min(seconds, _LONGEST_REST_SECONDS))

    def _resting(self) -> Away | None:
        left = self._rests_until - monotonic()
        return Away(f"{self._rests_for}; others are not sent meanwhile", ceil(left)) if left > 0 else None

    def _under_its_id(self, document: dict[str, Any], deadline: float) -> dict[str, Any]:
        """The document as the backend gets it: apart, where another body was forwarded under its id before.

        The backend may leave out what comes again under the same `webhook-id`, so the id is taken before it is used, on
        condition that no other content has it. Raises aws.Unavailable or aws.Rejected where the table does not say.
        """
        if "raw_sha256" not in document:
            return document
        parameters: dict[str, object] = {
            "TableName": self._notes.table,
            "Item": encoded(note_of(document) | {"delivered": False, "reason": "backend: under way"}),
            "ConditionExpression": "attribute_not_exists(id) OR raw_sha256 = :content",
            "ExpressionAttributeValues": encoded({":content": document["raw_sha256"]}),
        }
        try:
            self._notes.clients.own().call(
                "DynamoDB_20120810.PutItem", parameters, min(deadline, monotonic() + NOTE_SECONDS)
            )
        except aws.Rejected as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return apart(document)
        return document

    def _exchange(self, document: dict[str, Any], keys: list[bytes], deadline: float) -> Answer:
        """Raises _Unreached, or else what went wrong; the thread's connection is then closed."""
        line = self._connected(deadline)
        raw = _body(document)
        try:
            method = self._method or document["method"]
            head = self._head(document, method, keys, raw)
            response = line.exchange(head, raw, method, min(deadline, monotonic() + self._read_seconds))
            body = response.read(_MAX_ANSWER_BYTES)
        except BaseException:
            self._way.close()
            raise
        # What is left of an answer would be taken for the next one's.
        if response.will_close or not response.isclosed() or response.status < 200:
            self._way.close()
        self._way.used()
        return Answer(response.status, response.getheader("retry-after", ""), body)

    def _connected(self, deadline: float) -> Line:
        """A connection over which it may be sent now. Raises _Unreached."""
        try:
            if self._pace:
                # What is left is for the answer; less than that where the batch only looks whether the backend is back.
                until = deadline - min(self._read_seconds, (deadline - monotonic()) / 2)
                connect = partial(self._way.connected, deadline)
                if reason := self._pace.wait(self._notes.clients.own(), connect, until) or self._resting():
                    raise _Unreached(reason)
            return self._way.connected(deadline)
        except Forbidden as error:
            raise _Unreached(Away(f"backend away: {error}")) from None
        except OSError as error:
            raise _Unreached(Away(f"backend away: {type(error).__name__}")) from None

    def _head(self, document: dict[str, Any], method: str, keys: list[bytes], raw: bytes) -> bytes:
        """Raises ValueError for a method that is none."""
        if not token(method):
            raise ValueError("method")
        lines = [b"%s: %s\r\n" % each for each in self._headers(document, method, keys, raw)]
        return f"{method} {self._target(document['query'])} HTTP/1.1\r\n".encode() + b"".join(lines) + b"\r\n"

    def _headers(
        self, document: dict[str, Any], method: str, keys: list[bytes], raw: bytes
    ) -> list[tuple[bytes, bytes]]:
        given = document["headers"]
        left_out = HOP_BY_HOP | {name.strip().lower() for name in given.get("connection", "").split(",")}
        delivery_id = quote(str(document["_id"]), safe=_PRINTABLE)
        headers = [
            ("host", self._url.netloc),
            ("accept-encoding", "identity"),
            ("nami-delivery-id", delivery_id),
            ("nami-attempt", str(document["attempts"])),
        ]
        if self._secret:
            left_out |= _OF_SIGNATURE
            stamp = str(int(time.time()))
            signatures = " ".join(sign(key, delivery_id, stamp, raw) for key in keys)
            headers += [
                ("webhook-id", delivery_id),
                ("webhook-timestamp", stamp),
                ("webhook-signature", signatures),
            ]
        if TRANSFORMED in document:
            left_out |= _OF_THE_BODY
            if not (self._added and "content-type" in self._added.replaced):
                headers.append(("content-type", "application/json"))
        if self._added:
            left_out |= self._added.replaced
            headers += self._added.headers
        if "replayed_at" in document:
            headers.append(("nami-replayed-at", iso(document["replayed_at"])))
        if raw or method not in ("GET", "DELETE"):
            headers.append(("content-length", str(len(raw))))
        headers[:0] = [
            (name, value)
            for name, value in given.items()
            # Many servers read both characters as one: WSGI, CGI and PHP hand on HTTP_WEBHOOK_ID for either.
            if (read := name.replace("_", "-")) not in left_out and not read.startswith("nami-") and token(name)
        ]
        return [(name.encode(), _control.sub(b" ", value.encode())) for name, value in headers]

    def _target(self, query: str) -> str:
        """The URL's path with its own query and the producer's, as it was written; what is the URL's own stays so."""
        parts = [part for part in query.split("&") if part and _name_of(part) not in self._own_query]
        joined = "&".join([*filter(None, [self._url.query]), *parts])
        target = (self._url.path or "/") + (f"?{joined}" if joined else "")
        return quote(target, safe=_PRINTABLE)

    def _note(self, document: dict[str, Any], answer: Answer | None, reason: str, milliseconds: int) -> dict[str, Any]:
        """How the try went."""
        fields = note_of(document) | {"ms": milliseconds, "delivered": not reason}
        if reason:
            fields["reason"] = reason
        if answer:
            body = answer.body
            if self._added:  # which a backend may repeat
                body = self._added.hidden(body.decode(errors="replace")).encode()
            fields |= {"status": answer.status, "answer": body[:NOTE_BYTES].decode(errors="replace")}
        return fields


def _body(document: dict[str, Any]) -> bytes:
    result: str | None = document.get(TRANSFORMED)
    return document.get("raw") or b"" if result is None else result.encode()


def _values(secret: Secret, what: str, deadline: float) -> tuple[str, ...]:
    try:
        return secret.values(deadline)
    except (aws.Unavailable, aws.Rejected) as error:
        raise _Unready(f"{what} can't be read: {error}") from None


def _added(arn: str) -> AddedHeaders:
    from nami_runtime.added_headers import AddedHeaders  # noqa: PLC0415 - few backends have some

    return AddedHeaders(arn)


def _pace(table: str, per_second: float) -> Pace:
    from nami_runtime.pace import Pace  # noqa: PLC0415 - few backends have a rate

    return Pace(table, per_second)


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
    # Twice the same header is one with a comma, as in a date; spaces after a value are none of it.
    if (first := retry_after.partition(",")[0].strip()).isdecimal():
        seconds = int(first[:9])
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


def key_of(text: str) -> bytes:
    """The key that a secret's value holds, in base64 with or without `whsec_` before it. Raises ValueError."""
    key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    if not key:
        raise ValueError("empty")
    return key
