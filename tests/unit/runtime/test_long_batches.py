"""A batch of thousands is told in lines that CloudWatch takes whole, and its metrics with it."""

import gc
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nami_runtime import batch
from tests.unit.runtime.conftest import Context, sqs_event
from tests.unit.runtime.test_backend import message

# What a function's line has at the most; what is longer comes in parts, of which none is JSON.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
LINE_BYTES = 256 * 1024
Lines = Callable[[int, str], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    def drained(count: int, said: str) -> list[dict[str, Any]]:
        class Store:
            def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
                return [said] * len(documents)

        event = sqs_event(*(message(f"evt_{number:060d}") for number in range(count)))
        batch.drain(event, Context(), lambda document: document, Store())
        printed = capsys.readouterr().out.splitlines()
        assert max(map(len, printed)) < LINE_BYTES
        return [json.loads(line) for line in printed]

    return drained


@pytest.mark.parametrize(("said", "metric"), [("stored", "Stored"), ("duplicate", "Duplicates"), ("no", "Failed")])
def test_batch_of_ten_thousand_keeps_its_metrics_and_each_id(lines: Lines, said: str, metric: str) -> None:
    first, *others = lines(10_000, said)
    assert (first["message"], first[metric]) == ("batch", 10_000)
    assert sum(metric in each for each in others) == 0
    name = {"no": "failed", "duplicate": "duplicates"}.get(said, said)
    ids = [each for line in [first, *others] for each in line.get(name, [])]
    assert len(ids) == 10_000


def test_ordinary_batch_is_one_line(lines: Lines) -> None:
    assert [each["message"] for each in lines(100, "duplicate")] == ["batch"]


def test_full_batch_is_not_looked_through_for_cycles_time_and_again() -> None:
    class Store:
        def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
            return ["stored"] * len(documents)

    body = json.dumps({"line_items": [{"id": 1, "properties": []}] * 100})
    event = sqs_event(*(message(f"evt_{number}", body) for number in range(100)))
    before = sum(each["collections"] for each in gc.get_stats())
    batch.drain(event, Context(), lambda document: document, Store())
    assert sum(each["collections"] for each in gc.get_stats()) - before <= 2
