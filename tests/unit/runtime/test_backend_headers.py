"""What is sent to a backend beside the webhook: its own method, headers from a secret, and a signature or none."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import added_headers, secret
from tests.backend.server import Backend
from tests.unit.runtime.conftest import FakeAws, sqs_event
from tests.unit.runtime.test_backend import FAILED, backend, message, noted, only, post_queue

__all__ = ["backend", "post_queue"]

Function = Callable[..., dict[str, Any]]
HEADERS_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:headers"


@pytest.fixture
def added(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Fills the secret of the headers."""
    monkeypatch.setenv("BACKEND_HEADERS_SECRET_ARN", HEADERS_ARN)
    return lambda text: cloud.secrets.__setitem__(HEADERS_ARN, text)


Added = Callable[[str], None]


def recent(key: str = "evt_1", **fields: Any) -> str:
    """One that may wait, because the queue has just got it."""
    return message(key, received_at=int(time.time() * 1000), **fields)


def test_method_of_the_settings_takes_the_place_of_the_webhooks(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_METHOD", "PUT")
    post_queue(sqs_event(message(method="GET", body="")))
    request = only(backend)
    assert (request.method, request.headers["content-length"]) == ("PUT", "0")


def test_headers_of_the_secret_are_sent(backend: Backend, post_queue: Function, added: Added) -> None:
    added('{"Authorization": "Bearer abc", "x-tenant": " smörgås "}')
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    headers = only(backend).headers
    assert headers["authorization"] == "Bearer abc"
    assert headers["x-tenant"].encode("latin-1").decode() == "smörgås"


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_header_of_the_secret_takes_the_place_of_the_producers(
    backend: Backend, post_queue: Function, added: Added, name: str
) -> None:
    added(json.dumps({name: "Bearer ours"}))
    post_queue(sqs_event(message(headers={"authorization": "Bearer theirs", "connection": "authorization"})))
    assert only(backend).headers["authorization"] == "Bearer ours"


def test_producer_can_not_send_a_header_of_the_secret_where_a_server_reads_both_characters_as_one(
    backend: Backend, post_queue: Function, added: Added
) -> None:
    added('{"x-api-key": "ours"}')
    post_queue(sqs_event(message(headers={"x_api_key": "theirs"})))
    assert "x_api_key" not in only(backend).headers


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no headers"),
        ("Bearer s3cret", "holds no headers"),
        ("{}", "holds no headers"),
        ("[" * 60_000, "holds no headers"),
        ('["s3cret"]', "holds no headers"),
        ('{"s3cret:": "authorization"}', "a name that is none of a header, at place 1"),
        ('{"x-a": "1", "": "s3cret"}', "a name that is none of a header, at place 2"),
        ('{"x-a\\r\\nx-b": "s3cret"}', "a name that is none of a header, at place 1"),
        ('{"authorization": "s3cret\\r\\nx-injected: 1"}', "a value that is no text of one line, at place 1"),
        ('{"authorization": "s3cret\\u0000"}', "a value that is no text of one line, at place 1"),
        ('{"authorization": "s3cret\\ud800"}', "a value that is no text of one line, at place 1"),
        ('{"authorization": " "}', "a value that is no text of one line, at place 1"),
        ('{"authorization": ["s3cret"]}', "a value that is no text of one line, at place 1"),
        ('{"Authorization": "s3cret", "authorization": "s3cret"}', "sets a header twice, again at place 2"),
        ('{"x-key": "s3cret", "x_key": "s3cret"}', "sets a header twice, again at place 2"),
        ('{"Host": "s3cret"}', "sets host, which is of the connection or of nami; leave it out"),
        ('{"Transfer_Encoding": "s3cret"}', "sets transfer_encoding, which is"),
        ('{"webhook-signature": "s3cret"}', "sets webhook-signature, which is"),
        ('{"nami-attempt": "s3cret"}', "sets nami-attempt, which is"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_bad_secret_of_headers_holds_webhooks_back_for_one_reason_that_does_not_quote_it(
    backend: Backend,
    post_queue: Function,
    added: Added,
    capsys: pytest.CaptureFixture[str],
    text: str,
    told: str,
) -> None:
    added(text)
    assert post_queue(sqs_event(recent(), recent("evt_2"))) == {"batchItemFailures": []}
    assert backend.received == []
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["failed"] == []
    assert line["away"]["webhooks"] == 2
    assert line["away"]["reason"].startswith("backend away: the secret of its headers ")
    assert told in line["away"]["reason"]
    assert "s3cret" not in str(line)


def test_headers_that_can_not_be_read_hold_webhooks_back(
    cloud: FakeAws, backend: Backend, post_queue: Function, added: Added
) -> None:
    added('{"x-a": "1"}')
    cloud.answer = lambda service, _: (400, b'{"__type":"AccessDenied"}') if service == "secretsmanager" else None
    assert post_queue(sqs_event(message())) == FAILED
    assert backend.received == []


@pytest.mark.parametrize("status", ["401", "403"])
def test_headers_that_have_changed_cost_a_webhook_no_try(
    cloud: FakeAws, post_queue: Function, added: Added, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr(secret, "RECHECK_SECONDS", 0.0)
    added('{"x-key": "old"}')

    def rotate(service: str, _: str) -> None:
        if service == "DynamoDB":  # the note of the try, so after the request
            added('{"x-key": "new"}')

    cloud.answer = rotate
    queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/nami-shopify"
    assert post_queue(sqs_event(recent(headers={"backend-status": status}))) == {"batchItemFailures": []}
    assert [to for to, _ in cloud.sent_on] == [queue]  # as a new message, which has all its tries


def test_refusal_of_headers_that_have_not_changed_is_a_failed_try(
    cloud: FakeAws, post_queue: Function, added: Added, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "RECHECK_SECONDS", 0.0)
    added('{"x-key": "same"}')
    assert post_queue(sqs_event(message(headers={"backend-status": "401"}))) == FAILED
    assert cloud.sent_on == []
    assert noted(cloud)["reason"] == "backend: HTTP 401"


def test_headers_values_are_neither_noted_nor_logged(
    cloud: FakeAws, post_queue: Function, added: Added, capsys: pytest.CaptureFixture[str]
) -> None:
    added('{"authorization": "Bearer s3cret"}')
    post_queue(sqs_event(message(headers={"backend-status": "500"}), message("evt_2")))
    assert "s3cret" not in str(cloud.tables) + capsys.readouterr().out


@pytest.mark.parametrize(
    "echo", ["Bearer s3cret-of-ours", "no such token: s3cret-of-ours", "x" * 2032 + "s3cret-of-ours"]
)
def test_value_that_the_backend_repeats_is_not_noted(
    cloud: FakeAws, post_queue: Function, added: Added, echo: str
) -> None:
    added('{"authorization": "Bearer s3cret-of-ours", "x-tenant": "shop"}')
    post_queue(sqs_event(message(headers={"backend-answer": f"shop {echo}"})))
    answer = noted(cloud)["answer"]
    assert answer.startswith("shop ")
    assert "s3cret" not in answer


def test_headers_are_parsed_by_their_lower_case_names() -> None:
    assert added_headers.parse('\ufeff{"X-Key": "1"}\n') == {"x-key": "1"}


def test_without_a_key_webhooks_are_not_signed_and_the_producers_signature_goes_through(
    cloud: FakeAws, backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKEND_SECRET_ARN")
    theirs = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,abc"}
    post_queue(sqs_event(message(headers=theirs)))
    headers = only(backend).headers
    assert {name: headers[name] for name in theirs} == theirs
    assert headers["nami-delivery-id"] == "evt_1"
    assert cloud.secret_reads == 0


def test_secret_of_headers_may_not_sign_even_where_nami_does_not(
    backend: Backend, post_queue: Function, added: Added, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKEND_SECRET_ARN")
    added('{"webhook-signature": "v1,abc"}')
    assert post_queue(sqs_event(message())) == FAILED
    assert backend.received == []


def test_signature_stays_where_headers_are_added(backend: Backend, post_queue: Function, added: Added) -> None:
    added('{"x-a": "1"}')
    post_queue(sqs_event(message()))
    assert only(backend).headers["webhook-signature"].startswith("v1,")
