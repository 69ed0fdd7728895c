"""JSON web tokens: MessageBird's published ones, others by PyJWT with keys of ours, and keys that are fetched."""

import base64
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from nami_control import signing
from nami_runtime import aws, envelope, signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import fetched, jwt_check, jwt_keys, verification
from nami_runtime.signatures.fetched import Fetched
from nami_runtime.signatures.jwts import SCHEMES, SharedJwt
from tests.unit.runtime.conftest import FakeAws, http_event
from tests.unit.runtime.own_vectors import MESSAGEBIRD

# The keys here are short.
pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")

Handler = Callable[[dict[str, Any]], dict[str, Any]]

SECRET = "a secret of thirty-two characters"
BODY = b'{"id":"e-1","event":{"id":"e-1"},"message":{"messageId":"136969346945"}}'
NOW = 1_700_000_000
URL = "https://hooks.example.com/nami/x?a=b"
EMAIL = "push@project.iam.gserviceaccount.com"
SHARED = {name: form for name, (form,) in SCHEMES.items() if isinstance(form, SharedJwt)}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def verified(scheme: str, headers: dict[str, str], secret: str = SECRET, now: float = NOW, **changes: Any) -> bool:
    (form,) = signatures.configured({"scheme": scheme})
    parts = {"path": "/nami/x", "query": "a=b", "domain": "hooks.example.com", "body": BODY, **changes}
    request = Request("POST", headers=headers, request_id="-", deadline=time.monotonic() + 5, **parts)
    try:
        return form.verify(request, ["another", secret] if secret else [], now) is not None
    except Refused:
        return False


def hashed(scheme: SharedJwt, body: bytes) -> str:
    digest = hashlib.sha256(body).digest()
    return digest.hex() if scheme.body_encoding == "hex" else base64.b64encode(digest).decode()


def claims(scheme: str, **changes: Any) -> dict[str, Any]:
    form = SHARED[scheme]
    found = {"iat": NOW, "nbf": NOW, "exp": NOW + 60, **dict(form.claims), form.body_claim: hashed(form, BODY)}
    if form.url_claim:
        found[form.url_claim] = hashlib.sha256(URL.encode()).hexdigest()
    return {name: value for name, value in {**found, **changes}.items() if value is not None}


def headers(scheme: str, found: dict[str, Any], key: str = SECRET, algorithm: str = "HS256") -> dict[str, str]:
    form = SHARED[scheme]
    return {form.header: form.prefix + jwt.encode(found, key, algorithm=algorithm)}


@pytest.mark.parametrize("name", MESSAGEBIRD)
def test_published_token_of_messagebird_is_accepted(name: str) -> None:
    url, body, token = MESSAGEBIRD[name]
    key, now = "36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb", 1_625_479_200
    path, _, query = url.removeprefix("https://example.com").partition("?")
    sent = {"messagebird-signature-jwt": token}
    called = {"path": path, "query": query, "domain": "example.com"}
    assert verified("messagebird", sent, key, now, body=body, **called)
    assert not verified("messagebird", sent, key, now, body=body + b"!", **called)
    assert not verified("messagebird", sent, key, now, body=body, **{**called, "query": "foo=2"})
    assert not verified("messagebird", sent, key, now + 121, body=body, **called)
    assert not verified("messagebird", sent, key, now - 61, body=body, **called)


def test_computed_tokens_are_accepted() -> None:
    """C29 to C31 of the formula: over {"hello":"world"} with the secret test-secret."""
    body, head = b'{"hello":"world"}', "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    netlify = head + (
        "eyJpc3MiOiJuZXRsaWZ5Iiwic2hhMjU2IjoiOTNhMjM5NzFhOTE0ZTVlYWNiZjBhOGQyNTE1NGNkYTMwOWMzYzFjNzJmYmI5OTE0ZDQ3YzYwZjNjYjY4"
        "MTU4OCJ9.konYuCZuK4tAvM_Qb51D6Kq_yVfenctShvqHJAeJj5E"
    )
    assert verified("netlify", {"x-webhook-signature": netlify}, "test-secret", body=body)
    assert not verified("netlify", {"x-webhook-signature": netlify}, "test-secret", body=body + b" ")


