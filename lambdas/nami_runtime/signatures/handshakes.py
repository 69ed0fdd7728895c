"""What providers ask before they send: answered at once, never queued.

Echoed text is answered as plain text that browsers don't guess about, and only up to a length that no genuine challenge
reaches, so that an endpoint can't be used to serve somebody's page.
"""

from __future__ import annotations

import binascii
import json
from hmac import compare_digest, digest
from urllib.parse import parse_qsl

from nami_runtime.request import Refused, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from nami_runtime.request import Request
    from nami_runtime.secret import Secret

    Answer = dict[str, Any]

_MAX_ECHO = 4096
_NOTHING: Answer = {"statusCode": 200, "headers": {}, "body": ""}


def before(name: str, request: Request, secret: Secret) -> Answer | None:
    """The answer where this is the unsigned handshake `name`, else None. Raises Refused."""
    asked = _UNSIGNED.get(name)
    return asked(request, secret) if asked else None


def after(name: str, request: Request, key: str) -> Answer | None:
    """The answer where this is the signed handshake `name`, which `key` has verified, else None."""
    asked = _SIGNED.get(name)
    return asked(request, key) if asked else None


def _meta(request: Request, secret: Secret) -> Answer | None:
    query = _query(request)
    if request.method != "GET" or query.get("hub.mode") != "subscribe":
        return None
    secret.values(request.deadline)
    given, expected = query.get("hub.verify_token", ""), secret.verify_token
    if not expected or not compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise Refused(403, "verify token missing or wrong")
    return _text(query.get("hub.challenge", ""))


def _dropbox(request: Request, secret: Secret) -> Answer | None:
    challenge = _query(request).get("challenge") if request.method == "GET" else None
    return _text(challenge) if challenge else None


def _microsoft_graph(request: Request, secret: Secret) -> Answer | None:
    token = _query(request).get("validationToken") if request.method == "POST" else None
    return _text(token) if token else None


def _x(request: Request, secret: Secret) -> Answer | None:
    token = _query(request).get("crc_token") if request.method == "GET" else None
    if not token:
        return None
    # The proof is of the same form as a delivery's signature, so what could be a delivery is not signed for anybody.
    if "{" in token:
        raise Refused(400, "crc_token is none")
    keys = secret.values(request.deadline)
    if not keys:
        raise Refused(401, "the secret is not filled in")
    proof = binascii.b2a_base64(digest(keys[0].encode(), token.encode("utf-8", "replace"), "sha256"), newline=False)
    return _json({"response_token": "sha256=" + proof.decode()})


def _okta(request: Request, secret: Secret) -> Answer | None:
    challenge = request.headers.get("x-okta-verification-challenge") if request.method == "GET" else None
    return _json({"verification": _bounded(challenge)}) if challenge else None


def _braintree(request: Request, secret: Secret) -> Answer | None:
    challenge = _query(request).get("bt_challenge") if request.method == "GET" else None
    if not challenge:
        return None
    from nami_runtime.signatures import braintree  # noqa: PLC0415 - one provider asks like this

    keys = secret.values(request.deadline)
    if not keys:
        raise Refused(401, "the secret is not filled in")
    return _text(braintree.answer(challenge, keys[0]))


def _asana(request: Request, secret: Secret) -> Answer | None:
    offered = request.headers.get("x-hook-secret")
    if not offered or "x-hook-signature" in request.headers:
        return None
    if not (offered.isascii() and offered.isprintable()):
        raise Refused(400, "X-Hook-Secret is not printable")
    _keep(_bounded(offered), request)
    return {"statusCode": 200, "headers": {"x-hook-secret": offered}, "body": ""}


def _ringcentral(request: Request, secret: Secret) -> Answer | None:
    """A token of its own comes back in the header that it came in, where there is no body yet."""
    offered = request.headers.get("validation-token")
    if not offered or request.method != "POST" or request.body:
        return None
    if not (offered.isascii() and offered.isprintable()):
        raise Refused(400, "Validation-Token is not printable")
    return {"statusCode": 200, "headers": {"validation-token": _bounded(offered)}, "body": ""}


