"""Forms: fields by their names, a list where a name comes again. Files are bytes beside their names and types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from nami_runtime.text import Unparsable, decoded, parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PARTS = 1000
# PayPal's notifications name theirs in `charset`, and HTML's forms in `_charset_`:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#attr-fe-name-charset
_names_charset = re.compile(rb"(?:^|&)_?charset_?=([A-Za-z0-9._:-]{1,40})(?:&|$)").search
_beyond_ascii = re.compile(rb"[\x80-\xff]")


def urlencoded(raw: bytes, content_type: str) -> dict[str, Any]:
    """By the header's charset, the form's own `charset` field, or UTF-8: the first that fits. Raises Unparsable."""
    own = _names_charset(raw)
    named = [parameter(content_type, "charset"), own[1].decode() if own else "", "utf-8"]
    # As it should have been written: then one way of decoding does for both.
    text = (raw if raw.isascii() else _beyond_ascii.sub(lambda found: b"%%%02X" % found[0][0], raw)).decode()
    for charset in filter(None, named):
        try:
            decoded(b"a", charset)  # whether there is such a charset
            return _gathered(parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict"))
        except (Unparsable, UnicodeError):
            pass
    raise Unparsable(f"form is not UTF-8{''.join(f', nor {each}' for each in dict.fromkeys(named[:2]) if each)}")


def multipart(raw: bytes, content_type: str) -> dict[str, Any]:
    """multipart/form-data (RFC 7578). Text that is not of its charset stays bytes. Raises Unparsable."""
    try:
        from multipart import MultipartError, parse_options_header  # noqa: PLC0415 - few webhooks are such
    except ImportError:
        raise Unparsable("multipart/form-data needs the package multipart in the function") from None
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    for charset in ("utf-8", "iso-8859-1"):  # of the fields' and the files' names
        try:
            parts = _parts(raw, boundary, charset)
            break
        except (MultipartError, UnicodeError) as error:
            reason = f"multipart: {error}"[:200]
    else:
        raise Unparsable(reason)
    own = next((content.decode("ascii", "replace") for part, content in parts if part.name == "_charset_"), "utf-8")
    return _gathered((part.name, _value(part, content, own)) for part, content in parts)


def _parts(raw: bytes, boundary: str, charset: str) -> list[tuple[Any, bytes]]:
    from multipart import MultipartSegment, PushMultipartParser  # noqa: PLC0415 - as above

    parts: list[tuple[Any, bytes]] = []
    pieces: list[bytes] = []
    with PushMultipartParser(
        boundary, content_length=len(raw), max_segment_count=MAX_PARTS, header_charset=charset
    ) as parser:
        for event in parser.parse(raw):
            if isinstance(event, MultipartSegment):
                parts.append((event, b""))
            elif event:
                pieces.append(bytes(event))
            else:
                parts[-1] = (parts[-1][0], b"".join(pieces))
                pieces.clear()
    return parts


def _value(part: Any, content: bytes, charset: str) -> object:
    if part.filename is not None:
        return {"filename": part.filename, "content_type": part.content_type or "", "content": content}
    try:
        return decoded(content, part.charset or charset)
    except Unparsable:
        return content


def _gathered(pairs: Iterable[tuple[str, object]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        known = fields.get(name)
        if known is None:
            fields[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            fields[name] = [known, value]
    return fields
