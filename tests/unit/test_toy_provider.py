"""A provider is one entry of the table: what stands there is verified, signed, taken by the settings and installed."""

import json
from pathlib import Path
from typing import Any

import pytest

from nami_control import secret, signing
from nami_control.errors import UsageError
from nami_runtime import signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures.public_keys import Asymmetric
from nami_runtime.signatures.schemes import Hmac
from nami_runtime.signatures.verification import Verification
from nami_stack import SettingsError, Subscription

ENTRY = Hmac(
    header="x-toy-signature",
    part="v2",
    separator=";",
    digest="sha512",
    encoding="base64",
    key="hex",
    signed="{timestamp}/{body}",
    timestamp="part:at",
    milliseconds=True,
    tolerance=30,
    ids=("body:event.id",),
    handshake="dropbox",
    handshake_method="GET",
)
BODY = b'{"event": {"id": "toy-1"}}'


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(signatures.every(), "toy", (ENTRY,))


@pytest.fixture
def verification(monkeypatch: pytest.MonkeyPatch) -> Verification:
    made = Verification({"scheme": "toy"}, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:toy")
    monkeypatch.setattr("nami_runtime.secret.Secret.values", lambda self, deadline: ("00ff",))
    monkeypatch.setattr("nami_runtime.secret.Secret.reread", lambda self, deadline, since=None: False)
    return made


def request(method: str = "POST", query: str = "", **parts: Any) -> Request:
    return Request(method, query=query, request_id="of-the-gateway", **{"headers": {}, "body": b"", **parts})


def test_what_is_signed_for_it_is_verified_under_the_providers_id(verification: Verification) -> None:
    headers, body = signing.sign({"scheme": "toy"}, "00ff", BODY)
    came = request(headers=headers, body=body)
    assert verification.check(came) is None
    assert (came.verified, came.delivery_id) == ("toy", "toy-1")


@pytest.mark.parametrize(("key", "now"), [("ff00", None), ("00ff", 1_700_000_000.0)])
def test_another_key_and_another_time_are_refused(verification: Verification, key: str, now: float | None) -> None:
    headers, body = signing.sign({"scheme": "toy"}, key, BODY, now=now)
    with pytest.raises(Refused):
        verification.check(request(headers=headers, body=body))


def test_its_handshake_is_answered(verification: Verification) -> None:
    answer = verification.check(request("GET", "challenge=abc"))
    assert answer
    assert answer["body"] == "abc"


def test_its_settings_are_taken_and_no_others() -> None:
    context = {"name": "shopify", "signature": "toy"}
    signature = Subscription.from_context({**context, "signature_tolerance": "60"}).build_signature()
    assert signature
    assert json.loads(signature.to_json()) == {"scheme": "toy", "tolerance": 60}
    assert (signature.handshake_methods, signature.requirements) == (("GET",), [])
    with pytest.raises(SettingsError, match="what can is tolerance"):
        Subscription.from_context({**context, "signature_header": "x-other"})


def test_its_secret_is_checked_by_its_key() -> None:
    secret.check({"scheme": "toy"}, "00ff")
    with pytest.raises(UsageError, match="must be hex"):
        secret.check({"scheme": "toy"}, "no hex")


def test_one_with_a_public_key_brings_what_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(signatures.every(), "toy", (Asymmetric(algorithm="ed25519", header="x-toy", timestamp="x-at"),))
    signature = Subscription.from_context({"name": "shopify", "signature": "toy"}).build_signature()
    assert signature
    assert [Path(path).name for path in signature.requirements] == ["requirements-asymmetric.txt"]