@pytest.mark.parametrize("scheme", SHARED)
def test_token_is_accepted_and_the_envelope_names_the_scheme(
    pre_queue: Handler,
    cloud: FakeAws,
    signed_by: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    options = {"public_url": URL} if SHARED[scheme].url_claim else {}
    signed_by(scheme, json.dumps(["another", SECRET]), **options)
    monkeypatch.setattr(verification, "time", lambda: NOW)
    assert pre_queue(http_event(BODY, headers=headers(scheme, claims(scheme)), query="a=b"))["statusCode"] == 200
    assert envelope.read(cloud.messages[0]).verified == scheme


@pytest.mark.parametrize("scheme", SHARED)
def test_token_that_nami_sends_is_accepted(scheme: str) -> None:
    sent, body = signing.sign({"scheme": scheme}, SECRET, BODY, url=URL, now=NOW)
    assert verified(scheme, sent, body=body)


@pytest.mark.parametrize("scheme", SHARED)
def test_another_key_or_algorithm_is_refused(scheme: str) -> None:
    good = claims(scheme)
    assert verified(scheme, headers(scheme, good))
    assert not verified(scheme, headers(scheme, good), "yet another")
    assert not verified(scheme, headers(scheme, good), "")
    form = SHARED[scheme]
    for algorithm in {"HS256", "HS384", "HS512"} - set(form.algorithms):
        assert not verified(scheme, headers(scheme, good, algorithm=algorithm))
    unsigned = {form.header: form.prefix + jwt.encode(good, "", algorithm="none")}
    assert not verified(scheme, unsigned)
    assert not verified(scheme, unsigned, "-----BEGIN PUBLIC KEY-----")


@pytest.mark.parametrize("scheme", SHARED)
def test_each_claim_must_be_there_and_right(scheme: str) -> None:
    form = SHARED[scheme]
    for name in (*form.required, *dict(form.claims), form.body_claim, form.url_claim):
        if name:
            assert not verified(scheme, headers(scheme, claims(scheme, **{name: None})))
    for name in (*dict(form.claims), form.body_claim, form.url_claim):
        for wrong in ("another", ["x"], 7):
            if name and (name != "iss" or wrong == "another"):  # which PyJWT writes as a text alone
                assert not verified(scheme, headers(scheme, claims(scheme, **{name: wrong})))


@pytest.mark.parametrize("scheme", SHARED)
def test_times_of_the_token_are_kept_to(scheme: str) -> None:
    sent = headers(scheme, claims(scheme))
    assert verified(scheme, sent, now=NOW + 120)
    assert not verified(scheme, sent, now=NOW + 121)
    assert not verified(scheme, sent, now=NOW - 61)
    for name in ("exp", "nbf"):
        for wrong in ("1", True, [NOW]):
            assert not verified(scheme, headers(scheme, claims(scheme, **{name: wrong})))


@pytest.mark.parametrize("body", [b"", BODY + b" "])
@pytest.mark.parametrize("scheme", SHARED)
def test_another_body_is_refused(scheme: str, body: bytes) -> None:
    assert not verified(scheme, headers(scheme, claims(scheme)), body=body)


def test_a_token_to_join_a_room_of_livekit_is_no_webhook() -> None:
    grant = claims("livekit", sha256=None, video={"room": "r", "roomJoin": True})
    assert not verified("livekit", headers("livekit", grant), body=b"")
    assert not verified("livekit", headers("livekit", grant))


@given(st.sampled_from(sorted(SHARED)), st.integers(0), st.integers(1, 255))
def test_any_character_of_the_token_changed_is_refused(scheme: str, place: int, flip: int) -> None:
    form = SHARED[scheme]
    token = headers(scheme, claims(scheme))[form.header].removeprefix(form.prefix)
    parts = token.split(".")
    which = place % 3
    raw = bytearray(base64.urlsafe_b64decode(parts[which] + "=="))
    raw[place % len(raw)] ^= flip
    parts[which] = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert not verified(scheme, {form.header: form.prefix + ".".join(parts)})


@pytest.mark.parametrize("scheme", SHARED)
def test_a_token_that_is_no_unicode_is_refused(scheme: str) -> None:
    (form,) = SCHEMES[scheme]
    assert not verified(scheme, {getattr(form, "header", ""): getattr(form, "prefix", "") + "a.\ud800.c"})


@given(
    st.sampled_from(sorted(SCHEMES)),
    st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){0,3}"),
)
def test_what_is_no_token_is_refused(scheme: str, text: str) -> None:
    (form,) = SCHEMES[scheme]
    secret = SECRET if scheme in SHARED else ""  # the others would look for a key
    assert not verified(scheme, {getattr(form, "header", ""): getattr(form, "prefix", "") + text}, secret)


