"""From a delivery to the document that a destination stores: the body parsed, its exact bytes beside it."""

from __future__ import annotations

import binascii
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nami_runtime import bodies
from nami_runtime.text import Unparsable

if TYPE_CHECKING:
    from nami_runtime.envelope import Delivery

Document = dict[str, Any]

# What the interpreter, the libraries, the batch's event and the next body need of the function's memory, in MB, and how
# much of the rest documents may take by `memory`, which can be a third too low.
_NOT_FOR_DOCUMENTS, _SHARE = 80, 0.6
_MB = 1024 * 1024
MAX_MEMORY = int((int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 256) - _NOT_FOR_DOCUMENTS) * _SHARE * _MB)
"""Bytes that documents which are written together may take."""

OPTIONAL = ("body_error", "body_changes")
"""Fields that a document of the same webhook may have had before, and no longer has."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def build(delivery: Delivery, message_id: str, attempts: int) -> Document:
    """The document of one delivery.

    `body_format` is json, ndjson, form, multipart, text, binary or empty, after the encoding that was undone for it, as
    in gzip+json; it is raw, with the reason in `body_error` and no `body`, where the body could not be parsed. `raw`
    always holds the bytes that came in. Dates are UTC. `raw_sha256` is there where another body may come under the same
    id, `replayed_at` where it was stored before and goes through again.
    """
    content_type = delivery.headers.get("content-type", "")
    document: Document = {
        "_id": delivery.delivery_id,
        "subscription": delivery.subscription,
        "received_at": _EPOCH + timedelta(milliseconds=delivery.received_at),
        "stored_at": datetime.now(UTC),
        "method": delivery.method,
        "path": _encodable(delivery.path),
        "query": _encodable(delivery.query),
        "headers": {_encodable(name): _encodable(value) for name, value in delivery.headers.items()},
        "content_type": _encodable(content_type),
        "body": None,
        "body_format": "raw",
        "raw": delivery.body,
        "source_ip": delivery.source_ip,
        "verified": delivery.verified,
        "message_id": message_id,
        "attempts": attempts,
    }
    if delivery.replayed_at is not None:
        document["replayed_at"] = _EPOCH + timedelta(milliseconds=delivery.replayed_at)
    if delivery.id_may_repeat:
        document["raw_sha256"] = delivery.body_hash()
    try:
        content, undone = _opened(delivery)
        if len(content) * _AT_WORST > MAX_MEMORY and (needed := memory(delivery)) > MAX_MEMORY:
            enough = -(-int(needed / _MB / _SHARE + _NOT_FOR_DOCUMENTS) // 64) * 64
            raise Unparsable(f"parsed it would take {needed // _MB} MB of memory; post_queue_memory={enough} is enough")
        found, document["body"] = bodies.parse(content, content_type)
        document["body_format"] = f"{undone}+{found}" if undone else found
    except Unparsable as error:
        document["body_error"] = str(error)
    return document


def _opened(delivery: Delivery) -> tuple[bytes, str]:
    """The body's content and the encodings that were undone for it, once. Raises Unparsable."""
    if not (encodings := delivery.headers.get("content-encoding")):
        return delivery.body, ""
    if delivery.opened is None:
        from nami_runtime import inflate  # noqa: PLC0415 - few senders compress

        try:
            delivery.opened = inflate.undo(delivery.body, encodings, MAX_MEMORY // _A_BYTE_TAKES)
        except Unparsable as error:
            delivery.opened = error
    if isinstance(delivery.opened, Unparsable):
        raise delivery.opened
    return delivery.opened


def without_body(document: Document, reason: str) -> Document:
    """The same document for a store that can't hold the parsed body: the raw bytes stay, with the reason."""
    notes = [each for each in document.get("body_changes", ()) if not each["at"].startswith("body")]
    others = {name: value for name, value in document.items() if name != "body_changes"}
    others |= {"body_changes": notes} if notes else {}
    return {**others, "body": None, "body_format": "raw", "body_error": reason}


def memory(delivery: Delivery) -> int:
    """About how many bytes a delivery takes at the most while its document is built and written.

    What JSON and forms take depends less on their length than on how many values they hold: an export of orders takes
    12 times its length, `[{},{},…]` 37 times. The weights are from what CPython 3.13 and a MongoDB write were seen to
    take with bodies of 6 MB, each of one kind of value.
    """
    try:
        raw, undone = _opened(delivery)
    except Unparsable:
        raw, undone = delivery.body, "nothing"
    kind = bodies.kind_of(delivery.headers.get("content-type", ""))
    count = raw.count
    values, wide = 0, False
    if bodies.may_be_json(raw, kind):
        names = count(b":")
        texts = max(0, count(b'"') // 2 - names)
        values = 96 * count(b"{") + 64 * count(b"[") + 48 * count(b",") + 32 * names + 20 * texts
        wide = b"\\u" in raw
    if kind == bodies.FORM:
        values, wide = values + len(raw) + 224 * count(b"&") + 56 * count(b"%"), wide or b"%" in raw
    elif kind == bodies.MULTIPART:
        values = _A_PART * min(count(b"\r\n\r\n"), _MOST_PARTS)
    # A single character beyond ASCII can make each one of a text take four bytes.
    taken = _BESIDE_THE_BODY + values + len(raw) * (10 if wide or not raw.isascii() else _A_BYTE_TAKES)
    return taken + len(delivery.body) if undone else taken


_A_BYTE_TAKES = 7
_A_PART, _MOST_PARTS = 2048, 1000  # of a form's parts: each one's headers and names, and as many as are read
_BESIDE_THE_BODY = 4096
_AT_WORST = 250  # times its length


def _encodable(text: str) -> str:
    """Lone surrogates can travel in JSON, but no store takes them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def iso(at: datetime) -> str:
    """A date as text, in UTC and milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: object) -> str:
    """What JSON has no form for: bytes as base64, dates as text. Raises TypeError for all else, as `json` asks."""
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode()
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(type(value).__name__)
