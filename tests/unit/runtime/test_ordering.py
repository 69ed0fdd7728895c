"""Which group a webhook belongs to, and that no failure lets a later one of its group overtake."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import batch, ordering
from nami_runtime.request import GatewayRequest
from nami_runtime.results import Later
from tests.unit.runtime.conftest import Context, FakeAws, http_event, sqs_event

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def group_of(body: object, order_by: str, **event: Any) -> object:
    request = GatewayRequest(http_event(json.dumps(body).encode(), **event))
    return ordering.send_parameters(request, order_by)["MessageGroupId"]


@pytest.mark.parametrize(
    ("order_by", "group"),
    [
        ("$.id", "7"),
        ("$.order.id", "A-1"),
        ("$.items[1].sku", "second"),
        ("$.paid", "true"),
        ("$.price", "19.9"),
        ("x-order", "h1"),
        ("X-Order", "h1"),
    ],
)
def test_group_is_the_value_of_the_field(order_by: str, group: str) -> None:
    body = {
        "id": 7,
        "order": {"id": "A-1"},
        "items": [{"sku": "first"}, {"sku": "second"}],
        "paid": True,
        "price": 19.9,
    }
    assert group_of(body, order_by, headers={"X-Order": "h1"}) == group


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": ""}, {"id": {}}, {"id": [1]}, [], "id", 7])
def test_delivery_without_the_field_is_a_group_of_its_own(body: object) -> None:
    assert group_of(body, "$.id", request_id="first=") == "first="
    assert group_of(body, "$.id", request_id="second=") == "second="


def test_body_that_is_no_json_is_a_group_of_its_own() -> None:
    request = GatewayRequest(http_event(b"id=7", request_id="r1"))
    assert ordering.send_parameters(request, "$.id")["MessageGroupId"] == "r1"


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_any_value_becomes_what_sqs_takes_and_equal_values_stay_equal(one: str, other: str) -> None:
    groups = [str(group_of({"id": value}, "$.id")) for value in (one, other)]
    assert all(re.fullmatch(r"[!-~]{1,128}", group) for group in groups)
    assert (groups[0] == groups[1]) == (one == other)


def test_deduplication_id_is_the_producers_id_and_not_the_requests() -> None:
    request = GatewayRequest(http_event(request_id="r1"))
    request.delivery_id, request.id_is_bound = "evt_1", True
    assert ordering.send_parameters(request, "$.id")["MessageDeduplicationId"] == "evt_1"


def test_deduplication_id_is_hashed_where_it_is_too_long() -> None:
    request = GatewayRequest(http_event(request_id="r" * 129))
    digest = ordering.send_parameters(request, "$.id")["MessageDeduplicationId"]
    assert digest == hashlib.sha256(b"r" * 129).hexdigest()


def test_pre_queue_function_sends_group_and_deduplication_id(
    pre_queue: Handler, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_BY", "$.id")
    assert pre_queue(http_event(b'{"id": 12}', request_id="r1"))["statusCode"] == 200
    sent = json.loads(cloud.requests[0][3])
    assert (sent["MessageGroupId"], sent["MessageDeduplicationId"]) == ("12", "r1")


class Store:
    """A destination that notes what it gets and refuses some ids."""

    def __init__(self, refused: set[str]) -> None:
        self.refused = refused
        self.bulks: list[list[str]] = []

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        self.bulks.append([document["_id"] for document in documents])
        return ["refused" if document["_id"] in self.refused else "stored" for document in documents]

    @property
    def stored(self) -> Iterator[str]:
        return (key for bulk in self.bulks for key in bulk if key not in self.refused)


def fifo_batch(*ids: str, attempts: int = 1) -> dict[str, Any]:
    """Deliveries such as "a1" of the group "a", in this order."""
    envelope = {
        **{"v": 1, "subscription": "shopify", "received_at": 0, "method": "POST", "path": "/", "query": ""},
        **{"headers": {}, "source_ip": "", "verified": None, "body": ""},
    }
    event = sqs_event(*(json.dumps({**envelope, "id": key}) for key in ids), attempts=attempts)
    for record, key in zip(event["Records"], ids, strict=True):
        record["eventSourceARN"] += ".fifo"
        record["messageId"] = key
        record["attributes"] = {**record["attributes"], "MessageGroupId": key[0]}
    return event


def drained(event: dict[str, Any], store: Store, process: Any = lambda document: document) -> list[str]:
    """Ids of those that must be delivered again."""
    return [item["itemIdentifier"] for item in batch.drain(event, Context(), process, store)["batchItemFailures"]]


def test_groups_are_written_side_by_side_each_in_its_order() -> None:
    store = Store(set())
    assert drained(fifo_batch("a1", "a2", "b1", "a3", "b2"), store) == []
    assert store.bulks == [["a1", "b1"], ["a2", "b2"], ["a3"]]


def test_failure_stops_its_group_and_no_other() -> None:
    store = Store({"a2"})
    assert drained(fifo_batch("a1", "a2", "b1", "a3", "b2", "a4"), store) == ["a2", "a3", "a4"]
    assert list(store.stored) == ["a1", "b1", "b2"]


def test_group_waits_no_longer_than_the_one_that_failed_asks(cloud: FakeAws) -> None:
    """SQS gives out none of a group while one of it is hidden, the held back ones included."""

    class Busy(Store):
        def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
            return [Later(said, 7) if said == "refused" else said for said in super().write(documents, deadline)]

    event = fifo_batch("a1", "b1", "a2", "b2", "a3")
    for record in event["Records"]:
        record["receiptHandle"] = record["messageId"]
    assert drained(event, Busy({"a1"})) == ["a1", "a2", "a3"]
    assert cloud.hidden_for == {"a1": 7, "a2": 7, "a3": 7}


def test_own_processing_does_not_see_what_is_held_back() -> None:
    seen = []

    def process(document: dict[str, Any]) -> dict[str, Any]:
        seen.append(document["_id"])
        if document["_id"] == "a1":
            raise ValueError("no")
        return document

    assert drained(fifo_batch("a1", "a2", "b1"), Store(set()), process) == ["a1", "a2"]
    assert seen == ["a1", "b1"]


def test_standard_queue_is_written_in_one_bulk_whatever_its_groups() -> None:
    event = fifo_batch("a1", "a2", "b1")
    for record in event["Records"]:
        record["eventSourceARN"] = record["eventSourceARN"].removesuffix(".fifo")
    store = Store({"a1"})
    assert drained(event, store) == ["a1"]
    assert store.bulks == [["a1", "a2", "b1"]]


@given(st.lists(st.sampled_from("abc"), max_size=10), st.sets(st.integers(0, 9)))
def test_every_record_is_stored_or_reported_and_what_is_stored_is_a_groups_beginning(
    groups: list[str], refused: set[int]
) -> None:
    ids = [f"{group}{number}" for number, group in enumerate(groups)]
    store = Store({ids[number] for number in refused if number < len(ids)})
    again = drained(fifo_batch(*ids), store)
    assert sorted([*store.stored, *again]) == sorted(ids)
    for group in "abc":
        own = [key for key in ids if key[0] == group]
        stored = [key for key in store.stored if key[0] == group]
        assert stored == own[: len(stored)]
