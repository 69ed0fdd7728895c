"""DynamoDB as a destination, against a server that speaks its protocol."""

import base64
import itertools
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime.destinations import dynamodb
from tests.unit.runtime.conftest import Context, FakeAws, load_handler, sqs_event

TABLE = "webhooks"
Function = Callable[..., dict[str, Any]]


def message(key: str = "evt_1", body: str = '{"total": 19.9}', **fields: object) -> str:
    return json.dumps(
        {
            **{"v": 1, "id": key, "subscription": "shopify", "received_at": 1_790_000_000_123, "method": "POST"},
            **{"path": "/nami/shopify", "query": "a=1", "headers": {"content-type": "application/json"}},
            **{"source_ip": "192.0.2.1", "verified": None, "body": body, **fields},
        }
    )


@pytest.fixture
def post_queue(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setenv("DESTINATION", "dynamodb")
    monkeypatch.setenv("DYNAMO_TABLE", TABLE)
    monkeypatch.setenv("DYNAMO_LARGE_ITEMS", "large")
    return lambda event, seconds=30.0: load_handler("post_queue").handler(event, Context(seconds))


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as boto3 reads it: the encoding is checked by another's decoder."""
    binary = {name: {"B": base64.b64decode(v["B"])} if "B" in v else v for name, v in item.items()}
    return {name: TypeDeserializer().deserialize(value) for name, value in binary.items()}


def item(cloud: FakeAws, key: str = "evt_1") -> dict[str, Any]:
    return plain(cloud.tables[TABLE][key])


def test_webhook_becomes_an_item_by_its_id(cloud: FakeAws, post_queue: Function) -> None:
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    stored = item(cloud)
    assert stored["body"] == {"total": Decimal("19.9")}
    assert bytes(stored["raw"]) == b'{"total": 19.9}'
    assert stored["received_at"] == "2026-09-21T14:13:20.123Z"


def test_repeat_is_one_item_with_its_first_stored_at(
    cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    post_queue(sqs_event(message()))
    first = item(cloud)
    assert post_queue(sqs_event(message(), attempts=2)) == {"batchItemFailures": []}
    assert item(cloud) == first
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["duplicates"] == ["evt_1"]


def test_same_id_twice_in_one_batch_is_one_item(cloud: FakeAws, post_queue: Function) -> None:
    assert post_queue(sqs_event(*[message()] * 20)) == {"batchItemFailures": []}
    assert list(cloud.tables[TABLE]) == ["evt_1"]


def test_batch_is_written_over_few_connections(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(*[message(f"evt_{number}") for number in range(100)]))
    assert len(cloud.tables[TABLE]) == 100
    assert cloud.connections <= dynamodb.THREADS


def test_id_of_another_subscriptions_item_is_no_duplicate(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(subscription="jira")))
    assert post_queue(sqs_event(message()))["batchItemFailures"] == [{"itemIdentifier": "m0"}]


def test_throttled_put_is_tried_again(cloud: FakeAws, post_queue: Function) -> None:
    answers = iter([(400, b'{"__type":"x#ThrottlingException"}'), (503, b""), (503, b"")])
    cloud.answer = lambda service, action: next(answers, None)
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    assert "evt_1" in cloud.tables[TABLE]


def test_refused_put_fails_that_webhook_alone(cloud: FakeAws, post_queue: Function) -> None:
    answers = iter([(400, b'{"__type":"x#AccessDeniedException"}')])
    cloud.answer = lambda service, action: next(answers, None)
    assert len(post_queue(sqs_event(message("evt_1"), message("evt_2")))["batchItemFailures"]) == 1
    assert len(cloud.tables[TABLE]) == 1


def test_throttling_without_end_fails_in_time(cloud: FakeAws, post_queue: Function) -> None:
    cloud.answer = lambda service, action: (400, b'{"__type":"ThrottlingException"}')
    assert post_queue(sqs_event(message()), 2.5)["batchItemFailures"] == [{"itemIdentifier": "m0"}]


def test_body_that_no_item_holds_twice_lies_in_the_bucket_and_is_still_parsed(
    cloud: FakeAws, post_queue: Function
) -> None:
    body = json.dumps({"text": "x" * 300_000})
    post_queue(sqs_event(message(body=body)))
    stored = item(cloud)
    reference = stored["body_ref"]
    assert cloud.objects[f"/{reference['bucket']}/{reference['key']}"] == body.encode()
    assert reference["size"] == len(body)
    assert stored["body"]["text"] == "x" * 300_000
    assert "raw" not in stored


def test_body_that_no_item_holds_lies_in_the_bucket_alone(cloud: FakeAws, post_queue: Function) -> None:
    body = json.dumps({"text": "x" * 600_000})
    post_queue(sqs_event(message(body=body)))
    stored = item(cloud)
    assert cloud.objects[f"/large/{stored['body_ref']['key']}"] == body.encode()
    assert (stored["body"], stored["body_error"]) == (None, "over DynamoDB's 400 KB once parsed")


def test_raw_body_lies_in_the_bucket_where_the_parsed_one_turns_out_unfit_late_and_is_changed(
    cloud: FakeAws, post_queue: Function
) -> None:
    body = json.dumps({"text": "x" * 300_000, "number": 1e200})
    assert post_queue(sqs_event(message(body=body))) == {"batchItemFailures": []}
    stored = item(cloud)
    assert cloud.objects[f"/large/{stored['body_ref']['key']}"] == body.encode()
    assert stored["body"] == {"text": "x" * 300_000, "number": "1e+200"}


def test_raw_body_is_kept_where_the_parsed_one_can_not_be_helped(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its size the raw one would lie in the bucket; without the parsed one the item holds it."""
    body = json.dumps({"text": "x" * 300_000})
    handler = load_handler("post_queue")
    handler.process = lambda document: {**document, "body": {**document["body"], "own": {1, 2}}}
    assert handler.handler(sqs_event(message(body=body)), Context()) == {"batchItemFailures": []}
    stored = item(cloud)
    assert bytes(stored["raw"]) == body.encode()
    assert (stored["body"], stored["body_error"]) == (None, "DynamoDB can't hold it: set")
    assert "body_ref" not in stored


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (json.dumps([1] * 300_000), 100),  # over the limit: what is beside the body
        (json.dumps([0] * 90_000), 90_100),  # with its raw bytes over the limit: each value once
    ],
)
def test_nothing_is_encoded_in_vain(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch, body: str, most: int
) -> None:
    encoded, encode = itertools.count(), dynamodb._value
    monkeypatch.setattr(dynamodb, "_value", lambda *given: (next(encoded), encode(*given))[1])
    assert post_queue(sqs_event(message(body=body))) == {"batchItemFailures": []}
    assert "body_ref" in item(cloud)
    assert next(encoded) <= most


def test_what_the_server_alone_refuses_is_kept_raw(cloud: FakeAws, post_queue: Function) -> None:
    answers = iter([(400, b'{"__type":"x#ValidationException"}')])
    cloud.answer = lambda service, action: next(answers, None)
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    assert item(cloud)["body_error"] == "refused by DynamoDB: ValidationException (400)"


def test_item_expires_when_told_so(cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNAMO_TTL_DAYS", "30")
    post_queue(sqs_event(message()))
    left = int(item(cloud)["expires_at"]) - datetime.now(UTC).timestamp()
    assert 29.9 * 86_400 < left <= 30 * 86_400


def test_item_stays_when_not(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message()))
    assert "expires_at" not in item(cloud)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(10**37), 10**37)
    | st.floats(-1e100, 1e100).filter(lambda number: number == 0 or abs(number) > 1e-100),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), children, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_json_reads_back_as_it_was(value: Any) -> None:
    assert plain(dynamodb.encoded({"body": value}))["body"] == in_decimals(value)


def in_decimals(value: Any) -> Any:
    """boto3 reads every number as a Decimal."""
    if isinstance(value, dict):
        return {name: in_decimals(item) for name, item in value.items()}
    if isinstance(value, list):
        return [in_decimals(item) for item in value]
    return Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _most_memory_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    work()
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return taken


def test_what_no_item_holds_is_never_made_into_dynamodbs_json(cloud: FakeAws, post_queue: Function) -> None:
    body = "[" + "0," * 300_000 + "1]"  # 63 MB of objects in DynamoDB's form
    event = sqs_event(message(body=body))
    assert _most_memory_of(lambda: post_queue(event)) < 20_000_000
    assert item(cloud)["body_error"] == "over DynamoDB's 400 KB once parsed"


def test_one_body_at_a_time_is_made_into_dynamodbs_json(cloud: FakeAws, post_queue: Function) -> None:
    body = "[" + '"",' * 40_000 + "1]"  # 9 MB of objects each
    event = sqs_event(*[message(f"evt_{number}", body=body) for number in range(dynamodb.THREADS)])
    cloud.answer = lambda service, action: (200, b"{}")  # read by nobody, who would take memory too
    assert _most_memory_of(lambda: post_queue(event)) < 30_000_000
    assert len(cloud.requests) == dynamodb.THREADS
