"""A batch that there is not enough time for ends by itself, and says of each message what became of it."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nami_runtime import batch
from nami_runtime.destinations import dynamodb, mongo
from tests.unit.runtime.conftest import Context, sqs_event
from tests.unit.runtime.test_backend import message

SLOW = 0.1  # seconds that each step on a webhook takes


class Store:
    """Takes what it is given."""

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        return ["stored"] * len(documents)


def slow(document: dict[str, Any]) -> dict[str, Any]:
    time.sleep(SLOW)
    return document


def test_those_that_are_not_reached_fail_and_the_others_are_stored(capsys: pytest.CaptureFixture[str]) -> None:
    event = sqs_event(*(message(f"evt_{number}") for number in range(20)))
    started = time.monotonic()
    failed = batch.drain(event, Context(batch.MARGIN_SECONDS + 3.5 * SLOW), slow, Store())["batchItemFailures"]
    assert time.monotonic() - started < batch.MARGIN_SECONDS
    assert 10 < len(failed) < 20
    assert [each["itemIdentifier"] for each in failed] == [f"m{number}" for number in range(20 - len(failed), 20)]
    assert '"reason":"no time left"' in capsys.readouterr().out


def test_of_an_ordered_group_nothing_overtakes_what_was_not_reached() -> None:
    event = sqs_event(*(message(f"evt_{number}") for number in range(6)))
    for record in event["Records"]:
        record["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:nami.fifo"
        record["attributes"] = {**record["attributes"], "MessageGroupId": "one"}
    failed = batch.drain(event, Context(batch.MARGIN_SECONDS + 2.5 * SLOW), slow, Store())["batchItemFailures"]
    assert failed
    assert [each["itemIdentifier"] for each in failed] == [f"m{number}" for number in range(6 - len(failed), 6)]


@pytest.mark.parametrize(("connect", "name"), [(dynamodb.connect, "DynamoDB"), (mongo.connect, "MongoDB")])
def test_destination_encodes_nothing_once_there_is_no_time(
    connect: Callable[[], Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("DYNAMO_TABLE", "DYNAMO_LARGE_ITEMS"):
        monkeypatch.setenv(key, "x")
    for encode in ("nami_runtime.destinations.dynamodb.encoded", "nami_runtime.destinations.mongo._upsert"):
        monkeypatch.setattr(encode, lambda *_: pytest.fail("there was no time to"))
    results = connect().write([{"_id": str(number)} for number in range(3)], time.monotonic() - 1)
    assert results == [f"{name}: no time left"] * 3
