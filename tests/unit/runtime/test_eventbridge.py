"""EventBridge as a destination, against a server that speaks its protocol."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import entries, events
from tests.unit.runtime.conftest import Context, FakeAws, load_handler, sqs_event
from tests.unit.runtime.test_dynamodb import message

Function = Callable[..., dict[str, Any]]


@pytest.fixture
def post_queue(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setenv("DESTINATION", "eventbridge")
    monkeypatch.setenv("EVENT_BUS", "orders")
    monkeypatch.setenv("EVENTS_TABLE", "events")
    monkeypatch.setattr(entries, "_PAUSE_SECONDS", 0.01)
    cloud.buses.add("orders")
    return lambda event, seconds=30.0: load_handler("post_queue").handler(event, Context(seconds))


def fresh(key: str = "evt_1") -> str:
    """One that may wait in the queue."""
    return message(key, received_at=int(time.time() * 1000))


def details(cloud: FakeAws) -> list[dict[str, Any]]:
    return [json.loads(event["Detail"]) for event in cloud.events]


def calls(cloud: FakeAws, action: str) -> list[dict[str, Any]]:
    return [
        json.loads(body) for _, _, headers, body in cloud.requests if headers.get("x-amz-target", "").endswith(action)
    ]


def test_webhook_becomes_an_event(cloud: FakeAws, post_queue: Function) -> None:
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    (event,) = cloud.events
    assert (event["EventBusName"], event["Source"], event["DetailType"]) == ("orders", "nami.shopify", "webhook")
    assert event["Time"] == 1_790_000_000.123
    detail = json.loads(event["Detail"])
    assert (detail["id"], detail["body"], detail["received_at"]) == (
        "evt_1",
        {"total": 19.9},
        "2026-09-21T14:13:20.123Z",
    )
    assert "raw" not in detail


def test_exact_bytes_are_there_where_the_body_could_not_be_read(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(body='{"total": ')))
    (detail,) = details(cloud)
    assert (detail["body"], detail["body_format"], detail["raw"]) == (None, "raw", "eyJ0b3RhbCI6IA==")


def test_batch_goes_in_requests_of_ten(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(*[message(f"evt_{number}") for number in range(25)]))
    assert [len(call["Entries"]) for call in calls(cloud, "PutEvents")] == [10, 10, 5]
    assert len(cloud.events) == 25


def test_repeat_is_one_event_and_told_as_a_duplicate(
    cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    post_queue(sqs_event(message()))
    assert post_queue(sqs_event(message(), attempts=2)) == {"batchItemFailures": []}
    assert len(cloud.events) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["duplicates"] == ["evt_1"]


def test_same_id_twice_in_one_batch_is_one_event(cloud: FakeAws, post_queue: Function) -> None:
    assert post_queue(sqs_event(*[message()] * 12)) == {"batchItemFailures": []}
    assert len(cloud.events) == 1


def test_try_that_ended_before_its_note_is_made_again_under_the_same_id(cloud: FakeAws, post_queue: Function) -> None:
    cloud.answer = lambda service, action: (500, b"") if action == "BatchWriteItem" else None
    post_queue(sqs_event(message()), seconds=5)
    cloud.answer = lambda service, action: None
    post_queue(sqs_event(message(), attempts=2))
    assert [detail["id"] for detail in details(cloud)] == ["evt_1", "evt_1"]


def test_bus_that_is_not_there_takes_nothing(cloud: FakeAws, post_queue: Function) -> None:
    cloud.buses.clear()
    sent = fresh()
    post_queue(sqs_event(sent))
    assert calls(cloud, "PutEvents") == []
    assert cloud.messages == [sent]  # it waits in the queue, and that was no try


def test_what_was_put_while_the_bus_went_away_is_put_again(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message()))
    cloud.answer = lambda _, action: cloud.buses.discard("orders") if action == "PutEvents" else None
    sent = fresh("evt_2")
    assert post_queue(sqs_event(sent)) == {"batchItemFailures": []}
    assert ([detail["id"] for detail in details(cloud)], cloud.messages) == (["evt_1"], [sent])
    cloud.answer = lambda _service, _action: None
    cloud.buses.add("orders")
    post_queue(sqs_event(sent))
    assert [detail["id"] for detail in details(cloud)] == ["evt_1", "evt_2"]


def test_too_many_looks_say_nothing_of_a_bus_that_was_there(cloud: FakeAws, post_queue: Function) -> None:
    throttled = (400, b'{"__type":"ThrottlingException"}')
    cloud.answer = lambda _, action: throttled if action == "DescribeEventBus" and calls(cloud, "PutEvents") else None
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    assert (len(cloud.events), cloud.messages) == (1, [])


def test_what_waited_for_the_bus_is_put_once_it_is_there(cloud: FakeAws, post_queue: Function) -> None:
    cloud.buses.clear()
    post_queue(sqs_event(fresh()))
    cloud.buses.add("orders")
    post_queue(sqs_event(*cloud.messages))
    assert [detail["id"] for detail in details(cloud)] == ["evt_1"]


@pytest.mark.parametrize("fault", [(500, b""), (400, b'{"__type":"AccessDeniedException"}')])
@pytest.mark.parametrize("action", ["PutEvents", "DescribeEventBus", "PutItem"])
def test_what_eventbridge_or_the_table_refuse_costs_no_webhook_a_try(
    cloud: FakeAws, post_queue: Function, action: str, fault: tuple[int, bytes]
) -> None:
    cloud.answer = lambda _, asked: fault if asked == action else None
    sent = [fresh(), fresh("evt_2")]
    assert post_queue(sqs_event(*sent)) == {"batchItemFailures": []}
    assert (cloud.messages, cloud.events) == (sent, [])
    cloud.answer = lambda _service, _action: None
    post_queue(sqs_event(*cloud.messages))
    assert [detail["id"] for detail in details(cloud)] == ["evt_1", "evt_2"]


def test_bus_of_another_account_is_not_looked_at(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = "arn:aws:events:eu-central-1:210987654321:event-bus/orders"
    cloud.buses.add(bus)
    monkeypatch.setenv("EVENT_BUS", bus)
    monkeypatch.setenv("EVENT_BUS_IS_ANOTHERS", "1")
    post_queue(sqs_event(message()))
    assert ([event["EventBusName"] for event in cloud.events], calls(cloud, "DescribeEventBus")) == ([bus], [])


def answering(cloud: FakeAws, *answers: list[str]) -> None:
    """PutEvents answers with these codes of its entries, an empty one for those that it takes, and then as usual."""
    waiting = list(answers)

    def answer(_: str, action: str) -> tuple[int, bytes] | None:
        if action != "PutEvents" or not waiting:
            return None
        said = [{"ErrorCode": code} if code else {"EventId": "1"} for code in waiting.pop(0)]
        return 200, json.dumps({"Entries": said}).encode()

    cloud.answer = answer


def test_entry_that_eventbridge_is_too_busy_for_is_tried_alone(cloud: FakeAws, post_queue: Function) -> None:
    answering(cloud, ["", "ThrottlingException", ""], ["InternalFailure"])
    assert post_queue(sqs_event(message(), message("evt_2"), message("evt_3"))) == {"batchItemFailures": []}
    assert [len(call["Entries"]) for call in calls(cloud, "PutEvents")] == [3, 1, 1]
    assert [detail["id"] for detail in details(cloud)] == ["evt_2"]
    assert cloud.messages == []


def test_entry_that_is_refused_fails_alone(cloud: FakeAws, post_queue: Function) -> None:
    answering(cloud, ["", "MalformedDetail"])
    assert post_queue(sqs_event(message(), message("evt_2"))) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_request_that_is_refused_goes_one_by_one(cloud: FakeAws, post_queue: Function) -> None:
    cloud.answer = lambda _, action: (
        (400, b'{"__type":"ValidationException"}')
        if action == "PutEvents" and len(calls(cloud, "PutEvents")) == 1
        else None
    )
    assert post_queue(sqs_event(message(), message("evt_2"))) == {"batchItemFailures": []}
    assert [len(call["Entries"]) for call in calls(cloud, "PutEvents")] == [2, 1, 1]


def test_body_that_no_event_holds_lies_in_the_bucket(cloud: FakeAws, post_queue: Function) -> None:
    body = json.dumps({"text": "x" * 1_100_000})
    envelope = json.loads(message(body=""))
    envelope["body"] = body
    assert post_queue(sqs_event(json.dumps(envelope), message("evt_2"))) == {"batchItemFailures": []}
    (small,) = [detail for detail in details(cloud) if detail["id"] == "evt_2"]
    assert "body_ref" not in small
    (detail,) = [detail for detail in details(cloud) if detail["id"] == "evt_1"]
    reference = detail["body_ref"]
    assert cloud.objects[f"/{reference['bucket']}/{reference['key']}"] == body.encode()
    assert (reference["size"], detail["body"]) == (len(body), None)


def test_region_that_takes_less_gets_it_by_reference(cloud: FakeAws, post_queue: Function) -> None:
    cloud.event_bytes = 262_144
    large = [message(f"evt_{number}", json.dumps({"text": "x" * 200_000})) for number in range(3)]
    larger = message("evt_3", json.dumps({"text": "x" * 300_000}))
    assert post_queue(sqs_event(*large, larger)) == {"batchItemFailures": []}
    assert {detail["id"]: "body_ref" in detail for detail in details(cloud)} == {
        **{"evt_0": False, "evt_1": False, "evt_2": False},
        "evt_3": True,
    }


def test_type_that_is_too_long_is_shortened_since_it_would_be_lost(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(body=json.dumps({"type": "x" * 200}))))
    assert [len(event["DetailType"]) for event in cloud.events] == [128]


def test_what_no_event_holds_is_changed_and_noted(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(body='{"id": 99999999999999999999, "near": 9223372036854775807, "is": 1.5}')))
    (detail,) = details(cloud)
    assert detail["body"] == {"id": "99999999999999999999", "near": 9223372036854775807, "is": 1.5}
    assert detail["body_changes"] == [{"at": "body.id", "why": "a number out of range, its digits as a text"}]


@pytest.mark.parametrize(
    ("provider", "headers", "body", "told"),
    [
        ("shopify", {"x-shopify-topic": "orders/create"}, {"id": 1}, "orders/create"),
        ("github", {"x-github-event": "push"}, {"type": "other"}, "push"),
        ("stripe", {}, {"type": "invoice.paid"}, "invoice.paid"),
        ("jira", {}, {"webhookEvent": "jira:issue_created"}, "jira:issue_created"),
        ("slack", {}, {"type": "event_callback", "event": {"type": "app_mention"}}, "app_mention"),
        ("lemon-squeezy", {}, {"meta": {"event_name": "order_created"}}, "order_created"),
        (None, {}, {"event": "order.created"}, "order.created"),
        (None, {}, {"type": 7, "event": {"type": "nested"}}, "webhook"),
        (None, {}, [{"type": "one of many"}], "webhook"),
        (None, {}, None, "webhook"),
    ],
)
def test_type_is_what_the_provider_calls_it(
    provider: str | None, headers: dict[str, str], body: object, told: str
) -> None:
    assert events.type_of(provider, headers, body) == told
