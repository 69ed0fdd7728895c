"""A backend that asks for less: nothing more is sent into its 429, and no webhook's try is spent on it."""

from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime.destinations import http as backend_module
from tests.backend.server import Backend
from tests.unit.runtime.conftest import Context, FakeAws, load_handler, sqs_event
from tests.unit.runtime.test_backend import FAILED, backend, post_queue
from tests.unit.runtime.test_backend_headers import recent

__all__ = ["backend", "post_queue"]

Function = Callable[..., dict[str, Any]]
NONE_FAILED: dict[str, Any] = {"batchItemFailures": []}


def told(status: int, retry_after: str = "") -> dict[str, str]:
    return {"backend-status": str(status), **({"backend-retry-after": retry_after} if retry_after else {})}


@pytest.fixture
def one_by_one(post_queue: Function, monkeypatch: pytest.MonkeyPatch) -> Function:
    """The function with one request at a time, the same process for all its batches."""
    monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
    handler = load_handler("post_queue").handler
    return lambda *messages: handler(sqs_event(*messages), Context(30.0))


def delays(cloud: FakeAws) -> list[int]:
    return [entry["DelaySeconds"] for _, entry in cloud.sent_on]


@pytest.mark.parametrize("first", [told(429, "60"), told(503, "60"), told(429)], ids=["429", "503", "429-alone"])
def test_others_of_the_batch_are_not_sent_and_all_wait_without_a_try(
    cloud: FakeAws, backend: Backend, one_by_one: Function, first: dict[str, str]
) -> None:
    assert one_by_one(recent("e0", headers=first), recent("e1"), recent("e2")) == NONE_FAILED
    assert [request.delivery_id for request in backend.received] == ["e0"]
    assert delays(cloud) == [60 if "backend-retry-after" in first else 15] * 3


def test_requests_at_once_are_all_that_meet_a_429(backend: Backend, post_queue: Function) -> None:
    assert post_queue(sqs_event(*[recent(f"e{n}", headers=told(429, "60")) for n in range(40)])) == NONE_FAILED
    assert 1 <= len(backend.received) <= 4


def test_503_alone_may_be_of_that_webhook_so_others_are_sent(backend: Backend, one_by_one: Function) -> None:
    one_by_one(recent("e0", headers=told(503)), recent("e1"))
    assert [request.delivery_id for request in backend.received] == ["e0", "e1"]


@pytest.mark.parametrize("status", [500, 502, 504])
def test_other_failure_asks_for_that_webhook_alone(
    cloud: FakeAws, backend: Backend, one_by_one: Function, status: int
) -> None:
    assert one_by_one(recent("e0", headers=told(status, "60")), recent("e1")) == FAILED
    assert [request.delivery_id for request in backend.received] == ["e0", "e1"]
    assert set(cloud.hidden_for.values()) == {60}


def test_next_batch_is_not_sent_before_the_time_is_over(backend: Backend, one_by_one: Function) -> None:
    one_by_one(recent("e0", headers=told(429, "60")))
    assert one_by_one(recent("e1")) == NONE_FAILED
    assert [request.delivery_id for request in backend.received] == ["e0"]


def test_next_batch_is_sent_once_the_time_is_over(
    backend: Backend, one_by_one: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_module, "_LONGEST_REST_SECONDS", 0.0)
    one_by_one(recent("e0", headers=told(429, "60")))
    one_by_one(recent("e1"))
    assert [request.delivery_id for request in backend.received] == ["e0", "e1"]


def test_what_is_not_sent_says_why(one_by_one: Function, cloud: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    one_by_one(recent("e0", headers=told(429, "60")))
    capsys.readouterr()
    one_by_one(recent("e1"))
    assert "backend: HTTP 429; others are not sent meanwhile" in capsys.readouterr().out
    assert "e1" not in cloud.tables["attempts"]
