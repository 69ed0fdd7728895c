"""Moments, durations and sizes, as people type and read them."""

import re
import time
from datetime import UTC, datetime

from nami_control.errors import UsageError
from nami_runtime.request import YEAR_9999

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LATEST = YEAR_9999 / 1000
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw]?)")


def moment(text: str) -> float:
    """Epoch seconds of `10m` (so long ago; s, m, h, d, w, or seconds without a unit) or of an ISO 8601 date or time.

    Raises:
        UsageError: it is neither.
    """
    try:
        if found := _DURATION.fullmatch(text.strip().lower()):
            at = time.time() - float(found[1]) * _UNITS[found[2]]
        else:
            at = datetime.fromisoformat(text.strip()).timestamp()  # without a zone it is the local time, as in `date`
        if 0 <= at < _LATEST:
            return at
    except (ValueError, OverflowError):
        pass
    raise UsageError(
        f"{text!r} is no time from 1970 on: give it as 30s, 10m, 2h or 3d ago, or as 2026-01-31 or 2026-01-31T12:00"
    )


def duration(text: str) -> float:
    """Seconds of `60s`, `5m` or `2h` (s, m, h, d, w, or seconds without a unit).

    Raises:
        UsageError: it is none.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found and (seconds := float(found[1]) * _UNITS[found[2]]) < _LATEST:
        return seconds
    raise UsageError(f"{text!r} is no duration: give it as 60s, 5m or 2h")


def spell(seconds: float) -> str:
    """A duration in its two largest units: 0.3 s, 45 s, 2 min 5 s, 3 h 10 min, 4 d."""
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    whole = round(seconds)
    sizes = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)]
    first = next(at for at, (_, size) in enumerate(sizes) if whole >= size)
    smallest = sizes[min(first + 1, len(sizes) - 1)][1]
    whole = round(whole / smallest) * smallest
    parts = []
    for unit, size in sizes:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def took(started: float) -> str:
    """How long it is since `started` (time.monotonic)."""
    return spell(time.monotonic() - started)


def size(count: float) -> str:
    """Bytes, in the unit that fits: 86 B, 1.2 KB, 6.0 MB."""
    for unit in ("B", "KB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} MB"


def clock(milliseconds: float) -> str:
    """A moment of today by its local time to the millisecond, an earlier one with its date."""
    at = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    same_day = at.date() == datetime.now().astimezone().date()
    return at.strftime("%H:%M:%S.%f" if same_day else "%Y-%m-%d %H:%M:%S.%f")[:-3]


def iso(milliseconds: float) -> str:
    """A moment as ISO 8601 in UTC, for scripts."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def minute(seconds: float) -> str:
    """A moment (epoch seconds) for people, in UTC: 2026-01-31 12:00 UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
