"""Whatever arrives: a well-formed answer, never an exception, and 200 only for what the queue holds."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import envelope, intake, signatures
from nami_runtime.signatures import fetched
from tests.unit.runtime.conftest import EVENTS, SIGNATURE_SECRET, FakeAws, http_event, load_handler

_SCHEMES = sorted(signatures.every())
_SECRETS = ["c2VjcmV0", "user:password", '["c2VjcmV0","whsec_c2VjcmV0"]', "", "{", '{"secret":"a","verify_token":"é"}']
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_HEADER_NAMES = st.sampled_from(
    sorted(
        {
            source
            for forms in signatures.every().values()
            for form in forms
            for source in (getattr(form, "header", ""), getattr(form, "timestamp", ""), *form.ids)
            if isinstance(source, str) and source and ":" not in source
        }
        | {"content-type", "authorization", "x-hook-secret", "x-okta-verification-challenge", "X-Hub-Signature-256"}
    )
)
_VALUES = st.text(max_size=60) | st.sampled_from(
    [
        "t=1700000000,v1=00,v1=00",
        "ts=;h1=",
        "sha256=",
        "sha256=" + "0" * 64,
        "v0=\u0660",
        "v1,AAAA v1,AAAA",
        "Basic ====",
        "Basic dXNlcjpwYXNzd29yZA==",
        "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660",
        "9" * 500,
        "-1",
        "1e9",
        "c2VjcmV0",
        "application/x-www-form-urlencoded",
        "application/json, application/json",
    ]
)
_BODIES = st.one_of(
    st.binary(max_size=200),
    _JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b'{"type":"url_verification","challenge":"x"}',
            b'{"event":"endpoint.url_validation","payload":{"plainToken":7}}',
            b'{"value":[{"clientState":"c2VjcmV0"}]}',
            b'{"signature":{"timestamp":1e400,"token":[],"signature":{}}}',
            b'{"id":' + b"9" * 5000 + b"}",
            b"[" * 20_000,
            b'{"webhookTimestamp":"\xd9\xa1"}',
        ]
    ),
)
_QUERIES = st.text(max_size=40) | st.sampled_from(
    [
        "hub.mode=subscribe&hub.verify_token=%C3%A9&hub.challenge=1",
        "challenge=%FF",
        "crc_token=%00",
        "validationToken=a+b",
    ]
)


def of_a_rest_api(event: dict[str, Any]) -> dict[str, Any]:
    """The same request as a REST API tells it."""
    rest: dict[str, Any] = json.loads((EVENTS / "rest_api_post.json").read_text())
    http = event["requestContext"]["http"]
    query = parse_qs(event["rawQueryString"], keep_blank_values=True)
    rest["requestContext"] |= {"path": event["rawPath"], "httpMethod": http["method"]}
    return rest | {
        "multiValueHeaders": {name: [text] for name, text in event["headers"].items()},
        "multiValueQueryStringParameters": query or None,
        "body": event["body"],
        "isBase64Encoded": event["isBase64Encoded"],
    }


@st.composite
def _events(draw: st.DrawFn) -> Any:
    """Mostly requests as the gateway passes them, with parts replaced by anything, or missing."""
    event = http_event(
        draw(_BODIES),
        headers=draw(st.dictionaries(_HEADER_NAMES | st.text(max_size=10), _VALUES, max_size=6)),
        method=draw(st.sampled_from(["POST", "GET", "PUT", "post"])),
        query=draw(_QUERIES),
    )
    if draw(st.booleans()):
        event = of_a_rest_api(event)
    for name in draw(st.lists(st.sampled_from([*event, "cookies", "body"]), max_size=2)):
        if draw(st.booleans()):
            event.pop(name, None)
        else:
            event[name] = draw(_JSON)
    for name in draw(st.lists(st.sampled_from(["http", "requestId", "timeEpoch", "domainName"]), max_size=1)):
        if isinstance(event.get("requestContext"), dict):
            event["requestContext"][name] = draw(_JSON)
    return draw(st.just(event) | st.just(event) | st.just(event) | _JSON)


@pytest.fixture
def quick(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    monkeypatch.setattr(intake, "DEADLINE_SECONDS", 1.0)
    monkeypatch.setenv("RECEIVED_SECRET_ARN", "received")
    monkeypatch.setattr(fetched, "fetch", lambda *_: b'{"keys": []}')  # nobody's keys
    yield cloud
    for name in ("SIGNATURE", "SIGNATURE_SECRET_ARN"):
        monkeypatch.delenv(name, raising=False)


@given(
    event=_events(),
    scheme=st.none() | st.sampled_from(_SCHEMES),
    secret=st.sampled_from(_SECRETS),
    queue=st.sampled_from(["takes", "takes", "takes", "refuses", "lies", "babbles"]),
)
def test_any_event_gets_a_well_formed_answer_and_200_only_with_a_message_on_the_queue(
    quick: FakeAws, monkeypatch: pytest.MonkeyPatch, event: Any, scheme: str | None, secret: str, queue: str
) -> None:
    quick.messages.clear()
    quick.secrets[SIGNATURE_SECRET] = secret
    told = {"refuses": (500, b""), "lies": (200, b'{"MessageId":"m","MD5OfMessageBody":""}'), "babbles": (200, b"\xff")}
    quick.answer = lambda service, action: told.get(queue) if service == "sqs" else None
    if scheme:
        options = {"header": "x-hub-signature-256"} if scheme == "hmac" else {}
        monkeypatch.setenv("SIGNATURE", json.dumps({"scheme": scheme, **options}))
        monkeypatch.setenv("SIGNATURE_SECRET_ARN", SIGNATURE_SECRET)
    else:
        monkeypatch.delenv("SIGNATURE", raising=False)
    monkeypatch.setattr(intake, "_settings", None)

    answer = load_handler_once().handler(event, None)

    json.dumps(answer)
    assert answer["statusCode"] in (200, 204, 400, 401, 403, 413, 429, 503)
    assert all(value.isascii() and value.isprintable() for value in answer["headers"].values())
    assert isinstance(answer.get("body", ""), str)
    queued = len(quick.messages)
    assert queued == (1 if "nami-delivery-id" in answer["headers"] else 0)
    if queued:
        assert answer["statusCode"] == 200
        delivery = envelope.read(quick.messages[0])
        assert delivery.delivery_id == answer["headers"]["nami-delivery-id"]
        assert delivery.verified == (scheme if scheme != "none" else None)
        body = event.get("body") or ""
        assert delivery.body == (base64.b64decode(body) if event.get("isBase64Encoded") else body.encode())
    elif answer["statusCode"] == 200:
        assert scheme in _ASKING


_ASKING = {name for name, forms in signatures.every().items() if forms[0].handshake}
_loaded: list[Any] = []


def load_handler_once() -> Any:
    if not _loaded:
        _loaded.append(load_handler("pre_queue"))
    return _loaded[0]


@given(scheme=st.sampled_from([name for name in _SCHEMES if name != "none"]), data=st.data())
def test_nothing_is_queued_that_does_not_prove_the_secret(
    quick: FakeAws, monkeypatch: pytest.MonkeyPatch, scheme: str, data: st.DataObject
) -> None:
    """Every header that the scheme looks at is there, with anything in it but what the secret makes."""
    quick.messages.clear()
    quick.secrets[SIGNATURE_SECRET] = "5f" * 16
    options = {"header": "x-hub-signature-256"} if scheme == "hmac" else {}
    monkeypatch.setenv("SIGNATURE", json.dumps({"scheme": scheme, **options}))
    monkeypatch.setenv("SIGNATURE_SECRET_ARN", SIGNATURE_SECRET)
    monkeypatch.setattr(intake, "_settings", None)
    sources = {
        source
        for form in signatures.configured({"scheme": scheme, **options})
        for source in (getattr(form, "header", ""), *getattr(form, "also", ()), getattr(form, "timestamp", ""))
        if source and ":" not in source
    }
    headers = {source: data.draw(_VALUES) for source in sorted(sources)}
    event = http_event(data.draw(_BODIES), headers=headers, query=data.draw(_QUERIES))
    event = data.draw(st.sampled_from([event, of_a_rest_api(event)]))
    load_handler_once().handler(event, None)
    assert quick.messages == []


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=200), min_size=50, max_size=200))
def test_a_flood_of_headers_is_carried_or_refused(quick: FakeAws, headers: dict[str, str]) -> None:
    assert load_handler_once().handler(http_event(headers=headers), None)["statusCode"] in (200, 400)
