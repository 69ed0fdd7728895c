"""What a producer gets back, and what is on the queue then."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import envelope, intake, request
from nami_stack.settings import PipelineSettings
from tests.unit.runtime.conftest import EVENTS, FakeAws, http_event

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def test_a_webhook_is_on_the_queue_before_it_is_answered_with_200(pre_queue: Handler, cloud: FakeAws) -> None:
    answer = pre_queue(json.loads((EVENTS / "http_api_post.json").read_text()))
    assert answer["statusCode"] == 200
    assert answer["headers"]["nami-delivery-id"] == "JKJaXmPLvHcESHA="
    assert json.loads(cloud.messages[0]) == {
        "v": 1,
        "id": "JKJaXmPLvHcESHA=",
        "subscription": "shopify",
        "received_at": 1700000000000,
        "method": "POST",
        "path": "/nami/shopify",
        "query": "",
        "headers": json.loads((EVENTS / "http_api_post.json").read_text())["headers"],
        "source_ip": "203.0.113.7",
        "verified": None,
        "body": '{"id":820982911946154508,"email":"jon@example.com"}',
    }


def test_the_queues_name_is_sent_and_nothing_beside_the_message(pre_queue: Handler, cloud: FakeAws) -> None:
    pre_queue(http_event())
    sent = json.loads(cloud.requests[0][3])
    assert sent.keys() == {"QueueUrl", "MessageBody"}
    assert sent["QueueUrl"].endswith("/123456789012/nami-shopify")


@pytest.mark.parametrize(
    "refusal",
    [
        (500, b"{}"),
        (503, b""),
        (400, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}'),
        (403, b'{"__type":"AccessDeniedException"}'),
        (429, b'{"__type":"ThrottlingException"}'),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"MessageId":"m-1","MD5OfMessageBody":"0123"}'),
        (200, b'{"MD5OfMessageBody":"0123"}'),
        (302, b""),
    ],
)
def test_without_the_queues_confirmation_the_producer_is_told_to_retry(
    pre_queue: Handler, cloud: FakeAws, refusal: tuple[int, bytes]
) -> None:
    cloud.answer = lambda service, action: refusal
    answer = pre_queue(http_event())
    assert answer["statusCode"] == 503
    assert int(answer["headers"]["retry-after"]) > 0


def test_the_queue_is_given_up_before_the_shortest_timeout_that_a_function_can_have() -> None:
    (shortest,) = [
        rule.ge for rule in PipelineSettings.model_fields["pre_queue_timeout"].metadata if hasattr(rule, "ge")
    ]
    assert shortest > intake.DEADLINE_SECONDS


def test_confirmation_without_the_messages_id_is_none(pre_queue: Handler, cloud: FakeAws) -> None:
    def without_id(_service: str, _action: str) -> tuple[int, bytes]:
        message = json.loads(cloud.requests[-1][3])["MessageBody"]
        return 200, json.dumps({"MD5OfMessageBody": hashlib.md5(message.encode()).hexdigest()}).encode()

    cloud.answer = without_id
    assert pre_queue(http_event())["statusCode"] == 503


def test_an_error_of_the_queue_that_passes_is_not_the_producers_business(pre_queue: Handler, cloud: FakeAws) -> None:
    answers = iter([(500, b"{}"), None])
    cloud.answer = lambda service, action: next(answers)
    assert pre_queue(http_event())["statusCode"] == 200
    assert len(cloud.messages) == 1


def test_without_a_queue_to_reach_the_producer_is_told_to_retry(pre_queue: Handler, cloud: FakeAws) -> None:
    cloud.close()
    assert pre_queue(http_event())["statusCode"] == 503


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"requestContext": None}, 400),
        ({"requestContext": {"http": {"method": "POST"}}}, 400),
        ({"body": "@@@", "isBase64Encoded": True}, 400),
        ({"body": "YQ", "isBase64Encoded": True}, 400),
        ({"body": "\ud800", "isBase64Encoded": False}, 400),
        ({"body": 7, "isBase64Encoded": False}, 400),
        ({"body": [7], "isBase64Encoded": False}, 400),
        ({"body": {"a": 7}, "isBase64Encoded": False}, 400),
        ({"headers": {"a": 7}}, 400),
        ({"headers": ["a"]}, 400),
        ({"body": "a" * (6 * 1024 * 1024 + 1), "isBase64Encoded": False}, 413),
        ({"body": base64.b64encode(b"a" * (6 * 1024 * 1024 + 1)).decode(), "isBase64Encoded": True}, 413),
    ],
)
def test_what_can_not_be_read_is_refused_and_not_queued(
    pre_queue: Handler, cloud: FakeAws, change: dict[str, Any], status: int
) -> None:
    assert pre_queue({**http_event(), **change})["statusCode"] == status
    assert cloud.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        "{'key': 'värde'}".encode(),
        b"\x00\x01\x1f\x7f",
        bytes(range(256)),
        "\ufffe\uffff\U0001fffe".encode(),
        b"\xff\xfe{}",
        b"\xed\xa0\x80",
        "\U0001f4e6".encode() * 1000,
    ],
)
def test_any_body_reaches_the_queue_byte_for_byte_in_characters_that_it_takes(
    pre_queue: Handler, cloud: FakeAws, body: bytes
) -> None:
    assert pre_queue(http_event(body))["statusCode"] == 200
    assert envelope.read(cloud.messages[0]).body == body
    assert all(map(_sqs_takes, cloud.messages[0]))


def _sqs_takes(character: str) -> bool:
    code = ord(character)
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def test_headers_that_the_queue_does_not_take_are_escaped(pre_queue: Handler, cloud: FakeAws) -> None:
    assert pre_queue(http_event(headers={"x-odd": "\uffff\ud800"}))["statusCode"] == 200
    assert envelope.read(cloud.messages[0]).headers == {"x-odd": "\uffff\ud800"}
    assert cloud.messages[0].isascii()


def test_cookies_are_kept_as_the_header_they_were(pre_queue: Handler, cloud: FakeAws) -> None:
    pre_queue({**http_event(), "cookies": ["a=1", "b=2"]})
    assert envelope.read(cloud.messages[0]).headers["cookie"] == "a=1; b=2"


def test_success_status_and_body_are_settings(pre_queue: Handler, cloud: FakeAws, monkeypatch: Any) -> None:
    monkeypatch.setenv("SUCCESS_STATUS", "202")
    monkeypatch.setenv("SUCCESS_BODY", "<Response/>")
    answer = pre_queue(http_event())
    assert (answer["statusCode"], answer["body"]) == (202, "<Response/>")


def test_204_has_no_body(pre_queue: Handler, cloud: FakeAws, monkeypatch: Any) -> None:
    monkeypatch.setenv("SUCCESS_STATUS", "204")
    answer = pre_queue(http_event())
    assert answer == {"statusCode": 204, "headers": {"nami-delivery-id": "JKJaXmPLvHcESHA="}}
    assert len(cloud.messages) == 1


def test_one_log_line_per_request_names_the_id_and_neither_body_nor_header(
    pre_queue: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    pre_queue(http_event(b'{"card":"4242"}', headers={"authorization": "hunter2"}))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0]).items() >= {"id": "JKJaXmPLvHcESHA=", "status": 200, "bytes": 15}.items()
    assert "4242" not in lines[0]
    assert "hunter2" not in lines[0]


def test_the_log_line_names_the_gateways_request_id_where_the_delivery_has_another(
    pre_queue: Handler, signed_by: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    signed_by("token", "open sesame", header="x-token", id="x-id")
    pre_queue(http_event(headers={"x-token": "open sesame", "x-id": "evt_1"}))
    line = json.loads(capsys.readouterr().out)
    assert line["id"].startswith("evt_1-")
    assert line["request"] == "JKJaXmPLvHcESHA="


def test_a_fault_in_the_users_own_check_queues_nothing_and_quotes_nothing(
    cloud: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(request: intake.Request) -> dict[str, Any]:
        raise KeyError("hunter2")

    assert intake.answer(http_event(), broken)["statusCode"] == 503
    assert cloud.messages == []
    assert "hunter2" not in capsys.readouterr().out


# The start


def test_a_prepared_function_opens_nothing_more_at_its_first_request(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None]
) -> None:
    signed_by("token", "t")
    intake.prepare()
    opened, reads = cloud.connections, cloud.secret_reads
    assert (opened, reads) == (2, 1)
    assert pre_queue(http_event(headers={"authorization": "t"}))["statusCode"] == 200
    assert (cloud.connections, cloud.secret_reads) == (opened, reads)


def test_what_can_not_be_prepared_is_left_to_the_first_request(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    signed_by("token", "t")
    cloud.answer = lambda service, action: (500, b"{}")
    intake.prepare()
    assert "not prepared" in capsys.readouterr().out
    cloud.answer = lambda service, action: None
    assert pre_queue(http_event(headers={"authorization": "t"}))["statusCode"] == 200


# Claim checks


def test_a_message_of_exactly_one_mebibyte_goes_to_the_queue_itself(pre_queue: Handler, cloud: FakeAws) -> None:
    pre_queue(http_event(b""))
    room = envelope.MAX_BYTES - len(cloud.messages[0].encode())
    assert pre_queue(http_event(b"x" * room))["statusCode"] == 200
    assert len(cloud.messages[1].encode()) == envelope.MAX_BYTES
    assert cloud.objects == {}


def test_one_byte_more_goes_to_s3_and_comes_back_equal(pre_queue: Handler, cloud: FakeAws) -> None:
    pre_queue(http_event(b""))
    body = b"x" * (envelope.MAX_BYTES - len(cloud.messages[0].encode()) + 1)
    assert pre_queue(http_event(body))["statusCode"] == 200
    delivery = envelope.read(cloud.messages[1])
    assert delivery.body_ref
    delivery.load(cloud.objects[f"/{delivery.body_ref['bucket']}/{delivery.body_ref['key']}"])
    assert delivery.body == body


def test_characters_of_several_bytes_count_as_such(pre_queue: Handler, cloud: FakeAws) -> None:
    assert pre_queue(http_event("é".encode() * 600_000))["statusCode"] == 200
    assert len(cloud.objects) == 1


def test_six_megabytes_are_taken(pre_queue: Handler, cloud: FakeAws) -> None:
    assert pre_queue(http_event(b"\xff" * (6 * 1024 * 1024)))["statusCode"] == 200


def test_a_failed_upload_is_503_and_nothing_is_queued(pre_queue: Handler, cloud: FakeAws) -> None:
    cloud.answer = lambda service, action: (500, b"<Error/>") if service == "s3" else None
    assert pre_queue(http_event(b"x" * 2_000_000))["statusCode"] == 503
    assert cloud.messages == []


def test_headers_beyond_the_queues_limit_are_413_and_nothing_is_uploaded(pre_queue: Handler, cloud: FakeAws) -> None:
    assert pre_queue(http_event(headers={"x-flood": "x" * 1_100_000}))["statusCode"] == 413
    assert cloud.objects == {}


def test_without_a_bucket_a_large_message_is_413(pre_queue: Handler, cloud: FakeAws, monkeypatch: Any) -> None:
    monkeypatch.delenv("CLAIM_CHECK_BUCKET")
    assert pre_queue(http_event(b"x" * 2_000_000))["statusCode"] == 413


def test_status_of_an_unavailable_queue_is_a_setting(pre_queue: Handler, cloud: FakeAws, monkeypatch: Any) -> None:
    monkeypatch.setenv("UNAVAILABLE_STATUS", "500")
    monkeypatch.setenv("QUEUE_URL", "")
    answer = pre_queue(http_event())
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (500, "30")


def test_status_of_an_unproven_sender_is_a_setting(cloud: FakeAws, monkeypatch: Any) -> None:
    def unproven(request: intake.Request) -> dict[str, Any]:
        raise intake.Refused(401, "wrong signature")

    monkeypatch.setenv("UNAUTHORIZED_STATUS", "403")
    assert intake.answer(http_event(), unproven)["statusCode"] == 403


def test_what_a_stranger_sends_is_not_parsed_where_it_holds_too_many_values(
    pre_queue: Callable[[dict[str, Any]], dict[str, Any]], signed_by: Callable[..., None]
) -> None:
    """Its 6 MB would take 200 MB of the function's 256."""
    signed_by("mailgun", "s")
    body = b'{"signature":{"signature":"0","timestamp":"1","token":"t"},"x":[' + b"{}," * 1_900_000 + b"1]}"
    received = request.GatewayRequest(http_event(body))
    assert received.json() is None
    assert pre_queue(http_event(body))["statusCode"] == 401


def test_large_json_of_ordinary_values_is_parsed_before_its_signature_is_known() -> None:
    orders = b"[" + b'{"id":820982911946,"total_price":"409.94","currency":"EUR"},' * 100_000 + b"1]"
    assert len(request.GatewayRequest(http_event(orders)).json()) == 100_001
