"""What a body is, and its value: by its label, and where that says little, by what is in it.

Of forms these are the fields by their names, a list where a name comes again; files are bytes beside names and types.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

# MongoDB's documented limit, and DocumentDB's; deeper JSON is kept raw.
MAX_DEPTH = 100
MAX_PARTS = 1000
_NO_BRACKETS = bytes(set(range(256)) - set(b'[]{}"'))
_ROUNDS = 8  # of two levels at the most


class Unparsable(ValueError):
    """The body is not what its content type says, or can't be represented; the text says why."""


class Content(NamedTuple):
    """A body as its sender meant it.

    Args:
        raw: the bytes within its encodings; the body itself where those can't be undone.
        undone: the encodings, as in `gzip`.
        label: what it is said to be: json, ndjson, form, multipart, text, binary, or nothing.
        may_be_json: whether JSON is tried: of a label that many put on JSON, where it looks like it.
        memory: about how many bytes it takes at the most while its document is built and written.
        error: why it can't be parsed at all; empty where that is yet to be seen.
    """

    raw: bytes
    undone: str
    content_type: str
    label: str
    may_be_json: bool
    memory: int
    error: str


def parse(content: Content) -> tuple[str, object]:  # noqa: PLR0911 - one return per kind of body
    """(body_format, body). Raises Unparsable, with the reason."""
    raw, label, content_type = content.raw, content.label, content.content_type
    if not raw:
        return "empty", None
    if label == "json":
        return "json", _json(raw, content_type)
    if label == "ndjson":
        return "ndjson", _lines(raw, content_type)
    if content.may_be_json:
        try:
            return "json", _json(raw, content_type)
        except Unparsable:
            pass
    if label == "form":
        return "form", _urlencoded(raw, content_type)
    if label == "multipart":
        return "multipart", _multipart(raw, content_type)
    if label == "text":
        return "text", _decoded(raw, _charset(raw, content_type))
    if label:
        return "binary", raw
    try:
        return "text", _decoded(raw, _charset(raw, ""))
    except Unparsable:
        return "binary", raw


def _json(raw: bytes, content_type: str) -> object:
    encoding = json.detect_encoding(raw)
    utf8 = encoding.startswith("utf-8")
    try:
        try:
            text = raw.decode(encoding, "surrogatepass")
        except UnicodeDecodeError:
            utf8 = False
            if not (named := _parameter(content_type, "charset")):
                raise
            text = _decoded(raw, named)
        value = _json_value(text)
    except json.JSONDecodeError as error:
        raise Unparsable(f"invalid JSON: {error.msg} at {error.pos}") from None
    except Unparsable:
        raise
    except ValueError as error:
        raise Unparsable(f"invalid JSON: {error}"[:200]) from None
    if len(raw) > MAX_DEPTH and not (utf8 and _is_flat(raw)) and _deeper_than(value, MAX_DEPTH):
        raise Unparsable(f"JSON nested over {MAX_DEPTH} levels")
    return value


def _is_flat(raw: bytes) -> bool:
    """Whether JSON in UTF-8 is surely not nested over MAX_DEPTH, without a look at each value, which would take as long
    as to parse it.

    The brackets that stand in no text are left, and each round takes away the innermost.
    """
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side are an empty text, or the end of one and the begin of the next, which may be one as well.
    left = raw.translate(None, _NO_BRACKETS).replace(b'""', b"")
    if b'"' in left:
        left = b"".join(left.split(b'"')[::2])
    for _ in range(_ROUNDS):
        left = left.replace(b"[]", b"").replace(b"{}", b"")
    return not left


def _json_value(text: str) -> Any:
    try:
        return _decode(text)
    except RecursionError:
        raise Unparsable(f"JSON nested over {MAX_DEPTH} levels") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "digits" not in str(error):
            raise
        # An integer over Python's own limit, which protects from a conversion that takes the square of the length.
        return _decode_long(text)


_SPACE = b" \t\r\n\xef\xbb\xbf"  # and UTF-8's byte order mark


