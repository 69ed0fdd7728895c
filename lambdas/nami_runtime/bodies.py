"""What a body is, and its value: by its label, and where that says little, by what is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nami_runtime.text import Unparsable, charset, decoded, parameter

if TYPE_CHECKING:
    from decimal import Decimal

# MongoDB's documented limit, and DocumentDB's; deeper JSON is kept raw.
MAX_DEPTH = 100
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_JSON = frozenset(
    {
        *("application/json", "text/json", "application/x-json", "text/x-json", "application/csp-report"),
        *("application/x-amz-json-1.0", "application/x-amz-json-1.1"),
    }
)
_LINES = frozenset(
    {
        *("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl"),
        *("application/jsonlines", "application/x-jsonlines", "application/json-lines"),
    }
)
_SPACE = b" \t\r\n\xef\xbb\xbf"  # and UTF-8's byte order mark


def kind_of(content_type: str) -> str:
    """The media type without parameters, in lower case; the first where it was sent twice."""
    return content_type.partition(";")[0].partition(",")[0].strip().lower()


def may_be_json(raw: bytes, kind: str) -> bool:
    """Whether JSON is tried: labelled so, or of a label that many put on JSON, and then it looks like it."""
    if kind in _JSON or kind in _LINES or kind.endswith("+json") or not kind:
        return True
    return (kind == FORM or _is_text(kind)) and raw[:64].lstrip(_SPACE)[:1] in (b"{", b"[")


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind.endswith(("/xml", "+xml", "/javascript"))


def parse(raw: bytes, content_type: str) -> tuple[str, object]:  # noqa: PLR0911 - one return per kind of body
    """(body_format, body). Raises Unparsable, with the reason."""
    if not raw:
        return "empty", None
    kind = kind_of(content_type)
    if kind in _JSON or kind.endswith("+json"):
        return "json", _json(raw, content_type)
    if kind in _LINES:
        return "ndjson", _lines(raw, content_type)
    if may_be_json(raw, kind):
        try:
            return "json", _json(raw, content_type)
        except Unparsable:
            pass
    if kind in (FORM, MULTIPART):
        from nami_runtime import forms  # noqa: PLC0415 - most webhooks are JSON

        if kind == FORM:
            return "form", forms.urlencoded(raw, content_type)
        return "multipart", forms.multipart(raw, content_type)
    if _is_text(kind):
        return "text", decoded(raw, charset(raw, content_type))
    if kind:
        return "binary", raw
    try:
        return "text", decoded(raw, charset(raw, ""))
    except Unparsable:
        return "binary", raw


def _json(raw: bytes, content_type: str) -> object:
    try:
        try:
            text = raw.decode(json.detect_encoding(raw), "surrogatepass")
        except UnicodeDecodeError:
            if not (named := parameter(content_type, "charset")):
                raise
            text = decoded(raw, named)
        value = _value(text)
    except json.JSONDecodeError as error:
        raise Unparsable(f"invalid JSON: {error.msg} at {error.pos}") from None
    except Unparsable:
        raise
    except ValueError as error:
        raise Unparsable(f"invalid JSON: {error}"[:200]) from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise Unparsable(f"JSON nested over {MAX_DEPTH} levels")
    return value


def _value(text: str) -> Any:
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
