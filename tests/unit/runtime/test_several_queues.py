"""Several destinations: the pre-queue function answers 200 only when every queue has the webhook."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.runtime.conftest import FakeAws, http_event

Function = Callable[[dict[str, Any]], dict[str, Any]]

URLS = ["https://sqs.eu-central-1.amazonaws.com/123456789012/one", "https://sqs.eu-central-1.amazonaws.com/1234/two"]


@pytest.fixture
def two_queues(monkeypatch: pytest.MonkeyPatch, pre_queue: Function) -> Function:
    monkeypatch.setenv("QUEUE_URL", " ".join(URLS))
    return pre_queue


def test_each_queue_gets_the_same_message(cloud: FakeAws, two_queues: Function) -> None:
    assert two_queues(http_event())["statusCode"] == 200
    sent = [json.loads(body) for _, _, _, body in cloud.requests]
    assert [message["QueueUrl"] for message in sent] == URLS
    assert cloud.messages[0] == cloud.messages[1]


def test_one_queue_that_refuses_is_no_success(cloud: FakeAws, two_queues: Function) -> None:
    answers = iter([None, (400, b'{"__type":"AccessDenied"}')])
    cloud.answer = lambda service, action: next(answers)
    assert two_queues(http_event())["statusCode"] == 503


def test_no_queue_is_no_success(monkeypatch: pytest.MonkeyPatch, cloud: FakeAws, pre_queue: Function) -> None:
    monkeypatch.setenv("QUEUE_URL", " ")
    assert pre_queue(http_event())["statusCode"] == 503
