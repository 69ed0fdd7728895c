"""The smoke test tells what holds, what does not and what does not apply, and fails where anything does not hold."""

import contextlib
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import smoke as smoke_command
from nami_cli.main import app
from nami_control import logs, smoke
from nami_control.deployment import Deployment, Function
from nami_control.errors import UsageError, WebhookError
from nami_control.sending import Answer
from tests.unit.cli.conftest import sleep_in, target

OUTPUTS = {
    f"{prefix}{key}": key
    for prefix in ("", "Http")
    for key in ("QueueUrl", "DeadLetterQueueUrl", "PostQueueFunctionName")
}


class FakeSender:
    """An endpoint that answers as it is told."""

    def __init__(self, *, signed: bool = True, accepts: int = 200, refuses: int = 401, unknown: int = 404) -> None:
        self.is_signed = signed
        self.statuses = {"POST": refuses, "other": unknown}
        self.accepts = accepts
        self.unsignable = False
        self.deployment: Deployment | None = None
        self.queued: list[str] = []  # ids of what the gateway queues by itself

    def sample(self) -> tuple[bytes, str]:
        return b"{}", "application/json"

    def send(self, body: bytes, headers: dict[str, str]) -> Answer:
        if self.unsignable:
            raise UsageError("discord signs with the provider's private key")
        assert "nami_smoke_test" in json.loads(body)
        return Answer(self.accepts, "d1" if self.accepts == 200 else None, b"no", 1)

    def signed(self, body: bytes, headers: dict[str, str], *, forged: bool) -> tuple[str, dict[str, str], bytes]:
        if self.unsignable:
            raise UsageError("discord signs with the provider's private key")
        assert forged
        return "https://abc.execute-api.example/nami/shopify", {**headers, "x-signature": "guessed"}, body

    def request(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        known = method == "POST" and not url.endswith("no-such-subscription")
        if known and self.queued:
            return Answer(200, self.queued.pop(0), b"", 1)
        return Answer(self.statuses["POST" if known else "other"], None, b"", 1)


@pytest.fixture
def smoking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(smoke, "STORED_WITHIN", 0.05)
    sleep_in(monkeypatch, smoke, lambda _seconds: None)
    found = Deployment(target(), {**OUTPUTS, "EndpointUrl": "https://abc.execute-api.example/nami/shopify"})
    found.pre_queue = Function("pre", {}, "/logs/pre")
    for number, each in enumerate(found.drains):
        each.post_queue = Function("post", {"DESTINATION": "mongo"}, f"/logs/{number}")
    monkeypatch.setattr(smoke_command, "find", lambda _target: found)

    def run(sender: FakeSender, stores: tuple[str, ...] = ("to mongo", "to http")) -> Any:
        def read(_aws: object, groups: dict[str, str], **_given: object) -> Iterator[logs.Line]:
            for function in groups:
                said = "stored" if function in stores else "other"
                yield logs.Line(1, function, json.dumps({"message": "batch", said: ["d1"]}), "e")

        sender.deployment = found
        monkeypatch.setattr(smoke_command, "Sender", lambda _deployment, **_: sender)
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
        (FakeSender(accepts=503), ("to mongo", "to http"), "webhook is stored"),
        (FakeSender(), ("to mongo",), "webhook is stored"),
        (FakeSender(refuses=200), ("to mongo", "to http"), "unsigned webhook is refused"),
        (FakeSender(unknown=403), ("to mongo", "to http"), "another path is not found"),
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
    not_skipped = {"another path is not found", "another method is not found"}
    assert {check for check, outcome in outcomes.items() if outcome != "skipped"} == not_skipped
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ({"message": "not wanted", "destination": "http", "id": "d1"}, "ok"),
        ({"message": "webhook", "status": 200, "Filtered": 1, "id": "d1"}, "skipped"),
    ],
)
def test_destination_that_does_not_want_the_sample_need_not_store_it(
    smoking: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, line: dict[str, object], outcome: str
) -> None:
    sender = FakeSender()
    smoking(sender)  # which makes the deployment
    stored = {"message": "batch", "stored": ["d1"]}
    said = {"pre-queue": line, **({"to mongo": stored} if outcome == "ok" else {})}
    monkeypatch.setattr(
        logs,
        "read",
        lambda *_, **__: (logs.Line(1, function, json.dumps(each), "e") for function, each in said.items()),
    )
    result = next(smoke.run(sender))  # type: ignore[arg-type]
    assert (result.check, result.outcome) == ("webhook is stored", outcome)


class Quarantine:
    """What the gateway queued and nobody could prove; `kept` are the ids in it."""

    def __init__(self, *kept: str) -> None:
        self.kept = list(kept)

    def opened(self) -> Any:
        return contextlib.nullcontext([SimpleNamespace(id=each) for each in self.kept])

    def delete(self, letters: list[Any]) -> None:
        for letter in letters:
            self.kept.remove(letter.id)


@pytest.fixture
def direct(smoking: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A subscription whose gateway queues by itself; `said` is what the post-queue function logs of each."""
    queues = {key: key for key in OUTPUTS if not key.startswith("Http")}
    found = Deployment(target(), {**queues, "QuarantineUrl": "q", "EndpointUrl": "https://abc.example/nami/shopify"})
    found.pre_queue = None
    found.drains[0].post_queue = Function("post", {"DESTINATION": "mongo"}, "/logs/post")
    monkeypatch.setattr(smoke_command, "find", lambda _target: found)

    def run(quarantine: Quarantine, said: dict[str, object]) -> Any:
        def read(_aws: object, groups: dict[str, str], **_given: object) -> Iterator[logs.Line]:
            yield logs.Line(1, "post-queue", json.dumps({"message": "batch", **said}), "e")

        sender = FakeSender()
        sender.queued = ["unsigned", "forged"]
        sender.deployment = found
        monkeypatch.setattr(smoke_command, "Sender", lambda _deployment, **_: sender)
        monkeypatch.setattr(smoke, "DeadLetters", lambda _deployment, **_: quarantine)
        monkeypatch.setattr(logs, "read", read)
        result = CliRunner().invoke(app, ["smoke", "shopify", "--json"])
        return {each["check"]: (each["outcome"], each["detail"]) for each in json.loads(result.stdout)}

    return run


CAUGHT = [{"id": name, "reason": "wrong signature"} for name in ("unsigned", "forged")]


def test_what_is_not_genuine_ends_in_quarantine_and_is_taken_out_of_it(direct: Callable[..., Any]) -> None:
    quarantine = Quarantine("another", "forged", "unsigned")
    outcomes = direct(quarantine, {"stored": ["d1"], "quarantined": CAUGHT})
    expected = ("ok", "in quarantine: wrong signature; taken out again")
    assert outcomes["unsigned webhook is refused"] == outcomes["forged webhook is refused"] == expected
    assert outcomes["webhook is stored"] == ("ok", "d1")
    assert quarantine.kept == ["another"]


@pytest.mark.parametrize(
    ("quarantine", "said", "told"),
    [
        (Quarantine(), {"stored": ["d1", "forged"]}, "is not genuine and was stored"),
        (Quarantine(), {"stored": ["d1"]}, "not in quarantine within"),
        (Quarantine("another"), {"stored": ["d1"], "quarantined": CAUGHT}, "and is not there"),
    ],
)
def test_forged_webhook_that_is_not_in_quarantine_fails(
    quarantine: Quarantine, said: dict[str, object], told: str, direct: Callable[..., Any]
) -> None:
    outcome, detail = direct(quarantine, said)["forged webhook is refused"]
    assert outcome == "failed"
    assert told in detail