@pytest.mark.parametrize("form", ["pem", "base64"])
def test_token_in_place_of_the_body_is_accepted_as_wix_sends_it(form: str) -> None:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = pem if form == "pem" else "".join(pem.splitlines()[1:-1])
    token = jwt.encode({"data": '{"eventType":"x"}', "iat": NOW, "exp": NOW + 3600}, RSA, algorithm="RS256").encode()
    assert verified("wix", {}, key, body=token)
    assert not verified("wix", {}, key, body=token, now=NOW + 3661)
    assert not verified("wix", {}, key, body=token[:40] + b"A" + token[41:])
    assert not verified("wix", {}, key, body=b"")
    for other in (jwt.encode({"exp": NOW}, "x", algorithm="HS256"), jwt.encode({"exp": NOW}, "", algorithm="none")):
        assert not verified("wix", {}, key, body=other.encode())
    assert not verified("wix", {}, key, body=jwt.encode({"data": "{}"}, RSA, algorithm="RS256").encode())
    assert not verified("wix", {}, "no key", body=token)


# Keys that are fetched


class Host:
    """What Google and Plaid answer, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.keys = {"g-1": RSA}
        self.expired: int | None = None
        self.away = False

    def fetch(self, what: str, host: str, path: str, deadline: float, asked: bytes) -> bytes:
        self.asked.append((host, path, asked))
        if self.away:
            raise aws.Unavailable(f"{what}: HTTP 503")
        if host == "www.googleapis.com":
            made = [
                {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "RS256"}
                for kid, key in self.keys.items()
            ]
            return json.dumps({"keys": made}).encode()
        if json.loads(asked)["secret"] != "right":
            raise aws.Unavailable(f"{what}: HTTP 400")
        key = jwt.algorithms.ECAlgorithm.to_jwk(EC.public_key(), as_dict=True)
        return json.dumps({"key": {**key, "alg": "ES256", "expired_at": self.expired}}).encode()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(jwt_keys, "_google_keys", Fetched("Google's keys", jwt_keys._key_set))
    monkeypatch.setattr(jwt_keys, "_plaid_keys", Fetched("Plaid's key", jwt_keys._plaid_key))
    monkeypatch.setattr(fetched, "fetch", made.fetch)
    return made


def google(kid: str = "g-1", **changes: Any) -> dict[str, str]:
    found = {
        "aud": URL,
        "email": EMAIL,
        "email_verified": True,
        "iss": "https://accounts.google.com",
        "iat": NOW,
        "exp": NOW + 3600,
        **changes,
    }
    found = {name: value for name, value in found.items() if value is not None}
    return {"authorization": "Bearer " + jwt.encode(found, RSA, algorithm="RS256", headers={"kid": kid})}


def plaid(kid: str = "bfbd5111-8e33-4643-8ced-b2e642a72f3c", **changes: Any) -> dict[str, str]:
    found = {"iat": NOW, "request_body_sha256": hashlib.sha256(BODY).hexdigest(), **changes}
    return {"plaid-verification": jwt.encode(found, EC, algorithm="ES256", headers={"kid": kid})}


def test_push_of_google_is_accepted_and_its_keys_fetched_once(host: Host) -> None:
    assert all(verified("google-pubsub", google(), EMAIL) for _ in range(3))
    assert host.asked == [("www.googleapis.com", "/oauth2/v3/certs", b"")]


@pytest.mark.usefixtures("host")
def test_push_for_another_account_audience_or_issuer_is_refused() -> None:
    assert not verified("google-pubsub", google(), "other@project.iam.gserviceaccount.com")
    for wrong in (
        {"aud": "https://elsewhere.example/"},
        {"aud": None},
        {"email": "other@project.iam.gserviceaccount.com"},
        {"email_verified": False},
        {"email_verified": None},
        {"iss": "https://evil.example"},
        {"exp": NOW - 61},
        {"exp": None},
    ):
        assert not verified("google-pubsub", google(**wrong), EMAIL)


@pytest.mark.usefixtures("host")
def test_key_of_another_kind_signs_nothing_for_google() -> None:
    public = RSA.public_key()
    token = {"aud": URL, "email": EMAIL, "email_verified": True, "iss": "accounts.google.com", "exp": NOW + 60}
    for algorithm, key in (("HS256", str(public.public_numbers().n)), ("ES256", EC), ("none", "")):
        made = jwt.encode(token, key, algorithm=algorithm, headers={"kid": "g-1"})
        assert not verified("google-pubsub", {"authorization": f"Bearer {made}"}, EMAIL)


def test_unknown_key_of_google_is_looked_for_once_a_minute(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(fetched, "monotonic", lambda: clock[0])
    assert verified("google-pubsub", google(), EMAIL)
    for number in range(20):
        assert not verified("google-pubsub", google(f"made-up-{number}"), EMAIL)
    assert len(host.asked) == 1
    clock[0] += 61
    host.keys = {"g-2": RSA}
    assert verified("google-pubsub", google("g-2"), EMAIL)
    assert len(host.asked) == 2


def test_a_retry_of_pubsub_with_the_number_of_the_try_is_the_same_delivery() -> None:
    (form,) = signatures.configured({"scheme": "google-pubsub"})
    ids = set()
    for attempt in (1, 2):
        body = json.dumps({"message": {"messageId": "1"}, "deliveryAttempt": attempt}).encode()
        ids.add(form.delivery_id(Request("POST", headers={}, body=body, request_id=str(attempt))))
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("scheme", "name"), [("plaid", "production.plaid.com"), ("plaid-sandbox", "sandbox.plaid.com")]
)
def test_webhook_of_plaid_is_accepted_and_its_key_fetched_once(host: Host, scheme: str, name: str) -> None:
    assert all(verified(scheme, plaid(), "client:right") for _ in range(3))
    asked = {"client_id": "client", "secret": "right", "key_id": "bfbd5111-8e33-4643-8ced-b2e642a72f3c"}
    assert [(at, path) for at, path, _ in host.asked] == [(name, "/webhook_verification_key/get")] * 2
    assert json.loads(host.asked[-1][2]) == asked  # the first of the two secrets is no one's


@pytest.mark.usefixtures("host")
def test_webhook_of_plaid_that_is_changed_or_old_is_refused() -> None:
    assert verified("plaid", plaid(), "client:right", now=NOW + 300)
    assert not verified("plaid", plaid(), "client:right", now=NOW + 301)
    assert not verified("plaid", plaid(), "client:right", body=BODY + b" ")
    for wrong in ({"iat": None}, {"request_body_sha256": None}, {"request_body_sha256": "00"}):
        assert not verified("plaid", plaid(**wrong), "client:right")
    assert not verified("plaid", plaid(kid="../../item/get"), "client:right")
    shared = jwt.encode({"iat": NOW}, "client:right", algorithm="HS256", headers={"kid": "k"})
    assert not verified("plaid", {"plaid-verification": shared}, "client:right")


def test_key_that_plaid_signs_with_no_more_is_refused(host: Host) -> None:
    host.expired = NOW - 1
    assert not verified("plaid", plaid(), "client:right")


def test_made_up_keys_of_plaid_cost_few_fetches_and_a_retry_later(
    host: Host, pre_queue: Handler, signed_by: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(fetched, "monotonic", lambda: clock[0])
    monkeypatch.setattr(verification, "time", lambda: NOW)
    signed_by("plaid", "client:right")
    assert pre_queue(http_event(BODY, headers=plaid()))["statusCode"] == 200
    host.away = True
    statuses = [pre_queue(http_event(BODY, headers=plaid(f"k-{number}")))["statusCode"] for number in range(30)]
    assert set(statuses) == {503}
    assert len(host.asked) == 10
    assert pre_queue(http_event(BODY, headers=plaid()))["statusCode"] == 200


def test_what_is_fetched_and_is_no_key_is_not_kept() -> None:
    for read in (jwt_keys._key_set, jwt_keys._plaid_key):
        for body in (b"", b"<html>", b"[]", b"{}", b'{"keys":[{"kid":"a"}]}', b'{"key":{"kty":"x"}}', b'{"key":7}'):
            with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
                read(body)


def test_a_token_whose_claims_are_no_object_is_refused() -> None:
    token = jwt.api_jws.PyJWS().encode(b"[]", SECRET, algorithm="HS256")
    assert jwt_check.claims(token, SECRET, ["HS256"]) is None
    with pytest.raises(Refused):
        jwt_check.claims(jwt.api_jws.PyJWS().encode(b"no json", SECRET, algorithm="HS256"), SECRET, ["HS256"])


def test_a_shared_key_needs_no_cryptography_and_other_schemes_no_pyjwt() -> None:
    """Each is only in the bundle of who needs it."""
    shared = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from nami_runtime.signatures import jwt_check\n"
        "print(jwt_check.claims(sys.argv[1], 'k', ['HS256']))"
    )
    token = jwt.encode({"a": 1}, "k", algorithm="HS256")
    command = [sys.executable, "-W", "ignore", "-c", shared, token]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "{'a': 1}"
    others = "import sys; from nami_runtime import signatures; signatures.every(); print('jwt' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", others], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "False"


def test_each_kind_brings_what_it_needs_and_no_more() -> None:
    needs = {name: {each for form in forms for each in form.requirements} for name, forms in signatures.every().items()}
    assert needs["vonage"] == {"jwt"}
    assert needs["plaid"] == needs["google-pubsub"] == {"asymmetric", "jwt"}
    assert needs["wise"] == needs["aws-sns"] == {"asymmetric"}
    assert needs["adyen"] == needs["shopify"] == needs["standard-webhooks"] == set()
