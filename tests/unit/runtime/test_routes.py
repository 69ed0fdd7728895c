"""Destinations with filters of their own: a webhook goes to the queues of those that want it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import intake, wanted
from nami_runtime.request import Request
from tests.unit.runtime.conftest import FakeAws, http_event

Function = Callable[[dict[str, Any]], dict[str, Any]]
QUEUES = [f"https://sqs.eu-central-1.amazonaws.com/123456789012/{name}" for name in ("orders", "lake", "all")]
ORDERS = {"headers": {"x-topic": [{"prefix": "orders/"}]}}
LARGE = {"body": {"total": [{"numeric": [">", 10]}]}}


@pytest.fixture
def routed(pre_queue: Function, monkeypatch: pytest.MonkeyPatch, cloud: FakeAws) -> Callable[..., list[str]]:
    """The names of the queues that get the webhook, where those are the destinations and filters."""

    def send(destinations: str, filters: list[Any], topic: str, body: bytes = b"{}") -> list[str]:
        monkeypatch.setenv("QUEUE_URL", " ".join(QUEUES[: len(destinations.split())]))
        monkeypatch.setenv("DESTINATIONS", destinations)
        monkeypatch.setenv("FILTERS", json.dumps(filters))
        monkeypatch.setattr(intake, "_settings", None)
        cloud.requests.clear()
        headers = {"x-topic": topic, "content-type": "application/json"}
        assert pre_queue(http_event(body, headers=headers))["statusCode"] == 200
        return [json.loads(sent)["QueueUrl"].rpartition("/")[2] for _, _, _, sent in cloud.requests]

    return send


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_webhook_goes_where_it_is_wanted(routed: Callable[..., list[str]]) -> None:
    three = "orders=0 lake=1 all", [ORDERS, LARGE]
    assert routed(*three, "orders/paid", b'{"total": 11}') == ["orders", "lake", "all"]
    assert routed(*three, "orders/paid") == ["orders", "all"]
    assert routed(*three, "carts/update") == ["all"]


def test_those_that_do_not_want_it_are_counted_by_name(
    routed: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    routed("orders=0 lake=1 all", [ORDERS, LARGE], "carts/update")
    webhook, *unwanted = lines(capsys)
    assert webhook["Enqueued"] == 1
    assert "Filtered" not in webhook
    assert [(line["destination"], line["Filtered"], line["id"]) for line in unwanted] == [
        ("orders", 1, webhook["id"]),
        ("lake", 1, webhook["id"]),
    ]
    (directive,) = unwanted[0]["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["subscription", "destination"]]


def test_what_none_wants_is_counted_once_for_the_subscription(
    routed: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert routed("orders=0 lake=0", [ORDERS], "carts/update") == []
    webhook, *unwanted = lines(capsys)
    assert webhook["Filtered"] == 1
    assert len(unwanted) == 2


def test_webhook_that_all_want_has_one_line(
    routed: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    routed("orders=0 all", [ORDERS], "orders/paid")
    assert len(lines(capsys)) == 1


def test_refused_queue_counts_nothing_as_unwanted(
    cloud: FakeAws, routed: Callable[..., list[str]], pre_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    routed("orders=0 all", [ORDERS], "carts/update")
    capsys.readouterr()
    cloud.answer = lambda service, action: (400, b'{"__type":"AccessDenied"}')
    assert pre_queue(http_event(headers={"x-topic": "carts/update"}))["statusCode"] == 503
    assert [line["message"] for line in lines(capsys)] == ["webhook"]


def test_filter_that_two_have_is_asked_once(routed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    wants = wanted.Filter.wants
    monkeypatch.setattr(wanted.Filter, "wants", lambda *given: asked.append(given) or wants(*given))
    assert routed("orders=0 lake=0 all", [ORDERS], "orders/paid") == ["orders", "lake", "all"]
    assert len(asked) == 1


def test_filters_over_headers_never_parse_the_body(
    routed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Request, "json", lambda _self: pytest.fail("the body was parsed"))
    assert routed("orders=0 lake=1", [ORDERS, {"method": ["POST"]}], "carts/update") == ["lake"]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_filters_over_the_body_read_it_once(monkeypatch: pytest.MonkeyPatch, content_type: str) -> None:
    read: list[object] = []
    body = wanted._body
    monkeypatch.setattr(wanted, "_body", lambda request: read.append(request) or body(request))
    filters = [wanted.Filter(json.dumps({"body": {"total": [number]}})) for number in ("1", "2")]
    routes = wanted.Routes([("a", "a", filters[0]), ("b", "b", filters[1])])
    text = b'{"total": "2"}' if "json" in content_type else b"total=2"
    request = Request("POST", headers={"content-type": content_type}, body=text, request_id="1")
    assert routes.split(request) == (["b"], ["a"])
    assert len(read) == 1


def test_body_that_can_not_be_read_goes_to_all_but_those_that_ask_for_more(routed: Callable[..., list[str]]) -> None:
    assert routed("orders=0 lake=1", [ORDERS, LARGE], "carts/update", b"{") == ["lake"]


@pytest.mark.parametrize(
    ("destinations", "filters"), [("orders=0", [ORDERS]), ("orders=1 all", [ORDERS]), ("orders=0 all", ["x"])]
)
def test_wrong_routes_lose_nothing(
    pre_queue: Function, monkeypatch: pytest.MonkeyPatch, destinations: str, filters: list[Any]
) -> None:
    monkeypatch.setenv("QUEUE_URL", " ".join(QUEUES[:2]))
    monkeypatch.setenv("DESTINATIONS", destinations)
    monkeypatch.setenv("FILTERS", json.dumps(filters))
    assert pre_queue(http_event())["statusCode"] == 503
