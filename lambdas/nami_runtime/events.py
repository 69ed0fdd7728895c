"""A document as an event: what it says that happened, such as `orders/create` or `invoice.paid`, and its detail.

The names of the headers and fields are those of the providers' own documents, which `nami_control.providers` names.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nami_runtime.documents import Unusable, outward, plain
from nami_runtime.request import field

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = "webhook"
"""Where nothing says it."""

# Of those that say it elsewhere than the others: a header, or `body:path.to.field`.
_OWN = {
    "ably": "x-ably-envelope-source",
    "airwallex": "body:name",
    "ashby": "body:action",
    "bigcommerce": "body:scope",
    "boldsign": "body:event.eventType",
    "cal-com": "body:triggerEvent",
    "coinbase-commerce": "body:event.type",
    "easypost": "body:description",
    "heroku": "body:resource",
    "intercom": "body:topic",
    "jira": "body:webhookEvent",
    "katana": "body:action",
    "lemon-squeezy": "body:meta.event_name",
    "mailgun": "body:event-data.event",
    "onfido": "body:payload.action",
    "pagerduty": "body:event.event_type",
    "persona": "body:data.attributes.name",
    "pipedrive": "body:meta.action",
    "podium": "body:metadata.eventType",
    "slack": "body:event.type",
    "webflow": "body:triggerType",
}
_HEADERS = (
    *("x-shopify-topic", "x-github-event", "x-gitlab-event", "x-gitea-event", "x-gogs-event", "x-event-key"),
    *("x-wc-webhook-topic", "x-discourse-event", "x-helpscout-event", "x-buildkite-event", "x-patreon-event"),
    *("ce-type", "x-event-type", "webhook-event"),
)
_FIELDS = ("type", "event_type", "eventType", "event", "event_name", "topic", "object_kind")


def type_of(provider: str | None, headers: Mapping[str, str], body: object) -> str:
    """The event's type, as the provider writes it; UNKNOWN where it says none.

    Args:
        provider: whose signature proved it, as in a document's `verified`.
        headers: with lower-case names.
        body: parsed.
    """
    own = _OWN.get(provider or "", "")
    if own and (found := field(body, own[5:]) if own.startswith("body:") else headers.get(own, "")):
        return found
    if found := next(filter(None, (headers.get(name, "") for name in _HEADERS)), ""):
        return found
    return next(filter(None, (_text(body, name) for name in _FIELDS)), "") or UNKNOWN


def _text(body: Any, name: str) -> str:
    """A field's own text: a number is no type, and a list of events has many."""
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""


# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_INTEGER = (1 << 63) - 1
MAX_DEPTH = 900
_long_number = re.compile(r"\d{19}").search


def detail(document: dict[str, Any]) -> str:
    """The document as JSON: `_id` is `id`, dates ISO 8601 in UTC, bytes base64.

    The exact bytes are left out where `body` says them too. What no event holds (integers over 64 bits, numbers that
    are no double) is changed in the document, and named in its `body_changes`.
    """
    fields = outward(document)
    try:
        text = _json.encode(fields)
        text.encode()
        if _long_number(text) is None:
            return text
    except (TypeError, ValueError):
        pass
    from nami_runtime import fitting  # noqa: PLC0415 - most documents fit

    fitting.fit(fields, fitting.Limits(_exact, lambda name: name, MAX_DEPTH))
    return _json.encode(fields)


def transformed(text: str) -> str:
    """The detail that a document was transformed into. Raises Unusable where it is no object, as a detail must be."""
    if not text.startswith("{"):
        raise Unusable("transform: its result is no object, as the detail of an event must be")
    return detail(json.loads(text)) if _long_number(text) else text


def _exact(number: float | Decimal) -> float | None:
    if isinstance(number, Decimal) or (isinstance(number, int) and abs(number) > MAX_INTEGER):
        return None
    return number


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=plain)
