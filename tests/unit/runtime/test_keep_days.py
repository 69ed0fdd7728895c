"""What is stored has the date on which it goes, and in PostgreSQL goes with the batches that come."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from nami_runtime import rows
from tests.unit.runtime.conftest import POSTGRES_SECRET, Context, Mongo, Postgres, load_handler, sqs_event
from tests.unit.runtime.test_replay import again
from tests.unit.runtime.test_same_id import NEW, OLD, message

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The function with keep_days=30; the same destination each time."""
    monkeypatch.setenv("KEEP_DAYS", "30")
    return lambda *messages: load_handler("post_queue").handler(sqs_event(*messages), Context(30.0))


def test_document_expires_so_many_days_after_it_was_stored_by_an_index(mongo: Mongo, run: Run) -> None:
    run(message(OLD))
    document = mongo.documents()["evt_1"]
    assert document["expires_at"] - document["stored_at"] < timedelta(days=30, seconds=5)
    assert document["expires_at"] - document["stored_at"] > timedelta(days=29, hours=23)
    indexes = mongo.client["nami"]["shopify"].index_information()
    assert [each["key"][0][0] for each in indexes.values() if "expireAfterSeconds" in each] == ["expires_at"]


def test_document_stays_where_nothing_is_set(mongo: Mongo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEEP_DAYS")
    run(message(OLD))
    assert "expires_at" not in mongo.documents()["evt_1"]
    indexes = mongo.client["nami"]["shopify"].index_information()
    assert not any("expireAfterSeconds" in each for each in indexes.values())


def test_replayed_document_keeps_its_date(mongo: Mongo, run: Run) -> None:
    run(message(OLD))
    before = mongo.documents()["evt_1"]["expires_at"]
    run(again(message(OLD)))
    assert mongo.documents()["evt_1"]["expires_at"] == before


@pytest.fixture
def table(postgres: Postgres, run: Run, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """A table with a row of the last hour, five that are 31 days old, and one as old of another subscription."""
    monkeypatch.setenv("DESTINATION", "postgres")
    monkeypatch.setenv("POSTGRES_SECRET_ARN", POSTGRES_SECRET)
    run(*(message(OLD, f"old_{number}") for number in range(5)), message(OLD, "other"))
    postgres.ask("UPDATE webhooks SET stored_at = now() - interval '31 days'")
    postgres.ask("UPDATE webhooks SET subscription = 'another' WHERE id = 'other'")
    return postgres


def ids(table: Postgres) -> set[str]:
    return {key for (key,) in table.ask("SELECT id FROM webhooks")}


def test_rows_that_are_too_old_go_with_a_batch_that_comes(table: Postgres, run: Run) -> None:
    run(message(NEW, "new"))
    assert ids(table) == {"new", "other"}


def test_no_more_go_at_once_than_a_batch_has_time_for_and_the_rest_with_the_next(
    table: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEP_DAYS", "30")
    monkeypatch.setattr(rows, "MOST_DELETED", 2)
    monkeypatch.setattr(rows, "DELETE", rows.DELETE.replace("LIMIT 1000", "LIMIT 2"))
    handler = load_handler("post_queue").handler
    left = []
    for number in range(4):
        handler(sqs_event(message(NEW, f"new_{number}")), Context(30.0))
        left.append(len([key for key in ids(table) if key.startswith("old")]))
    assert left == [3, 1, 0, 0]


def test_without_the_right_to_delete_webhooks_are_stored_and_the_log_says_so(
    table: Postgres, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    table.ask("CREATE FUNCTION no() RETURNS trigger AS $$ BEGIN RAISE insufficient_privilege; END $$ LANGUAGE plpgsql")
    table.ask("CREATE TRIGGER no BEFORE DELETE ON webhooks EXECUTE FUNCTION no()")
    capsys.readouterr()
    try:
        assert run(message(NEW, "new")) == {"batchItemFailures": []}
    finally:
        table.ask("DROP TRIGGER no ON webhooks")
        table.ask("DROP FUNCTION no")
    assert "new" in ids(table)
    warning = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (warning["level"], warning["message"]) == ("WARNING", "rows over keep_days were not deleted")
