"""Signed timestamps: how old one is, and where it ends in what is signed."""

from __future__ import annotations

from re import fullmatch

from nami_runtime.request import Refused


def check_age(timestamp: str, tolerance: int, now: float) -> None:
    """Raises Refused (401) for a timestamp that is missing, unreadable, or over `tolerance` seconds away from now."""
    if not timestamp:
        raise Refused(401, "no timestamp")
    if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16:
        seconds = int(timestamp)
        seconds = seconds // 1000 if seconds > 10**11 else seconds
    else:
        seconds = _iso_seconds(timestamp)
    if abs(now - seconds) > tolerance:
        raise Refused(401, "stale timestamp")


def check_ends(stamp: bytes, before: bytes, after: bytes, digits: int = 0) -> None:
    """Raises Refused (401) where the timestamp could begin or end elsewhere in what is signed around it.

    Nothing separates it there, so that a byte moved between it and the body would leave the signature as it is.
    """
    if not stamp.isdigit():
        sure = fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", stamp) is not None
    elif digits:
        sure = len(stamp) == digits
    else:
        # Over four, so that it is not the year of the other form.
        sure = len(stamp) > 4 and not before[-1:].isdigit() and not after[:1].isdigit()
    if not sure:
        raise Refused(401, "no telling where the timestamp ends")


def _iso_seconds(timestamp: str) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415 - few schemes write their time like this

    try:
        moment = datetime.fromisoformat(timestamp)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise Refused(401, "unreadable timestamp") from None
