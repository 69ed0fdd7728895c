"""What the providers' own libraries say of a request, and what they sign; run by the Python that has them.

Reads JSON lines from its input, `{"provider", "secret", "url", "headers", "body"}`, and answers each with one: whether
the library accepts that request, or with `"sign": true` the headers it would send.
"""

import base64
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

Request = SimpleNamespace


def _stripe(sent: Request) -> object:
    import stripe

    return stripe.WebhookSignature.verify_header(sent.text, sent.headers["stripe-signature"], sent.secret, 300)


def _slack(sent: Request) -> object:
    from slack_sdk.signature import SignatureVerifier

    return SignatureVerifier(sent.secret).is_valid_request(sent.body, sent.headers)


def _twilio(sent: Request) -> object:
    from twilio.request_validator import RequestValidator

    return RequestValidator(sent.secret).validate(
        sent.url, dict(parse_qsl(sent.text)), sent.headers["x-twilio-signature"]
    )


def _boldsign(sent: Request) -> object:
    from boldsign.webhook_utility import WebhookUtility

    return WebhookUtility.validate_signature(sent.text, sent.headers["x-boldsign-signature"], sent.secret)


def _box(sent: Request) -> object:
    from box_sdk_gen.managers.webhooks import WebhooksManager

    return WebhooksManager.validate_message(sent.text, sent.headers, sent.secret)


def _elevenlabs(sent: Request) -> object:
    from elevenlabs.client import ElevenLabs

    webhooks = ElevenLabs(api_key="key").webhooks
    return webhooks.construct_event(sent.text, sent.headers["elevenlabs-signature"], sent.secret)


def _hubspot(sent: Request) -> object:
    from hubspot.utils.signature import Signature

    return Signature.is_valid(
        signature=sent.headers["x-hubspot-signature-v3"],
        client_secret=sent.secret,
        request_body=sent.text,
        http_uri=sent.url,
        signature_version="v3",
        timestamp=sent.headers["x-hubspot-request-timestamp"],
    )


def _square(sent: Request) -> object:
    from square.utils.webhooks_helper import verify_signature

    return verify_signature(
        request_body=sent.text,
        signature_header=sent.headers["x-square-hmacsha256-signature"],
        signature_key=sent.secret,
        notification_url=sent.url,
    )


def _paddle(sent: Request) -> object:
    from paddle_billing.Notifications import PaddleSignature, Secret

    return PaddleSignature().verify(sent.headers["paddle-signature"], sent.text, Secret(sent.secret))


def _line(sent: Request) -> object:
    from linebot.v3.webhook import SignatureValidator

    return SignatureValidator(sent.secret).validate(sent.text, sent.headers["x-line-signature"])


def _razorpay(sent: Request) -> object:
    import razorpay

    verify = razorpay.Client(auth=("key", "secret")).utility.verify_webhook_signature
    return verify(sent.text, sent.headers["x-razorpay-signature"], sent.secret)


def _gocardless(sent: Request) -> object:
    from gocardless_pro import webhooks

    return webhooks.parse(sent.body, sent.secret, sent.headers["webhook-signature"]) or True


def _workos(sent: Request) -> object:
    from workos.webhooks._verification import DEFAULT_TOLERANCE, verify_header

    return verify_header(
        event_body=sent.body,
        event_signature=sent.headers["workos-signature"],
        secret=sent.secret,
        tolerance=DEFAULT_TOLERANCE,
    )


def _easypost(sent: Request) -> object:
    from easypost.util import validate_webhook

    return validate_webhook(sent.body, {"X-Hmac-Signature": sent.headers["x-hmac-signature"]}, sent.secret)


def _pusher(sent: Request) -> object:
    import pusher

    client = pusher.Pusher(app_id="1", key="key", secret=sent.secret)
    return client.validate_webhook("key", sent.headers["x-pusher-signature"], sent.text) is not None


def _polar(sent: Request) -> object:
    from polar.webhooks import validate_event

    return validate_event(sent.body, sent.headers, sent.secret, frozenset({"order.created"}), dict)


