"""The smoke test tells what holds, what does not and what does not apply, and fails where anything does not hold."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import logs, smoke
from nami_cli.deployment import Deployment, Function
from nami_cli.errors import UsageError, WebhookError
from nami_cli.main import app
from nami_cli.send import Answer

OUTPUTS = {
    f"{prefix}{key}": key
    for prefix in ("", "Backend")
    for key in ("QueueUrl", "DeadLetterQueueUrl", "PostQueueFunctionName")
}


class FakeSender:
    """An endpoint that answers as it is told."""

    def __init__(self, *, signed: bool = True, accepts: int = 200, refuses: int = 401, unknown: int = 404) -> None:
        self.is_signed = signed
        self.statuses = {"POST": refuses, "other": unknown}
        self.accepts = accepts
        self.unsignable = False

    def sample(self) -> tuple[bytes, str]:
        return b"{}", "application/json"

    def send(self, body: bytes, headers: dict[str, str]) -> Answer:
        if self.unsignable:
            raise UsageError("discord signs with the provider's private key")
        assert "nami_smoke_test" in json.loads(body)
        return Answer(self.accepts, "d1" if self.accepts == 200 else None, b"no", 1)

    def request(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        known = method == "POST" and not url.endswith("no-such-subscription")
        return Answer(self.statuses["POST" if known else "other"], None, b"", 1)


@pytest.fixture
def smoking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(smoke, "STORED_WITHIN", 0.05)
    monkeypatch.setattr(smoke.time, "sleep", lambda _seconds: None)
    found = Deployment("shopify", {**OUTPUTS, "EndpointUrl": "https://abc.execute-api.example/nami/shopify"})
    for number, each in enumerate(found.deliveries):
        each.post_queue = Function("post", {"DESTINATION": "mongo"}, f"/logs/{number}")
    monkeypatch.setattr(smoke, "find", lambda _name: found)

    def run(sender: FakeSender, stores: tuple[str, ...] = ("to mongo", "to backend")) -> Any:
        def read(groups: dict[str, str], **_given: object) -> Iterator[logs.Line]:
            for function in groups:
                said = "stored" if function in stores else "other"
                yield logs.Line(1, function, json.dumps({"message": "batch", said: ["d1"]}), "e")

        monkeypatch.setattr(smoke, "Sender", lambda _deployment: sender)
        monkeypatch.setattr(logs, "read", read)
        result = CliRunner().invoke(app, ["smoke", "shopify", "--json"])
        return result, {each["check"]: each["outcome"] for each in json.loads(result.stdout)}

    return run


def test_all_is_well(smoking: Callable[..., Any]) -> None:
    result, outcomes = smoking(FakeSender())
    assert result.exit_code == 0
    assert set(outcomes.values()) == {"ok"}


@pytest.mark.parametrize(
    ("sender", "stores", "failed"),
    [
        (FakeSender(accepts=503), ("to mongo", "to backend"), "webhook is stored"),
        (FakeSender(), ("to mongo",), "webhook is stored"),
        (FakeSender(refuses=200), ("to mongo", "to backend"), "unsigned webhook is refused"),
        (FakeSender(unknown=403), ("to mongo", "to backend"), "another path is not found"),
    ],
)
def test_what_does_not_hold_fails(
    sender: FakeSender, stores: tuple[str, ...], failed: str, smoking: Callable[..., Any]
) -> None:
    result, outcomes = smoking(sender, stores)
    assert outcomes[failed] == "failed"
    assert isinstance(result.exception, WebhookError)


def test_what_does_not_apply_is_skipped(smoking: Callable[..., Any]) -> None:
    sender = FakeSender(signed=False)
    sender.unsignable = True
    result, outcomes = smoking(sender)
    assert outcomes["webhook is stored"] == outcomes["unsigned webhook is refused"] == "skipped"
    assert result.exit_code == 0
