"""What the table of schemes says of a provider, in words."""

from typing import NamedTuple

from nami_runtime import signatures
from nami_runtime.signatures.adyen import Adyen
from nami_runtime.signatures.braintree import Braintree
from nami_runtime.signatures.client_state import ClientState
from nami_runtime.signatures.contentful import Contentful
from nami_runtime.signatures.jwts import JsonWebToken
from nami_runtime.signatures.public_keys import Asymmetric, PayPal, Sns
from nami_runtime.signatures.schemes import Basic, Hmac, Scheme, Token, Unsigned

# What is asked before the first webhook, and how it is answered.
HANDSHAKES = {
    "head": "asks with HEAD whether anybody is there; gets 200",
    "woocommerce": "sends an unsigned ping when a webhook is made; gets 200",
    "aws-sns": "signed SubscriptionConfirmation of a topic that the secret names: GET of its SubscribeURL",
    "braintree": "GET with bt_challenge: the public key, and its HMAC",
    "asana": "POST with X-Hook-Secret: the same header; `nami secret NAME --received` shows it",
    "bitbucket-server": "sends an unsigned ping when a webhook is tested; gets 200",
    "boldsign": "sends an unsigned event `Verification` when the URL is verified; gets 200",
    "challenge": "POST of a challenge: it, as JSON",
    "discord": "POST of type 0: 204",
    "dropbox": "GET with a challenge: the challenge",
    "event-grid": "POST with a validationCode: it; CloudEvents' OPTIONS with WebHook-Request-Origin: its answer",
    "meta": "GET with hub.verify_token: hub.challenge",
    "microsoft-graph": "POST with validationToken: the token",
    "notion": "POST with a verification_token: 200, and `nami secret NAME --received` shows the token",
    "okta": "GET with X-Okta-Verification-Challenge: it, as JSON",
    "ringcentral": "POST with Validation-Token and no body: the same header",
    "slack": "signed POST url_verification: the challenge",
    "smartcar": "signed POST of VERIFY: the challenge's HMAC",
    "twitch": "signed POST of webhook_callback_verification: the challenge, as text",
    "x": "GET with crc_token: its HMAC",
    "xero": "signed POST without events: 200, wrongly signed 401, both without a body",
    "zoom": "signed POST endpoint.url_validation: plainToken and its HMAC",
}


class Described(NamedTuple):
    """A scheme in words: where signatures stand, what is signed, seconds of tolerance (0: any age), the id."""

    headers: list[str]
    kind: str
    signed: str
    tolerance: int
    id: str
    id_is_signed: bool
    handshake: str


def described(name: str) -> Described:
    """What the table of schemes says of a provider. Raises KeyError for one that there is not."""
    forms = signatures.every()[name]
    ids = [(form, source) for form in forms for source in form.ids]
    return Described(
        headers=list(dict.fromkeys(header for form in forms if (header := getattr(form, "header", "")))),
        kind=" or ".join(dict.fromkeys(_kind(form) for form in forms)),
        signed=" or ".join(dict.fromkeys(signed for form in forms if (signed := _signed(form)))),
        tolerance=getattr(forms[0], "tolerance", 0),
        id=" or ".join(dict.fromkeys(_id(source) for _, source in ids)),
        id_is_signed=bool(ids) and all(callable(source) or form.covers(source) for form, source in ids),
        handshake=HANDSHAKES.get(forms[0].handshake, forms[0].handshake),
    )


_KINDS: dict[type, str] = {
    Adyen: "HMAC-SHA-256, base64",
    Asymmetric: "public key",
    Basic: "basic authentication",
    Braintree: "HMAC-SHA-1, hex",
    ClientState: "token in the body",
    PayPal: "public key",
    Sns: "public key",
    Token: "token",
    Unsigned: "none",
}
_SIGNED: dict[type, str] = {
    Adyen: "eight fields of each notification",
    Braintree: "{form:bt_payload}",
    Contentful: "{method}, {path}, the headers that it lists, {body}",
    PayPal: "{id}|{timestamp}|{webhook id}|{CRC-32 of the body}",
    Sns: "Message, MessageId, Subject, Timestamp, TopicArn and Type",
}


def _kind(form: Scheme) -> str:
    if isinstance(form, Hmac):
        return f"HMAC-{form.digest.upper().replace('SHA', 'SHA-')}, {form.encoding}"
    if isinstance(form, JsonWebToken):
        return "JSON web token"
    return _KINDS.get(type(form), type(form).__name__)


def _signed(form: Scheme) -> str:
    if isinstance(form, JsonWebToken):
        claims = ", ".join(name for name in (form.body_claim, form.url_claim) if name)
        return claims or ("no body" if form.header else "the token that the body is")
    return _SIGNED.get(type(form), str(getattr(form, "signed", "")))


def _id(source: object) -> str:
    if callable(source):
        return "the events of the body"
    kind, colon, path = str(source).partition(":")
    return f"{path} of the body" if colon else kind