def _lines(raw: bytes, content_type: str) -> list[object]:
    values = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if line.strip(_SPACE):
            try:
                values.append(_json(line, content_type))
            except Unparsable as error:
                raise Unparsable(f"line {number}: {error}") from None
    return values


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _number(text: str) -> float | Decimal:
    """A double where that is exactly what was written, as far as decimals go; else a Decimal."""
    number = float(text)
    # 15 digits come back from a double as they were, unless it is at an end of its range.
    if len(text) < 17 and (1e-290 < number < 1e290 or -1e290 < number < -1e-290):
        return number
    from decimal import Decimal, InvalidOperation  # noqa: PLC0415 - few numbers need it

    try:
        written = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number whose exponent nothing holds") from None
    return number if Decimal(repr(number)) == written else written


def _integer(text: str) -> int | Decimal:
    if len(text) < 4000:
        return int(text)
    from decimal import Decimal  # noqa: PLC0415 - as above

    return Decimal(text)


_decode = json.JSONDecoder(parse_constant=_no_constant, parse_float=_number).decode
_decode_long = json.JSONDecoder(parse_constant=_no_constant, parse_float=_number, parse_int=_integer).decode


def _deeper_than(value: object, levels: int) -> bool:
    here = [value]
    while here := [item for item in here if isinstance(item, dict | list)]:
        if levels == 0:
            return True
        levels -= 1
        here = [child for item in here for child in (item.values() if isinstance(item, dict) else item)]
    return False


# PayPal's notifications name theirs in `charset`, and HTML's forms in `_charset_`:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#attr-fe-name-charset
_names_charset = re.compile(rb"(?:^|&)_?charset_?=([A-Za-z0-9._:-]{1,40})(?:&|$)").search
_beyond_ascii = re.compile(rb"[\x80-\xff]")


def _urlencoded(raw: bytes, content_type: str) -> dict[str, Any]:
    """By the header's charset, the form's own `charset` field, or UTF-8: the first that fits. Raises Unparsable."""
    from urllib.parse import parse_qsl  # noqa: PLC0415 - most webhooks are JSON

    own = _names_charset(raw)
    named = [_parameter(content_type, "charset"), own[1].decode() if own else "", "utf-8"]
    # As it should have been written: then one way of decoding does for both.
    text = (raw if raw.isascii() else _beyond_ascii.sub(lambda found: b"%%%02X" % found[0][0], raw)).decode()
    for charset in filter(None, named):
        try:
            _decoded(b"a", charset)  # whether there is such a charset
            return _gathered(parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict"))
        except (Unparsable, UnicodeError):
            pass
    raise Unparsable(f"form is not UTF-8{''.join(f', nor {each}' for each in dict.fromkeys(named[:2]) if each)}")


def _multipart(raw: bytes, content_type: str) -> dict[str, Any]:
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
    return _gathered((part.name, _part_value(part, content, own)) for part, content in parts)


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


def _part_value(part: Any, content: bytes, charset: str) -> object:
    if part.filename is not None:
        return {"filename": part.filename, "content_type": part.content_type or "", "content": content}
    try:
        return _decoded(content, part.charset or charset)
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


# Decoding them takes the square of the length: one megabyte would use up the whole batch's time.
_SLOW = ("idna", "punycode")
# The longer ones first, because UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# https://www.w3.org/TR/xml/#sec-prolog-dtd; what is not ASCII's superset is known by its mark.
_declared = re.compile(rb"""\s*<\?xml[^>]{1,200}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""").match


def _parameter(content_type: str, name: str) -> str:
    """A parameter of a content type, such as its charset; empty where there is none."""
    for each in content_type.split(";")[1:]:
        found, _, value = each.partition("=")
        if found.strip().lower() == name:
            return value.strip().strip("\"'")
    return ""


def _charset(raw: bytes, content_type: str) -> str:
    """By the header, else by an XML declaration, else by a byte order mark, else UTF-8."""
    if named := _parameter(content_type, "charset"):
        return named
    if declared := _declared(raw):
        return declared[1].decode()
    return next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")


def _decoded(raw: bytes, charset: str) -> str:
    """Raises Unparsable where it is no text of that charset, or there is no such charset."""
    try:
        if codecs.lookup(charset).name in _SLOW:
            raise LookupError
        text = raw.decode(charset)
        text.encode()
    except LookupError:
        raise Unparsable(f"unknown charset {charset[:40]!r}") from None
    except (UnicodeError, ValueError) as error:
        raise Unparsable(f"text is not {charset[:40]}: {type(error).__name__}") from None
    return text
