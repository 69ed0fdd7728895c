"""What a `process` may make of a webhook: its document, several in its place, or nothing."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from nami_runtime import batch, contents
from nami_runtime.documents import Document, Processed
from nami_runtime.results import Away
from tests.unit.runtime.conftest import Context, sqs_event
from tests.unit.runtime.test_backend import message


class Store:
    """Knows repeats by their ids; `fails` and `away` are those of documents that it does not take."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.order: list[str] = []
        self.fails: set[str] = set()
        self.away: set[str] = set()
        self.together: list[int] = []

    def write(self, documents: Sequence[Document], deadline: float) -> list[str]:
        self.together.append(len(documents))
        return [self._put(each) for each in documents]

    def _put(self, document: Document) -> str:
        key = str(document["_id"])
        if key in self.fails:
            return "refused"
        if key in self.away:
            return Away("away")
        if key in self.documents:
            return "duplicate"
        self.documents[key] = document
        self.order.append(key)
        return "stored"


@pytest.fixture
def store() -> Store:
    return Store()


def lines(document: Document) -> Processed:
    return [{**document, "body": line} for line in document["body"]["lines"]]


def order(key: str = "evt_1", *numbers: int) -> str:
    return message(key, json.dumps({"lines": numbers or [1, 2, 3]}))


def in_order(*messages: str, group: str = "one") -> dict[str, Any]:
    event = sqs_event(*messages)
    for record in event["Records"]:
        record["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:nami.fifo"
        record["attributes"] = {**record["attributes"], "MessageGroupId": group}
    return event


def failed(response: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]


def test_webhook_of_which_nothing_is_left_is_done_counted_and_logged(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sqs_event(message("evt_1"), message("evt_2"))
    response = batch.drain(event, Context(), lambda each: None if each["_id"] == "evt_1" else each, store)
    assert (failed(response), store.order) == ([], ["evt_2"])
    line = json.loads(capsys.readouterr().out)
    assert (line["dropped"], line["Dropped"], line["Stored"], line["level"]) == (["evt_1"], 1, 1, "INFO")


def test_empty_list_drops_as_well(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    batch.drain(sqs_event(message("evt_1")), Context(), lambda each: [], store)
    assert json.loads(capsys.readouterr().out)["dropped"] == ["evt_1"]


def test_batch_that_drops_nothing_says_nothing_of_it(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    batch.drain(sqs_event(message("evt_1")), Context(), lambda each: each, store)
    assert "ropped" not in capsys.readouterr().out


def test_each_document_of_a_list_is_stored_under_an_id_by_its_place(store: Store) -> None:
    batch.drain(sqs_event(order("evt_1", 7, 8)), Context(), lines, store)
    assert {key: each["body"] for key, each in store.documents.items()} == {"evt_1~1": 7, "evt_1~2": 8}


def test_each_document_of_a_list_names_its_webhook(store: Store) -> None:
    batch.drain(sqs_event(message()), Context(), lambda each: [each, {**each, "_id": "mine"}], store)
    assert [each["part_of"] for each in store.documents.values()] == ["evt_1", "evt_1"]


def test_document_of_a_list_keeps_an_id_of_its_own(store: Store) -> None:
    batch.drain(sqs_event(message()), Context(), lambda each: [each, {**each, "_id": "mine"}], store)
    assert store.order == ["evt_1~1", "mine"]


def test_repeat_of_a_webhook_stores_none_of_its_documents_again(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        batch.drain(sqs_event(order()), Context(), lines, store)
    assert store.order == ["evt_1~1", "evt_1~2", "evt_1~3"]
    assert json.loads(capsys.readouterr().out.splitlines()[1])["duplicates"] == store.order


def test_where_one_document_fails_the_webhook_is_tried_again_and_the_others_are_duplicates(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.fails = {"evt_1~2"}
    assert failed(batch.drain(sqs_event(order(), message("evt_2")), Context(), _lines_or_one, store)) == ["m0"]
    store.fails = set()
    assert failed(batch.drain(sqs_event(order()), Context(), lines, store)) == []
    again = json.loads(capsys.readouterr().out.splitlines()[1])
    assert (again["stored"], again["duplicates"]) == (["evt_1~2"], ["evt_1~1", "evt_1~3"])


def _lines_or_one(document: Document) -> Processed:
    return lines(document) if "lines" in document["body"] else document


@pytest.mark.parametrize("away", ["evt_1~1", "evt_1~3"])
def test_webhook_of_which_one_document_waits_and_one_fails_is_in_the_queue_once(store: Store, away: str) -> None:
    store.fails, store.away = {"evt_1~2"}, {away}
    assert failed(batch.drain(sqs_event(order()), Context(), lines, store)) == ["m0"]


def test_documents_of_an_ordered_webhook_are_written_one_after_the_other(store: Store) -> None:
    batch.drain(in_order(order("evt_1"), message("evt_2")), Context(), _lines_or_one, store)
    assert store.order == ["evt_1~1", "evt_1~2", "evt_1~3", "evt_2"]
    assert store.together == [1, 1, 1, 1]


def test_in_order_nothing_overtakes_a_document_that_fails(store: Store) -> None:
    store.fails = {"evt_1~2"}
    response = batch.drain(in_order(order("evt_1"), message("evt_2")), Context(), _lines_or_one, store)
    assert (store.order, failed(response)) == (["evt_1~1"], ["m0", "m1"])


def test_documents_of_one_webhook_fit_the_memory_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_MEMORY", 10_000)
    batch.drain(sqs_event(order("evt_1", *range(9))), Context(), lines, store)
    assert len(store.order) == 9
    assert max(store.together) < 3


@pytest.mark.parametrize("made", ["text", 1, {}, [{"body": 1}], ["a"], ({"_id": "a"},)], ids=repr)
def test_what_is_no_document_fails_that_webhook_and_the_log_says_why(
    store: Store, made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sqs_event(message("evt_1"), message("evt_2"))
    response = batch.drain(event, Context(), lambda each: made if each["_id"] == "evt_1" else each, store)
    assert (failed(response), store.order) == (["m0"], ["evt_2"])
    assert "process must return the document with its _id, a list of such, or None" in capsys.readouterr().out


def test_two_documents_with_one_id_fail_the_webhook(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    response = batch.drain(sqs_event(message()), Context(), lambda each: [{**each, "_id": "a"}] * 2, store)
    assert (failed(response), store.order) == (["m0"], [])
    assert "an _id of its own" in capsys.readouterr().out
