"""What a subscription does not want is answered as taken, and goes no further."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import intake, wanted
from nami_runtime.request import Request
from tests.unit.runtime.conftest import FakeAws, http_event

Function = Callable[[dict[str, Any]], dict[str, Any]]
TOPIC = {"headers": {"X-Topic": [{"prefix": "orders/"}]}}
TOTAL = {"body": {"total": [{"numeric": [">", 10]}]}}
JSON = {"content-type": "application/json"}


@pytest.fixture
def wanting(pre_queue: Function, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Whether a webhook is queued where that is the filter."""

    def ask(pattern: object, cloud: FakeAws, body: bytes = b"{}", **request: Any) -> bool:
        monkeypatch.setenv("FILTER", json.dumps(pattern))
        monkeypatch.setattr(intake, "_settings", None)
        before = len(cloud.messages)
        assert pre_queue(http_event(body, **request))["statusCode"] == 200
        return len(cloud.messages) > before

    return ask


def test_unwanted_webhook_is_answered_counted_logged_and_not_queued(
    cloud: FakeAws, wanting: Callable[..., bool], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not wanting(TOPIC, cloud, headers={"x-topic": "carts/update"})
    assert [path for _, path, headers, _ in cloud.requests if "sqs" in str(headers).lower()] == []
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["level"], line["status"], line["Filtered"], line["Received"]) == ("INFO", 200, 1, 1)
    assert line["id"]
    assert "Enqueued" not in line


def test_wanted_webhook_is_queued(cloud: FakeAws, wanting: Callable[..., bool]) -> None:
    assert wanting(TOPIC, cloud, headers={"x-topic": "orders/create"})


def test_pattern_over_headers_never_parses_the_body(
    cloud: FakeAws, wanting: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Request, "json", lambda _self: pytest.fail("the body was parsed"))
    assert wanting(TOPIC, cloud, headers={"x-topic": "orders/create"})
    assert not wanting(TOPIC, cloud, headers={"x-topic": "carts/update"})


@pytest.mark.parametrize(
    ("pattern", "request_of", "told"),
    [
        (TOTAL, {"body": b'{"total": 11}', "headers": JSON}, True),
        (TOTAL, {"body": b'{"total": 9}', "headers": JSON}, False),
        (TOTAL, {"body": b"{}", "headers": JSON}, False),
        ({"body": {"action": ["sale"]}}, {"body": b"action=sale&n=1", "headers": {}}, True),
        ({"body": {"action": ["sale"]}}, {"body": b"action=void", "headers": {}}, False),
        ({"body": {"n": ["2"]}}, {"body": b"n=1&n=2", "headers": {}}, True),
        ({"method": ["PUT"]}, {"method": "PUT"}, True),
        ({"method": ["PUT"]}, {"method": "POST"}, False),
        ({"path": [{"suffix": "/shopify"}]}, {}, True),
        ({"query": {"kind": ["a"]}}, {"query": "kind=b&kind=a"}, True),
        ({"query": {"kind": ["a"]}}, {"query": "kind=b"}, False),
        ({"query": [{"prefix": "kind="}]}, {"query": "kind=b"}, True),
        ({"source_ip": [{"cidr": "0.0.0.0/0"}]}, {}, True),
        ({"source_ip": [{"cidr": "10.0.0.0/8"}]}, {}, False),
        ({"verified": [None]}, {}, True),
        ({"verified": ["shopify"]}, {}, False),
        ({"headers": {"x-none": [{"exists": False}]}}, {}, True),
    ],
)
def test_what_a_pattern_can_ask_for(
    cloud: FakeAws, wanting: Callable[..., bool], pattern: object, request_of: dict[str, Any], told: bool
) -> None:
    given = {"body": b"{}", **request_of}
    if given.get("headers") == {}:
        given["headers"] = {"content-type": "application/x-www-form-urlencoded"}
    assert wanting(pattern, cloud, **given) is told


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"total": ', JSON),
        (b"\xff\xd8\xff", {"content-type": "image/jpeg"}),
        (gzip.compress(b'{"total": 1}', mtime=0), {**JSON, "content-encoding": "gzip"}),
        (b"a=1&" * 2000, {"content-type": "application/x-www-form-urlencoded"}),
        (b"a=" + b"x" * 300_000, {"content-type": "application/x-www-form-urlencoded"}),
    ],
)
def test_body_that_can_not_be_read_here_is_let_through(
    cloud: FakeAws, wanting: Callable[..., bool], body: bytes, headers: dict[str, str]
) -> None:
    assert wanting(TOTAL, cloud, body, headers=headers)


@pytest.mark.parametrize(
    "condition",
    [
        ["a"],
        [None],
        [{"exists": True}],
        [{"exists": False}],
        [{"exists": False}, "a"],
        [{"anything-but": ["a"]}],
        [{"prefix": "b"}, {"suffix": "a"}],
    ],
)
@pytest.mark.parametrize("headers", [{}, {"x-a": "a"}, {"x-a": "b"}, {"x-a": ""}])
def test_filter_over_headers_alone_says_what_one_says_that_asks_for_more(
    condition: list[Any], headers: dict[str, str]
) -> None:
    request = Request("POST", headers=headers, body=b"", request_id="1")
    alone = wanted.Filter(json.dumps({"headers": {"X-A": condition}}))
    more = wanted.Filter(json.dumps({"headers": {"X-A": condition}, "method": ["POST"]}))
    assert alone.wants(request) is more.wants(request)


def test_unsigned_webhook_is_refused_before_the_filter_is_asked(
    cloud: FakeAws, pre_queue: Function, signed_by: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_by("github", "secret")
    monkeypatch.setenv("FILTER", json.dumps({"method": ["PUT"]}))
    assert pre_queue(http_event())["statusCode"] == 401


def test_wrong_filter_loses_nothing(cloud: FakeAws, pre_queue: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTER", "{")
    assert pre_queue(http_event())["statusCode"] == 503


def test_nothing_of_it_is_loaded_without_a_filter() -> None:
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    program = "import sys; sys.path.insert(0, 'lambdas'); from nami_runtime import intake; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "nami_runtime.intake" in loaded
    assert {"nami_runtime.pattern", "nami_runtime.wanted"} & set(loaded) == set()
