"""What the generic scheme can say, a knob at a time; signatures are computed here by what each knob means."""

import base64
import contextlib
import hmac
import json
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import secret, signatures
from nami_runtime.request import GatewayRequest, Refused, Request
from nami_runtime.signatures import places, urls
from nami_runtime.signatures.schemes import Basic, Hmac, Token
from tests.unit.runtime.conftest import http_event

BODY = b'{"hello":"world"}'
KEY = "test-secret"
NOW = 1_700_000_000.0


def _raw(content: bytes = BODY, digest: str = "sha256", key: bytes = KEY.encode()) -> bytes:
    return hmac.digest(key, content, digest)


HEX = _raw().hex()
OTHER = "0" * 64


def came(body: bytes = BODY, query: str = "", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return GatewayRequest(http_event(body, headers=named, query=query))


def fits(scheme: Hmac | Token | Basic, request: Request, secret: str = KEY) -> bool:
    with contextlib.suppress(Refused):
        return scheme.verify(request, [secret], NOW) == secret
    return False


@pytest.mark.parametrize("header", [HEX, f"{OTHER},{HEX}", f"{HEX}, {OTHER}", f"{OTHER} {HEX}", HEX.upper()])
def test_any_of_several_signatures_in_a_header_fits(header: str) -> None:
    assert fits(Hmac(header="x-sig"), came(x_sig=header))
    assert not fits(Hmac(header="x-sig"), came(BODY + b" ", x_sig=header))


@pytest.mark.parametrize(
    "header",
    [f"v1={HEX}", f"v1={OTHER},v1={HEX}", f"v1={HEX},v1={OTHER}", f"V1={HEX}", f"v0={OTHER}, v1={HEX}"],
)
def test_any_signature_behind_the_prefix_fits_in_any_case(header: str) -> None:
    assert fits(Hmac(header="x-sig", prefix="v1="), came(x_sig=header))


@pytest.mark.parametrize("header", [f"v0={HEX}", HEX, f"xv1={HEX}"])
def test_a_signature_behind_another_prefix_is_none(header: str) -> None:
    assert not fits(Hmac(header="x-sig", prefix="v1="), came(x_sig=header))


@pytest.mark.parametrize("header", [f"sha256 {HEX}", f"SHA256  {HEX}", f"sha256 {OTHER},sha256 {HEX}"])
def test_a_prefix_may_end_in_a_blank(header: str) -> None:
    assert fits(Hmac(header="signature", prefix="sha256 "), came(signature=header))


def test_either_of_two_headers_may_hold_the_signature() -> None:
    scheme = Hmac(header="x-first", also=("x-second",))
    assert fits(scheme, came(x_first=OTHER, x_second=HEX))
    assert fits(scheme, came(x_second=HEX))
    assert scheme.applies(came(x_second=HEX))
    assert not fits(scheme, came(x_first=OTHER, x_second=OTHER))


@pytest.mark.parametrize("padding", ["", "="])
def test_base64url_with_padding_and_without(padding: str) -> None:
    signature = base64.urlsafe_b64encode(_raw(b"1614265330000." + BODY)).decode().rstrip("=") + padding
    scheme = Hmac(header="x-sig", part="v1", encoding="base64url", timestamp="part:t", signed="{timestamp}.{body}")
    assert signature.startswith("YH8Y_1plzfpIBk3v7Y_zNo7uH5PSqebL3ZGa_uNLgH4")
    assert fits(scheme, came(x_sig=f"t=1614265330000,v1={signature}"))


@pytest.mark.parametrize("digest", ["md5", "sha1", "sha256", "sha384", "sha512"])
def test_each_digest(digest: str) -> None:
    assert fits(Hmac(header="x-sig", digest=digest), came(x_sig=_raw(digest=digest).hex()))


def test_a_pair_of_another_name_is_no_signature() -> None:
    scheme = Hmac(header="x-sig", part="s0 s1")
    assert fits(scheme, came(x_sig=f"t=1, s0={OTHER}, s1={HEX}"))
    assert not fits(scheme, came(x_sig=f"t=1, s2={HEX}"))


def test_each_group_of_pairs_is_signed_with_its_own_time() -> None:
    scheme = Hmac(
        header="x-sig", part="v1", grouped=True, timestamp="part:t", signed="{timestamp}.{body}", tolerance=300
    )
    first, second = (f"t={at},v1={_raw(f'{at}.'.encode() + BODY).hex()}" for at in (1_700_000_000, 1_700_000_001))
    wrong = f"t=1700000001,v1={OTHER}"
    request = came(x_sig=f"{wrong} {first}")
    assert fits(scheme, request)
    assert request.headers["x-sig"] == f"{wrong} {first}"
    assert fits(scheme, came(x_sig=f"{second} {wrong}"))
    assert not fits(scheme, came(x_sig=f"t=1700000001,{first.split(',')[1]} {second.split(',')[0]},v1={OTHER}"))


def test_a_time_without_a_name_is_an_item_of_the_header() -> None:
    scheme = Hmac(header="x-sig", timestamp="item:0", signed="{timestamp}.{body}", tolerance=300)
    signature = _raw(b"1700000000000." + BODY).hex()
    assert fits(scheme, came(x_sig=f"1700000000000,{OTHER},{signature}"))
    assert not fits(scheme, came(x_sig=f"1700000001000,{signature}"))


@pytest.mark.parametrize(
    "stamp", ["1700000000", "1700000000000", "2023-11-14T22:13:20.123456789Z", "Tue, 14 Nov 2023 22:13:20 GMT"]
)
def test_each_form_of_a_time_is_signed_as_it_is_written(stamp: str) -> None:
    scheme = Hmac(header="x-sig", timestamp="x-time", signed="{body}{timestamp}", tolerance=1)
    assert fits(scheme, came(x_time=stamp, x_sig=_raw(BODY + stamp.encode()).hex()))
    assert not fits(
        scheme,
        came(x_time=stamp.replace("20", "21").replace("00000", "00001"), x_sig=_raw(BODY + stamp.encode()).hex()),
    )


def test_a_time_without_a_zone_is_taken_where_a_literal_ends_it() -> None:
    scheme = Hmac(header="x-sig", timestamp="x-time", signed="v1:{timestamp}:{body}", tolerance=1)
    stamp = "2023-11-14T22:13:20.5"
    assert fits(scheme, came(x_time=stamp, x_sig=_raw(b"v1:" + stamp.encode() + b":" + BODY).hex()))


@given(cut=st.integers(0, 120), zone=st.sampled_from(["", "Z", "+01:00"]))
def test_no_byte_moves_to_a_time_without_a_zone(cut: int, zone: str) -> None:
    stamp = "2023-11-14T22:13:20" + zone
    content = stamp + ':5:2023-11-14T22:13:20:{"a":1}'
    scheme = Hmac(header="x-sig", timestamp="x-time", signed="{timestamp}:{body}")
    request = came(content[cut + 1 :].encode(), x_time=content[:cut], x_sig=_raw(content.encode()).hex())
    if content[cut : cut + 1] == ":" and cut:
        assert fits(scheme, request) == (cut == len(stamp))


def test_an_id_of_a_fixed_length_needs_nothing_to_end_it() -> None:
    scheme = Hmac(
        header="x-sig", id="x-id", id_length=36, timestamp="x-time", signed="{id}{timestamp}{body}", tolerance=600
    )
    ident, stamp = "befa7b53-d79d-478f-86b9-120f112b044e", "2023-11-14T22:13:20.123456789Z"
    body = b'{"at":"2023-11-14T22:13:20Z","x":1}'
    signature = _raw(f"{ident}{stamp}".encode() + body).hex()
    assert fits(scheme, came(body, x_id=ident, x_time=stamp, x_sig=signature))
    moved = f"{ident}{stamp}" + '{"at":"'
    assert not fits(scheme, came(b'","x":1}', x_id=moved, x_time="2023-11-14T22:13:20Z", x_sig=signature))


@pytest.mark.parametrize(
    ("source", "query", "body", "kind"),
    [
        ("query:sig", "a=1&sig=V", BODY, "application/json"),
        ("form:sig", "", b"sig=V&a=1", "application/x-www-form-urlencoded"),
        (
            "form:sig",
            "",
            b'--xx\r\nContent-Disposition: form-data; name="sig"\r\n\r\nV\r\n--xx--\r\n',
            "multipart/form-data; boundary=xx",
        ),
        ("body:a.sig", "", b'{"a":{"sig":"V"}}', "application/json"),
        ("body:a[0].sig", "", b'{"a":[{"sig":"V"}]}', "application/json"),
        ("body:a[].sig", "", b'{"a":[{"sig":"V"}]}', "application/json"),
        ("path:1", "", BODY, "application/json"),
    ],
)
def test_a_value_is_found_wherever_it_stands(source: str, query: str, body: bytes, kind: str) -> None:
    found = Token().find(came(body, query, content_type=kind), source)
    assert found == ("shopify" if source == "path:1" else "V")


@pytest.mark.parametrize(
    ("source", "query", "body"),
    [("query:sig", "sig=V&sig=W", BODY), ("form:sig", "", b"sig=V&sig=W"), ("body:a[].b", "", b'{"a":[{"b":1},{}]}')],
)
def test_a_value_that_is_there_twice_or_in_half_of_the_items_is_none(source: str, query: str, body: bytes) -> None:
    request = came(body, query, content_type="application/x-www-form-urlencoded")
    assert Token().find(request, source) == ""


def test_fields_of_a_form_can_be_signed() -> None:
    scheme = Hmac(
        header="form:signature", signed="{timestamp}{form:token}", timestamp="form:timestamp", digits=10, tolerance=60
    )
    form = f"timestamp=1700000000&token=abc&signature={_raw(b'1700000000abc').hex()}"
    urlencoded = "application/x-www-form-urlencoded"
    assert fits(scheme, came(form.encode(), content_type=urlencoded))
    assert not fits(scheme, came(form.replace("abc", "abd").encode(), content_type=urlencoded))


@given(st.binary(max_size=300), st.sampled_from(["sig", "a[0].b", "[]", "0", "x[-1]", "[9999].a.b[]"]))
def test_no_body_makes_a_place_raise_anything_but_a_refusal(body: bytes, name: str) -> None:
    for kind in ("multipart/form-data; boundary=-", "application/x-www-form-urlencoded", "application/json"):
        with contextlib.suppress(Refused):
            for place in ("query", "form", "body", "path", "item"):
                places.find(came(body, "a=%ff&b", content_type=kind), place, name, "a,b")


def test_the_bodys_hash_can_be_signed_in_its_place() -> None:
    scheme = Hmac(header="x-sig", timestamp="x-time", signed="{timestamp}.{body_sha256}")
    content = b"1614265330000.93a23971a914e5eacbf0a8d25154cda309c3c1c72fbb9914d47c60f3cb681588"
    assert fits(scheme, came(x_time="1614265330000", x_sig=_raw(content).hex()))
    assert scheme.covers("body:id")


def test_a_secret_of_a_composed_letter_fits_as_unicode_decomposes_it() -> None:
    key = "e\u0301".encode()
    assert fits(Hmac(header="x-sig", key="nfkd"), came(x_sig=_raw(key=key).hex()), "\u00e9")


@pytest.mark.parametrize("given", ["Bearer t", "bearer t", "BEARER   t"])
def test_the_case_of_an_authentication_scheme_and_its_blanks_do_not_count(given: str) -> None:
    assert fits(Token(prefix="Bearer "), came(authorization=given), "t")


@pytest.mark.parametrize("given", ["Bearert", "t", "Basic t", "Bearer ", "Bearer"])
def test_another_authentication_scheme_does_count(given: str) -> None:
    assert not fits(Token(prefix="Bearer "), came(authorization=given), "t")


def test_basic_credentials_fit_composed_and_decomposed() -> None:
    sent = base64.b64encode("u:e\u0301".encode()).decode()
    assert fits(Basic(), came(authorization=f"basic  {sent}"), "u:\u00e9")


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        ("a=it%27s", "a=it's"),
        ("a=it's", "a=it%27s"),
        ("a=b%20c", "a=b+c"),
        ("a=%7Eb", "a=~b"),
        ("a=~b", "a=%7Eb"),
    ],
)
def test_a_url_fits_as_its_provider_writes_it(called: str, signed: str) -> None:
    scheme = Hmac(header="x-sig", signed="{url}.{body}", public_url="https://hooks.example.com/in")
    content = f"https://hooks.example.com/in?{signed}.".encode() + BODY
    assert fits(scheme, came(query=called, x_sig=_raw(content).hex()))
    assert not fits(scheme, came(query=called + "1", x_sig=_raw(content).hex()))


