"""Each provider's request is taken from whatever takes it in, and refused with any part of it changed."""

import binascii
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from nami_runtime import direct, envelope, secret, signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import fetched, jwt_keys, paypal, sns, verification
from nami_runtime.signatures.certificates import Certificates
from nami_runtime.signatures.fetched import Fetched
from nami_runtime.signatures.jwts import GooglePush, Plaid
from nami_runtime.signatures.schemes import Hmac, Scheme
from tests.senders import libraries
from tests.unit.runtime import own_vectors, provider_vectors, public_key_vectors, test_direct, vectors
from tests.unit.runtime.conftest import EVENTS, FakeAws, http_event
from tests.unit.runtime.vectors import Vector

Handler = Callable[[dict[str, Any]], dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")

PUBLISHED = [*vectors.VECTORS, *provider_vectors.PUBLISHED, *public_key_vectors.VECTORS, *own_vectors.VECTORS]
VECTORS = [*PUBLISHED, *provider_vectors.COMPUTED]
_each = pytest.mark.parametrize(
    "vector", [pytest.param(vector, id=f"{vector.scheme}-{number}") for number, vector in enumerate(VECTORS)]
)


def answering(monkeypatch: pytest.MonkeyPatch, vector: Vector) -> None:
    """The provider's host, which shows its key where that is not pasted."""
    if vector.fetched:
        monkeypatch.setattr(fetched, "fetch", lambda *_: vector.fetched)
        monkeypatch.setattr(sns, "certificates", Certificates("SNS"))
        monkeypatch.setattr(paypal, "certificates", Certificates("PayPal"))
        monkeypatch.setattr(jwt_keys, "_google_keys", Fetched("Google's keys", jwt_keys._key_set))
        monkeypatch.setattr(jwt_keys, "_plaid_keys", Fetched("Plaid's key", jwt_keys._plaid_key))


@pytest.fixture
def each(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vector]:
    """Every vector, in one test: as so many tests they would cost more than what they ask."""

    def one_by_one() -> Iterator[Vector]:
        for vector in VECTORS:
            answering(monkeypatch, vector)
            yield vector

    return one_by_one()


@pytest.fixture
def subscribed(vector: Vector, signed_by: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription to the vector's provider, at the vector's time."""
    answering(monkeypatch, vector)
    signed_by(vector.scheme, vector.secret, **vector.options)
    monkeypatch.setattr(verification, "time", lambda: vector.now)


@pytest.mark.usefixtures("subscribed")
@_each
def test_it_is_taken_from_an_http_api_and_the_envelope_names_the_provider(
    pre_queue: Handler, cloud: FakeAws, vector: Vector
) -> None:
    event = http_event(vector.body, headers=vector.headers, query=vector.query)
    assert pre_queue(event)["statusCode"] == 200
    delivery = envelope.read(cloud.messages[0])
    assert (delivery.verified, delivery.body) == (vector.scheme, vector.body)


@pytest.mark.usefixtures("subscribed")
@_each
def test_it_is_taken_from_a_rest_api(pre_queue: Handler, cloud: FakeAws, vector: Vector) -> None:
    event: dict[str, Any] = json.loads((EVENTS / "rest_api_post.json").read_text())
    query = parse_qs(vector.query, keep_blank_values=True)
    event |= {
        "headers": vector.headers,
        "multiValueHeaders": {name: [text] for name, text in vector.headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "body": binascii.b2a_base64(vector.body, newline=False).decode(),
    }
    assert pre_queue(event)["statusCode"] == 200
    assert envelope.read(cloud.messages[0]).verified == vector.scheme


@pytest.mark.usefixtures("cloud", "subscribed")
@_each
def test_it_is_taken_behind_the_queue_where_direct_mode_is_offered(
    monkeypatch: pytest.MonkeyPatch, vector: Vector
) -> None:
    if any(form.fetches for form in _forms(vector)):
        pytest.skip("its key is fetched")
    monkeypatch.setattr(direct, "_verification", None)

    def refusal(body: bytes) -> str | None:
        received = int(vector.now * 1000)
        queued = test_direct.message(body, vector.headers, query=vector.query, received_at=received)
        return direct.refusal(envelope.read(queued), vector.now, time.monotonic() + 10)

    assert refusal(vector.body) is None
    if vector.body_is_signed:
        assert refusal(vector.body[:-1] + b"?") is not None


@pytest.mark.usefixtures("subscribed")
@_each
def test_with_another_secret_it_gets_401_and_is_not_queued(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None], vector: Vector
) -> None:
    if isinstance(_form(vector, _request(vector)), Plaid):  # which only asks for the key with it
        return
    start, colon, rest = vector.secret.partition(":")
    signed_by(vector.scheme, f"{start}{colon}b3RoZXI={rest}" if colon else "b3RoZXI=", **vector.options)
    assert pre_queue(http_event(vector.body, headers=vector.headers, query=vector.query))["statusCode"] == 401
    assert cloud.messages == []


def _forms(vector: Vector) -> tuple[Scheme, ...]:
    return signatures.configured({"scheme": vector.scheme, **vector.options})


def _form(vector: Vector, request: Request) -> Scheme:
    forms = _forms(vector)
    return forms[_which(forms, request)]


def _which(forms: Sequence[Scheme], request: Request) -> int:
    return next((at for at, form in enumerate(forms) if form.applies(request)), 0)


def _request(vector: Vector, **parts: Any) -> Request:
    called = {"method": "POST", "path": "/nami/shopify", "domain": "hooks.example.com", "query": vector.query, **parts}
    sent = {"headers": vector.headers, "body": vector.body, **called}
    return Request(sent.pop("method"), request_id="-", deadline=time.monotonic() + 10, **sent)


def taken(vector: Vector, *, age: float = 0, key: str = "", **parts: Any) -> bool:
    """Whether the request is taken with some of it, its age or the secret changed."""
    values, _ = secret.parse(key or vector.secret)
    request = _request(vector, **parts)
    try:
        return _form(vector, request).verify(request, values, vector.now + age) is not None
    except Refused:
        return False


def other(character: str) -> str:
    """Another one that is neither the same in another case nor counts as the same."""
    if character.isdigit():
        return str((int(character) + 5) % 10)
    if character.isalpha():
        return chr((ord(character.lower()) - ord("a") + 3) % 26 + ord("a" if character.islower() else "A"))
    return "x"


def changes(text: str, every: int = 1) -> Iterator[str]:
    for at in range(0, len(text), every):
        yield text[:at] + other(text[at]) + text[at + 1 :]


# The certificate is the one that lies at PayPal's, whatever its name.
_FREE = ("content-type", "paypal-cert-url")
# What stands in a header beside the signature that fits: other versions, other keys.
_UNREAD = {
    "stripe": r"v1=0000,|,v0=[0-9a-f]+$",
    "paddle": r"h1=dummy;",
    "mobiscroll": r"^v1a?,[^ ]+ (?=v1a)",
    "standard-webhooks-v1a": r"^v1a?,[^ ]+ (?=v1a)",
}


def test_any_character_of_a_header_changed_is_refused(each: Iterator[Vector]) -> None:
    for vector in each:
        unread = _UNREAD.get(vector.scheme, "$^")
        headers = {name: re.sub(unread, "", text) for name, text in vector.headers.items() if name not in _FREE}
        kind = {name: text for name, text in vector.headers.items() if name in _FREE}
        assert taken(vector, headers={**headers, **kind}), vector.scheme
        # Where it is decoded, the last character holds bits that say nothing.
        last_counts = isinstance(_form(vector, _request(vector)), Hmac)
        for name, text in headers.items():
            shown = text.rstrip("=") if last_counts else text.rstrip("=")[:-1]
            rest = text[len(shown) :]
            for changed in changes(shown, every=1 if len(shown) < 120 else 7):
                assert not taken(vector, headers={**headers, **kind, name: changed + rest}), (vector.scheme, changed)


def test_each_header_missing_or_empty_is_refused(each: Iterator[Vector]) -> None:
    for vector in each:
        for name in vector.headers:
            if name != "content-type":
                rest = {key: text for key, text in vector.headers.items() if key != name}
                assert not taken(vector, headers=rest), (vector.scheme, name)
                assert not taken(vector, headers={**rest, name: ""}), (vector.scheme, name)


def test_any_part_of_the_body_changed_is_refused(each: Iterator[Vector]) -> None:
    for vector in each:
        if not vector.body_is_signed:
            continue
        text = vector.body.decode("latin-1")
        blanks = [] if vector.scheme == "wix" else [f"{text} ", f" {text}"]  # around a token they are none of it
        for changed in [*changes(text, every=max(1, len(text) // 40)), *blanks, text[1:], ""]:
            if changed != text:
                assert not taken(vector, body=changed.encode("latin-1")), (vector.scheme, changed)


def test_any_character_of_the_secret_changed_is_refused(each: Iterator[Vector]) -> None:
    for vector in each:
        form = _form(vector, _request(vector))
        if isinstance(form, Plaid):  # which only asks for the key with it
            continue
        # Around a PEM's key stands nothing of it, and the last character of base64 holds bits that say nothing.
        bare = "".join(vector.secret.split("-----")[2].split()) if "-----" in vector.secret else vector.secret
        key = bare.rstrip("=")[:-1]
        for changed in changes(key, every=max(1, len(key) // 10)):
            assert not taken(vector, key=json.dumps([changed + bare[len(key) :]])), vector.scheme


def test_any_secret_of_a_list_fits(each: Iterator[Vector]) -> None:
    for vector in each:
        assert taken(vector, key=json.dumps(["b3RoZXI=", vector.secret])), vector.scheme
        assert taken(vector, key=json.dumps([vector.secret, "b3RoZXI="])), vector.scheme


def test_a_time_further_away_than_allowed_is_refused(each: Iterator[Vector]) -> None:
    for vector in each:
        if not vector.timed:
            continue
        tolerance = max(getattr(form, "tolerance", 0) for form in _forms(vector))
        assert taken(vector, age=tolerance), vector.scheme
        assert not taken(vector, age=tolerance + 1), vector.scheme
        assert not taken(vector, age=-tolerance - 1), vector.scheme


def signs_url(form: Scheme) -> bool:
    signed = getattr(form, "signed", "")
    return (
        isinstance(form, GooglePush) or bool(getattr(form, "url_claim", "")) or "{url}" in signed or "{uri}" in signed
    )


def test_another_url_is_refused_where_the_url_is_signed(each: Iterator[Vector]) -> None:
    for vector in each:
        if not signs_url(_form(vector, _request(vector))):
            continue
        url = str(vector.options["public_url"])
        for changed in (f"{url}/", url.replace("://", "://x"), f"{url}?a=b", url.replace("https", "http")):
            moved = replace(vector, options={**vector.options, "public_url": changed})
            assert not taken(moved), (vector.scheme, changed)
        if vector.query:  # which counts only as the setting has it
            continue
        # Without the setting it is the URL that was called.
        called = urlsplit(url)
        parts = {"domain": called.netloc, "path": called.path or "/", "query": called.query}
        bare = replace(vector, options={**vector.options, "public_url": ""})
        assert taken(bare, **parts), vector.scheme
        for name, text in parts.items():
            assert not taken(bare, **{**parts, name: f"{text}/x"}), (vector.scheme, name)


def test_another_path_or_query_is_refused_where_it_is_signed() -> None:
    signed = [v for v in VECTORS if "{path}" in getattr(_form(v, _request(v)), "signed", "")]
    assert {v.scheme for v in signed} == {"contentful"}
    for vector in signed:
        elsewhere = {**vector.options, "public_url": f"{vector.options['public_url']}/x"}
        assert not taken(replace(vector, options=elsewhere))
        assert not taken(vector, query=f"{vector.query}&a=b")


def test_another_method_is_refused_where_it_is_signed() -> None:
    signed = [v for v in VECTORS if "{method}" in getattr(_form(v, _request(v)), "signed", "")]
    assert {v.scheme for v in signed} == {"contentful", "hubspot"}
    assert not any(taken(v, method=method) for v in signed for method in ("GET", "PUT"))


def test_every_form_of_every_provider_has_a_vector() -> None:
    """So that what is proven here for each is proven for all there are."""
    proven = {(vector.scheme, _which(_forms(vector), _request(vector))) for vector in VECTORS}
    all_forms = {(name, at) for name, forms in signatures.every().items() for at in range(len(forms))}
    assert all_forms - proven == {("none", 0)}


def test_each_header_that_is_read_is_in_a_vector() -> None:
    """What no vector has would stay unchanged above."""
    shown: dict[tuple[str, int], set[str]] = {}
    for vector in VECTORS:
        shown.setdefault((vector.scheme, _which(_forms(vector), _request(vector))), set()).update(vector.headers)
    for name, forms in signatures.every().items():
        for at, form in enumerate(forms):
            read = {getattr(form, option, "") for option in ("header", "timestamp", "id")}
            if name != "token":  # whose header is a setting
                assert {source for source in read if source and ":" not in source} <= shown.get((name, at), {""}), name


def test_fifty_providers_are_proven_by_what_others_published() -> None:
    """A vector that one provider published is no proof of another; each source stands for those in its set alone."""
    of_one = {"standardwebhooks.com": "standard-webhooks", "octokit/webhooks.js": "github"}
    nobodys = {"formula", "computed", "openssl", "plain token", "RFC 7617"}
    published = {
        vector.scheme
        for vector in PUBLISHED
        if vector.source not in nobodys and of_one.get(vector.source, vector.scheme) == vector.scheme
    }
    assert len(published) >= 58, sorted(published)
    assert len(published | libraries.VERIFY.keys() | libraries.SIGN.keys()) >= 67
