"""What is fuzzed: a target says where it begins and what must be true of whatever comes of that."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import process_time
from typing import Any

Case = Any
"""JSON: what is changed. `frozen` of an object stays as it is."""

# Of a busy machine, with each branch counted; what takes the square of a case's length takes many times as long.
_SECONDS, _SECONDS_A_CHARACTER = 1.5, 30e-6


@dataclass(frozen=True)
class Target:
    """A target.

    Args:
        seeds: cases as they really come.
        opened: a context in which cases are checked, and how: it raises where something does not hold.
    """

    seeds: Callable[[], Sequence[Case]]
    opened: Callable[[], AbstractContextManager[Callable[[Case], None]]]


def timed(check: Callable[[Case], None], case: Case, size: int) -> None:
    """Checks a case of so many characters, which must not take long for its length."""
    limit = _SECONDS + size * _SECONDS_A_CHARACTER
    for _ in range(3):
        started = process_time()
        check(case)
        if (took := process_time() - started) < limit:
            return
    raise TimeoutError(f"{size} characters take {took:.1f} s")


def octets(value: object) -> bytes:
    """The bytes that a case writes as text: each character one, where there are none beyond."""
    text = value if isinstance(value, str) else str(value)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def strings(value: object) -> dict[str, str]:
    """The pairs of texts in what may be an object."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in pairs if isinstance(text, str)}
