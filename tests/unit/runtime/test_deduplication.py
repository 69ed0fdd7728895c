"""`deduplicate_by`: which webhooks are one, by fields of the user's choice, whatever the scheme."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import deduplication, direct, envelope, ordering, signatures
from nami_runtime.request import GatewayRequest
from tests.unit.runtime.conftest import SIGNATURE_SECRET, FakeAws, Mongo, http_event, sqs_event

Handler = Callable[..., dict[str, Any]]
BY = "body:payload.id,body:event"
FORM = "application/x-www-form-urlencoded"


def body(**fields: object) -> bytes:
    """As documenso sends it: its time differs at each try."""
    return json.dumps(
        {"event": "DOCUMENT_SIGNED", "payload": {"id": 7}, "createdAt": time.time_ns(), **fields}
    ).encode()


@pytest.fixture
def post(pre_queue: Handler, signed_by: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Sends a webhook and returns the id that its message has."""

    def send(
        content: bytes, by: str, scheme: str | None = None, headers: dict[str, str] | None = None, **more: Any
    ) -> str:
        monkeypatch.setenv("DEDUPLICATE_BY", by)
        options = more.pop("options", {})
        if scheme:
            signed_by(scheme, "s", **options)
        if scheme == "none":
            monkeypatch.delenv("SIGNATURE_SECRET_ARN")
        answer = pre_queue(http_event(content, headers=headers, **more))
        assert answer["statusCode"] == 200, answer
        return str(answer["headers"]["nami-delivery-id"])

    return send


def hub(content: bytes) -> dict[str, str]:
    return {"x-sig": hmac.digest(b"s", content, "sha256").hex()}


def test_tries_that_differ_in_a_timestamp_are_one_where_the_secret_comes_with_them(post: Callable[..., str]) -> None:
    options, headers = {"header": "x-documenso-secret"}, {"X-Documenso-Secret": "s"}
    ids = [post(body(), BY, "token", headers, options=options, request_id=f"r{number}=") for number in range(2)]
    assert ids == ["7,DOCUMENT_SIGNED"] * 2


def test_tries_that_differ_in_a_timestamp_are_one_where_the_fields_are_signed(post: Callable[..., str]) -> None:
    contents = [body(), body()]
    assert contents[0] != contents[1]
    assert {post(each, BY, "hmac", hub(each), options={"header": "x-sig"}) for each in contents} == {
        "7,DOCUMENT_SIGNED"
    }


def test_it_counts_in_place_of_the_providers_id(post: Callable[..., str]) -> None:
    content = b'{"id":"evt_1","data":{"object":{"id":"ch_1"}}}'
    now = int(time.time())
    signature = hmac.digest(b"s", b"%d." % now + content, "sha256").hex()
    headers = {"stripe-signature": f"t={now},v1={signature}"}
    assert post(content, "body:data.object.id", "stripe", headers) == "ch_1"


def test_a_header_that_is_not_signed_is_bound_to_the_content(post: Callable[..., str]) -> None:
    one, two = (
        post(each, "X-Event-Id", "hmac", {**hub(each), "x-event-id": "e1"}, options={"header": "x-sig"})
        for each in (b'{"n":1}', b'{"n":2}')
    )
    assert one != two
    assert one.startswith("e1-")


def test_a_header_that_the_signature_covers_counts_as_it_is(post: Callable[..., str]) -> None:
    content = b"{}"
    signature = hmac.digest(b"s", b"e1." + content, "sha256").hex()
    options = {"header": "x-sig", "signed": "{x-event-id}.{body}"}
    assert post(content, "X-Event-Id", "hmac", {"x-sig": signature, "x-event-id": "e1"}, options=options) == "e1"


@pytest.mark.parametrize("scheme", [None, "none"])
def test_without_a_signature_the_content_is_part_of_it(post: Callable[..., str], scheme: str | None) -> None:
    ids = [post(content, BY, scheme, request_id=f"r{n}=") for n, content in enumerate([body(n=1), body(n=2)])]
    assert ids[0] != ids[1]
    assert all(each.startswith("7,DOCUMENT_SIGNED-") for each in ids)


def test_the_same_bytes_are_one_without_a_signature(post: Callable[..., str]) -> None:
    content = body()
    assert len({post(content, BY, request_id=f"r{number}=") for number in range(2)}) == 1


@pytest.mark.parametrize("content", [b'{"event":"e"}', b'{"event":"e","payload":{"id":""}}', b"no json", b"", b"[]"])
def test_what_has_not_all_of_the_fields_is_a_delivery_of_its_own(post: Callable[..., str], content: bytes) -> None:
    assert post(content, BY, "hmac", hub(content), options={"header": "x-sig"}, request_id="r1=") == "r1="


def test_a_form_has_fields_too(post: Callable[..., str]) -> None:
    content = b"txn_id=61E67681CH3238416&payment_status=Completed&x=%E9"
    headers = {**hub(content), "content-type": FORM}
    found = post(content, "body:txn_id,body:payment_status", "hmac", headers, options={"header": "x-sig"})
    assert found == "61E67681CH3238416,Completed"


def test_a_form_of_too_many_fields_is_a_delivery_of_its_own(post: Callable[..., str]) -> None:
    content = b"a=1&" * 2000
    assert post(content, "body:a", headers={"content-type": FORM}, request_id="r1=") == "r1="


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2), st.lists(st.text(min_size=1), min_size=2, max_size=2))
def test_equal_ids_are_of_equal_values(one: list[str], other: list[str]) -> None:
    def id_of(values: list[str]) -> str:
        content = json.dumps(dict(zip("ab", values, strict=True))).encode()
        request = GatewayRequest(http_event(content))
        request.proven_by = signatures.configured({"scheme": "hmac", "header": "x-sig"})[0]
        deduplication.apply(request, "body:a,body:b")
        return request.delivery_id

    ids = [id_of(values) for values in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)
    assert all(each.isascii() and each.isprintable() and 0 < len(each) <= 128 for each in ids)


def test_two_that_are_one_are_one_to_a_fifo_queue_and_in_the_store_whatever_their_bytes(
    mongo: Mongo, post_queue: Handler
) -> None:
    requests = [GatewayRequest(http_event(body(n=n), headers={"content-type": "application/json"})) for n in (1, 2)]
    for request in requests:
        request.proven_by = signatures.configured({"scheme": "token"})[0]
        deduplication.apply(request, BY)
    assert len({ordering.send_parameters(each, "$.event")["MessageDeduplicationId"] for each in requests}) == 1
    post_queue(sqs_event(*[envelope.write(each, "shopify").decode() for each in requests]))
    assert list(mongo.documents()) == ["7,DOCUMENT_SIGNED"]


def test_it_holds_where_the_gateway_queues_by_itself(
    mongo: Mongo, post_queue: Handler, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "QUARANTINE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/quarantine",
        "SIGNATURE": '{"scheme": "shopify"}',
        "SIGNATURE_SECRET_ARN": SIGNATURE_SECRET,
        "DEDUPLICATE_BY": BY,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(direct, "_verification", None)
    cloud.secrets[SIGNATURE_SECRET] = "s"
    messages = []
    for number in range(2):
        content = body()
        signature = base64.b64encode(hmac.digest(b"s", content, hashlib.sha256)).decode()
        request = GatewayRequest(
            http_event(content, headers={"x-shopify-hmac-sha256": signature}, request_id=f"r{number}=")
        )
        messages.append(envelope.write(request, "shopify").decode())
    assert post_queue(sqs_event(*messages)) == {"batchItemFailures": []}
    assert list(mongo.documents()) == ["7,DOCUMENT_SIGNED"]
