"""Text from bytes, by the charset that somebody names."""

from __future__ import annotations

import codecs
import re

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


class Unparsable(ValueError):
    """The body is not what its content type says, or can't be represented; the text says why."""


def parameter(content_type: str, name: str) -> str:
    """A parameter of a content type, such as its charset; empty where there is none."""
    for each in content_type.split(";")[1:]:
        found, _, value = each.partition("=")
        if found.strip().lower() == name:
            return value.strip().strip("\"'")
    return ""


def charset(raw: bytes, content_type: str) -> str:
    """By the header, else by an XML declaration, else by a byte order mark, else UTF-8."""
    if named := parameter(content_type, "charset"):
        return named
    if declared := _declared(raw):
        return declared[1].decode()
    return next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")


def decoded(raw: bytes, charset: str) -> str:
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
