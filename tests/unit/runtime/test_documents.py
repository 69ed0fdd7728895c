"""What becomes of a body: parsed where it can be, and its bytes beside it in any case."""

import datetime
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import aws, bodies, contents, documents, envelope
from nami_runtime.request import GatewayRequest
from tests.unit.runtime.conftest import built, http_event


def _delivery(body: bytes, content_type: str = "", **parts: Any) -> envelope.Delivery:
    request = GatewayRequest(http_event(body, headers={"content-type": content_type} if content_type else {}, **parts))
    return envelope.read(envelope.write(request, "shopify").decode())


def _document(body: bytes, content_type: str = "") -> documents.Document:
    return built(_delivery(body, content_type), attempts=2)


def test_a_document_has_every_field_of_the_contract() -> None:
    document = _document(b'{"a":[1,2.5,null,true]}', "application/json; charset=utf-8")
    assert document.pop("stored_at") - datetime.datetime.now(datetime.UTC) < datetime.timedelta(seconds=5)
    assert document == {
        "_id": "JKJaXmPLvHcESHA=",
        "subscription": "shopify",
        "received_at": datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.UTC),
        "method": "POST",
        "path": "/nami/shopify",
        "query": "",
        "headers": {"content-type": "application/json; charset=utf-8"},
        "content_type": "application/json; charset=utf-8",
        "body": {"a": [1, 2.5, None, True]},
        "body_format": "json",
        "raw": b'{"a":[1,2.5,null,true]}',
        "source_ip": "203.0.113.7",
        "verified": None,
        "message_id": "m-1",
        "attempts": 2,
    }


@pytest.mark.parametrize(
    ("body", "content_type", "form", "parsed"),
    [
        (b'{"a":1}', "application/json", "json", {"a": 1}),
        (b'{"a":1}', "Application/JSON", "json", {"a": 1}),
        (b"[]", "application/vnd.api+json", "json", []),
        (b'"x"', "application/json", "json", "x"),
        (b"\xef\xbb\xbf{}", "application/json", "json", {}),
        (b"a=1&b=%C3%A9&a=2&c=", "application/x-www-form-urlencoded", "form", {"a": ["1", "2"], "b": "é", "c": ""}),
        ("a=é".encode(), "application/x-www-form-urlencoded", "form", {"a": "é"}),
        (b"<a/>", "application/xml", "text", "<a/>"),
        (b"<a/>", "application/atom+xml", "text", "<a/>"),
        ("ü".encode(), "text/plain", "text", "ü"),
        ("ü".encode("latin-1"), "text/plain; charset=iso-8859-1", "text", "ü"),
        (b"\x00\xff", "application/octet-stream", "binary", b"\x00\xff"),
        (b"{}", "application/octet-stream", "binary", b"{}"),
        (b"", "application/json", "empty", None),
        (b"", "", "empty", None),
        (b'{"a":1}', "", "json", {"a": 1}),
        (b"hello", "", "text", "hello"),
        (b"\xff\x00", "", "binary", b"\xff\x00"),
    ],
)
def test_the_declared_type_decides_how_a_body_is_read(
    body: bytes, content_type: str, form: str, parsed: object
) -> None:
    document = _document(body, content_type)
    assert (document["body_format"], document["body"], document["raw"]) == (form, parsed, body)
    assert "body_error" not in document


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b'{"a":', "application/json", "invalid JSON"),
        (b"\xff\xfe\xfd", "application/json", "invalid JSON"),
        (b'{"a":NaN}', "application/json", "NaN is not JSON"),
        (b"[-Infinity]", "application/json", "-Infinity is not JSON"),
        (b"1e9999999999999999999", "application/json", "exponent nothing holds"),
        (b"[" * 101 + b"]" * 101, "application/json", "nested over 100"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "application/json", "nested over 100"),
        # Brackets in texts that would close each one at once, and quotes within texts.
        (b'["]",' * 101 + b"0" + b',"["]' * 101, "application/json", "nested over 100"),
        (b'["\\\\]",' * 101 + b"0" + b',"\\"["]' * 101, "application/json", "nested over 100"),
        (("[" * 101 + "]" * 101).encode("utf-16"), "application/json", "nested over 100"),
        (b"[" * 100_000, "application/json", ""),
        (b"\xff=1", "application/x-www-form-urlencoded", "not UTF-8"),
        (b"a=%FF", "application/x-www-form-urlencoded", "not UTF-8"),
        (b"\xff", "text/plain", "text is not utf-8"),
        (b"x", "text/plain; charset=klingon", "unknown charset"),
        (b"x", 'text/plain; charset="\x00"', ""),
        (b"x", "text/plain; charset=base64", ""),
    ],
)
def test_what_can_not_be_parsed_is_kept_raw_with_the_reason(body: bytes, content_type: str, reason: str) -> None:
    document = _document(body, content_type)
    assert (document["body_format"], document["body"], document["raw"]) == ("raw", None, body)
    assert reason in document["body_error"]
    assert len(document["body_error"]) <= 200


