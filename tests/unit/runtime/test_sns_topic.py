"""A topic of SNS as a destination, against a server that speaks its protocol."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_runtime import entries, envelope
from nami_runtime.destinations import sns
from nami_runtime.request import Request
from tests.unit.runtime.conftest import Context, FakeAws, built, load_handler, sqs_event
from tests.unit.runtime.test_dynamodb import message

TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders"
FILTERED = "MessageAttributes.entry.{}.Value.StringValue"
Function = Callable[..., dict[str, Any]]


@pytest.fixture
def post_queue(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setenv("DESTINATION", "sns")
    monkeypatch.setenv("TOPIC_ARN", TOPIC)
    monkeypatch.setattr(entries, "_PAUSE_SECONDS", 0.01)
    cloud.topics.add(TOPIC)
    return lambda event, seconds=30.0: load_handler("post_queue").handler(event, Context(seconds))


def request(body: bytes | str, **more: Any) -> Request:
    more = {"headers": {"x-shopify-topic": "orders/create"}, "request_id": "evt_1"} | more
    return Request("POST", "/nami/shopify", "a=1", body=body, source_ip="192.0.2.1", **more)


def written(body: bytes | str, **more: Any) -> str:
    return envelope.write(request(body, **more), "shopify").decode()


def fresh(key: str = "evt_1") -> str:
    """One that may wait in the queue."""
    return message(key, received_at=int(time.time() * 1000))


def asked(cloud: FakeAws) -> list[dict[str, str]]:
    return [dict(parse_qsl(body.decode())) for _, _, headers, body in cloud.requests if "form" in str(headers)]


def sizes(cloud: FakeAws) -> list[int]:
    return [sum(name.endswith(".Message") for name in each) for each in asked(cloud)]


def ids(cloud: FakeAws) -> list[str]:
    return [json.loads(each["Message"])["id"] for each in cloud.published]


@pytest.mark.parametrize(
    "body",
    ['{"total": 19.90}', b"\xff\x00", b"", "ü \ufffe \x01 &=+%".encode(), b"a=1&b=2", b'{"a":'],
    ids=["json", "binary", "empty", "odd", "form", "broken"],
)
def test_message_is_the_envelope_as_it_lay_in_the_queue(
    cloud: FakeAws, post_queue: Function, body: bytes | str
) -> None:
    sent = written(body)
    assert post_queue(sqs_event(sent)) == {"batchItemFailures": []}
    assert [each["Message"] for each in cloud.published] == [sent]


_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(st.one_of(st.binary(max_size=40), _text), _text, st.dictionaries(_text, _text, max_size=3), st.booleans())
@settings(max_examples=100)
def test_document_has_all_that_its_envelope_is_made_of(
    body: bytes | str, query: str, headers: dict[str, str], is_bound: bool
) -> None:
    came = Request("PUT", "/nami/shopify", query, headers=headers, body=body, request_id="r-1", source_ip="::1")
    came.delivery_id, came.id_is_bound = "evt_1", is_bound
    sent = envelope.write(came, "shopify")
    delivery = sns._delivery(built(envelope.read(sent.decode())))
    assert envelope.write(delivery, "shopify") == sent


def test_what_another_body_may_come_under_and_what_is_replayed_stays_told(cloud: FakeAws, post_queue: Function) -> None:
    bound = request("{}")
    bound.delivery_id, bound.verified = "evt_9", "stripe"
    sent = envelope.write(bound, "shopify", replayed_at=1_790_000_000_123).decode()
    post_queue(sqs_event(sent))
    assert [each["Message"] for each in cloud.published] == [sent]


def test_filter_policies_can_ask_for_subscription_and_type(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(written("{}"), message("evt_2")))
    typed, bare = cloud.published
    names = [typed[f"MessageAttributes.entry.{place}.Name"] for place in (1, 2)]
    assert (names, [typed[FILTERED.format(place)] for place in (1, 2)]) == (
        ["subscription", "type"],
        ["shopify", "orders/create"],
    )
    assert (bare[FILTERED.format(1)], FILTERED.format(2) in bare) == ("shopify", False)


@pytest.mark.parametrize("kind", ["a\x01", "x" * 129])
def test_type_that_sns_or_nobody_takes_is_left_out(cloud: FakeAws, post_queue: Function, kind: str) -> None:
    post_queue(sqs_event(message(body=json.dumps({"type": kind}))))
    assert FILTERED.format(2) not in cloud.published[0]


def test_request_is_what_aws_own_library_writes(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_BY", "$.order")
    post_queue(sqs_event(written('{"order": "ü 7"}')))
    (ours,) = asked(cloud)
    (entry,) = cloud.published
    attribute = {"DataType": "String"}
    boto3.client("sns", endpoint_url=cloud.url, region_name="eu-central-1").publish_batch(
        TopicArn=TOPIC,
        PublishBatchRequestEntries=[
            {
                **{name: entry[name] for name in ("Id", "Message", "MessageGroupId", "MessageDeduplicationId")},
                "MessageAttributes": {
                    "subscription": {**attribute, "StringValue": "shopify"},
                    "type": {**attribute, "StringValue": "orders/create"},
                },
            }
        ],
    )
    assert asked(cloud)[1] == ours


def test_batch_goes_in_requests_of_ten(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(*[message(f"evt_{number}") for number in range(25)]))
    assert sizes(cloud) == [10, 10, 5]
    assert len(set(ids(cloud))) == 25


def test_request_holds_no_more_than_sns_takes(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(*[message(f"evt_{number}", json.dumps("x" * 100_000)) for number in range(3)]))
    assert (sizes(cloud), len(cloud.published)) == ([2, 1], 3)


def test_body_that_no_message_holds_lies_in_the_bucket(cloud: FakeAws, post_queue: Function) -> None:
    body = json.dumps("x" * 300_000)
    assert post_queue(sqs_event(written(body), message("evt_2"))) == {"batchItemFailures": []}
    delivery = envelope.read(cloud.published[0]["Message"])
    assert delivery.body_ref
    delivery.load(cloud.objects[f"/{delivery.body_ref['bucket']}/{delivery.body_ref['key']}"])
    assert (delivery.body, delivery.body_ref["key"].partition("/")[0]) == (body.encode(), "shopify")
    assert ids(cloud) == ["evt_1", "evt_2"]


def test_body_that_the_bucket_does_not_take_waits(cloud: FakeAws, post_queue: Function) -> None:
    cloud.answer = lambda service, action: (500, b"") if (service, action) == ("s3", "PUT") else None
    sent = message(body=json.dumps("x" * 300_000), received_at=int(time.time() * 1000))
    assert post_queue(sqs_event(sent)) == {"batchItemFailures": []}
    assert (cloud.messages, cloud.published) == ([sent], [])


def refused(code: str, status: int = 400) -> tuple[int, bytes]:
    return status, f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>".encode()


@pytest.mark.parametrize(
    "fault",
    [(500, b""), refused("AuthorizationError", 403), refused("NotFound", 404), refused("KMSAccessDenied"), (200, b"")],
    ids=["500", "rights", "topic", "key", "nothing"],
)
def test_what_sns_refuses_costs_no_webhook_a_try(
    cloud: FakeAws, post_queue: Function, fault: tuple[int, bytes]
) -> None:
    cloud.answer = lambda service, _: fault if service == "sns" else None
    sent = [fresh(), fresh("evt_2")]
    assert post_queue(sqs_event(*sent)) == {"batchItemFailures": []}
    assert (cloud.messages, cloud.published) == (sent, [])
    cloud.answer = lambda _service, _action: None
    post_queue(sqs_event(*cloud.messages))
    assert ids(cloud) == ["evt_1", "evt_2"]


def answering(cloud: FakeAws, *answers: list[str]) -> None:
    """PublishBatch answers with these codes of its entries, an empty one for those that it takes; then as usual."""
    waiting = list(answers)

    def answer(service: str, _: str) -> tuple[int, bytes] | None:
        if service != "sns" or not waiting:
            return None
        coded = [(index, code) for index, code in enumerate(waiting.pop(0))]
        failed = [f"<member><Code>{code}</Code><Id>{index}</Id></member>" for index, code in coded if code]
        taken = [f"<member><MessageId>1</MessageId><Id>{index}</Id></member>" for index, code in coded if not code]
        return 200, f"<Failed>{''.join(failed)}</Failed><Successful>{''.join(taken)}</Successful>".encode()

    cloud.answer = answer


def test_message_that_sns_is_too_busy_for_is_tried_alone(cloud: FakeAws, post_queue: Function) -> None:
    answering(cloud, ["", "Throttled", ""])
    assert post_queue(sqs_event(message(), message("evt_2"), message("evt_3"))) == {"batchItemFailures": []}
    assert (sizes(cloud), ids(cloud), cloud.messages) == ([3, 1], ["evt_2"], [])


def test_message_that_is_refused_fails_alone(cloud: FakeAws, post_queue: Function) -> None:
    answering(cloud, ["", "InvalidParameter"])
    assert post_queue(sqs_event(message(), message("evt_2"))) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_request_that_is_refused_goes_one_by_one(cloud: FakeAws, post_queue: Function) -> None:
    cloud.answer = lambda service, _: (
        refused("InvalidParameter") if service == "sns" and len(asked(cloud)) == 1 else None
    )
    assert post_queue(sqs_event(message(), message("evt_2"))) == {"batchItemFailures": []}
    assert sizes(cloud) == [2, 1, 1]


def test_in_order_a_message_has_its_group_and_one_name_for_all_its_tries(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_BY", "x-order-id")
    first, other = (written(body, headers={"x-order-id": "7"}) for body in ("1", "2"))
    again = json.dumps({**json.loads(first), "replayed_at": 1_790_000_000_123})
    for each in (first, first, other, again):
        post_queue(sqs_event(each))
    assert {each["MessageGroupId"] for each in cloud.published} == {"7"}
    names = [each["MessageDeduplicationId"] for each in cloud.published]
    assert (names[0] == names[1], len(set(names))) == (True, 3)
