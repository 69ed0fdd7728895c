"""A document as a line of JSON in the archive, whose columns are those of Athena's table.

What has a form of its own in each webhook (the parsed body, what a `process` of the user's added) is JSON in a text:
Athena reads a text in any form, where a column of a structure takes but the one that was declared, and its readers of
JSON refuse a line in which two names differ in their case alone.
https://docs.aws.amazon.com/athena/latest/ug/extracting-data-from-JSON.html
"""

from __future__ import annotations

import json
import os
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nami_runtime.documents import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS = {
    "id": "string",
    "subscription": "string",
    "received_at": "string",
    "stored_at": "string",
    "replayed_at": "string",
    "method": "string",
    "path": "string",
    "query": "string",
    "headers": "map<string,string>",
    "content_type": "string",
    "body": "string",
    "body_format": "string",
    "body_error": "string",
    "body_changes": "string",
    "raw": "string",
    "raw_base64": "boolean",
    "raw_sha256": "string",
    "same_id_as": "string",
    "source_ip": "string",
    "verified": "string",
    "message_id": "string",
    "attempts": "int",
    "more": "string",
}
"""Name and type of each: dates are ISO 8601 in UTC; `more` has what a `process` of the user's added."""
IN_JSON = ("body", "body_changes", "more")
"""Columns whose text is JSON."""
FOLDER = "webhooks/"

_GZIP = zlib.MAX_WBITS + 16


def of(document: dict[str, Any]) -> bytes:
    """One line, with its end. Raises TypeError or ValueError for what JSON has no form for."""
    fields = {("id" if name == "_id" else name): value for name, value in document.items()}
    raw = fields.pop("raw", None)
    if isinstance(fields.get("body"), bytes):
        fields["body"] = None  # `raw` has them
    if more := {name: value for name, value in fields.items() if name not in COLUMNS}:
        fields["more"] = more
    line = {name: fields[name] for name in COLUMNS if fields.get(name) is not None}
    line |= {name: _inner(line[name]) for name in IN_JSON if name in line}
    if isinstance(raw, bytes):
        try:
            # Beside the parsed body it is nearly the same text, which gzip finds.
            line["raw"] = raw.decode()
        except UnicodeDecodeError:
            line |= {"raw": raw, "raw_base64": True}
    return f"{_encode(line)}\n".encode()


def _inner(value: object) -> str:
    """JSON in a text. Lone surrogates are escaped, as JSON has them."""
    try:
        text = _encode(value)
    except TypeError:
        text = _exactly(value)
    return text.encode("utf-8", "backslashreplace").decode()


def _exactly(value: object) -> str:
    """With Decimals as the numbers that they are, for which Python's encoder has no way."""
    mark = os.urandom(16).hex()  # that no body can know

    def exact(each: object) -> object:
        return f"{mark}{each}{mark}" if isinstance(each, Decimal) and each.is_finite() else plain(each)

    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=exact)
    return text.replace(f'"{mark}', "").replace(f'{mark}"', "")


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=plain).encode


def packed(lines: Iterable[bytes]) -> bytes:
    """An object of the archive; one line at a time is in memory as it is."""
    packing = zlib.compressobj(wbits=_GZIP)
    return b"".join([*map(packing.compress, lines), packing.flush()])


def unpacked(content: bytes) -> list[bytes]:
    """The lines of an object, with their ends."""
    return zlib.decompress(content, _GZIP).splitlines(keepends=True)


def key(day: str, oldest: datetime, newest: datetime) -> str:
    """The key of a new object, which says of which day its webhooks are (UTC) and when they came in."""
    return f"{FOLDER}date={day}/{_clock(oldest)}-{_clock(newest)}-{os.urandom(8).hex()}.json.gz"


def day_of(at: datetime) -> str:
    """The day's name in keys, as in 2026-11-28."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _clock(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%H%M%S}{at.microsecond // 1000:03d}"
