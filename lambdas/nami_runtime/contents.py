"""What a webhook's body holds: its encoding undone, what it is labelled as, and how much memory it will take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nami_runtime.bodies import Content, Unparsable

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the interpreter, the libraries, the batch's event and the next body need of the function's memory, in MB, and how
# much of the rest documents may take by `Content.memory`, which can be a third too low. A transform has as much.
_NOT_FOR_DOCUMENTS, _SHARE = 80, 0.3 if os.environ.get("TRANSFORM") else 0.6
_MB = 1024 * 1024
MAX_MEMORY = int((int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 256) - _NOT_FOR_DOCUMENTS) * _SHARE * _MB)
"""Bytes that documents which are written together may take."""

_A_BYTE_TAKES = 7
_A_PART, _MOST_PARTS = 2048, 1000  # of a form's parts: each one's headers and names, and as many as are read
_BESIDE_THE_BODY = 4096

LABELS = {
    "application/x-www-form-urlencoded": "form",
    "multipart/form-data": "multipart",
    **dict.fromkeys(
        (
            *("application/json", "text/json", "application/x-json", "text/x-json", "application/csp-report"),
            *("application/x-amz-json-1.0", "application/x-amz-json-1.1"),
        ),
        "json",
    ),
    **dict.fromkeys(
        (
            *("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl"),
            *("application/jsonlines", "application/x-jsonlines", "application/json-lines"),
        ),
        "ndjson",
    ),
    "": "",
}
"""Media types that say what is in them; `_label` has the others."""
_SPACE = b" \t\r\n\xef\xbb\xbf"  # and UTF-8's byte order mark


def opened(body: bytes, headers: Mapping[str, str]) -> Content:
    """The content of a body that came with these headers.

    What JSON and forms take depends less on their length than on how many values they hold: an export of orders takes
    12 times its length, `[{},{},…]` 37 times. The weights are from what CPython 3.13 and a MongoDB write were seen to
    take with bodies of 6 MB, each of one kind of value.
    """
    content_type = headers.get("content-type", "")
    label = _label(content_type)
    raw, undone, error, taken = body, "", "", _BESIDE_THE_BODY
    if encodings := headers.get("content-encoding"):
        from nami_runtime import inflate  # noqa: PLC0415 - few senders compress

        try:
            raw, undone = inflate.undo(body, encodings, MAX_MEMORY // _A_BYTE_TAKES)
        except Unparsable as unparsable:
            error = str(unparsable)
        if undone or error:
            taken += len(body)
    looks_like_json = label in ("form", "text") and raw[:64].lstrip(_SPACE)[:1] in (b"{", b"[")
    may_be_json = looks_like_json or label in ("json", "ndjson", "")
    count = raw.count
    wide = False
    if may_be_json:
        names = count(b":")
        texts = max(0, count(b'"') // 2 - names)
        taken += 96 * count(b"{") + 64 * count(b"[") + 48 * count(b",") + 32 * names + 20 * texts
        wide = b"\\u" in raw
    if label == "form":
        taken, wide = taken + len(raw) + 224 * count(b"&") + 56 * count(b"%"), wide or b"%" in raw
    elif label == "multipart":
        taken += _A_PART * min(count(b"\r\n\r\n"), _MOST_PARTS)
    # A single character beyond ASCII can make each one of a text take four bytes.
    taken += len(raw) * (10 if wide or not raw.isascii() else _A_BYTE_TAKES)
    if taken > MAX_MEMORY and not error:
        enough = -(-int(taken / _MB / _SHARE + _NOT_FOR_DOCUMENTS) // 64) * 64
        error = f"parsed it would take {taken // _MB} MB of memory; post_queue_memory={enough} is enough"
    return Content(raw, undone, content_type, label, may_be_json, taken, error)


def _label(content_type: str) -> str:
    """Of the media type without parameters; the first where it was sent twice."""
    kind = content_type.partition(";")[0].partition(",")[0].strip().lower()
    if (label := LABELS.get(kind)) is not None:
        return label
    if kind.endswith("+json"):
        return "json"
    return "text" if kind.startswith("text/") or kind.endswith(("/xml", "+xml", "/javascript")) else "binary"
