"""What providers send, in small: an event of each one's own shape, and what it asks before the first.

Written for nami, those that are JSON in samples.json; `ID` and `NUMBER` become new ones in every sample.
"""

import json
import secrets
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

FORM = "application/x-www-form-urlencoded"
ID = "$id"
NUMBER = "$number"

GENERIC: dict[str, Any] = {"event": "order.created", "order": {"id": 1001, "total": "19.90", "currency": "EUR"}}
SAMPLES: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
"""By the scheme's name."""
# Those who send forms, by name.
FORMS: dict[str, dict[str, str]] = {
    "mandrill": {"mandrill_events": '[{"event": "send", "_id": "$id", "msg": {"email": "ada@example.com"}}]'},
    "signable": {"action": "send-envelope", "envelope_fingerprint": ID, "contact_name": "Ada"},
    "twilio": {"MessageSid": ID, "Body": "Hello"},
}


def sample(scheme: str) -> Any:
    """An event of that provider, of a general shape where none is known, under new ids; a form is its fields."""
    text = json.dumps(FORMS.get(scheme) or SAMPLES.get(scheme, GENERIC))
    while f'"{NUMBER}"' in text:
        text = text.replace(f'"{NUMBER}"', str(secrets.randbelow(10**12)), 1)
    while ID in text:
        text = text.replace(ID, f"evt_{uuid4().hex}", 1)
    return json.loads(text)


def written(scheme: str) -> tuple[bytes, str]:
    """(body, content type) of that sample, as the provider writes it."""
    found = sample(scheme)
    return (urlencode(found).encode(), FORM) if scheme in FORMS else (json.dumps(found).encode(), "application/json")


class Question(NamedTuple):
    """What a provider asks before its first webhook; `signed` as its webhooks are."""

    method: str = "POST"
    query: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    body: bytes = b""
    signed: bool = False


HANDSHAKES = {
    "braintree": Question("GET", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53"),
    "asana": Question(headers={"x-hook-secret": "a-secret-that-asana-offers"}),
    "bitbucket-server": Question(headers={"x-event-key": "diagnostics:ping"}, body=b'{"test": true}'),
    "boldsign": Question(
        headers={"x-boldsign-event": "Verification"},
        body=b'{"event": {"id": "7c872a5b", "created": 1617180024, "eventType": "Verification"}}',
    ),
    "challenge": Question(body=b'{"challenge": "a-challenge-of-nami"}', signed=True),
    "dropbox": Question("GET", "challenge=a-challenge-of-nami"),
    "event-grid": Question("OPTIONS", headers={"webhook-request-origin": "eventemitter.example.com"}),
    "head": Question("HEAD"),
    "meta": Question("GET", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="),
    "microsoft-graph": Question(query="validationToken=a-token-of-nami"),
    "notion": Question(body=b'{"verification_token": "a-token-that-notion-hands-over"}'),
    "ringcentral": Question(headers={"validation-token": "a-token-of-nami"}),
    "okta": Question("GET", headers={"x-okta-verification-challenge": "a-challenge-of-nami"}),
    "slack": Question(body=b'{"type": "url_verification", "challenge": "a-challenge-of-nami"}', signed=True),
    "smartcar": Question(body=b'{"eventType": "VERIFY", "data": {"challenge": "a-challenge-of-nami"}}', signed=True),
    "twitch": Question(
        headers={"twitch-eventsub-message-type": "webhook_callback_verification"},
        body=b'{"challenge": "a-challenge-of-nami", "subscription": {"type": "channel.follow"}}',
        signed=True,
    ),
    "woocommerce": Question(headers={"content-type": "application/x-www-form-urlencoded"}, body=b"webhook_id=1"),
    "x": Question("GET", "crc_token=a-token-of-nami"),
    "xero": Question(body=b'{"events": [], "firstEventSequence": 0, "entropy": "S0m3r4Nd0mt3xt"}', signed=True),
    "zoom": Question(
        body=b'{"event": "endpoint.url_validation", "payload": {"plainToken": "a-token-of-nami"}}', signed=True
    ),
}
