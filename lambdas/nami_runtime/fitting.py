"""What a store can't hold, in a form that it can, each change noted beside it. Loaded only where a value is odd."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_NOTES = 100
"""Changes that are noted one by one; the last note counts the others."""
_plain = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*").fullmatch


class Limits(NamedTuple):
    """What a store holds.

    `number` gives the form in which it holds a number exactly, None where there is none; `name` a field's name as it
    may be; `depth` is how many levels of lists and objects there may be below a document's field; `nul` is whether text
    may hold a NUL.
    """

    number: Callable[[int | float | Decimal], object | None]
    name: Callable[[str], str]
    depth: int
    nul: bool = True


def fit(document: dict[str, Any], limits: Limits) -> bool:
    """Changes in the document what the store can't hold, in place: a copy of a large body would take its memory twice.

    Its field `body_changes` then lists where and why ({at, why}). A number becomes a text of its digits; text that is
    no Unicode, and names that can't be, are escaped; what is nested too deeply becomes its JSON as a text. What can't
    be helped stays as it is. Returns whether anything was changed.
    """
    fitting = _Fitting(limits)
    for name, value in document.items():
        fitting.path[:] = [name]
        document[name] = fitting.value(value, 0)
    if not fitting.count:
        return False
    notes = [*document.get("body_changes", ()), *fitting.notes]
    if fitting.count > MAX_NOTES:
        notes.append({"at": "", "why": f"and {fitting.count - MAX_NOTES} more"})
    document["body_changes"] = notes
    return True


class _Fitting:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.path: list[str | int] = []
        self.notes: list[dict[str, str]] = []
        self.count = 0

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return value if value.isascii() and (self._limits.nul or "\0" not in value) else self._text(value)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self._number(value)
        if not isinstance(value, dict | list):
            return value
        if depth == self._limits.depth:
            self._note("nested too deeply, its JSON as a text")
            return json.dumps(value, default=str)
        if isinstance(value, dict):
            self._names(value)
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            self.path.append(key)
            if (own := self.value(each, depth + 1)) is not each:
                value[key] = own
            self.path.pop()
        return value

    def _note(self, why: str) -> None:
        self.count += 1
        if self.count <= MAX_NOTES:
            self.notes.append({"at": _written(self.path), "why": why})

    def _text(self, text: str) -> str:
        if not self._limits.nul and "\0" in text:
            self._note("text with a NUL, escaped")
            text = text.replace("\0", "\\u0000")
        try:
            text.encode()
            return text
        except UnicodeEncodeError:
            self._note("text that is not Unicode, escaped")
            return text.encode("utf-8", "backslashreplace").decode()

    def _number(self, number: float | Decimal) -> object:
        found = self._limits.number(number)
        if found is not None:
            return found
        self._note("a number out of range, its digits as a text")
        # Python writes no integer of over 4,300 digits, and a Decimal any.
        return str(Decimal(number)) if isinstance(number, int) else str(number)

    def _names(self, value: dict[Any, Any]) -> None:
        if all(not isinstance(name, str) or self._name(name) == name for name in value):
            return
        given = dict(value)
        value.clear()
        for name, each in given.items():
            own = self._name(name) if isinstance(name, str) else name
            while own != name and (own in given or own in value):
                own += "_"
            value[own] = each
            if own != name:
                self.path.append(own)
                self._note("the field's name, escaped")
                self.path.pop()

    def _name(self, name: str) -> str:
        return self._limits.name(name if name.isascii() else name.encode("utf-8", "backslashreplace").decode())


def _written(path: Sequence[str | int]) -> str:
    """As it would be written in JavaScript; all of it can be stored."""
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}" if _plain(str(part)) else f"[{json.dumps(str(part))}]"
        for part in path
    ]
    return "".join(parts).removeprefix(".")


def shortened(name: str, limit: int) -> str:
    """A name of at most so many bytes: its beginning and a hash of all of it."""
    if len(name) * 4 <= limit or len(raw := name.encode()) <= limit:
        return name
    return f"{name[:64]}~sha256-{sha256(raw).hexdigest()}"
