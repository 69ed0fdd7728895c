"""From a delivery to the document that a destination stores: the body parsed, its exact bytes beside it."""

from __future__ import annotations

import codecs
import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from nami_runtime.envelope import Delivery

Document = dict[str, Any]

# MongoDB's documented limit, and DocumentDB's; deeper JSON is kept raw.
MAX_DEPTH = 100
# Decoding them takes the square of the length: one megabyte would use up the whole batch's time.
_SLOW_CHARSETS = ("idna", "punycode")

# What the interpreter, the libraries, the batch's event and the next body need of the function's memory, in MB, and how
# much of the rest documents may take by `memory`, which can be a third too low.
_NOT_FOR_DOCUMENTS, _SHARE = 80, 0.6
_MB = 1024 * 1024
MAX_MEMORY = int((int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 256) - _NOT_FOR_DOCUMENTS) * _SHARE * _MB)
"""Bytes that documents which are written together may take."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unparsable(ValueError):
    """The body is not what its content type says, or can't be represented; the text says why."""


def build(delivery: Delivery, message_id: str, attempts: int) -> Document:
    """The document of one delivery.

    `body_format` is json, form, text, binary or empty; it is raw, with the reason in `body_error` and no `body`, where
    the body could not be parsed. `raw` always holds the bytes that came in. Dates are UTC. `raw_sha256` is there where
    another body may come under the same id.
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
    if delivery.id_may_repeat:
        document["raw_sha256"] = delivery.body_hash()
    try:
        if len(delivery.body) * _AT_WORST > MAX_MEMORY and (needed := memory(delivery)) > MAX_MEMORY:
            enough = -(-int(needed / _MB / _SHARE + _NOT_FOR_DOCUMENTS) // 64) * 64
            raise Unparsable(f"parsed it would take {needed // _MB} MB of memory; post_queue_memory={enough} is enough")
        document["body_format"], document["body"] = parse(delivery.body, content_type)
    except Unparsable as error:
        document["body_error"] = str(error)
    return document


def without_body(document: Document, reason: str) -> Document:
    """The same document for a store that can't hold the parsed body: the raw bytes stay, with the reason."""
    return {**document, "body": None, "body_format": "raw", "body_error": reason}


def memory(delivery: Delivery) -> int:
    """About how many bytes a delivery takes at the most while its document is built and written.

    What JSON and forms take depends less on their length than on how many values they hold: an export of orders takes
    12 times its length, `[{},{},…]` 37 times. The weights are from what CPython 3.13 and a MongoDB write were seen to
    take with bodies of 6 MB, each of one kind of value.
    """
    raw, kind = delivery.body, _kind(delivery.headers.get("content-type", ""))
    count = raw.count
    if kind == _FORM:
        values, wide = len(raw) + 224 * count(b"&") + 56 * count(b"%"), b"%" in raw
    elif _is_json(kind) or not kind:
        names = count(b":")
        texts = max(0, count(b'"') // 2 - names)
        values = 96 * count(b"{") + 64 * count(b"[") + 48 * count(b",") + 32 * names + 20 * texts
        wide = b"\\u" in raw
    else:
        values, wide = 0, False
    # A single character beyond ASCII can make each one of a text take four bytes.
    return _BESIDE_THE_BODY + values + len(raw) * (10 if wide or not raw.isascii() else 7)


_BESIDE_THE_BODY = 4096
_AT_WORST = 250  # times its length
_FORM = "application/x-www-form-urlencoded"


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def parse(raw: bytes, content_type: str) -> tuple[str, object]:  # noqa: PLR0911 - one return per kind of body
    """(body_format, body) by the declared type; without one it is JSON, text or binary, whichever comes first."""
    if not raw:
        return "empty", None
    kind = _kind(content_type)
    if _is_json(kind):
        return "json", _json(raw)
    if kind == _FORM:
        return "form", _form(raw)
    if kind.startswith("text/") or kind.endswith(("/xml", "+xml", "/javascript")):
        return "text", _decoded(raw, _charset(content_type))
    if kind:
        return "binary", raw
    try:
        return "json", _json(raw)
    except Unparsable:
        pass
    try:
        return "text", _decoded(raw, "utf-8")
    except Unparsable:
        return "binary", raw


def _json(raw: bytes) -> object:
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except RecursionError:
        raise Unparsable(f"JSON nested over {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise Unparsable(f"invalid JSON: {error.msg} at {error.pos}") from None
    except ValueError as error:  # bytes that are no text, and integers beyond Python's own limit of digits
        raise Unparsable(f"invalid JSON: {error}"[:200]) from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise Unparsable(f"JSON nested over {MAX_DEPTH} levels")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _deeper_than(value: object, levels: int) -> bool:
    here = [value]
    while here := [item for item in here if isinstance(item, dict | list)]:
        if levels == 0:
            return True
        levels -= 1
        here = [child for item in here for child in (item.values() if isinstance(item, dict) else item)]
    return False


def _form(raw: bytes) -> dict[str, str | list[str]]:
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        try:
            pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict")
        except UnicodeDecodeError as error:
            raise Unparsable(f"form is not UTF-8: {error.reason} at {error.start}") from None
    fields: dict[str, str | list[str]] = {}
    for name, value in pairs:
        known = fields.get(name)
        if known is None:
            fields[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            fields[name] = [known, value]
    return fields


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'")
    return "utf-8"


def _decoded(raw: bytes, charset: str) -> str:
    try:
        if codecs.lookup(charset).name in _SLOW_CHARSETS:
            raise LookupError
        text = raw.decode(charset)
        text.encode()
    except LookupError:
        raise Unparsable(f"unknown charset {charset[:40]!r}") from None
    except (UnicodeError, ValueError) as error:
        raise Unparsable(f"text is not {charset[:40]}: {type(error).__name__}") from None
    return text


def _encodable(text: str) -> str:
    """Lone surrogates can travel in JSON, but no store takes them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
