"""What a store can't hold, in a form that it can, each change noted beside it. Loaded only where a value is odd."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_NOTES = 100
"""Changes that are noted one by one; the last note counts the others."""
_plain = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*").fullmatch


class Limits(NamedTuple):
    """What a store holds.

    `number` gives the form in which it holds a number exactly, None where there is none; `name` a field's name as it
    may be; `depth` is how many levels of lists and objects there may be below a document's field.
    """

    number: Callable[[int | float | Decimal], object | None]
    name: Callable[[str], str]
    depth: int


def fitted(document: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The document with what the store can't hold changed, and the field `changed`: a list of {at, why}.

    A number becomes a text of its digits; text that is no Unicode, and names that can't be, are escaped; what is nested
    too deeply becomes its JSON as a text. What can't be helped stays as it is.
    """
    fitting = _Fitting(limits)
    fields = {name: fitting.value(value, _at("", name), 0) for name, value in document.items()}
    if not fitting.notes:
        return fields
    notes = fitting.notes
    if len(notes) > MAX_NOTES:
        notes = [*notes[:MAX_NOTES], {"at": "", "why": f"and {len(notes) - MAX_NOTES} more"}]
    return {**fields, "changed": [*document.get("changed", ()), *notes]}


class _Fitting:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.notes: list[dict[str, str]] = []

    def value(self, value: Any, at: str, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, at)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self._number(value, at)
        if not isinstance(value, dict | list):
            return value
        if depth == self._limits.depth:
            self._note(at, "nested too deeply, its JSON as a text")
            return json.dumps(value, default=str)
        if isinstance(value, list):
            return [self.value(each, f"{at}[{index}]", depth + 1) for index, each in enumerate(value)]
        named: dict[Any, Any] = {}
        for name, each in value.items():
            own = self._name(name, at, value, named) if isinstance(name, str) else name
            named[own] = self.value(each, _at(at, own), depth + 1)
        return named

    def _note(self, at: str, why: str) -> None:
        self.notes.append({"at": at, "why": why})

    def _text(self, text: str, at: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode()
            return text
        except UnicodeEncodeError:
            self._note(at, "text that is not Unicode, escaped")
            return text.encode("utf-8", "backslashreplace").decode()

    def _number(self, number: float | Decimal, at: str) -> object:
        found = self._limits.number(number)
        if found is not None:
            return found
        self._note(at, "a number out of range, its digits as a text")
        # Python writes no integer of over 4,300 digits, and a Decimal any.
        return str(Decimal(number)) if isinstance(number, int) else str(number)

    def _name(self, name: str, at: str, given: dict[Any, Any], taken: dict[Any, Any]) -> str:
        own = self._limits.name(name.encode("utf-8", "backslashreplace").decode())
        if own == name:
            return own
        while own in given or own in taken:
            own += "_"
        self._note(_at(at, own), "the field's name, escaped")
        return own


def _at(place: str, name: object) -> str:
    """As it would be written in JavaScript; all of it can be stored."""
    if isinstance(name, str) and _plain(name):
        return f"{place}.{name}" if place else name
    return f"{place}[{json.dumps(str(name))}]"


def shortened(name: str, limit: int) -> str:
    """A name of at most so many bytes: its beginning and a hash of all of it."""
    if len(name) * 4 <= limit or len(raw := name.encode()) <= limit:
        return name
    return f"{name[:64]}~sha256-{sha256(raw).hexdigest()}"
