"""Signed timestamps: how old one is, and where it ends in what is signed."""

from __future__ import annotations

from re import fullmatch, search

from nami_runtime.request import Refused

_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?"
_GOES_ON = [b"", b".", b"Z", b"+", b"-", *(b"%d" % digit for digit in range(10))]
# RFC 9110, 5.6.7: 29 characters, whatever day it is.
_HTTP = rb"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"


def check_age(timestamp: str, tolerance: int, now: float) -> None:
    """Raises Refused (401) for a timestamp that is missing, unreadable, or over `tolerance` seconds away from now."""
    if not timestamp:
        raise Refused(401, "no timestamp")
    if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16:
        seconds = int(timestamp)
        seconds = seconds // 1000 if seconds > 10**11 else seconds
    else:
        seconds = _written_seconds(timestamp)
    if abs(now - seconds) > tolerance:
        raise Refused(401, "stale timestamp")


def check_ends(
    stamp: bytes, before: bytes, after: bytes, digits: int = 0, *, iso: bool = False, identity: bytes = b""
) -> None:
    """Raises Refused (401) where the timestamp could begin or end elsewhere in what is signed around it.

    Nothing separates it there, so that a byte moved between it and the body would leave the signature as it is. Nor is
    there anything before it but the `identity`, in which another time may not stand: that would be the signed one.
    """
    if iso or not stamp.isdigit():
        found = fullmatch(_ISO, stamp)
        # Without a zone, what follows must be nothing that a time may go on with.
        sure = (found is not None and (found["zone"] or after[:1] not in _GOES_ON)) or bool(fullmatch(_HTTP, stamp))
    elif digits:
        sure = len(stamp) == digits
    else:
        # Over four, so that it is not the year of the other form.
        sure = len(stamp) > 4 and not before[-1:].isdigit() and not after[:1].isdigit()
    if not sure or search(_ISO, identity):
        raise Refused(401, "no telling where the timestamp ends")


def _written_seconds(timestamp: str) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415 - few schemes write their time like this

    try:
        if fullmatch(_HTTP, timestamp.encode("utf-8", "replace")):
            from email.utils import parsedate_to_datetime  # noqa: PLC0415 - one provider writes it so

            return int(parsedate_to_datetime(timestamp).timestamp())
        moment = datetime.fromisoformat(timestamp)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise Refused(401, "unreadable timestamp") from None
