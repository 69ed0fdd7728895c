"""Each scheme accepts what its provider signs, and nothing else."""

import binascii
import contextlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_control import signing
from nami_runtime import envelope, signatures
from nami_runtime.request import GatewayRequest, Refused, Request
from nami_runtime.signatures import hubspot, schemes, timestamps, urls
from tests.unit.runtime.conftest import FakeAws, http_event
from tests.unit.runtime.provider_vectors import COMPUTED, PUBLISHED
from tests.unit.runtime.vectors import VECTORS as FIRST

VECTORS = [*FIRST, *PUBLISHED, *COMPUTED]
Handler = Callable[[dict[str, Any]], dict[str, Any]]


def test_figmas_passcode_in_the_body_proves_it_and_no_other_does(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None]
) -> None:
    signed_by("figma", "a-passcode")
    for body, status in (
        (b'{"event_type":"PING","passcode":"a-passcode"}', 200),
        (b'{"event_type":"PING","passcode":"a-passcodf"}', 401),
        (b'{"event_type":"PING","passcode":["a-passcode"]}', 401),
        (b'{"event_type":"PING"}', 401),
        (b"[]", 401),
    ):
        cloud.messages.clear()
        assert pre_queue(http_event(body))["statusCode"] == status
        assert len(cloud.messages) == (status == 200)


def test_every_scheme_that_nami_may_sign_for_accepts_its_own_signature() -> None:
    public = {name for name, forms in signatures.every().items() if "asymmetric" in forms[0].requirements}
    for scheme in set(signatures.every()) - {"none"} - public:
        options = {"hmac": {"header": "x-sig", "signed": "{timestamp}.{body}", "timestamp": "x-time", "tolerance": 60}}
        setting = {"scheme": scheme, **options.get(scheme, {})}
        basic = scheme == "braintree" or isinstance(signatures.every()[scheme][0], schemes.Basic)
        hexadecimal = scheme == "adyen" or getattr(signatures.every()[scheme][0], "key", "") == "hex"
        secret = "user:password" if basic else "00ff" if hexadecimal else "c2VjcmV0"
        is_form = "{form}" in getattr(signatures.every()[scheme][0], "signed", "")
        listed = b'"value":[{"id":1}],"notificationItems":[{"NotificationRequestItem":{}}]'
        body = b"a=1&b=2" if is_form else b'{"id":"1",' + listed + b"}"
        headers = {"content-type": "application/x-www-form-urlencoded"} if is_form else {}
        url = "https://hooks.example.com/nami/shopify?x=%3A"
        if "public_url" in signatures.every()[scheme][0].options():
            setting["public_url"] = url
        signed, sent = signing.sign(setting, secret, body, headers=headers, url=url, now=1_700_000_000.0)
        query = "&".join(filter(None, ["x=%3A", signing.query(setting, secret)]))
        request = GatewayRequest(http_event(sent, headers=signed, query=query))
        forms = signatures.configured(setting)
        form = next(form for form in forms if form.applies(request))
        assert form.verify(request, [secret], 1_700_000_000.0) == secret, scheme


@pytest.mark.parametrize(
    ("scheme", "header", "written"),
    [
        ("box", "box-delivery-timestamp", "2023-11-14T22:13:20Z"),
        ("orb", "x-orb-timestamp", "2023-11-14T22:13:20.000000"),
        ("workos", "workos-signature", "t=1700000000000, v1="),
    ],
)
def test_nami_writes_the_time_as_the_provider_does(scheme: str, header: str, written: str) -> None:
    signed, _ = signing.sign({"scheme": scheme}, "c2VjcmV0", b"{}", now=1_700_000_000.0)
    assert signed[header].startswith(written)


def test_nobody_can_sign_with_a_private_key_that_is_the_providers() -> None:
    with pytest.raises(ValueError, match="private key"):
        signing.sign({"scheme": "discord"}, "00", b"{}")


# The secret