def _notion(request: Request, secret: Secret) -> Answer | None:
    """The token that its owner pastes into Notion and with which all webhooks to come are signed."""
    if request.method != "POST" or "x-notion-signature" in request.headers:
        return None
    body = request.json()
    token = body.get("verification_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token or not token.isprintable():
        return None
    _keep(_bounded(token), request)
    return _NOTHING


def _head(request: Request, secret: Secret) -> Answer | None:
    """Intercom, Trello, Mandrill: is anybody there?"""
    return {"statusCode": 200, "headers": {}} if request.method == "HEAD" else None


def _event_grid(request: Request, secret: Secret) -> Answer | None:
    """CloudEvents' abuse protection (https://github.com/cloudevents/spec, http-webhook.md, 4)."""
    origin = request.headers.get("webhook-request-origin", "") if request.method == "OPTIONS" else ""
    if not origin:
        return None
    if not (origin.isascii() and origin.isprintable()):
        raise Refused(400, "WebHook-Request-Origin is not printable")
    headers = {"webhook-allowed-origin": _bounded(origin), "webhook-allowed-rate": "*", "allow": "POST"}
    return {"statusCode": 200, "headers": headers, "body": ""}


def _bitbucket_server(request: Request, secret: Secret) -> Answer | None:
    """Its connection test, which is signed by no version (https://github.com/runatlantis/atlantis/issues/474)."""
    is_ping = request.headers.get("x-event-key") == "diagnostics:ping" and "x-hub-signature" not in request.headers
    return _NOTHING if is_ping and request.method == "POST" else None


def _boldsign(request: Request, secret: Secret) -> Answer | None:
    """What its console's Verify sends before there is a secret (https://developers.boldsign.com/webhooks)."""
    asks = request.method == "POST" and field(request.json(), "event.eventType") == "Verification"
    return _NOTHING if asks else None


def _woocommerce(request: Request, secret: Secret) -> Answer | None:
    """Its unsigned ping, `webhook_id=12`, when a webhook is made."""
    body = request.body
    is_ping = request.method == "POST" and body.startswith(b"webhook_id=") and body[11:].isdigit()
    return _NOTHING if is_ping and "x-wc-webhook-signature" not in request.headers else None


def _validation_code(request: Request, key: str) -> Answer | None:
    """Event Grid's own form; whoever asks has shown the secret by then."""
    body = request.json()
    event = body[0] if isinstance(body, list) and len(body) == 1 else None
    if request.headers.get("aeg-event-type") != "SubscriptionValidation" or not isinstance(event, dict):
        return None
    return _json({"validationResponse": _bounded(field(event, "data.validationCode"))})


def _twitch(request: Request, key: str) -> Answer | None:
    if request.headers.get("twitch-eventsub-message-type") != "webhook_callback_verification":
        return None
    return _text(field(request.json(), "challenge"))


def _challenge(request: Request, key: str) -> Answer | None:
    """monday.com: a body of a challenge alone comes back as it is."""
    body = request.json()
    challenge = body.get("challenge") if isinstance(body, dict) and len(body) == 1 else None
    return _json({"challenge": _bounded(challenge)}) if isinstance(challenge, str) else None


def _smartcar(request: Request, key: str) -> Answer | None:
    """`eventType: VERIFY` of version 4, `eventName: verify` of version 2."""
    body = request.json()
    if not isinstance(body, dict) or (body.get("eventType") != "VERIFY" and body.get("eventName") != "verify"):
        return None
    challenge = field(body, "data.challenge") or field(body, "payload.challenge")
    # The proof is of the same form as a delivery's signature, see _x.
    if not challenge or "{" in challenge:
        raise Refused(400, "the challenge is none")
    return _json({"challenge": digest(key.encode(), _bounded(challenge).encode("utf-8", "replace"), "sha256").hex()})


def _xero(request: Request, key: str) -> Answer | None:
    """Its intent to receive: four requests without events, of which the wrongly signed must get 401."""
    body = request.json()
    return _NOTHING if isinstance(body, dict) and body.get("events") == [] else None


def _x_delivery(request: Request, key: str) -> Answer | None:
    """Anybody can have a text without braces signed as a token, see _x: only an object is a delivery."""
    if not isinstance(request.json(), dict):
        raise Refused(401, "not an object")
    return None


def _slack(request: Request, key: str) -> Answer | None:
    body = request.json()
    if not isinstance(body, dict) or body.get("type") != "url_verification":
        return None
    challenge = body.get("challenge")
    return _text(challenge if isinstance(challenge, str) else "")


def _zoom(request: Request, key: str) -> Answer | None:
    body = request.json()
    if not isinstance(body, dict) or body.get("event") != "endpoint.url_validation":
        return None
    payload = body.get("payload")
    token = payload.get("plainToken") if isinstance(payload, dict) else None
    if not isinstance(token, str):
        raise Refused(400, "no plainToken")
    proof = digest(key.encode(), token.encode("utf-8", "replace"), "sha256").hex()
    return _json({"plainToken": _bounded(token), "encryptedToken": proof})


def _aws_sns(request: Request, key: str) -> Answer | None:
    from nami_runtime.signatures import sns  # noqa: PLC0415 - needs cryptography

    return _NOTHING if sns.confirm(request) else None


def _discord(request: Request, key: str) -> Answer | None:
    body = request.json()
    asked = isinstance(body, dict) and body.get("type") == 0 and not isinstance(body["type"], bool)
    return {"statusCode": 204, "headers": {}} if asked else None


if TYPE_CHECKING:
    _UNSIGNED: dict[str, Callable[[Request, Secret], Answer | None]]
    _SIGNED: dict[str, Callable[[Request, str], Answer | None]]

_UNSIGNED = {
    "asana": _asana,
    "bitbucket-server": _bitbucket_server,
    "boldsign": _boldsign,
    "braintree": _braintree,
    "dropbox": _dropbox,
    "event-grid": _event_grid,
    "head": _head,
    "meta": _meta,
    "microsoft-graph": _microsoft_graph,
    "notion": _notion,
    "okta": _okta,
    "ringcentral": _ringcentral,
    "woocommerce": _woocommerce,
    "x": _x,
}
_SIGNED = {
    "aws-sns": _aws_sns,
    "challenge": _challenge,
    "discord": _discord,
    "event-grid": _validation_code,
    "slack": _slack,
    "smartcar": _smartcar,
    "twitch": _twitch,
    "x": _x_delivery,
    "xero": _xero,
    "zoom": _zoom,
}


def _keep(value: str, request: Request) -> None:
    from nami_runtime.signatures import received  # noqa: PLC0415 - once in a webhook's life

    received.keep(value, request.deadline)


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True)) if request.query else {}


def _bounded(text: str) -> str:
    if len(text) > _MAX_ECHO:
        raise Refused(400, "challenge too long")
    return text


def _text(body: str) -> Answer:
    headers = {"content-type": "text/plain", "x-content-type-options": "nosniff"}
    return {"statusCode": 200, "headers": headers, "body": _bounded(body)}


def _json(body: dict[str, str]) -> Answer:
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
