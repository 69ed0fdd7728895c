"""What CloudWatch counts from the functions' log lines, by the embedded metric format's specification."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import envelope, intake, log
from nami_runtime.request import GatewayRequest, Refused, Request
from tests.unit.runtime.conftest import FakeAws, http_event, sqs_event

Handler = Callable[..., dict[str, Any]]
Captured = pytest.CaptureFixture[str]


def _metrics(captured: Captured) -> list[tuple[str, dict[str, str], Any]]:
    """(name, dimensions, value) of all metrics, as CloudWatch reads the lines."""
    found = []
    for line in map(json.loads, captured.readouterr().out.splitlines()):
        for directive in line.get("_aws", {"CloudWatchMetrics": []})["CloudWatchMetrics"]:
            assert directive["Namespace"] == log.NAMESPACE
            for names in directive["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                assert all(isinstance(value, str) and value for value in dimensions.values())
                found += [(metric["Name"], dimensions, line[metric["Name"]]) for metric in directive["Metrics"]]
    return found


def _refused(captured: Captured) -> list[dict[str, str]]:
    return [dimensions for name, dimensions, _ in _metrics(captured) if name == "Refused"]


def test_an_accepted_webhook_is_received_and_enqueued(pre_queue: Handler, capsys: Captured) -> None:
    pre_queue(http_event())
    shopify = {"subscription": "shopify"}
    assert _metrics(capsys) == [("Received", shopify, 1), ("Enqueued", shopify, 1)]


def test_metrics_of_an_environment_are_told_apart(
    pre_queue: Handler, post_queue: Handler, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAMI_METRICS_NAME", "prod-shopify")
    pre_queue(http_event())
    post_queue(sqs_event("{}"))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["subscription"] for line in told] == ["prod-shopify", "prod-shopify"]


def test_the_time_of_a_metric_is_in_epoch_milliseconds(pre_queue: Handler, capsys: Captured) -> None:
    pre_queue(http_event())
    assert 1.7e12 < json.loads(capsys.readouterr().out)["_aws"]["Timestamp"] < 1e13


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "malformed"), (401, "signature"), (403, "source"), (413, "too-large"), (418, "other")],
)
def test_a_refusal_is_counted_by_its_kind_and_not_as_enqueued(
    pre_queue: Handler, capsys: Captured, status: int, kind: str
) -> None:
    def refuse(request: Request) -> dict[str, Any]:
        raise Refused(status, "why")

    intake.answer(http_event(), refuse)
    said = _metrics(capsys)
    assert said == [
        ("Received", {"subscription": "shopify"}, 1),
        ("Refused", {"subscription": "shopify", "refused": kind}, 1),
    ]


def test_another_status_for_a_wrong_signature_changes_nothing_of_its_kind(
    pre_queue: Handler, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNAUTHORIZED_STATUS", "404")

    def refuse(request: Request) -> dict[str, Any]:
        raise Refused(401, "why")

    assert intake.answer(http_event(), refuse)["statusCode"] == 404
    assert _refused(capsys) == [{"subscription": "shopify", "refused": "signature"}]


def test_what_the_queue_did_not_take_is_refused_as_unavailable(
    cloud: FakeAws, pre_queue: Handler, capsys: Captured
) -> None:
    cloud.answer = lambda service, action: (500, b"{}")
    assert pre_queue(http_event())["statusCode"] == 503
    assert _refused(capsys) == [{"subscription": "shopify", "refused": "unavailable"}]


def test_a_batch_counts_what_was_stored_repeated_and_failed(post_queue: Handler, capsys: Captured) -> None:
    post_queue(sqs_event(_message("d1"), _message("d1"), _message("d2"), "no envelope"))
    counts = {name: value for name, _, value in _metrics(capsys) if name != "Age"}
    assert counts == {"Stored": 2, "Duplicates": 1, "Failed": 1}


def test_the_age_of_each_stored_webhook_is_told_in_milliseconds(post_queue: Handler, capsys: Captured) -> None:
    message = json.loads(_message("d1"))
    post_queue(sqs_event(json.dumps(message)))
    stored_at = json.loads(capsys.readouterr().out)["_aws"]["Timestamp"]
    message["id"] = "d2"
    message["received_at"] = stored_at - 60_000
    post_queue(sqs_event(json.dumps(message)))
    [(age,)] = [value for name, _, value in _metrics(capsys) if name == "Age"]
    assert 60_000 <= age < 90_000


def test_no_metric_has_more_values_than_the_format_takes(post_queue: Handler, capsys: Captured) -> None:
    post_queue(sqs_event(*[_message(f"d{n}") for n in range(250)]))
    values = [value for name, _, value in _metrics(capsys) if name == "Age"]
    assert [len(each) for each in values] == [100, 100, 50]


def test_a_batch_of_nothing_but_repeats_has_no_age(post_queue: Handler, capsys: Captured) -> None:
    event = sqs_event(_message("d1"))
    post_queue(event)
    capsys.readouterr()
    post_queue(event)
    assert [name for name, _, _ in _metrics(capsys)] == ["Duplicates"]


def _message(delivery_id: str) -> str:
    return envelope.write(GatewayRequest(http_event(b"{}", request_id=delivery_id)), "shopify").decode()
