"""Filters on the way from the gateway to destinations by name: a webhook goes to those that want it, or no further."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.backend.server import Backend
from tests.local.conftest import QUICK, Nami, Pipeline, pipeline, wait_for

FILTER = '{"body": {"total": [{"numeric": [">", 10]}]}}'


@dataclass
class Picky:
    """A table for what the subscription's filter wants, and two backends with filters of their own."""

    pipeline: Pipeline
    large: Backend
    refunds: Backend

    def post(self, total: int, topic: str = "orders") -> str:
        """The id of a webhook that was accepted."""
        status, delivery_id = self.pipeline.post(json.dumps({"total": total}).encode(), x_topic=topic)
        assert status == 200
        return str(delivery_id)

    def is_stored(self, delivery_id: str) -> bool:
        table, dynamodb = self.pipeline.outputs()["StoreTableName"], self.pipeline.client("dynamodb")
        return "Item" in dynamodb.get_item(TableName=table, Key={"id": {"S": delivery_id}})


@pytest.fixture(scope="module")
def picky(nami: Nami) -> Iterator[Picky]:
    with Backend() as large, Backend() as refunds:

        def backend(url: str, wanted: dict[str, Any]) -> dict[str, Any]:
            own = {"allow_private": True, "connect_timeout": 1, "read_timeout": 2}
            return {"kind": "http", "url": url, "filter": wanted, **own}

        destinations = {
            "store": {"kind": "dynamodb"},
            "large": backend(large.url, {"body": {"total": [{"numeric": [">", 100]}]}}),
            "refunds": backend(refunds.url, {"headers": {"x-topic": ["refunds"]}}),
        }
        nami.up("picky", *QUICK, "-c", f"destinations={json.dumps(destinations)}", "-c", f"filter={FILTER}")
        yield Picky(pipeline(nami, "picky"), large, refunds)


def test_unwanted_webhook_is_answered_and_not_stored_and_the_log_says_why(picky: Picky, nami: Nami) -> None:
    small, wanted = picky.post(5), picky.post(50)
    wait_for(lambda: picky.is_stored(wanted), 20)
    assert not picky.is_stored(small)
    logged = nami.typed("--local", "logs", "picky", "--id", small)
    assert "not wanted by the filter and not stored" in logged.stdout, logged.stderr
    depth = picky.pipeline.client("sqs").get_queue_attributes(
        QueueUrl=picky.pipeline.outputs()["StoreQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert json.loads(depth["Attributes"]["ApproximateNumberOfMessages"]) == 0


def test_webhook_goes_to_those_that_want_it_and_no_others(picky: Picky, nami: Nami) -> None:
    large, refund = picky.post(500), picky.post(7, "refunds")
    wait_for(lambda: picky.is_stored(large) and picky.large.of(large) and picky.refunds.of(refund), 20)
    assert not picky.is_stored(refund)
    assert (picky.large.of(refund), picky.refunds.of(large)) == ([], [])
    logged = nami.typed("--local", "logs", "picky", "--id", refund).stdout
    assert "not wanted by large" in logged
    assert "not wanted by store" in logged
    assert "not wanted by refunds" not in logged


def test_commands_call_each_by_its_name(picky: Picky, nami: Nami) -> None:
    (row,) = [each for each in json.loads(nami.typed("--local", "list", "--json").stdout) if each["name"] == "picky"]
    assert row["destinations"] == ["large", "refunds", "store"]
    assert nami.typed("--local", "pause", "picky", "--destination", "large").returncode == 0
    waits = picky.post(501)
    wait_for(lambda: picky.is_stored(waits), 20)
    assert picky.large.of(waits) == []
    assert nami.typed("--local", "resume", "picky").stdout.startswith("large delivers again: ")
    wait_for(lambda: picky.large.of(waits), 20)
    shown = nami.typed("--local", "events", "picky", "--destination", "large", "--id", waits)
    assert "delivered" in shown.stdout, shown.stderr
