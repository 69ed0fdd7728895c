"""PostgreSQL as a destination: a real server, over its socket."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from nami_runtime import rows
from nami_runtime.destinations import postgres as destination
from tests.unit.runtime.conftest import POSTGRES_SECRET, Context, FakeAws, Postgres, load_handler, sqs_event
from tests.unit.runtime.test_dynamodb import message

Function = Callable[..., dict[str, Any]]


@pytest.fixture
def post_queue(cloud: FakeAws, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    monkeypatch.setenv("DESTINATION", "postgres")
    monkeypatch.setenv("POSTGRES_SECRET_ARN", POSTGRES_SECRET)
    module = load_handler("post_queue")
    yield lambda event, seconds=30.0: module.handler(event, Context(seconds))
    module.destination._forget()


def fresh(key: str = "evt_1", body: str = "{}") -> str:
    """One that may wait in the queue."""
    return message(key, body, received_at=int(time.time() * 1000))


def stored(postgres: Postgres, column: str = "body") -> dict[str, Any]:
    return dict(postgres.ask(f"SELECT id, {column} FROM webhooks"))


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_webhook_becomes_a_row_of_a_table_that_is_made(postgres: Postgres, post_queue: Function) -> None:
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    columns = "subscription, received_at, headers, query, body, body_format, raw, source_ip, attempts"
    ((name, at, headers, query, body, kind, raw, source, attempts),) = postgres.ask(f"SELECT {columns} FROM webhooks")
    assert (name, query, kind, raw, attempts) == ("shopify", "a=1", "json", b'{"total": 19.9}', 1)
    assert (headers, body, source) == ({"content-type": "application/json"}, {"total": 19.9}, "192.0.2.1")
    assert at.timestamp() == 1_790_000_000.123


def test_table_that_is_there_is_taken_as_it_is(postgres: Postgres, post_queue: Function) -> None:
    post_queue(sqs_event(message()))
    postgres.ask("ALTER TABLE webhooks ADD COLUMN mine text DEFAULT 'kept'")
    post_queue(sqs_event(message("evt_2")))
    assert stored(postgres, "mine") == {"evt_1": "kept", "evt_2": "kept"}


@pytest.mark.parametrize("statement", [rows.INSERT, rows.RENEW], ids=["insert", "renew"])
def test_columns_go_in_binary_since_an_array_in_text_has_each_quote_of_a_body_escaped(statement: str) -> None:
    assert statement.count("%b::") == len(rows.COLUMNS)
    assert "%s" not in statement


def test_repeat_is_one_row_with_its_first_stored_at(
    postgres: Postgres, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    post_queue(sqs_event(message()))
    first = stored(postgres, "stored_at")
    assert post_queue(sqs_event(message(), attempts=2)) == {"batchItemFailures": []}
    assert (stored(postgres, "stored_at"), said(capsys)["duplicates"]) == (first, ["evt_1"])


def test_same_id_twice_in_one_batch_is_one_row(
    postgres: Postgres, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    post_queue(sqs_event(*[message()] * 3))
    line = said(capsys)
    assert (line["stored"], line["duplicates"], len(stored(postgres))) == (["evt_1"], ["evt_1", "evt_1"], 1)


def test_two_subscriptions_share_a_table(postgres: Postgres, post_queue: Function) -> None:
    post_queue(sqs_event(message(), message(subscription="stripe")))
    assert sorted(postgres.ask("SELECT id, subscription FROM webhooks")) == [("evt_1", "shopify"), ("evt_1", "stripe")]


def test_batch_is_one_statement(postgres: Postgres, post_queue: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    post_queue(sqs_event(message("first")))
    run: list[str] = []
    execute = psycopg.Connection.execute

    def noted(self: Any, statement: Any, *given: Any, **more: Any) -> Any:
        run.append(statement)
        return execute(self, statement, *given, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    post_queue(sqs_event(*[message(f"evt_{number}") for number in range(500)]))
    assert (len(run), len(stored(postgres))) == (1, 501)


def test_row_that_is_refused_fails_alone(postgres: Postgres, post_queue: Function) -> None:
    post_queue(sqs_event(message("evt_0")))
    postgres.ask("ALTER TABLE webhooks ADD CONSTRAINT mine CHECK (id <> 'evt_3')")
    sent = [message(f"evt_{number}") for number in range(1, 6)]
    assert post_queue(sqs_event(*sent)) == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert set(stored(postgres)) == {"evt_0", "evt_1", "evt_2", "evt_4", "evt_5"}


def test_constraint_of_the_users_own_makes_no_webhook_a_repeat(postgres: Postgres, post_queue: Function) -> None:
    post_queue(sqs_event(message()))
    postgres.ask("ALTER TABLE webhooks ADD CONSTRAINT one UNIQUE (source_ip)")
    assert post_queue(sqs_event(message("evt_2"))) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


@pytest.mark.parametrize(
    ("body", "held"),
    [
        ('{"text": "a\\u0000b"}', {"text": "a\\u0000b"}),
        ('{"a\\u0000b": 1}', {"a\\u0000b": 1}),
        ('{"text": "\\ud800"}', {"text": "\\ud800"}),
        ('{"text": "written \\\\u0000"}', {"text": "written \\u0000"}),
    ],
)
def test_text_that_no_row_holds_is_escaped(
    postgres: Postgres, post_queue: Function, body: str, held: dict[str, object]
) -> None:
    assert post_queue(sqs_event(message(body=body), message("evt_2"))) == {"batchItemFailures": []}
    assert stored(postgres) == {"evt_1": held, "evt_2": {"total": 19.9}}


def test_numbers_are_exact(postgres: Postgres, post_queue: Function) -> None:
    long = "0.12345678901234567890123456789"
    body = f'{{"id": 123456789012345678901234567890, "rate": {long}, "huge": 1e200000}}'
    post_queue(sqs_event(message(body=body)))
    found = postgres.ask("SELECT body->>'id', body->>'rate', body->'huge' FROM webhooks")
    assert found == [("123456789012345678901234567890", long, "1E+200000")]
    assert Decimal(found[0][1]) == Decimal(long)


def test_body_that_is_no_text_is_in_raw_alone(postgres: Postgres, post_queue: Function) -> None:
    envelope = json.loads(message(body="/9j/"))
    envelope |= {"base64": True, "headers": {"content-type": "image/jpeg"}}
    post_queue(sqs_event(json.dumps(envelope)))
    assert postgres.ask("SELECT body, body_format, raw FROM webhooks") == [(None, "binary", b"\xff\xd8\xff")]


def test_what_process_adds_is_in_more(postgres: Postgres, post_queue: Function) -> None:
    from nami_runtime.rows import COLUMNS, of  # noqa: PLC0415

    row = dict(zip(COLUMNS, of({"_id": "evt_1", "subscription": "shopify", "score": 7}), strict=True))
    assert (row["id"], row["more"], row["body"]) == ("evt_1", '{"score":7}', None)


def test_database_that_is_away_costs_no_try_and_gets_each_once(
    postgres: Postgres, post_queue: Function, cloud: FakeAws
) -> None:
    sent = [fresh("evt_1"), fresh("evt_2")]
    postgres.stop()
    try:
        assert post_queue(sqs_event(*sent), seconds=4) == {"batchItemFailures": []}
        assert cloud.messages == sent
    finally:
        postgres.start()
    post_queue(sqs_event(*cloud.messages))
    assert set(stored(postgres)) == {"evt_1", "evt_2"}


def test_database_that_comes_back_is_used_at_once(postgres: Postgres, post_queue: Function) -> None:
    post_queue(sqs_event(message()))
    postgres.stop()
    threading.Timer(1, postgres.start).start()
    assert post_queue(sqs_event(message("evt_2"))) == {"batchItemFailures": []}
    assert set(stored(postgres)) == {"evt_1", "evt_2"}


def test_statement_that_hangs_is_cut_off(
    postgres: Postgres, post_queue: Function, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_queue(sqs_event(message()))
    with psycopg.connect(postgres.uri) as other:
        other.execute("LOCK TABLE webhooks IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        sent = fresh("evt_2")
        assert post_queue(sqs_event(sent), seconds=4) == {"batchItemFailures": []}
        assert time.monotonic() - started < 4
        assert cloud.messages == [sent]
    post_queue(sqs_event(sent))
    assert set(stored(postgres)) == {"evt_1", "evt_2"}


def test_commit_waits_for_the_disk_whatever_the_server_does_by_default(
    postgres: Postgres, post_queue: Function
) -> None:
    post_queue(sqs_event(message()))
    postgres.ask("ALTER SYSTEM SET synchronous_commit = off")
    postgres.ask("SELECT pg_reload_conf()")
    postgres.ask("ALTER TABLE webhooks ADD COLUMN waits text DEFAULT current_setting('synchronous_commit')")
    try:
        assert postgres.ask("SHOW synchronous_commit") == [("off",)]
        post_queue(sqs_event(message("evt_2")))
    finally:
        postgres.ask("ALTER SYSTEM RESET synchronous_commit")
        postgres.ask("SELECT pg_reload_conf()")
    assert stored(postgres, "waits")["evt_2"] == "on"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mongodb://u:p@host", "it is neither a URI nor JSON"),
        ('{"uri": "postgresql://u:hidden@db.example.com/shop?sslmode=disable"}', "sslmode=disable sends webhooks"),
        ("postgresql://u:hidden@db.example.com:port/shop?wrong=1", "it is no URI of PostgreSQL's"),
        ("", "it is neither a URI nor JSON"),
    ],
)
def test_secret_that_can_not_be_used_is_told_without_a_word_of_it(
    cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    cloud.secrets[POSTGRES_SECRET] = text
    assert post_queue(sqs_event(fresh()), seconds=3) == {"batchItemFailures": []}
    line = capsys.readouterr().out
    assert told in line
    assert "hidden" not in line


@pytest.mark.parametrize("mode", [None, "prefer", "require", "verify-full"])
def test_certificate_is_verified_whatever_was_pasted(mode: str | None) -> None:
    given = {"host": "db.example.com", **({"sslmode": mode} if mode else {})}
    assert destination.verified(given)["sslmode"] == "verify-full"


def test_authority_of_the_users_own_is_kept() -> None:
    given = {"host": "db.example.com", "sslmode": "verify-ca", "sslrootcert": "/var/task/global-bundle.pem"}
    assert destination.verified(given) == given


@pytest.mark.parametrize("host", ["/run/postgres", "127.0.0.1", "localhost"])
def test_this_machine_needs_no_certificate(host: str) -> None:
    assert destination.verified({"host": host}) == {"host": host}
