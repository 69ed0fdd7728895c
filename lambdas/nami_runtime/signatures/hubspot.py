"""What HubSpot alone does."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nami_runtime.request import Request


def events(request: Request) -> str:
    """The id of HubSpot's batch: an eventId is not unique by itself, and attemptNumber changes from try to try."""
    body = request.json()
    events = body if isinstance(body, list) else [body]
    if not events or not all(isinstance(event, dict) and "eventId" in event for event in events):
        return ""
    parts = [f"{name}={event[name]!r}" for event in events for name in sorted(event) if name != "attemptNumber"]
    return sha256("\n".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


_DECODES = dict(
    zip(("3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B"), ":/?@!$'()*,;", strict=True)
)


def uri(url: str) -> bytes:
    """The URL as it is signed: only these escapes are decoded before."""
    for code, character in _DECODES.items():
        url = url.replace("%" + code, character).replace("%" + code.lower(), character)
    return url.encode("utf-8", "replace")
