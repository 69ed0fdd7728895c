"""The table of providers, one entry each; the facts come from their own documents.

Those that need a way of their own stand beside it, in `public_keys` and `client_state`.
"""

from __future__ import annotations

from nami_runtime.signatures.schemes import Basic, Hmac, Scheme, Token, Unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import replace

    from nami_runtime.request import Request
else:
    from nami_runtime.frozen import replace


def _hubspot_events(request: Request) -> str:
    from nami_runtime.signatures import hubspot  # noqa: PLC0415 - one provider does it like this

    return hubspot.events(request)


def _standard(family: str) -> Hmac:
    return Hmac(
        header=f"{family}-signature",
        prefix="v1,",
        encoding="base64",
        key="base64",
        signed="{id}.{timestamp}.{body}",
        id=f"{family}-id",
        ids=(f"{family}-id",),
        timestamp=f"{family}-timestamp",
        tolerance=300,
    )


def _hubspot_hash(version: str, signed: str) -> Hmac:
    return Hmac(
        header="x-hubspot-signature",
        when=("x-hubspot-signature-version", version),
        hashed="before",
        signed=signed,
        is_json=signed == "{body}",
        ids=(_hubspot_events,),
    )


_STANDARD_WEBHOOKS = (_standard("webhook"), _standard("svix"))
_HUB = Hmac(header="x-hub-signature-256", prefix="sha256=")
_ATLASSIAN = Hmac(header="x-hub-signature", prefix="sha256=")

_OPTIONS = ("ids", "per_try", "handshake", "empty_answer")
_HMAC_OPTIONS = (
    *("header", "also", "prefix", "part", "grouped", "separator", "digest", "hashed", "encoding", "key", "signed"),
    *("timestamp", "milliseconds", "iso", "digits", "tolerance", "id", "id_length", "public_url", "when", *_OPTIONS),
)

# Several entries under one name are the forms one provider uses; the first that applies to a request counts.
SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "none": (Unsigned(),),
    "basic": (Basic(settable=_OPTIONS),),
    "token": (Token(settable=("header", "prefix", "id", *_OPTIONS)),),
    "hmac": (Hmac(settable=_HMAC_OPTIONS),),
    "asana": (Hmac(header="x-hook-signature", handshake="asana"),),
    "bitbucket": (replace(_ATLASSIAN, ids=("x-request-uuid",)),),
    "dropbox": (Hmac(header="x-dropbox-signature", handshake="dropbox", handshake_method="GET"),),
    "github": (replace(_HUB, ids=("x-github-delivery",)),),
    "gitlab": (*_STANDARD_WEBHOOKS, Token(header="x-gitlab-token", ids=("idempotency-key", "x-gitlab-event-uuid"))),
    "hubspot": (
        Hmac(
            header="x-hubspot-signature-v3",
            encoding="base64",
            signed="{method}{uri}{body}{timestamp}",
            timestamp="x-hubspot-request-timestamp",
            milliseconds=True,
            tolerance=300,
            ids=(_hubspot_events,),
        ),
        _hubspot_hash("v2", "{method}{url}{body}"),
        _hubspot_hash("v1", "{body}"),
    ),
    "intercom": (
        Hmac(
            header="x-hub-signature",
            prefix="sha1=",
            digest="sha1",
            ids=("body:id",),
            handshake="head",
            handshake_method="HEAD",
        ),
    ),
    "jira": (replace(_ATLASSIAN, ids=("x-atlassian-webhook-identifier",)),),
    "linear": (
        Hmac(
            header="linear-signature",
            timestamp="body:webhookTimestamp",
            milliseconds=True,
            tolerance=60,
            ids=("linear-delivery",),
            per_try=("webhookTimestamp",),
        ),
    ),
    # Its signature covers no body, so its token counts as an id only together with the body's hash. Tries go on for
    # eight hours.
    "mailgun": (
        Hmac(
            header="body:signature.signature",
            # Of a subaccount's event, by the key of the account above it.
            also=("body:signature.parent-signature",),
            signed="{timestamp}{body:signature.token}",
            timestamp="body:signature.timestamp",
            digits=10,
            tolerance=12 * 3600,
            ids=("body:signature.token",),
        ),
        # Routes, and webhooks of old, are forms.
        Hmac(
            header="form:signature",
            signed="{timestamp}{form:token}",
            timestamp="form:timestamp",
            digits=10,
            tolerance=12 * 3600,
            ids=("form:token",),
        ),
    ),
    "meta": (replace(_HUB, handshake="meta", handshake_method="GET"),),
    "okta": (Token(ids=("body:eventId",), handshake="okta", handshake_method="GET", settable=("header",)),),
    "paddle": (
        Hmac(
            header="paddle-signature",
            part="h1",
            signed="{timestamp}:{body}",
            timestamp="part:ts",
            separator=";",
            tolerance=300,
            ids=("body:event_id",),
        ),
    ),
    # The second is how it delivers Events (https://shopify.dev/docs/apps/build/events/verify-deliveries).
    "shopify": (
        Hmac(header="x-shopify-hmac-sha256", encoding="base64", ids=("x-shopify-webhook-id",)),
        Hmac(header="shopify-hmac-sha256", encoding="base64", ids=("shopify-webhook-id",)),
    ),
    "slack": (
        Hmac(
            header="x-slack-signature",
            prefix="v0=",
            signed="v0:{timestamp}:{body}",
            timestamp="x-slack-request-timestamp",
            tolerance=300,
            ids=("body:event_id",),
            handshake="slack",
        ),
    ),
    "square": (
        Hmac(header="x-square-hmacsha256-signature", encoding="base64", signed="{url}{body}", ids=("body:event_id",)),
    ),
    "standard-webhooks": _STANDARD_WEBHOOKS,
    "stripe": (
        Hmac(
            header="stripe-signature",
            part="v1",
            signed="{timestamp}.{body}",
            timestamp="part:t",
            tolerance=300,
            ids=("body:id",),
        ),
    ),
    "twilio": (
        Hmac(
            header="x-twilio-signature",
            digest="sha1",
            encoding="base64",
            signed="{url}{form}",
            ids=("i-twilio-idempotency-token",),
        ),
    ),
    "typeform": (Hmac(header="typeform-signature", prefix="sha256=", encoding="base64", ids=("body:event_id",)),),
    "x": (
        Hmac(
            header="x-twitter-webhooks-signature",
            prefix="sha256=",
            encoding="base64",
            handshake="x",
            handshake_method="GET",
        ),
    ),
    "zendesk": (
        Hmac(
            header="x-zendesk-webhook-signature",
            encoding="base64",
            signed="{timestamp}{body}",
            timestamp="x-zendesk-webhook-signature-timestamp",
            ids=("x-zendesk-webhook-invocation-id",),
        ),
    ),
    "zoom": (
        Hmac(
            header="x-zm-signature",
            prefix="v0=",
            signed="v0:{timestamp}:{body}",
            timestamp="x-zm-request-timestamp",
            tolerance=300,
            ids=("x-zm-trackingid",),
            handshake="zoom",
        ),
    ),
}