def test_not_each_value_is_looked_at_to_see_that_a_body_is_not_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_deeper_than", None)
    item = {"name": 'a "]" in quotes \\', "tags": ["[", "{}"], "price": {"amount": 1}}
    body = json.dumps({"items": [item] * 200}).encode()
    assert _document(body, "application/json")["body"] == {"items": [item] * 200}


_texts = st.text('"\\[]{}a', max_size=4)


_values = st.recursive(_texts, lambda each: st.lists(each, max_size=3) | st.dictionaries(_texts, each), max_leaves=40)


@given(_values, st.integers(0, 20))
def test_what_is_called_flat_is_not_deep(value: Any, levels: int) -> None:
    for _ in range(levels):
        value = ["]", value, "["]
    flat = bodies._is_flat(json.dumps(value).encode())
    assert flat or bodies._deeper_than(value, bodies._ROUNDS)
    assert not (flat and bodies._deeper_than(value, 2 * bodies._ROUNDS))


def test_a_hundred_levels_are_parsed() -> None:
    body = b"[" * 100 + b"]" * 100
    assert _document(body, "application/json")["body_format"] == "json"
    wide = b"[" + b"[]," * 500 + b"[]]"
    assert _document(wide, "application/json")["body_format"] == "json"


_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_ORDER = (
    b'{"id":820982911946,"created_at":"2026-11-21T11:20:30-05:00","currency":"EUR","email":"jana@example.com",'
    b'"total_price":"409.94","test":false,"note":null,"customer":{"id":115310627314723,"first_name":"Jana"},'
    b'"line_items":[{"id":866550311766,"sku":"IPOD-342-N","title":"A thing with a name","quantity":1,'
    b'"price":"199.00","grams":200,"tax_lines":[{"title":"VAT","price":"1.90","rate":0.19}]}]},'
)


def _filled(value: bytes, size: int = 6_000_000) -> bytes:
    return b"[" + value * (size // len(value)) + b"1]"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (_filled(b"{},"), _JSON, "parsed it would take 314 MB of memory; post_queue_memory=640 is enough"),
        (_filled(b"{},"), "", "parsed it would take 314 MB of memory; post_queue_memory=640 is enough"),
        (_filled(b"[0],"), _JSON, "parsed it would take 200 MB of memory; post_queue_memory=448 is enough"),
        (b"a&" * 3_000_000, _FORM, "parsed it would take 686 MB of memory; post_queue_memory=1280 is enough"),
    ],
)
def test_a_body_that_would_take_too_much_memory_is_kept_raw_with_the_remedy(
    body: bytes, content_type: str, reason: str
) -> None:
    document = _document(body, content_type)
    assert (document["body_format"], document["body"], document["body_error"]) == ("raw", None, reason)
    assert document["raw"] == body


