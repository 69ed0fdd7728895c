"""What single providers do like nobody else; loaded where one of them is the sender."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from nami_runtime.request import Refused, field
from nami_runtime.secret import matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.request import Request


def hubspot_events(request: Request) -> str:
    """The id of HubSpot's batch: an eventId is not unique by itself, and attemptNumber changes from try to try."""
    body = request.json()
    events = body if isinstance(body, list) else [body]
    if not events or not all(isinstance(event, dict) and "eventId" in event for event in events):
        return ""
    parts = [f"{name}={event[name]!r}" for event in events for name in sorted(event) if name != "attemptNumber"]
    return sha256("\n".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def client_state(request: Request, secrets: Sequence[str]) -> str | None:
    """The secret that every notification of Microsoft Graph's body repeats. Raises Refused without notifications."""
    body = request.json()
    notifications = body.get("value") if isinstance(body, dict) else None
    if not isinstance(notifications, list) or not notifications:
        raise Refused(401, "no notifications")
    matches = [matching(field(item, "clientState"), secrets) for item in notifications]
    return matches[0] if None not in matches else None


_HUBSPOT_DECODES = dict(
    zip(("3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B"), ":/?@!$'()*,;", strict=True)
)


def _hubspot_uri(request: Request, url: str) -> bytes:
    """Only these escapes are decoded before HubSpot signs."""
    for code, character in _HUBSPOT_DECODES.items():
        url = url.replace("%" + code, character).replace("%" + code.lower(), character)
    return url.encode("utf-8", "replace")


# Anybody may send a form, and it is read before that shows. Twilio's have some dozens of fields.
_MAX_FORM_BYTES = 256 * 1024
_MAX_FORM_FIELDS = 1000


def _fields(body: bytes) -> list[tuple[str, str]]:
    if len(body) <= _MAX_FORM_BYTES:
        try:
            return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FORM_FIELDS)
        except ValueError:
            pass
    raise Refused(400, "a form larger than any of Twilio's")


def _twilio_form(request: Request, url: str) -> bytes:
    """Each parameter's name and value, sorted; bodies that are no form are covered by their hash in the signed URL."""
    announced = dict(parse_qsl(url.partition("?")[2])).get("bodySHA256", "")
    if not announced and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        pairs = _fields(request.body)
        return "".join([name + value for name, value in sorted(set(pairs))]).encode("utf-8", "replace")
    if (announced or request.body) and not compare_digest(
        announced.encode("utf-8", "replace"), request.body_hash().encode()
    ):
        raise Refused(401, "body not covered by the URL's bodySHA256")
    return b""


FIELDS = {"form": _twilio_form, "uri": _hubspot_uri}
