"""After a deployment with an HTTP backend: does it get webhooks? And, where it is tests/backend, what of its failures?

`pytest tests/smoke --stack nami-shopify` asks the first; `--backend-faults` has the backend fail on request.
"""

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer

from nami_control.sending import Sender

Note = dict[str, Any]
Send = Callable[..., Note]

# Seconds: a cold function, its batch window, and the waits that the tests ask for.
WITHIN = 60


@pytest.fixture
def send(sender: Sender) -> Send:
    """Send a webhook that tells tests/backend what to answer; returns the note of try number `attempt`."""
    outputs = sender.deployment.outputs
    table = next((value for key, value in outputs.items() if key.endswith("AttemptsTableName")), None)
    if table is None:
        pytest.skip("the stack has no HTTP backend")
    notes = boto3.client("dynamodb")

    def sent(attempt: int = 1, **told: str) -> Note:
        body, kind = sender.sample()
        headers = {f"backend-{name.replace('_', '-')}": value for name, value in told.items()}
        answer = sender.send(body, {"content-type": kind, **headers})
        assert answer.ok
        assert answer.delivery_id
        key = {"id": {"S": answer.delivery_id}, "subscription": {"S": sender.deployment.name}}
        note: Note = {}
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline and note.get("attempt", 0) < attempt:
            time.sleep(0.2)
            item = notes.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
            note = {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
        return note

    return sent


@pytest.fixture
def faulty(request: pytest.FixtureRequest, send: Send) -> Send:
    if not request.config.getoption("--backend-faults"):
        pytest.skip("give --backend-faults where the backend is tests/backend")
    return send


def test_backend_takes_a_webhook(send: Send) -> None:
    note = send()
    assert note["delivered"], note


def test_failed_try_is_followed_by_one_when_the_backend_says(faulty: Send) -> None:
    note = faulty(attempt=2, status="500,200", retry_after="1")
    assert (note["attempt"], note["delivered"], note["status"]) == (2, True, 200)


@pytest.mark.parametrize("fault", ["drop", "garbage", "drip"])
def test_answer_that_is_none_is_a_failed_try(faulty: Send, fault: str) -> None:
    note = faulty(fault=fault)
    assert not note["delivered"]
    assert "status" not in note
