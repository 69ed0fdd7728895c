"""Schemes whose secret is the sender's public key: what they publish is taken, and nothing of it changed."""

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import envelope, signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import verification
from nami_runtime.signatures.keys import key_bytes
from nami_runtime.signatures.public_keys import SCHEMES, Asymmetric
from tests.unit.runtime.conftest import FakeAws, http_event
from tests.unit.runtime.public_key_vectors import VECTORS
from tests.unit.runtime.vectors import Vector

Handler = Callable[[dict[str, Any]], dict[str, Any]]

BODY = b'{"webhookId":"w1","data":{"id":"d1"}}'
NOW = 1_700_000_000
ED25519 = Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ECDSA = ec.generate_private_key(ec.SECP256R1())
OTHER = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def _each(vectors: Iterable[Vector]) -> pytest.MarkDecorator:
    named = [pytest.param(vector, id=f"{vector.scheme}-{number}") for number, vector in enumerate(vectors)]
    return pytest.mark.parametrize("vector", named)


def public(algorithm: str) -> str:
    key = {"ed25519": ED25519, "rsa": RSA, "ecdsa": ECDSA}[algorithm].public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def sign(form: Asymmetric, content: bytes) -> str:
    if form.algorithm == "ed25519":
        raw = ED25519.sign(content)
    elif form.algorithm == "rsa":
        raw = RSA.sign(content, padding.PKCS1v15(), SHA256())
    else:
        raw = ECDSA.sign(content, ec.ECDSA(SHA256()))
    return raw.hex() if form.encoding == "hex" else base64.b64encode(raw).decode()


def verified(vector: Vector, *, age: float = 0, secret: str = "", **changes: Any) -> bool:
    """Whether it is taken, with some of it changed."""
    forms = signatures.configured({"scheme": vector.scheme, **vector.options})
    parts = {"headers": vector.headers, "body": vector.body, "query": vector.query, **changes}
    request = Request("POST", "/nami/x", request_id="-", domain="hooks.example.com", **parts)
    key = secret or vector.secret
    try:
        return forms[0].verify(request, ["no key", key], vector.now + age) == key
    except Refused:
        return False


def own(scheme: str) -> Vector:
    """A request as the provider would sign it, with a key of ours."""
    (form,) = signatures.configured({"scheme": scheme})
    assert isinstance(form, Asymmetric)
    headers = {name: str(NOW) if name == form.timestamp else "msg_1" for name in (form.timestamp, form.id) if name}
    request = Request("POST", "/nami/x", "a=b", headers=headers, body=BODY, request_id="-", domain="hooks.example.com")
    headers[form.header] = form.prefix + sign(form, next(form.contents(request)))
    return Vector(
        scheme, "ours", public(form.algorithm), form.header, headers, BODY, NOW, bool(form.tolerance), query="a=b"
    )


OWN = [own(name) for name, (form, *_) in SCHEMES.items() if isinstance(form, Asymmetric)]
ALL = [*VECTORS, *OWN]


@_each(VECTORS)
def test_published_signature_is_accepted(
    pre_queue: Handler,
    cloud: FakeAws,
    signed_by: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    vector: Vector,
) -> None:
    signed_by(vector.scheme, json.dumps([OTHER, vector.secret]))
    monkeypatch.setattr(verification, "time", lambda: vector.now)
    assert pre_queue(http_event(vector.body, headers=vector.headers))["statusCode"] == 200
    assert envelope.read(cloud.messages[0]).verified == vector.scheme


@_each(ALL)
def test_genuine_request_is_accepted_and_by_no_other_key(vector: Vector) -> None:
    assert verified(vector)
    assert not verified(vector, secret=OTHER if vector.secret != OTHER else public("ed25519"))


@_each(ALL)
def test_each_missing_or_empty_header_is_refused(vector: Vector) -> None:
    for name in {"webhook-id", "webhook-timestamp", "telnyx-timestamp", "x-webhook-timestamp", vector.signature}:
        if name in vector.headers:
            assert not verified(vector, headers={key: text for key, text in vector.headers.items() if key != name})
            assert not verified(vector, headers={**vector.headers, name: ""})


@given(st.sampled_from(ALL), st.integers(0), st.integers(1, 255))
def test_any_byte_of_the_body_changed_is_refused(vector: Vector, place: int, flip: int) -> None:
    body = bytearray(vector.body)
    body[place % len(body)] ^= flip
    assert not verified(vector, body=bytes(body))
    assert not verified(vector, body=vector.body + bytes([flip]))


@given(st.sampled_from(OWN), st.integers(0, 63), st.integers(1, 255))
def test_any_byte_of_the_signature_changed_is_refused(vector: Vector, place: int, flip: int) -> None:
    given = vector.headers[vector.signature]
    prefix, _, text = given.rpartition(",") if "," in given else ("", "", given)
    is_hex = vector.scheme == "discord"
    raw = bytearray(bytes.fromhex(text) if is_hex else base64.b64decode(text))
    raw[place] ^= flip
    changed = bytes(raw).hex() if is_hex else base64.b64encode(raw).decode()
    headers = {**vector.headers, vector.signature: f"{prefix},{changed}" if prefix else changed}
    assert not verified(vector, headers=headers)


@_each(vector for vector in ALL if vector.timed)
def test_time_is_signed_and_of_a_certain_age(vector: Vector) -> None:
    (name,) = (name for name in vector.headers if name.endswith("timestamp"))
    later = {**vector.headers, name: str(int(vector.headers[name]) + 1)}
    assert verified(vector, age=300)
    assert not verified(vector, age=301)
    assert not verified(vector, age=-301)
    assert not verified(vector, headers=later)


def test_the_url_that_manus_calls_is_signed() -> None:
    vector = own("manus")
    assert verified(vector)
    assert not verified(vector, query="a=c")


@pytest.mark.parametrize("algorithm", ["ed25519", "rsa", "ecdsa"])
def test_key_may_be_pasted_as_pem_or_base64(algorithm: str) -> None:
    pem = public(algorithm)
    bare = "".join(pem.splitlines()[1:-1])
    assert key_bytes(pem) == key_bytes(pem.replace("\n", "\\n")) == key_bytes(bare) == base64.b64decode(bare)


def test_ed25519_key_may_be_its_bytes_in_hex_or_base64() -> None:
    raw = ED25519.public_key().public_bytes_raw()
    assert key_bytes(raw.hex()) == key_bytes("whpk_" + base64.b64encode(raw).decode()) == raw


@pytest.mark.parametrize("algorithm", ["ed25519", "rsa", "ecdsa"])
def test_key_of_another_kind_verifies_nothing(algorithm: str) -> None:
    form = Asymmetric(algorithm=algorithm, header="x-signature")
    request = Request("POST", headers={"x-signature": sign(form, BODY)}, body=BODY, request_id="-")
    others = [public(name) for name in ("ed25519", "rsa", "ecdsa") if name != algorithm]
    assert form.verify(request, [*others, "", "-----BEGIN", "00", "é"], 0) is None
    assert form.verify(request, [*others, public(algorithm)], 0) == public(algorithm)


def test_the_id_is_the_providers_own() -> None:
    (telnyx,), (wise,) = (signatures.configured({"scheme": name}) for name in ("telnyx", "wise"))
    request = Request("POST", headers={"x-delivery-id": "d-1"}, body=BODY, request_id="-")
    assert telnyx.delivery_id(request) == "d1"
    assert wise.delivery_id(request).startswith("d-1-")
