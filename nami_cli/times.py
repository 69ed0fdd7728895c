"""Moments and durations, as people type and read them."""

import re
import time
from datetime import UTC, datetime

from nami_cli.errors import UsageError

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str) -> float:
    """Epoch seconds of `10m` (so long ago; s, m, h, d, w, or seconds without a unit) or of an ISO 8601 date or time.

    Raises:
        UsageError: it is neither.
    """
    if found := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhdw]?)", text.strip().lower()):
        return time.time() - float(found[1]) * _UNITS[found[2]]
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text!r} is no time: give it as 30s, 10m, 2h or 3d ago, or as 2026-01-31 or 2026-01-31T12:00"
        ) from None
    return given.timestamp()  # without a zone it is the local time, as in `date`


def clock(milliseconds: float) -> str:
    """A moment of today by its local time to the millisecond, an earlier one with its date."""
    at = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    same_day = at.date() == datetime.now().astimezone().date()
    return at.strftime("%H:%M:%S.%f" if same_day else "%Y-%m-%d %H:%M:%S.%f")[:-3]


def iso(milliseconds: float) -> str:
    """A moment as ISO 8601 in UTC, for scripts."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
