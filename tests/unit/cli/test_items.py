"""`nami events` of a DynamoDB table and an HTTP backend: the log says which are the newest, the table what they are."""

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.stub import Stubber
from bson.decimal128 import Decimal128
from typer.testing import CliRunner

from nami_cli import events
from nami_cli.main import app
from nami_control import events as stored
from nami_control import logs
from nami_control.deployment import Deployment, Function
from nami_control.destinations import items
from nami_control.errors import NotFoundError, UsageError
from tests.unit.cli.conftest import sleep_in, target

Stub = Callable[[str], Stubber]
QUEUES = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post"}
DYNAMO = {"DESTINATION": "dynamodb", "DYNAMO_TABLE": "webhooks"}
BACKEND = {"DESTINATION": "http", "BACKEND_ATTEMPTS_TABLE": "tries"}
MINUTE = 60


def deployed(monkeypatch: pytest.MonkeyPatch, *environments: dict[str, str]) -> Deployment:
    prefixes = ["", *(each["DESTINATION"].title() for each in environments[1:])]
    outputs = {f"{prefix}{key}": value for prefix in prefixes for key, value in QUEUES.items()}
    found = Deployment(target(), outputs)
    for number, (each, environment) in enumerate(zip(found.drains, environments, strict=True)):
        each.post_queue = Function("post", environment, f"/logs/{number}")
    monkeypatch.setattr(events, "find", lambda _target: found)
    return found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, dict[str, Any]]]:
    """Batches in the post-queue function's log: how many seconds ago, and what became of them."""
    batches: list[tuple[float, dict[str, Any]]] = []

    def read(
        _aws: object, _groups: object, *, since: float, until: float | None = None, pattern: str = ""
    ) -> Iterator[logs.Line]:
        for number, (ago, batch) in enumerate(batches):
            at = time.time() - ago
            if at >= since and (until is None or at <= until):
                yield logs.Line(int(at * 1000), "post-queue", json.dumps({"message": "batch", **batch}), f"e{number}")

    monkeypatch.setattr(logs, "read", read)
    return batches


def item(delivery_id: str, **fields: dict[str, Any]) -> dict[str, Any]:
    return {"id": {"S": delivery_id}, "subscription": {"S": "shopify"}, **fields}


def holds(aws: Stub, table: str, asked: list[str], *there: dict[str, Any], left: dict[str, Any] | None = None) -> None:
    """The table is asked for these ids, and answers with these items."""
    sort = {"subscription": {"S": "shopify"}} if table == "tries" else {}
    keys = [{"id": {"S": each}, **sort} for each in asked]
    aws("dynamodb").add_response(
        "batch_get_item",
        {"Responses": {table: list(there)}, "UnprocessedKeys": left or {}},
        {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}},
    )


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["events", "shopify", *arguments])


def printed(result: Any) -> list[dict[str, Any]]:
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_newest_items_are_printed_the_newest_last(aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, DYNAMO)
    log += [(3 * MINUTE, {"stored": ["a", "b"]}), (2 * MINUTE, {"stored": ["c"], "duplicates": ["a"]})]
    holds(aws, "webhooks", ["c", "b"], item("b"), item("c"))
    assert [each["_id"] for each in printed(run("--limit", "2", "--json"))] == ["b", "c"]