def test_six_megabytes_of_orders_are_parsed_in_the_memory_that_a_function_has_by_default() -> None:
    document = _document(_filled(_ORDER, 6_200_000), _JSON)
    assert (document["body_format"], len(document["body"])) == ("json", 6_200_000 // len(_ORDER) + 1)


def test_a_function_with_more_memory_parses_more(monkeypatch: pytest.MonkeyPatch) -> None:
    body = _filled(b"{},", 100_000)
    monkeypatch.setattr(contents, "MAX_MEMORY", 1_000_000)
    assert _document(body, _JSON)["body_format"] == "raw"
    monkeypatch.setattr(contents, "MAX_MEMORY", 6_000_000)
    assert _document(body, _JSON)["body_format"] == "json"


@pytest.mark.parametrize(
    "value",
    [
        *(b"{},", b"[],", b"[0],", b'{"a":0},', b"0,", b"999,", b"1.5,", b'"",', b'"ab",', b'"abcdef",', b"null,"),
        *('"ab😀",'.encode(), b'"\\ud83d\\ude00abcdefghijklmnopqrstuvwxyz",', _ORDER),
    ],
)
def test_json_takes_no_more_memory_than_was_reckoned(value: bytes) -> None:
    _check_memory(_delivery(_filled(value, 300_000), _JSON))


@pytest.mark.parametrize("body", [b"a&" * 150_000, b"ab=cd&" * 50_000, b"a=" + b"x" * 300_000 + b"%F0%9F%98%80"])
def test_forms_take_no_more_memory_than_was_reckoned(body: bytes) -> None:
    _check_memory(_delivery(body, _FORM))


def test_json_of_many_names_takes_no_more_memory_than_was_reckoned() -> None:
    _check_memory(_delivery(json.dumps(dict.fromkeys(map(str, range(30_000)), 1)).encode(), _JSON))


@pytest.mark.parametrize("text", ["a" * 300_000, "a" * 300_000 + "😀"])
def test_text_takes_no_more_memory_than_was_reckoned(text: str) -> None:
    _check_memory(_delivery(text.encode(), "text/plain"))
    _check_memory(_delivery(json.dumps(text, ensure_ascii=False).encode(), _JSON))


def _check_memory(delivery: envelope.Delivery) -> None:
    tracemalloc.start()
    document = built(delivery)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert document["body_format"] != "raw"
    assert taken <= contents.opened(delivery.body, delivery.headers).memory


@given(st.binary(max_size=300), st.text(max_size=60))
def test_any_body_of_any_type_becomes_a_document_with_its_bytes(body: bytes, content_type: str) -> None:
    document = _document(body, content_type)
    assert document["raw"] == body
    assert document["body_format"] in ("json", "form", "text", "binary", "empty", "raw")
    assert (document["body_format"] == "raw") == ("body_error" in document)


@given(st.binary(max_size=300), st.dictionaries(st.text(), st.text()), st.text(), st.text())
def test_the_envelope_gives_back_what_went_in(body: bytes, headers: dict[str, str], path: str, query: str) -> None:
    request = GatewayRequest(http_event(body, headers=headers, path=path or "/", query=query))
    delivery = envelope.read(envelope.write(request, "shopify").decode())
    assert (delivery.body, delivery.headers, delivery.query) == (body, request.headers, query)
    assert (delivery.delivery_id, delivery.method, delivery.path) == ("JKJaXmPLvHcESHA=", "POST", path or "/")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_body_is_text_in_the_envelope_unless_sqs_refuses_a_character(text: str) -> None:
    event = http_event() | {"body": text, "isBase64Encoded": False}
    message = envelope.write(GatewayRequest(event), "shopify").decode()
    assert json.loads(message)["body"] == text
    assert not {"\ufffe", "\uffff"} & set(message)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_json_string_from_utf8_is_what_json_would_write(text: str) -> None:
    assert aws.quoted(text.encode()).decode() == json.dumps(text, ensure_ascii=False)


_GOOD = json.loads(envelope.write(GatewayRequest(http_event()), "shopify"))


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        '{"v":2}',
        json.dumps({**_GOOD, "v": "1"}),
        json.dumps({**_GOOD, "id": ""}),
        json.dumps({**_GOOD, "id": 7}),
        json.dumps({**_GOOD, "id": "\ud800"}),
        json.dumps({**_GOOD, "subscription": "\ud800"}),
        json.dumps({**_GOOD, "received_at": "now"}),
        json.dumps({**_GOOD, "received_at": True}),
        json.dumps({**_GOOD, "received_at": 2**63}),
        json.dumps({**_GOOD, "received_at": -1}),
        json.dumps({**_GOOD, "replayed_at": 2**63}),
        json.dumps({**_GOOD, "v": True}),
        json.dumps({**_GOOD, "headers": []}),
        json.dumps({**_GOOD, "headers": {"a": 1}}),
        json.dumps({**_GOOD, "body": None}),
        json.dumps({**_GOOD, "body": "@", "base64": True}),
        json.dumps({**_GOOD, "body": "\ud800"}),
        json.dumps({name: value for name, value in _GOOD.items() if name != "body"}),
        "[" * 100_000,
    ],
)
def test_a_message_that_is_no_envelope_is_unreadable(message: str) -> None:
    with pytest.raises(envelope.Unreadable):
        envelope.read(message)


def test_a_claim_checks_content_must_be_what_was_put_there() -> None:
    request = GatewayRequest(http_event(b"abc"))
    reference: dict[str, object] = {"bucket": "b", "key": "k", "size": 3, "sha256": request.body_hash()}
    delivery = envelope.read(envelope.write(request, "shopify", reference).decode())
    delivery.load(b"abc")
    assert delivery.body == b"abc"
    for other in (b"abd", b"abcd", b""):
        with pytest.raises(envelope.Unreadable):
            delivery.load(other)


@pytest.mark.parametrize("charset", ["punycode", "PunyCode", "idna"])
def test_a_charset_whose_decoding_takes_the_square_of_the_length_is_left_out(charset: str) -> None:
    document = _document(b"a-" + b"b" * 10, f"text/plain; charset={charset}")
    assert (document["body_format"], document["raw"]) == ("raw", b"a-" + b"b" * 10)
    assert "unknown charset" in document["body_error"]
