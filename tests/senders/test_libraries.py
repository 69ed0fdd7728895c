"""The providers' own libraries accept what nami signs for them, and nami what they sign."""

import json
import time

import pytest

from nami_control import samples, signing
from nami_runtime import signatures
from nami_runtime.request import Refused, Request
from tests.senders.conftest import Ask
from tests.senders.libraries import SIGN, VERIFY

URL = "https://hooks.example.com/nami/orders"
# What a provider sends beside its signature, and its library asks for.
ALSO = {"box": {"box-signature-version": "1", "box-signature-algorithm": "HmacSHA256"}}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SECRETS = {"discord": "07" * 32, "finch": "5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"}
# Base64, as Standard Webhooks has it; for the others it is just a text.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _setting(provider: str) -> dict[str, object]:
    signed = getattr(signatures.every()[provider][0], "signed", "")
    signs_url = "{url}" in signed or "{uri}" in signed
    return {"scheme": provider, **({"public_url": URL} if signs_url else {})}


def _sent(provider: str) -> tuple[dict[str, str], bytes]:
    """(headers, body) of a webhook such as the provider sends, unsigned."""
    if provider == "twilio":
        return dict(FORM), b"MessageSid=SM1&Body=Hello"
    return dict(ALSO.get(provider, {})), json.dumps(samples.sample(provider)).encode()


def _accepted(provider: str, headers: dict[str, str], body: bytes, secret: str) -> bool:
    request = Request("POST", "/nami/orders", headers=headers, body=body, request_id="1", domain="hooks.example.com")
    form = next(form for form in signatures.configured(_setting(provider)) if form.applies(request))
    try:
        return form.verify(request, [secret], time.time()) == secret
    except Refused:
        return False


@pytest.mark.parametrize("provider", sorted(VERIFY))
def test_its_library_accepts_what_nami_signs_and_no_other_body(ask: Ask, provider: str) -> None:
    headers, body = _sent(provider)
    secret = SECRETS.get(provider, SECRET)
    signed, body = signing.sign(_setting(provider), secret, body, headers=headers, url=URL)
    asked = {"secret": secret, "url": URL, "headers": signed}
    assert ask(provider, **asked, body=body) is True
    assert ask(provider, **asked, body=body.replace(b"e", b"E", 1)) is not True


@pytest.mark.parametrize("provider", sorted(SIGN))
def test_nami_accepts_what_its_library_signs_and_no_other_body(ask: Ask, provider: str) -> None:
    headers, body = _sent(provider)
    secret = SECRETS.get(provider, SECRET)
    signed = {**headers, **ask(provider, secret=secret, url=URL, headers=headers, body=body, sign=True)}
    if signatures.every()[provider][0].requirements:
        secret = signed.pop("public-key")
    assert _accepted(provider, signed, body, secret)
    assert not _accepted(provider, signed, body.replace(b"e", b"E", 1), secret)