def test_log_is_read_further_back_where_it_names_too_few(
    aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(monkeypatch, DYNAMO)
    log += [(40 * 86_400, {"stored": ["old"]}), (MINUTE, {"stored": ["new"]})]
    for _ in range(4):
        holds(aws, "webhooks", ["new"], item("new"))
    holds(aws, "webhooks", ["new", "old"], item("old"), item("new"))
    assert [each["_id"] for each in printed(run("--limit", "2", "--json"))] == ["old", "new"]


def test_those_that_are_gone_give_way_to_older_ones(aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, DYNAMO)
    log.append((MINUTE, {"stored": ["a", "b", "c", "d"]}))
    holds(aws, "webhooks", ["d", "c"], item("c"))
    holds(aws, "webhooks", ["b", "a"], item("a"), item("b"))
    assert [each["_id"] for each in printed(run("--limit", "2", "--json"))] == ["b", "c"]


def test_item_reads_like_a_document(aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, DYNAMO)
    fields: dict[str, dict[str, Any]] = {
        "received_at": {"S": "2026-01-31T12:00:00.123Z"},
        "raw": {"B": b'{"n":1}'},
        "body": {"M": {"n": {"N": "1"}, "price": {"N": "19.9"}, "tags": {"L": [{"NULL": True}, {"BOOL": False}]}}},
    }
    holds(aws, "webhooks", ["a"], item("a", **fields))
    (document,) = printed(run("--id", "a", "--json"))
    assert document == {
        "_id": "a",
        "subscription": "shopify",
        "received_at": {"$date": "2026-01-31T12:00:00.123Z"},
        "raw": {"$binary": {"base64": "eyJuIjoxfQ==", "subType": "00"}},
        "body": {"n": 1, "price": 19.9, "tags": [None, False]},
    }


def test_keys_that_dynamodb_leaves_are_asked_for_again(
    aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(monkeypatch, DYNAMO)
    sleep_in(monkeypatch, items, lambda _seconds: None)
    left = {"webhooks": {"Keys": [{"id": {"S": "b"}}], "ConsistentRead": True}}
    holds(aws, "webhooks", ["a", "b"], item("a"), left=left)
    holds(aws, "webhooks", ["b"], item("b"))
    assert [each["_id"] for each in printed(run("--id", "a", "--id", "b", "--json"))] == ["b", "a"]


def test_more_ids_than_one_call_takes_are_several_calls(
    aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(monkeypatch, DYNAMO)
    log.append((MINUTE, {"stored": [f"d{number:03}" for number in range(150)]}))
    newest = [f"d{number:03}" for number in reversed(range(150))]
    for part in (newest[:100], newest[100:]):
        holds(aws, "webhooks", part, *map(item, part))
    assert len(printed(run("--limit", "150", "--json"))) == 150


def test_backends_tries_are_those_that_failed_too(aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, BACKEND)
    log += [
        (3 * MINUTE, {"stored": ["a"], "failed": [{"id": "b", "reason": "backend: HTTP 500"}]}),
        (2 * MINUTE, {"stored": ["c"]}),
        (1 * MINUTE, {"stored": ["b"]}),
    ]
    note = {"status": {"N": "200"}, "ms": {"N": "12"}, "answer": {"S": "thanks"}, "at": {"S": "2026-01-31T12:00:00Z"}}
    holds(aws, "tries", ["b", "c", "a"], item("a", **note), item("c", **note), item("b", **note))
    found = printed(run("--limit", "3", "--json"))
    assert [each["_id"] for each in found] == ["a", "c", "b"]
    assert (found[-1]["status"], found[-1]["ms"], found[-1]["answer"]) == (200, 12, "thanks")


@pytest.mark.parametrize("as_json", [True, False], ids=["as JSON", "as rows"])
def test_followed_items_are_printed_once_each(
    aws: Stub, log: list[Any], monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    deployed(monkeypatch, DYNAMO)
    log.append((MINUTE, {"stored": ["a"]}))
    holds(aws, "webhooks", ["a"], item("a"))
    rounds = iter([["b"], [], ["c"]])

    def sleep(_seconds: float) -> None:
        try:
            arrived = next(rounds)
        except StopIteration:
            raise KeyboardInterrupt from None
        if arrived:
            log.append((0, {"stored": arrived}))
            holds(aws, "webhooks", arrived, item(arrived[0]))

    sleep_in(monkeypatch, items, sleep)
    result = run("--limit", "1", "--follow", *(["--json"] if as_json else []))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    shown = [json.loads(line)["_id"] for line in lines] if as_json else [line.split("\t")[1] for line in lines[1:]]
    assert shown == ["a", "b", "c"]


def test_rows_tell_what_one_needs_to_find_an_event(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, DYNAMO)
    headers = {"headers": {"M": {"x-shopify-topic": {"S": "orders/create"}}}}
    at = {"received_at": {"S": "2026-01-31T12:00:00.250+00:00"}}
    there = {"body_ref": {"M": {"size": {"N": "2500000"}}}}
    holds(aws, "webhooks", ["b", "a"], item("a", **headers, **at, raw={"B": b"{}"}), item("b", **there))
    heading, *rows = [line.split("\t") for line in run("--id", "b", "--id", "a").stdout.splitlines()]
    assert heading == ["time", "id", "type", "size", "state"]
    assert [row[1:] for row in rows] == [["a", "orders/create", "2 B", "stored"], ["b", "-", "2.5 MB", "stored"]]
    assert (rows[0][0][-10:], rows[1][0]) == (":00:00.250", "-")


def test_row_of_a_forwarded_webhook_tells_how_its_last_try_went(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, BACKEND)
    tried = {"delivered": {"BOOL": False}, "reason": {"S": "backend: HTTP 500"}}
    holds(aws, "tries", ["a"], item("a", **tried))
    assert run("--id", "a").stdout.splitlines()[1].split("\t") == ["-", "a", "-", "-", "failed: backend: HTTP 500"]


def test_full_shows_the_documents_for_people(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, DYNAMO)
    holds(aws, "webhooks", ["a"], item("a", raw={"B": b"{}"}))
    assert json.loads(run("--id", "a", "--full").stdout)["raw"] == "2 bytes"


def test_id_that_is_not_there_is_told(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, DYNAMO)
    holds(aws, "webhooks", ["nobody"])
    result = run("--id", "nobody")
    assert isinstance(result.exception, NotFoundError)
    assert "logs shopify --id nobody" in str(result.exception)


def test_table_takes_no_query(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, DYNAMO)
    result = run("--query", '{"body.n": 1}')
    assert isinstance(result.exception, UsageError)
    assert "give --id" in str(result.exception)


def test_of_several_destinations_the_first_that_keeps_webhooks_is_shown(
    aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(monkeypatch, BACKEND, DYNAMO)
    holds(aws, "webhooks", ["a"], item("a"))
    result = run("--id", "a", "--json")
    assert printed(result)
    assert "of dynamodb alone; --destination http for the others" in result.stderr
    holds(aws, "tries", ["a"], item("a"))
    assert printed(run("--id", "a", "--json", "--destination", "http"))


def test_unknown_destination_is_told_with_those_that_are(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, BACKEND, DYNAMO)
    assert str(run("--destination", "mongo").exception) == "--destination mongo: shopify has http, dynamodb"


def test_local_send_waits_for_the_item(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    found = deployed(monkeypatch, DYNAMO)
    holds(aws, "webhooks", ["a"])
    holds(aws, "webhooks", ["a"], item("a"))
    assert [each["_id"] for each in stored.wait_for(found, ["a"], timeout=5)] == ["a"]


@pytest.mark.parametrize(
    ("there", "shown"),
    [
        ("7", 7),
        ("19.9", 19.9),
        ("9007199254740993.5", Decimal128("9007199254740993.5")),
        ("10355138598665546921", Decimal128("10355138598665546921")),
        ("1." + "3" * 37, "1." + "3" * 37),
    ],
)
def test_a_number_is_shown_digit_by_digit(there: str, shown: object) -> None:
    assert items._plain(Decimal(there)) == shown
