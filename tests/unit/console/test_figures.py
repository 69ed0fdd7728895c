"""What is counted, from log lines and from CloudWatch."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from nami_control import figures, logs
from nami_control.aws import Aws
from nami_control.deployment import Deployment, Function
from nami_control.figures import CloudWatch, LogLines, Window, percentile
from nami_runtime import log
from tests.unit.cli.conftest import target

OUTPUTS = {"QueueUrl": "https://sqs/q", "DeadLetterQueueUrl": "https://sqs/d", "PostQueueFunctionName": "post"}


@pytest.fixture
def deployed() -> Deployment:
    found = Deployment(target(), {**OUTPUTS, "PreQueueFunctionName": "pre"})
    found.pre_queue = Function("pre", {}, "/pre")
    for each in found.drains:
        each.post_queue = Function("post", {"DESTINATION": "mongo"}, "/post")
    return found


Print = Callable[..., None]


class Metrics:
    """CloudWatch, which knows of each metric what is given."""

    def __init__(self, known: dict[str, tuple[list[datetime], list[float]]]) -> None:
        self.known = known

    def get_paginator(self, _name: str) -> "Metrics":
        return self

    def paginate(self, *, MetricDataQueries: Any, **_given: object) -> Any:  # noqa: N803 (boto3's)
        results = []
        for query in MetricDataQueries:
            times, values = self.known.get(query["MetricStat"]["Metric"]["MetricName"], ([], []))
            results.append({"Id": query["Id"], "Timestamps": times, "Values": values})
        yield {"MetricDataResults": results}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Print:
    """Has a function print a line as the functions do, so many seconds ago."""
    lines: list[logs.Line] = []

    def read(_aws: object, _groups: object, *, since: float, pattern: str) -> Iterator[logs.Line]:
        assert pattern == '"_aws"'
        yield from (line for line in lines if line.at >= since * 1000)

    def print_line(ago: float, metrics: dict[str, Any], **fields: object) -> None:
        log.line("INFO", "x", metrics, subscription="shopify", **fields)
        lines.append(logs.Line(int((time.time() - ago) * 1000), "f", capsys.readouterr().out, f"e{len(lines)}"))

    monkeypatch.setattr(logs, "read", read)
    monkeypatch.setattr(Aws, "client", lambda _aws, _service: Metrics({}))
    return print_line


def test_log_lines_are_counted_where_they_belong(deployed: Deployment, printed: Print) -> None:
    window = Window.until_now(900, shortest=60)
    last, before = (time.time() - (window.end - ago) for ago in (30, 90))  # in its last minute and the one before
    printed(before, {"Received": 1, "Enqueued": 1})
    printed(before, {"Received": 1, "Refused": 1}, refused="signature")
    printed(last, {"Stored": 2, "Age": [5, 15]})
    found = LogLines().read(deployed, window)
    assert sum(found.counts["Received"]) == 2
    assert sum(found.counts["Enqueued"]) == 1
    assert sum(found.refused["signature"]) == sum(found.refused_in_all) == 1
    assert found.counts["Received"][-1] == 0
    assert found.counts["Stored"][-1] == 2
    assert (found.ages["p50"][-1], found.ages["p99"][-1], found.ages["p50"][0]) == (5, 15, None)


def test_destination_with_a_name_is_counted_by_itself_too(printed: Print) -> None:
    outputs = {f"{name}{key}": f"https://sqs/{name}" for name in ("Orders", "Lake") for key in OUTPUTS}
    found = Deployment(target(), outputs)
    found.pre_queue = None
    for drain in found.drains:
        drain.post_queue = Function("post", {"DESTINATION_NAME": drain.destination}, "/post")
    printed(5, {"Stored": 2, "Failed": 1}, destination="orders")
    printed(5, {"Stored": 3}, destination="lake")
    figures = LogLines().read(found, Window.until_now(900))
    assert sum(figures.counts["Stored"]) == 5
    assert {name: sum(of["Stored"]) for name, of in figures.of.items()} == {"lake": 3, "orders": 2}
    assert sum(figures.of["orders"]["Failed"]) == 1


def test_what_waits_locally_is_what_local_aws_writes_down(
    deployed: Deployment, printed: Print, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window.until_now(900)
    at = datetime.fromtimestamp(window.start + 20, UTC)
    told = {"ApproximateNumberOfMessagesVisible": ([at], [3.0])}
    monkeypatch.setattr(deployed.aws, "client", lambda _service: Metrics(told))
    queued = LogLines().read(deployed, window).queued
    assert (queued["mongo"][:4], set(queued["mongo, delayed"])) == ([None, None, 3, None], {None})


def test_each_line_counts_once_however_often_one_looks(deployed: Deployment, printed: Print) -> None:
    source = LogLines()
    window = Window.until_now(3600)
    for expected in (1, 2, 3):
        printed(5, {"Stored": 1})
        assert sum(source.read(deployed, window).counts["Stored"]) == expected


def test_cloudwatchs_values_stand_in_their_periods(deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(start=1_800_000_000, period=60, count=3)
    asked: dict[str, str] = {}

    class Client:
        def get_paginator(self, _name: str) -> Any:
            return self

        def paginate(self, *, MetricDataQueries: Any, **_given: object) -> Any:  # noqa: N803 (boto3's)
            for query in MetricDataQueries:
                metric = query["MetricStat"]["Metric"]
                dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                asked[query["Id"]] = " ".join([metric["MetricName"], dimensions.get("refused", "")]).strip()
            at = [datetime.fromtimestamp(window.start + 60, UTC), datetime.fromtimestamp(window.start - 60, UTC)]
            values = {"Stored": [7.0, 1.0], "Refused source": [2.0, 1.0]}
            yield {
                "MetricDataResults": [
                    {"Id": key, "Timestamps": at, "Values": values[name]}
                    for key, name in asked.items()
                    if name in values
                ]
            }

    monkeypatch.setattr(deployed.aws, "client", lambda _service: Client())
    source = CloudWatch()
    found = source.read(deployed, window)
    assert source.read(deployed, window) is found  # it is paid by the look
    assert found.counts["Stored"] == [0, 7, 0]
    assert found.refused["source"] == [0, 2, 0]
    assert found.ages["p50"] == [None, None, None]
    assert found.queued == {key: [None, None, None] for key in ("mongo", "mongo, delayed")}
    assert set(asked.values()) >= {*figures.COUNTS, *(f"Refused {each}" for each in figures.REASONS), "Age"}


@pytest.mark.parametrize("span", [900, 3600, 21_600, 86_400, 259_200, 1_209_600])
@pytest.mark.parametrize("shortest", [10, 60])
def test_window_covers_its_span_with_no_more_periods_than_a_chart_has_room_for(span: int, shortest: int) -> None:
    window = Window.until_now(span, shortest=shortest)
    assert window.period >= shortest
    assert span <= window.period * window.count
    assert window.count <= 120
    assert window.end - window.period <= time.time() < window.end


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99)])
def test_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value
    assert percentile([7.0], share) == 7
    assert percentile([], share) is None