def test_every_spelling_of_a_url_is_the_same_url() -> None:
    request = came(query="a=it%27s%20%2B1&b=~%2F")
    for url in urls.written(request, "https://hooks.example.com/in"):
        assert places.query(url.partition("?")[2]) == places.query(request.query)


def test_a_url_with_credentials_is_signed_with_them() -> None:
    scheme = Hmac(header="x-sig", signed="{url}.{body}", public_url="https://hooks.example.com/in")
    sent: dict[str, Any] = {"authorization": "Basic " + base64.b64encode(b"user:pass").decode()}
    signature = _raw(b"https://user:pass@hooks.example.com/in." + BODY).hex()
    assert fits(scheme, came(x_sig=signature, **sent))
    assert not fits(scheme, came(x_sig=signature))


@pytest.mark.parametrize(("hashed", "content"), [("before", KEY.encode() + BODY), ("after", BODY + KEY.encode())])
def test_a_hash_of_secret_and_content_fits_where_no_hmac_is_made(hashed: str, content: bytes) -> None:
    scheme = Hmac(header="x-sig", hashed=hashed)
    assert fits(scheme, came(x_sig=sha256(content).hexdigest()))
    assert not fits(scheme, came(BODY + b" ", x_sig=sha256(content).hexdigest()))


def test_a_hash_that_was_lengthened_is_refused() -> None:
    with pytest.raises(Refused, match="no text"):
        Hmac(header="x-sig", hashed="before").verify(came(BODY + b"\x80\x00\x01{}", x_sig=HEX), [KEY], NOW)


