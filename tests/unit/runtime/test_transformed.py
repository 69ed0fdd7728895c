"""What becomes of a transform's result with each kind of destination that takes one."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from nami_runtime import documents, rows
from nami_runtime.destinations import http as backend_module
from nami_runtime.documents import TRANSFORMED
from tests.backend.server import Backend
from tests.unit.runtime import test_backend, test_eventbridge, test_postgres
from tests.unit.runtime.conftest import Context, FakeAws, Postgres, load_handler, sqs_event
from tests.unit.runtime.test_backend import message

backend, to_backend = test_backend.backend, test_backend.post_queue
to_bus = test_eventbridge.post_queue
Function = Callable[..., dict[str, Any]]
TEXT = '{"order": body.id, "key": id}'
AT = datetime(2026, 9, 21, tzinfo=UTC)


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, Any]]]:
    """The post-queue function with a transform, started once."""
    started: list[Any] = []

    def handle(*messages: str, transform: str = TEXT) -> dict[str, Any]:
        if not started:
            monkeypatch.setenv("TRANSFORM", transform)
            started.append(load_handler("post_queue"))
        response: dict[str, Any] = started[0].handler(sqs_event(*messages), Context())
        return response

    yield handle
    for module in started:
        module.destination._transform.close()


def order(key: str = "evt_1", number: object = 7, **fields: Any) -> str:
    return message(key, json.dumps({"id": number}), **fields)


def test_backend_gets_the_result_as_json_under_the_webhooks_id(
    to_backend: Function, backend: Backend, handler: Function
) -> None:
    headers = {"content-type": "application/vnd.api+json", "content-md5": "x", "x-topic": "orders"}
    assert handler(order(headers=headers))["batchItemFailures"] == []
    (request,) = backend.received
    assert request.body == b'{"order":7,"key":"evt_1"}'
    assert (request.headers["content-type"], request.headers["content-length"]) == ("application/json", "25")
    assert (request.headers["x-topic"], request.headers["webhook-id"]) == ("orders", "evt_1")
    assert "content-md5" not in request.headers


def test_producer_can_not_take_the_type_of_the_result_away(
    to_backend: Function, backend: Backend, handler: Function
) -> None:
    handler(order(headers={"connection": "content-type", "content-type": "text/plain"}))
    (request,) = backend.received
    assert request.headers["content-type"] == "application/json"


def test_type_that_the_backend_asks_for_is_the_one_it_gets(
    to_backend: Function, backend: Backend, handler: Function, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_HEADERS_SECRET_ARN", "headers")
    cloud.secrets["headers"] = '{"content-type": "application/vnd.shop+json"}'
    handler(order())
    (request,) = backend.received
    assert request.headers["content-type"] == "application/vnd.shop+json"


def test_backend_is_told_who_we_are_by_the_bytes_that_it_gets(
    to_backend: Function, backend: Backend, handler: Function
) -> None:
    handler(order())
    (request,) = backend.received
    key = backend_module.key_of(test_backend.KEY)
    signature = backend_module.sign(key, "evt_1", request.headers["webhook-timestamp"], request.body)
    assert request.headers["webhook-signature"] == signature


def test_repeat_and_other_content_are_told_apart_by_what_came(
    to_backend: Function, backend: Backend, handler: Function, cloud: FakeAws
) -> None:
    for number in (1, 1, 2):  # in one batch they would race for the id
        handler(order(number=number, id_may_repeat=True), transform='"same"')
    other = hashlib.sha256(b'{"id": 2}').hexdigest()[:32]
    assert sorted(each.delivery_id for each in backend.received) == ["evt_1", "evt_1", f"evt_1~{other}"]


def test_event_has_the_result_as_its_detail_and_its_type_by_what_came(
    to_bus: Function, cloud: FakeAws, handler: Function
) -> None:
    handler(order(headers={"x-github-event": "push"}))
    (event,) = cloud.events
    assert json.loads(event["Detail"]) == {"order": 7, "key": "evt_1"}
    assert (event["DetailType"], event["Source"]) == ("push", "nami.shopify")


def test_repeat_is_one_event_whatever_the_transform_makes_of_it(
    to_bus: Function, cloud: FakeAws, handler: Function
) -> None:
    handler(order(), transform='{"n": $random()}')
    assert handler(order()) == {"batchItemFailures": []}
    assert len(cloud.events) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("body.id", "transform: its result is no object, as the detail of an event must be"),
        ('{"a": $pad("", 300000)}', "transform: its result has 300"),
    ],
    ids=["no object", "too long"],
)
def test_result_that_is_no_event_fails_that_webhook(
    to_bus: Function, cloud: FakeAws, handler: Function, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    cloud.event_bytes = 256_000  # as in some regions
    assert handler(order(), transform=text)["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    (failed,) = json.loads(capsys.readouterr().out.splitlines()[-1])["failed"]
    assert failed["reason"].startswith(reason)


def test_number_that_no_event_holds_is_its_digits(to_bus: Function, cloud: FakeAws, handler: Function) -> None:
    handler(order(number=2**64), transform='{"n": body.id}')
    assert test_eventbridge.details(cloud)[0]["n"] == str(2**64)


def test_row_has_the_result_as_its_body_and_the_bytes_that_came(
    cloud: FakeAws, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, handler: Function
) -> None:
    monkeypatch.setenv("DESTINATION", "postgres")
    monkeypatch.setenv("POSTGRES_SECRET_ARN", test_postgres.POSTGRES_SECRET)
    handler(order(), order("evt_2", "a\0b"))
    asked = postgres.ask("SELECT id, body, raw, body_format, more FROM webhooks ORDER BY id")
    assert asked == [
        ("evt_1", {"order": 7, "key": "evt_1"}, b'{"id": 7}', "json", None),
        ("evt_2", {"order": "a\\u0000b", "key": "evt_2"}, b'{"id": "a\\u0000b"}', "json", None),
    ]


def test_row_without_a_body_has_no_result_either() -> None:
    document = {"_id": "a", "subscription": "s", "received_at": AT, "stored_at": AT, TRANSFORMED: "1"}
    row = rows.of(documents.without_body(document, "refused"))
    assert row[list(rows.COLUMNS).index("body")] is None
    assert row[list(rows.COLUMNS).index("more")] is None
