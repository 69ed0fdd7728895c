"""Text that came from strangers: a webhook that nobody has verified, a log line, an answer.

Whatever would act on a terminal rather than be seen on it (clear it, set its title, fill the clipboard, turn the
reading order round) is shown as an escape.
"""

import re

# Control characters, the separators of lines and paragraphs, and the bidirectional controls, by
# https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters; and halves of surrogate pairs, which no
# terminal can be sent.
_ACTING = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(rf"[{_ACTING}]|\r(?!\n)")
_IN_LINE = re.compile(rf"[{_ACTING}\t\r\n]")


def visible(text: str) -> str:
    """Text of several lines, with what would act on the terminal as `\\x1b` or `\\u202e`."""
    return _IN_TEXT.sub(_escape, text)


def visible_line(text: str) -> str:
    """As `visible`, of what must stay one line, or one cell."""
    return _IN_LINE.sub(_escape, text)


def visible_json(text: str) -> str:
    """As `visible`, of JSON, which means the same afterwards."""
    return _IN_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