@pytest.mark.parametrize(("version", "signed"), [("v1", b""), ("v2", b"POSThttps://hooks.example.com/nami/shopify")])
def test_hubspots_older_signatures_are_told_apart_by_their_version(version: str, signed: bytes) -> None:
    forms = signatures.configured({"scheme": "hubspot"})
    proof = sha256(KEY.encode() + signed + BODY).hexdigest()
    for named in ("v1", "v2"):
        request = came(x_hubspot_signature=proof, x_hubspot_signature_version=named)
        form = next(form for form in forms if form.applies(request))
        assert isinstance(form, Hmac)
        assert fits(form, request) == (named == version)


def test_shopifys_events_are_taken_under_their_own_id() -> None:
    forms = signatures.configured({"scheme": "shopify"})
    proof = base64.b64encode(_raw()).decode()
    request = came(shopify_hmac_sha256=proof, shopify_webhook_id="d-1")
    form = next(form for form in forms if form.applies(request))
    assert isinstance(form, Hmac)
    assert fits(form, request)
    assert form.delivery_id(request).startswith("d-1-")


def test_mailguns_events_of_a_subaccount_fit_the_key_of_the_account_above_it_too() -> None:
    form, *_ = signatures.configured({"scheme": "mailgun"})
    assert isinstance(form, Hmac)
    signed = {"timestamp": "1700000000", "token": "abc", "signature": "ab" * 32}
    assert not fits(form, came(json.dumps({"signature": signed}).encode()))
    signed["parent-signature"] = _raw(b"1700000000abc").hex()
    assert fits(form, came(json.dumps({"signature": signed}).encode()))