def _resend(sent: Request) -> object:
    import resend

    headers = {name: sent.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
    return resend.Webhooks.verify({"payload": sent.text, "headers": headers, "webhook_secret": sent.secret})


def _cashfree(sent: Request) -> object:
    from cashfree_pg.api_client import Cashfree

    client = Cashfree(XEnvironment=Cashfree.SANDBOX, XClientId="id", XClientSecret=sent.secret)
    headers = sent.headers
    return client.PGVerifyWebhookSignature(headers["x-webhook-signature"], sent.text, headers["x-webhook-timestamp"])


def _blockfrost(sent: Request) -> object:
    from blockfrost import verify_webhook_signature

    return verify_webhook_signature(sent.body, sent.headers["blockfrost-signature"], sent.secret)


def _onfido(sent: Request) -> object:
    from onfido.webhook_event_verifier import WebhookEventVerifier

    return WebhookEventVerifier(sent.secret).read_payload(sent.text, sent.headers["x-sha2-signature"])


def _retell(sent: Request) -> object:
    from retell.lib.webhook_auth import verify

    return verify(sent.text, sent.secret, sent.headers["x-retell-signature"])


def _stream(sent: Request) -> object:
    from stream_chat import StreamChat

    return StreamChat("key", sent.secret).verify_webhook(sent.body, sent.headers["x-signature"])


def _viber(sent: Request) -> object:
    from viberbot import Api, BotConfiguration

    api = Api(BotConfiguration(auth_token=sent.secret, name="nami", avatar=""))
    return api.verify_signature(sent.body, sent.headers["x-viber-content-signature"])


def _modern_treasury(sent: Request) -> object:
    from modern_treasury import ModernTreasury

    client = ModernTreasury(api_key="key", organization_id="1")
    return client.webhooks.validate_signature(sent.text, sent.headers, key=sent.secret)


def _orb(sent: Request) -> object:
    from orb import Orb

    return Orb(api_key="key").webhooks.verify_signature(sent.text, sent.headers, secret=sent.secret)


def _finch(sent: Request) -> object:
    from finch import Finch

    return Finch(access_token="token").webhooks.verify_signature(sent.text, sent.headers, secret=sent.secret)


def _lithic(sent: Request) -> object:
    from lithic import Lithic

    return Lithic(api_key="key").webhooks.verify_signature(sent.text, sent.headers, secret=sent.secret)


def _openai(sent: Request) -> object:
    from openai import OpenAI

    return OpenAI(api_key="key").webhooks.verify_signature(sent.text, sent.headers, secret=sent.secret)


def _anthropic(sent: Request) -> object:
    from anthropic import Anthropic

    return Anthropic(api_key="key").beta.webhooks.unwrap(sent.text, headers=sent.headers, key=sent.secret)


def _dodo_payments(sent: Request) -> object:
    from dodopayments import DodoPayments

    return DodoPayments(bearer_token="token").webhooks.unwrap(sent.text, headers=sent.headers, key=sent.secret)


def _svix(sent: Request) -> object:
    from svix.webhooks import Webhook

    return Webhook(sent.secret).verify(sent.body, sent.headers)


def _standard_webhooks(sent: Request) -> object:
    from standardwebhooks import Webhook

    return Webhook(sent.secret).verify(sent.body, sent.headers)


VERIFY: dict[str, Callable[[Request], object]] = {
    "anthropic": _anthropic,
    "blockfrost": _blockfrost,
    "boldsign": _boldsign,
    "box": _box,
    "cashfree": _cashfree,
    "dodo-payments": _dodo_payments,
    "easypost": _easypost,
    "elevenlabs": _elevenlabs,
    "finch": _finch,
    "gocardless": _gocardless,
    "hubspot": _hubspot,
    "line": _line,
    "lithic": _lithic,
    "modern-treasury": _modern_treasury,
    "onfido": _onfido,
    "openai": _openai,
    "orb": _orb,
    "paddle": _paddle,
    "polar": _polar,
    "pusher": _pusher,
    "razorpay": _razorpay,
    "resend": _resend,
    "retell": _retell,
    "slack": _slack,
    "square": _square,
    "standard-webhooks": _standard_webhooks,
    "stream": _stream,
    "stripe": _stripe,
    "svix": _svix,
    "twilio": _twilio,
    "viber": _viber,
    "workos": _workos,
}


def _slack_signs(sent: Request) -> dict[str, str]:
    from slack_sdk.signature import SignatureVerifier

    now = str(int(time.time()))
    signature = SignatureVerifier(sent.secret).generate_signature(timestamp=now, body=sent.body)
    return {"x-slack-request-timestamp": now, "x-slack-signature": signature or ""}


def _twilio_signs(sent: Request) -> dict[str, str]:
    from twilio.request_validator import RequestValidator

    return {"x-twilio-signature": RequestValidator(sent.secret).compute_signature(sent.url, dict(parse_qsl(sent.text)))}


def _retell_signs(sent: Request) -> dict[str, str]:
    from retell.lib.webhook_auth import symmetric

    return {"x-retell-signature": symmetric["sign"](sent.text, sent.secret)}


def _svix_signs(sent: Request) -> dict[str, str]:
    from svix.webhooks import Webhook

    now = datetime.now(UTC)
    signature = Webhook(sent.secret).sign("msg_1", now, sent.text)
    return {"svix-id": "msg_1", "svix-timestamp": str(int(now.timestamp())), "svix-signature": signature}


def _standard_signs(sent: Request) -> dict[str, str]:
    from standardwebhooks import Webhook

    now = datetime.now(UTC)
    signature = Webhook(sent.secret).sign("msg_1", now, sent.text)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


def _discord_signs(sent: Request) -> dict[str, str]:
    """With a private key of 32 equal bytes, as `secret` says; PyNaCl is what Discord's library verifies with."""
    from discord_interactions import verify_key
    from nacl.signing import SigningKey

    key, now = SigningKey(bytes.fromhex(sent.secret)), str(int(time.time()))
    signature = key.sign(now.encode() + sent.body).signature.hex()
    public = key.verify_key.encode().hex()
    assert verify_key(sent.body, signature, now, public)
    return {"x-signature-ed25519": signature, "x-signature-timestamp": now, "public-key": public}


def _stripe_signs(sent: Request) -> dict[str, str]:
    import stripe

    now = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{now}.{sent.text}", sent.secret)
    return {"stripe-signature": f"t={now},v1={signature}"}


SIGN: dict[str, Callable[[Request], dict[str, str]]] = {
    "discord": _discord_signs,
    "retell": _retell_signs,
    "slack": _slack_signs,
    "standard-webhooks": _standard_signs,
    "stripe": _stripe_signs,
    "svix": _svix_signs,
    "twilio": _twilio_signs,
}


def _answer(asked: dict[str, Any]) -> object:
    body = base64.b64decode(asked["body"])
    sent = SimpleNamespace(**{**asked, "body": body, "text": body.decode()})
    if asked.get("sign"):
        return SIGN[asked["provider"]](sent)
    try:
        said = VERIFY[asked["provider"]](sent)
    except Exception as refused:  # each library has its own
        return f"{type(refused).__name__}: {refused}"
    return said is None or bool(said)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)
