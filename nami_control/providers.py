"""What one has to know of each provider beside its scheme: from here come docs/signatures.md and `nami signatures`.

The functions never load it. What is signed, the delivery's id and the handshake stand in the scheme itself, see
`described`.
"""

from typing import NamedTuple

from nami_runtime import signatures
from nami_runtime.signatures.schemes import Asymmetric, Basic, ClientState, Hmac, PayPal, Scheme, Token

READ = "2026-11-27"  # when the documents and libraries below were read


class Facts(NamedTuple):
    """One provider: `secret` is what the secret holds, `found` where that is found, `source` what was read about it."""

    title: str
    secret: str
    found: str
    source: str
    note: str = ""


FACTS: dict[str, Facts] = {
    "github": Facts(
        "GitHub",
        "the webhook's secret",
        "chosen by you, in Settings > Webhooks of the repository, organization or app",
        "docs.github.com: Validating webhook deliveries",
    ),
    "resend": Facts(
        "Resend",
        "the signing secret, `whsec_…`",
        "Webhooks > the webhook > Signing Secret",
        "resend.com/docs: Verify webhooks requests",
    ),
    "shopify": Facts(
        "Shopify",
        "the app's client secret; for webhooks of the admin's notifications the key shown below them",
        "Dev Dashboard > the app > Settings; Settings > Notifications > Webhooks",
        "shopify.dev: Verify webhook deliveries",
    ),
    "stripe": Facts(
        "Stripe",
        "the endpoint's signing secret, `whsec_…`",
        "Workbench > Webhooks > the endpoint > Signing secret",
        "stripe-python: stripe/_webhook.py",
    ),
}


class Described(NamedTuple):
    """A scheme in words: what is signed, the seconds of tolerance (0: any age), the id, whether that is signed."""

    signed: str
    tolerance: int
    id: str
    id_is_signed: bool
    handshake: str


def described(name: str) -> Described:
    """What the table of schemes says of a provider. Raises KeyError for one that there is not."""
    forms = signatures.every()[name]
    form = forms[0]
    source = next((source for source in form.ids), "")
    return Described(
        signed=" or ".join(dict.fromkeys(filter(None, map(_signed, forms)))),
        tolerance=getattr(form, "tolerance", 0),
        id=" or ".join(dict.fromkeys(_id(each) for form in forms for each in form.ids)),
        id_is_signed=callable(source) or bool(source and form.covers(source)),
        handshake=form.handshake,
    )


def _signed(form: Scheme) -> str:
    if isinstance(form, Hmac):
        return form.signed
    if isinstance(form, Asymmetric):
        return "{timestamp}{body}"
    if isinstance(form, PayPal):
        return "{id}|{timestamp}|{webhook id}|{crc32 of the body}"
    return ""


def _id(source: object) -> str:
    if callable(source):
        return "the body's events"
    text = str(source)
    return f"body `{text[5:]}`" if text.startswith("body:") else text


def kind(name: str) -> str:
    """How it proves itself, in a word or two."""
    form = signatures.every()[name][0]
    if isinstance(form, Hmac):
        return f"HMAC {form.digest}"
    if isinstance(form, Token):
        return "token"
    if isinstance(form, ClientState):
        return "token in the body"
    return "basic authentication" if isinstance(form, Basic) else "public key"