def test_mailguns_routes_are_forms() -> None:
    forms = signatures.configured({"scheme": "mailgun"})
    fields = {"timestamp": "1700000000", "token": "abc", "signature": _raw(b"1700000000abc").hex()}
    multipart = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    for body, kind in (
        (urlencode(fields), "application/x-www-form-urlencoded"),
        (multipart + "--x--\r\n", "multipart/form-data; boundary=x"),
    ):
        request = came(body.encode(), content_type=kind)
        form = next(form for form in forms if form.applies(request))
        assert isinstance(form, Hmac)
        assert fits(form, request)


# The secret as people paste it


@pytest.mark.parametrize(
    "pasted",
    [
        '"s"',
        "'s'",
        "\ufeffs",
        '{"WEBHOOK_SECRET": "s"}',
        '{"api_key":"s","username":"u"}',
        "[\"'s'\"]",
        '{"secret":"s"}',
    ],
)
def test_a_secret_is_found_as_it_was_pasted(pasted: str) -> None:
    assert secret.parse(pasted)[0] == ("s",)


@pytest.mark.parametrize("pasted", ['{"a":"s"}', '{"secret_1":"s","secret_2":"t"}', '{"verify_token":"s"}', '""'])
def test_what_could_be_another_thing_is_no_secret(pasted: str) -> None:
    assert secret.parse(pasted)[0] == ()


def test_a_standard_key_may_be_pasted_with_its_version() -> None:
    scheme = Hmac(header="x-sig", key="base64")
    assert scheme.signature("v1,whsec_c2VjcmV0", b"x") == scheme.signature("c2VjcmV0", b"x") != b""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not filled in"),
        ("[]", "not filled in"),
        ('[""]', "not filled in"),
        ("[1]", "something else than texts"),
        ('{"a":"s","b":"t"}', "nothing is clearly it"),
        ('{"secret_1":"s","secret_2":"t"}', "nothing is clearly it"),
    ],
)
def test_a_secret_without_a_value_has_its_reason(text: str, reason: str) -> None:
    assert secret.parse(text)[0] == ()
    assert reason in secret.fault(text)


@pytest.mark.parametrize(
    ("given", "signed"),
    [(b"user:p@ss", "user:p%40ss"), (b"user:", "user"), (b"user:", "user:"), (b"user:p@ss", "user:p@ss")],
)
def test_credentials_count_as_they_are_written_in_the_url(given: bytes, signed: str) -> None:
    scheme = Hmac(header="x-sig", signed="{url}.{body}", public_url="https://hooks.example.com/in")
    signature = _raw(f"https://{signed}@hooks.example.com:443/in.".encode() + BODY).hex()
    assert fits(scheme, came(x_sig=signature, authorization="Basic " + base64.b64encode(given).decode()))