@pytest.mark.parametrize("filled", [None, "", "  \n", "[]", '[""]', "{}", '{"secret":""}', '{"username":"a"}'])
def test_until_the_secret_is_filled_every_request_gets_401(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None], filled: str | None
) -> None:
    signed_by("token", filled)
    for given_token in ("", "a", "x", "[]", "{}"):
        assert pre_queue(http_event(headers={"authorization": given_token}))["statusCode"] == 401
    assert cloud.messages == []


def test_an_explicit_none_needs_no_secret_and_verifies_nothing(
    pre_queue: Handler, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNATURE", '{"scheme":"none"}')
    assert pre_queue(http_event())["statusCode"] == 200
    assert envelope.read(cloud.messages[0]).verified is None
    assert cloud.secret_reads == 0


def test_a_scheme_without_its_secrets_name_lets_nothing_in(
    pre_queue: Handler, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNATURE", '{"scheme":"shopify"}')
    assert pre_queue(http_event())["statusCode"] == 503
    assert cloud.messages == []


def test_a_secret_that_can_not_be_read_is_503_so_that_the_producer_tries_again(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None]
) -> None:
    signed_by("token", "t")
    cloud.answer = lambda service, action: (500, b"{}") if service == "secretsmanager" else None
    assert pre_queue(http_event(headers={"authorization": "t"}))["statusCode"] == 503
    cloud.answer = lambda service, action: None
    assert pre_queue(http_event(headers={"authorization": "t"}))["statusCode"] == 200


# Details of single schemes


def _request(body: bytes = b"{}", **parts: Any) -> Request:
    return GatewayRequest(http_event(body, **parts))


@pytest.mark.parametrize(
    "timestamp",
    ["", "now", "-1700000000", "1_700_000_000", "1700000000.0", " 1700000000", "1" * 400, "\u0661\u0667\u0660\u0660"],
)
def test_a_timestamp_is_plain_digits_or_nothing(timestamp: str) -> None:
    with pytest.raises(Refused) as refused:
        timestamps.check_age(timestamp, 300, 1_700_000_000.0)
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "timestamp",
    ["1700000000", "1700000000000", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.5+00:00", "2023-11-14T23:13:20+01:00"],
)
def test_seconds_milliseconds_and_iso_8601_name_the_same_moment(timestamp: str) -> None:
    timestamps.check_age(timestamp, 1, 1_700_000_000.0)


_GENERIC = {"header": "x-signature", "timestamp": "x-time", "signed": "{timestamp}{body}"}


@pytest.mark.parametrize(
    ("setting", "header", "stamp", "body"),
    [
        ({"scheme": "hmac", **_GENERIC}, "x-time", "1700000000", b'{"id":1}'),
        ({"scheme": "hmac", **_GENERIC}, "x-time", "1700000000123", b'{"id":1}'),
        ({"scheme": "hmac", **_GENERIC}, "x-time", "2023-11-14T22:13:20+01:00", b'{"id":1}'),
        ({"scheme": "zendesk"}, "x-zendesk-webhook-signature-timestamp", "2023-11-14T22:13:20Z", b'{"id":1}'),
        ({"scheme": "zendesk"}, "x-zendesk-webhook-signature-timestamp", "2023-11-14T22:13:20.5Z", b"a=1"),
    ],
)
def test_no_byte_moves_between_a_timestamp_and_the_body_that_follows_it(
    setting: dict[str, Any], header: str, stamp: str, body: bytes
) -> None:
    (scheme,) = signatures.configured(setting)
    assert isinstance(scheme, schemes.Hmac)
    content = stamp.encode() + body

    def verified(length: int) -> str | None:
        headers = {header: content[:length].decode(), scheme.header: scheme.signature("s3cret", content).decode()}
        with contextlib.suppress(Refused):
            return scheme.verify(
                GatewayRequest(http_event(content[length:], headers=headers)), ["s3cret"], 1_700_000_000.0
            )
        return None

    assert [length for length in range(len(content)) if verified(length)] == [len(stamp)]


def test_no_digit_moves_between_a_body_and_the_timestamp_that_follows_it() -> None:
    scheme, *_ = signatures.configured({"scheme": "hubspot", "tolerance": 0})
    assert isinstance(scheme, schemes.Hmac)

    def verified(body: bytes, stamp: str) -> str | None:
        headers = {"x-hubspot-request-timestamp": stamp}
        request = GatewayRequest(http_event(body, headers=headers))
        signature = scheme.signature("s3cret", b"POSThttps://hooks.example.com/nami/shopify[{}]1700000000123")
        request.headers = {**headers, scheme.header: signature.decode()}
        with contextlib.suppress(Refused):
            return scheme.verify(request, ["s3cret"], 1_700_000_000.0)
        return None

    assert verified(b"[{}]", "1700000000123")
    assert not verified(b"[{}]170", "0000000123")


STAMPS = ("1700000000", "1700000000123", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.5+01:00")
IDS = ("msg_1", "4f1c7", "d-1", "1700000000")
TEMPLATES = (
    *("{timestamp}.{body}", "{id}.{timestamp}.{body}", "v0:{timestamp}:{body}", "{id}.{body}", "{body}.{id}"),
    *("{timestamp}{body}", "{body}{timestamp}", "{id}/{body}/{timestamp}", "{body}|{timestamp}|{id}"),
)


def _generic(signed: str) -> schemes.Hmac:
    (scheme,) = signatures.configured({"scheme": "hmac", **_GENERIC, "signed": signed, "id": "x-id"})
    assert isinstance(scheme, schemes.Hmac)
    return scheme


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("signed", TEMPLATES)
def test_usual_ids_and_timestamps_are_taken(signed: str, stamp: str) -> None:
    scheme = _generic(signed)
    for each in IDS:
        content = signed.format(id=each, timestamp=stamp, body='{"a": 1}').encode()
        headers = {"x-time": stamp, "x-id": each, "x-signature": scheme.signature("s3cret", content).decode()}
        assert scheme.verify(GatewayRequest(http_event(b'{"a": 1}', headers=headers)), ["s3cret"], 0.0)


def cuts(pieces: list[str], content: str) -> Iterator[dict[str, str]]:
    """All ways to read a content as literal, field, literal, …"""
    literal, *rest = pieces
    if not content.startswith(literal):
        return
    content = content.removeprefix(literal)
    if not rest:
        if not content:
            yield {}
        return
    for length in range(len(content) + 1):
        for others in cuts(rest[1:], content[length:]):
            yield {rest[0]: content[:length], **others}


# Each way to sign more than the body, of the generic scheme and of every provider; a URL is the gateway's own.
COMPOSED = [
    *map(_generic, TEMPLATES),
    *(
        form
        for _, forms in sorted(signatures.every().items())
        for form in forms
        if isinstance(form, schemes.Signed)
        and "body" in set(re.findall("{(.*?)}", form.signed)) < {"id", "timestamp", "body", "-"}
        and form.signed != "{body}"
    ),
]


def _carrying(form: schemes.Signed, fields: dict[str, str]) -> Request | None:
    """The request that has these fields; None where it can't say them."""
    headers = {form.header: "00"}
    for name in {"id", "timestamp"} & fields.keys():
        source, text = getattr(form, name), fields[name]
        kind, colon, part = source.partition(":")
        if not colon:
            headers[source] = text
        elif kind in ("part", "item"):
            headers[form.header] = f"{part}={text},v1=00" if kind == "part" else f"{text},00"
    request = GatewayRequest(http_event(fields["body"].encode(), headers=headers))
    found = {name: form.find(request, getattr(form, name)) for name in fields if name != "body"}
    return request if found == {name: text for name, text in fields.items() if name != "body"} else None


@given(
    form=st.sampled_from(COMPOSED),
    parts=st.lists(st.sampled_from([*STAMPS, *IDS, ".", "/", ":", "|", "v0:", "v1:", "1", "x", "{}", "Z"]), max_size=6),
)
def test_one_signature_never_fits_two_requests(form: schemes.Signed, parts: list[str]) -> None:
    fitting = set()
    pieces = form.signed.replace("}", "{").split("{")
    for fields in cuts(pieces, pieces[0] + "".join(parts)):
        if request := _carrying(form, fields):
            with contextlib.suppress(Refused):
                list(form.contents(request))
                fitting.add(tuple(sorted(fields.items())))
    assert len(fitting) <= 1


@pytest.mark.parametrize(
    ("signed", "headers", "body"),
    [
        ("{timestamp}.{body}", {"x-time": "1700000000.{}"}, b"x"),
        ("{timestamp}.{body}", {"x-time": "14 Nov 2023 22:13:20 GMT"}, b"12"),
        ("{timestamp}.{body}", {"x-time": "2023-11-14T22:13:20"}, b"12"),
        ("{timestamp}{body}", {"x-time": "2023-11-14T22:13:20"}, b"12"),
        ("{id}.{body}", {"x-id": "a.b"}, b"{}"),
        ("{body}.{id}", {"x-id": "a.b"}, b"{}"),
        ("{id}.{timestamp}.{body}", {"x-id": "msg_1.1700000000", "x-time": "1700000001"}, b"{}"),
    ],
)
def test_field_that_could_end_elsewhere_is_refused(signed: str, headers: dict[str, str], body: bytes) -> None:
    scheme = _generic(signed)
    sent = {"x-time": "1700000000", "x-id": "d-1", "x-signature": "00", **headers}
    with pytest.raises(Refused, match="no telling where the"):
        scheme.verify(GatewayRequest(http_event(body, headers=sent)), ["s3cret"], 0.0)


@pytest.mark.parametrize("scheme", ["square", "twilio"])
def test_no_part_of_a_body_moves_into_a_query(scheme: str) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    (form,) = signatures.configured({"scheme": scheme, "public_url": "https://hooks.example.com/in"})
    assert isinstance(form, schemes.Hmac)
    content = b"https://hooks.example.com/in?a=1&Body=hello"
    sent = {**kind, form.header: form.signature("s", content).decode()}
    for query, body in (("a=1", b"&Body=hello"), ("a=1&Body=hello", b"")):
        with pytest.raises(Refused, match="a query that the public URL has not"):
            form.verify(_request(body, headers=sent, query=query), ["s"], 0)


def test_no_digit_moves_between_mailguns_timestamp_and_its_token() -> None:
    setting = {"scheme": "mailgun", "tolerance": 0}
    scheme, *_ = signatures.configured(setting)
    body = b'{"signature": {"timestamp": "1700000000", "token": "123abc", "signature": "%s"}}'
    signature = hmac.digest(b"s3cret", b"1700000000123abc", "sha256").hex().encode()
    assert scheme.verify(GatewayRequest(http_event(body % signature)), ["s3cret"], 0.0)
    moved = (body % signature).replace(b"1700000000", b"1700000000123").replace(b"123abc", b"abc")
    with pytest.raises(Refused):
        scheme.verify(GatewayRequest(http_event(moved)), ["s3cret"], 0.0)


def test_twilios_port_may_be_written_or_left_out() -> None:
    setting = {"scheme": "twilio"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    for signed_url in ("https://hooks.example.com:443/nami/shopify", "https://hooks.example.com/nami/shopify"):
        headers, body = signing.sign(setting, "s", b"A=1", headers=form, url=signed_url)
        for public_url in ("https://hooks.example.com/nami/shopify", "https://hooks.example.com:443/nami/shopify"):
            (scheme,) = signatures.configured({**setting, "public_url": public_url})
            assert scheme.verify(_request(body, headers=headers, domain="elsewhere"), ["s"], 0) == "s"


def test_twilios_repeated_parameters_are_signed_once_each_in_order() -> None:
    (scheme,) = signatures.configured({"scheme": "twilio"})
    request = _request(
        b"b=2&a=z&a=y&a=z", headers={"content-type": "application/x-www-form-urlencoded"}, domain="d", path="/p"
    )
    assert isinstance(scheme, schemes.Hmac)
    assert next(scheme.contents(request)) == b"https://d/payazb2"


@pytest.mark.parametrize("body", [b"a&" * 501, b"a=" + b"x" * 262_144], ids=["many fields", "one long field"])
def test_a_form_larger_than_any_of_twilios_is_refused_unread(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None], body: bytes
) -> None:
    signed_by("twilio", "s")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    url = "https://hooks.example.com/nami/shopify"
    signed, _ = signing.sign({"scheme": "twilio"}, "s", b"A=1", headers=headers, url=url)
    assert pre_queue(http_event(body * 2, headers=signed))["statusCode"] == 400
    assert pre_queue(http_event(b"A=1", headers=signed))["statusCode"] == 200
    assert len(cloud.messages) == 1


def test_a_twilio_body_that_is_neither_form_nor_hashed_in_the_url_is_refused() -> None:
    headers, _ = signing.sign({"scheme": "twilio"}, "s", b"", url="https://hooks.example.com/nami/shopify")
    (scheme,) = signatures.configured({"scheme": "twilio"})
    with pytest.raises(Refused):
        scheme.verify(_request(b'{"forged":1}', headers={**headers, "content-type": "application/json"}), ["s"], 0)


def test_a_twilio_body_hash_counts_only_in_the_url_that_is_signed() -> None:
    public = "https://hooks.example.com/in?key=1"
    headers, _ = signing.sign({"scheme": "twilio", "public_url": public}, "s", b"", url=public)
    (scheme,) = signatures.configured({"scheme": "twilio", "public_url": public})
    body = b'{"forged":1}'
    request = _request(body, headers=headers, query=f"bodySHA256={sha256(body).hexdigest()}")
    with pytest.raises(Refused):
        scheme.verify(request, ["s"], 0)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("body", [b"", b"&"])
def test_a_twilio_body_whose_hash_is_signed_can_not_be_taken_out(kind: str, body: bytes) -> None:
    query = f"bodySHA256={sha256(b'{}').hexdigest()}"
    url = f"https://hooks.example.com/nami/shopify?{query}"
    (scheme,) = signatures.configured({"scheme": "twilio", "public_url": "https://hooks.example.com/nami/shopify"})
    setting = {"scheme": "hmac", "header": "x", "digest": "sha1", "encoding": "base64", "signed": "{url}"}
    (bare,) = signatures.configured({**setting, "public_url": url})
    assert isinstance(bare, schemes.Hmac)
    signature = bare.signature("s", url.encode()).decode()
    headers = {"x-twilio-signature": signature, "content-type": kind}
    assert scheme.verify(
        _request(b"{}", headers={**headers, "content-type": "application/json"}, query=query), ["s"], 0
    )
    with pytest.raises(Refused):
        scheme.verify(_request(body, headers=headers, query=query), ["s"], 0)


def test_hubspot_decodes_some_escapes_of_the_url_and_leaves_others() -> None:
    assert hubspot.uri("https://d/a%3ab%2Fc%20d%26e") == b"https://d/a:b/c%20d%26e"


def test_the_url_is_the_gateways_own_unless_another_is_configured() -> None:
    request = _request(domain="api.example.com", path="/nami/x", query="a=1")
    assert next(urls.written(request, "")) == "https://api.example.com/nami/x?a=1"
    assert next(urls.written(request, "https://hooks.shop/in")) == "https://hooks.shop/in?a=1"
    assert next(urls.written(request, "https://hooks.shop/in?k=v")) == "https://hooks.shop/in?k=v"


def test_one_foreign_notification_spoils_a_microsoft_graph_batch() -> None:
    (scheme,) = signatures.configured({"scheme": "microsoft-graph"})
    body = json.dumps({"value": [{"clientState": "s"}, {"clientState": "forged"}]}).encode()
    assert scheme.verify(_request(body), ["s"], 0) is None


def test_an_option_that_a_scheme_does_not_have_is_an_error() -> None:
    with pytest.raises(TypeError, match="tolerence"):
        signatures.configured({"scheme": "stripe", "tolerence": 5})


@given(
    st.sampled_from(
        [name for name in sorted(signatures.every()) if name not in ("none", "paypal", "aws-sns", "google-pubsub")]
    ),
    st.dictionaries(st.text(max_size=5), st.text(max_size=30), max_size=4),
    st.one_of(st.binary(max_size=80), st.from_regex(rb'\{"signature":\{"t[a-z"]*:[0-9\-e]+\}\}')),
    st.data(),
)
def test_nothing_that_is_made_up_is_accepted(
    scheme: str, extra: dict[str, str], body: bytes, data: st.DataObject
) -> None:
    options = {"hmac": {"header": "x-sig"}}
    forms = signatures.configured({"scheme": scheme, **options.get(scheme, {})})
    headers = {name: value for name, value in extra.items() if name}
    for form in forms:
        for name in ("header", "timestamp", "id"):
            source = getattr(form, name, "")
            if source and ":" not in source:
                headers[source] = data.draw(st.one_of(st.text(max_size=80), st.just("1700000000"), st.just("t=1,v1=")))
    request = _request(body, headers=headers)
    form = next((form for form in forms if form.applies(request)), forms[0])
    with contextlib.suppress(Refused):
        assert form.verify(request, ["c2VjcmV0LXNlY3JldA==", "u:p" * 9], 1_700_000_000.0) is None


# Delivery ids


def _id(
    scheme: str, body: bytes = b'{"id":1}', headers: dict[str, str] | None = None, query: str = "", **o: Any
) -> str:
    forms = signatures.configured({"scheme": scheme, **o})
    request = _request(body, headers=headers or {}, query=query)
    return next((form for form in forms if form.applies(request)), forms[0]).delivery_id(request)


@pytest.mark.parametrize(
    ("scheme", "body", "headers", "expected"),
    [
        ("stripe", b'{"id":"evt_1"}', {}, "evt_1"),
        ("slack", b'{"event_id":"Ev08"}', {}, "Ev08"),
        ("square", b'{"event_id":"e"}', {}, "e"),
        ("paddle", b'{"event_id":"e"}', {}, "e"),
        ("plane", b'{"event_id":"e","delivery_id":"of one try"}', {}, "e"),
        ("typeform", b'{"event_id":"e"}', {}, "e"),
        ("intercom", b'{"id":"notif_1"}', {}, "notif_1"),
        ("dynamic", b'{"messageId":"m","eventId":"e"}', {}, "m"),
        ("standard-webhooks", b"{}", {"webhook-id": "msg_1", "webhook-signature": "v1,x"}, "msg_1"),
        ("standard-webhooks", b"{}", {"svix-id": "msg_1", "svix-signature": "v1,x"}, "msg_1"),
        ("sendgrid", b'[{"sg_event_id":"a"}]', {}, "a"),
        ("sendgrid", b'[{"sg_event_id":"a"},{"sg_event_id":"b"}]', {}, "a,b"),
    ],
)
def test_an_id_that_the_signature_covers_is_taken_as_it_is(
    scheme: str, body: bytes, headers: dict[str, str], expected: str
) -> None:
    assert _id(scheme, body, headers) == expected


_UNSIGNED_IDS = [
    ("shopify", "x-shopify-webhook-id"),
    ("github", "x-github-delivery"),
    ("jira", "x-atlassian-webhook-identifier"),
    ("bitbucket", "x-request-uuid"),
    ("gitlab", "idempotency-key"),
    ("twilio", "i-twilio-idempotency-token"),
    ("zendesk", "x-zendesk-webhook-invocation-id"),
    ("linear", "linear-delivery"),
    ("zoom", "x-zm-trackingid"),
    ("todoist", "x-todoist-delivery-id"),
    ("contentful", "x-contentful-idempotency-key"),
    ("paypal", "paypal-transmission-id"),  # signed, but with a checksum of the body alone
]


@pytest.mark.parametrize(("scheme", "header"), _UNSIGNED_IDS)
def test_an_unsigned_id_is_bound_to_the_content(scheme: str, header: str) -> None:
    token = {"x-gitlab-token": "t"}
    once = _id(scheme, b'{"a":1}', {**token, header: "d-1"})
    assert once.startswith("d-1-")
    assert _id(scheme, b'{"a":1}', {**token, header: "d-1"}) == once
    assert _id(scheme, b'{"a":2}', {**token, header: "d-1"}) != once
    assert _id(scheme, b'{"a":1}', {**token, header: "d-2"}) != once
    assert _id(scheme, b'{"a":1}', {**token, header: "d-1"}, query="x=1") != once


def test_mailguns_token_is_bound_because_its_signature_covers_no_body() -> None:
    body = b'{"signature":{"token":"t"},"event-data":%d}'
    assert _id("mailgun", body % 1).startswith("t-")
    assert _id("mailgun", body % 1) != _id("mailgun", body % 2)


def test_lasting_part_of_linears_body_is_what_its_id_is_bound_to() -> None:
    def delivered(body: bytes) -> str:
        return _id("linear", body, {"linear-delivery": "d-1"})

    first = delivered(b'{"action":"create","data":{"id":7},"webhookTimestamp":1700000000000}')
    assert delivered(b'{"action":"create","data":{"id":7},"webhookTimestamp":1700000060000}') == first
    assert delivered(b'{"action":"create","data":{"id":8},"webhookTimestamp":1700000000000}') != first
    assert delivered(b'{"action":"create","data":{"webhookTimestamp":1},"webhookTimestamp":1700000000000}') != first
    assert delivered(b"[]") != first


def test_oktas_id_is_bound_because_a_token_signs_nothing() -> None:
    assert _id("okta", b'{"eventId":"e","a":1}') != _id("okta", b'{"eventId":"e","a":2}')


@pytest.mark.parametrize("scheme", ["meta", "x", "dropbox", "asana", "basic", "token", "discord", "shopify", "stripe"])
def test_without_an_id_it_is_the_gateways_so_that_equal_bodies_stay_two(scheme: str) -> None:
    assert _id(scheme, b"{}") == "JKJaXmPLvHcESHA="


def test_hubspots_retry_is_the_same_delivery_and_another_event_is_not() -> None:
    event = b'[{"eventId":1,"subscriptionId":2,"occurredAt":3,"attemptNumber":%d,"objectId":%d}]'
    assert _id("hubspot", event % (0, 7)) == _id("hubspot", event % (1, 7))
    assert _id("hubspot", event % (0, 7)) != _id("hubspot", event % (0, 8))


@pytest.mark.parametrize("value", ['"\\u00e9"', '"a\\nb"', '"' + "x" * 129 + '"', '"\\ud800"'])
def test_an_id_that_no_header_could_carry_is_hashed(value: str) -> None:
    found = _id("stripe", b'{"id":%s}' % value.encode())
    assert found.startswith("sha256-")
    assert len(found) == 71


@pytest.mark.parametrize("value", ["null", "true", "1.5", "[]", "{}", '""'])
def test_an_id_of_another_type_is_none(value: str) -> None:
    assert _id("stripe", b'{"id":%s}' % value.encode()) == "JKJaXmPLvHcESHA="


def test_a_generic_id_header_is_signed_only_when_the_template_holds_it() -> None:
    plain = {"header": "x-sig", "id": "X-Id"}
    assert _id("hmac", b"{}", {"x-id": "1"}, **plain).startswith("1-")
    assert _id("hmac", b"{}", {"x-id": "1"}, **plain, signed="{id}.{body}") == "1"
    assert _id("token", b"{}", {"x-id": "1"}, id="X-Id").startswith("1-")


def test_a_retry_with_another_gateway_request_is_the_same_delivery(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None]
) -> None:
    signed_by("shopify", "s3cret")
    headers, body = signing.sign({"scheme": "shopify"}, "s3cret", b"{}", headers={"x-shopify-webhook-id": "w-1"})
    answers = [pre_queue(http_event(body, headers=headers, request_id=request)) for request in ("r-1", "r-2")]
    ids = [envelope.read(message).delivery_id for message in cloud.messages]
    assert ids[0] == ids[1] == answers[0]["headers"]["nami-delivery-id"]


def test_base64_secrets_that_are_none_verify_nothing() -> None:
    scheme = signatures.configured({"scheme": "standard-webhooks"})[0]
    assert isinstance(scheme, schemes.Hmac)
    assert scheme.signature("whsec_***", b"x") == b""
    assert scheme.signature("whsec_", b"x") == b""
    assert scheme.signature("whsec_" + binascii.b2a_base64(b"key").decode().strip(), b"x") != b""
