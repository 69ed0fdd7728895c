"""What somebody who holds a genuine request can't make of it: another one that its signature fits as well."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import signatures
from nami_runtime.request import GatewayRequest, Refused, Request
from nami_runtime.signatures import adyen, schemes, sns, urls
from tests.unit.runtime import test_every_provider, test_fuzz, test_sns
from tests.unit.runtime.conftest import http_event
from tests.unit.runtime.own_vectors import ADYEN, ADYEN_KEY
from tests.unit.runtime.vectors import Vector

pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")

SEVERAL = sorted(name for name, forms in signatures.every().items() if len(forms) > 1)


def proven(form: schemes.Scheme, request: Request, secret: str, now: float) -> bool:
    try:
        return form.verify(request, [secret], now) == secret
    except Refused:
        return False


# What is done to a header, a body or a query; `other` is of another part of the same request.
CHANGES: dict[str, Callable[[str, str], str]] = {
    "twice": lambda text, other: f"{text},{text}",
    "joined behind": lambda text, other: f"{text},{other}",
    "joined before": lambda text, other: f"{other},{text}",
    "blanks": lambda text, other: f" {text}\t",
    "no-break space": lambda text, other: f"\u00a0{text}",
    "upper case": lambda text, other: text.upper(),
    "swapped case": lambda text, other: text.swapcase(),
    "padding": lambda text, other: f"{text}==",
    "shorter": lambda text, other: text[:-1],
    "without its start": lambda text, other: text[1:],
    "other digits": lambda text, other: text.translate({48 + digit: 0x660 + digit for digit in range(10)}),
    "a line more": lambda text, other: f"{text}\r\n",
    "NUL": lambda text, other: f"{text}\0",
    "byte order mark": lambda text, other: f"\ufeff{text}",
    "longer": lambda text, other: text + other[:3],
    "gone": lambda text, other: "",
    "replaced": lambda text, other: other,
}


@given(
    vector=st.sampled_from([vector for vector in test_every_provider.VECTORS if not vector.fetched]),
    changes=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(sorted(CHANGES)), st.integers(0, 9)), max_size=4),
    capitals=st.booleans(),
    rest=st.booleans(),
)
def test_however_a_genuine_request_is_changed_no_other_body_gets_in(
    vector: Vector, changes: list[tuple[int, str, int]], capitals: bool, rest: bool
) -> None:
    parts = [*vector.headers.values(), vector.body.decode("latin-1"), vector.query]
    for at, change, beside in changes:
        parts[at % len(parts)] = CHANGES[change](parts[at % len(parts)], parts[beside % len(parts)])
    *texts, body, query = parts
    names = [name.title() if capitals else name for name in vector.headers]
    event = http_event(body.encode("latin-1", "replace"), query=query)
    event["headers"] = dict(zip(names, texts, strict=True))
    request = GatewayRequest(test_fuzz.of_a_rest_api(event) if rest else event)
    form = test_every_provider._form(vector, request)
    assert not proven(form, request, vector.secret, vector.now) or same(vector, request.body)


def same(vector: Vector, body: bytes) -> bool:
    """Whether it says the same, as far as the provider signs it."""
    if not vector.body_is_signed:
        return True
    if vector.scheme == "wix":  # a token, whose signature may be written in more than one way
        return body.strip().rpartition(b".")[0] == vector.body.rpartition(b".")[0]
    if vector.headers.get("content-type", "").endswith("urlencoded"):  # signed by its fields
        return set(parse_qsl(vector.body.decode())) <= set(parse_qsl(body.decode("latin-1")))
    return body == vector.body


@pytest.mark.parametrize("scheme", SEVERAL)
def test_what_is_signed_in_one_way_of_a_provider_is_no_body_in_its_other(scheme: str) -> None:
    for vector in test_every_provider.VECTORS:
        if vector.scheme != scheme:
            continue
        request = test_every_provider._request(vector)
        signed_by = test_every_provider._form(vector, request)
        for form in test_every_provider._forms(vector):
            if not isinstance(form, schemes.Hmac) or not isinstance(signed_by, schemes.Hmac) or form.signed != "{body}":
                continue
            content = next(iter(signed_by.contents(request)))
            headers = {form.header: form.prefix + form.signature(vector.secret, content).decode()}
            headers |= {form.when[0]: form.when[1]} if form.when else {}
            other = Request("POST", headers=headers, body=content, request_id="-")
            assert content == request.body or not proven(form, other, vector.secret, vector.now)


def adyens(**changes: Any) -> bytes:
    item = {**ADYEN["plain"][1], **changes}
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()


def takes(scheme: str, body: bytes, secret: str) -> bool:
    (form,) = signatures.configured({"scheme": scheme})
    return proven(form, Request("POST", headers={}, body=body, request_id="-", deadline=1e9), secret, 1_700_000_000)


def test_a_field_of_adyens_that_is_there_twice_is_refused() -> None:
    genuine = adyens()
    assert takes("adyen", genuine, ADYEN_KEY)
    for name in (b'"pspReference"', b'"amount"', b'"success"'):
        assert not takes("adyen", genuine.replace(name, name + b': "forged", ' + name), ADYEN_KEY)
    assert not takes("adyen", genuine.replace(b'{"live"', b'{"notificationItems": [], "live"'), ADYEN_KEY)


@pytest.mark.parametrize("value", [["forged"], {"a": 1}, True, False, 1.5, ""])
def test_a_signed_field_of_adyens_that_is_no_text_does_not_pass_for_a_missing_one(value: object) -> None:
    assert takes("adyen", adyens(originalReference=value), ADYEN_KEY) == (value == "")
    assert takes("adyen", adyens(originalReference=None), ADYEN_KEY)


def test_a_field_of_sns_that_is_there_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sns.certificates, "key", lambda *_: test_sns.KEY.public_key())
    genuine = json.dumps(test_sns.signed()).encode()
    assert takes("aws-sns", genuine, test_sns.TOPIC)
    for name in (b'"Message"', b'"Timestamp"'):
        assert not takes("aws-sns", genuine.replace(name + b":", name + b': "forged", ' + name + b":"), test_sns.TOPIC)


@pytest.mark.parametrize("user", ["other.example.com/in?Body=", "other.example.com#", "a@other.example.com/"])
def test_credentials_do_not_turn_the_url_into_another(user: str) -> None:
    """What Twilio signed for another URL could otherwise be that of credentials, its end and the parameters."""
    given = base64.b64encode(f"{user}:x".encode()).decode()
    request = Request(
        "POST", "/in", headers={"authorization": f"Basic {given}"}, body=b"", request_id="-", domain="hooks.example.com"
    )
    assert not any(url.startswith(f"https://{user}") for url in urls.written(request, ""))
    assert any(url.startswith("https://") and "%" in url for url in urls.written(request, ""))


def test_a_large_body_is_hashed_once_however_the_url_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []
    monkeypatch.setattr("nami_runtime.request.sha256", lambda body: hashed.append(body) or sha256(body))
    (form,) = signatures.configured({"scheme": "manus"})
    credentials = base64.b64encode(b"a:b").decode()
    headers = {
        **{"x-webhook-signature": "AAAA", "x-webhook-timestamp": "1700000000"},
        "authorization": f"Basic {credentials}",
    }
    request = Request("POST", "/in", "a='b'&c=~%20", headers=headers, body=b"{}", request_id="-", domain="d.example")
    assert form.verify(request, ["no key"], 1_700_000_000) is None
    assert hashed == [b"{}"]
    request.body = b"[]"
    assert request.body_hash() == sha256(b"[]").hexdigest()


def test_adyens_signature_covers_all_that_it_says() -> None:
    assert {name.partition(".")[0] for name in adyen.FIELDS} <= {*ADYEN["plain"][1], "originalReference"}
