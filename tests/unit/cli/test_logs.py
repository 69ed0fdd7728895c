"""The log as people read it: a line for each webhook, the platform's chatter left out, its failures not."""

import json
import time
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import logs as logs_command
from nami_cli.main import app
from nami_control import logs
from nami_control.deployment import Deployment, Function
from nami_control.errors import NotFoundError
from tests.unit.cli.conftest import Stub, sleep_in, target

NOW = int(time.time() * 1000)
ACCEPTED = {"level": "INFO", "message": "webhook", "status": 200, "ms": 3.1, "id": "d1", "bytes": 12, "verified": "x"}
BATCH = {
    "level": "ERROR",
    "message": "batch",
    "stored": ["d1"],
    "duplicates": ["d2"],
    "failed": [{"id": "d3", "reason": "ValueError at handler.py:9"}],
    "quarantined": [{"id": "d4", "reason": "wrong signature"}],
}


def line(message: object, function: str = "post-queue", at: int = NOW) -> logs.Line:
    return logs.Line(at, function, message if isinstance(message, str) else json.dumps(message), "e")


def told(message: object, only: str | None = None) -> list[tuple[str, str]]:
    return [(step.delivery_id, step.what) for step in logs.steps(line(message), only)]


def test_a_batch_is_a_step_for_each_of_its_webhooks() -> None:
    assert told(BATCH) == [
        ("d1", "stored"),
        ("d2", "stored before, a duplicate"),
        ("d3", "failed: ValueError at handler.py:9"),
        ("d4", "in quarantine: wrong signature"),
    ]


def test_what_process_dropped_is_told() -> None:
    assert told({"message": "batch", "dropped": ["d1"]}) == [("d1", "dropped by process, not stored")]


def test_documents_that_a_webhook_was_made_into_are_of_its_path() -> None:
    stored = {"message": "batch", "stored": ["d1~1", "d1~2", "d1~c0ffee", "d10~1"]}
    assert [each for each, _ in told(stored, only="d1")] == ["d1~1", "d1~2"]


def test_of_a_batch_only_the_wanted_webhook_is_told() -> None:
    assert told(BATCH, only="d3") == [("d3", "failed: ValueError at handler.py:9")]


def test_a_reason_with_a_line_break_does_not_pass_for_a_line_of_its_own() -> None:
    failed = BATCH | {"stored": [], "duplicates": [], "quarantined": [], "failed": [{"id": "d3", "reason": "a\nb"}]}
    assert told(failed) == [("d3", "failed: a\\x0ab")]


def test_a_printed_traceback_keeps_its_lines() -> None:
    printed = "Traceback (most recent call last):\n  File …"
    assert told(printed) == [("", printed)]


def test_an_answer_is_told_with_its_size_and_scheme() -> None:
    assert told(ACCEPTED) == [("d1", "answered 200 in 3.1 ms, 12 bytes, signed by x")]


def test_a_refusal_is_told_with_its_reason() -> None:
    refused = {"level": "WARNING", "message": "webhook", "status": 401, "ms": 1, "reason": "wrong signature"}
    assert told(refused) == [("", "answered 401 in 1 ms: wrong signature")]


@pytest.mark.parametrize(
    "message",
    [
        "START RequestId: 1",
        "END RequestId: 1",
        "REPORT RequestId: 1\tDuration: 2 ms",
        '{"type":"platform.report","record":{"requestId":"1","status":"success"}}',
    ],
)
def test_the_platforms_chatter_is_left_out(message: str) -> None:
    assert told(message) == []


@pytest.mark.parametrize(
    "message",
    [
        "2026-01-01T00:00:00Z 1 Task timed out after 30.00 seconds",
        "REPORT RequestId: 1\tDuration: 3 ms\tStatus: timeout",
        "RequestId: 1 Error: Runtime exited with error: signal: killed Runtime.ExitError",
        "Traceback (most recent call last):",
        '{"time":"2026-01-01T00:00:00Z","type":"platform.report","record":{"requestId":"1","status":"timeout"}}',
    ],
)
def test_the_platforms_failures_are_errors(message: str) -> None:
    (step,) = logs.steps(line(message))
    assert step.level == "ERROR"


def test_what_a_handler_prints_itself_is_shown() -> None:
    assert told("hello") == [("", "hello")]
    assert told({"level": "INFO", "message": "mine", "a": 1}) == [("", 'mine {"a": 1}')]


def test_an_id_is_quoted_for_the_pattern() -> None:
    assert logs.naming('a"b\\c') == '"a\\"b\\\\c"'


@pytest.fixture
def subscription(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> Stub:
    monkeypatch.delenv("NAMI_LOCAL", raising=False)
    outputs = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post"}
    found = Deployment(target(), outputs)
    found.pre_queue = Function("pre", {}, "/pre")
    found.drains[0].post_queue = Function("post", {}, "/post")
    monkeypatch.setattr(logs_command, "find", lambda _target: found)
    return aws


def answer(stub: Stub, group: str, *messages: tuple[int, object]) -> None:
    events = [{"timestamp": at, "message": json.dumps(message), "eventId": f"{group}{at}"} for at, message in messages]
    given: dict[str, Any] = {"events": events}
    stub("logs").add_response("filter_log_events", given)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["logs", "shopify", *arguments])


def test_a_webhooks_path_is_in_time_order(subscription: Stub) -> None:
    answer(subscription, "/pre", (NOW, ACCEPTED))
    answer(subscription, "/post", (NOW + 2, BATCH), (NOW + 1, {**BATCH, "stored": [], "duplicates": ["d1"]}))
    lines = run("--id", "d1").stdout.splitlines()
    assert [text.split("  ", 2)[2].strip() for text in lines] == [
        "answered 200 in 3.1 ms, 12 bytes, signed by x",
        "stored before, a duplicate",
        "stored",
    ]


def test_path_goes_by_when_a_line_was_written_and_not_when_it_arrived(subscription: Stub) -> None:
    accepted = {**ACCEPTED, "_aws": {"Timestamp": NOW}}
    stored = {"level": "INFO", "message": "batch", "stored": ["d1"], "_aws": {"Timestamp": NOW + 5}}
    answer(subscription, "/pre", (NOW + 9, accepted))
    answer(subscription, "/post", (NOW + 7, stored))
    lines = run("--id", "d1").stdout.splitlines()
    assert [text.split("  ", 2)[2].split()[0] for text in lines] == ["answered", "stored"]


@pytest.mark.parametrize("own", [5, {}, {"Timestamp": "soon"}])
def test_line_that_says_no_time_of_its_own_has_that_of_its_arrival(own: object) -> None:
    assert [each.at for each in logs.steps(line({"message": "mine", "_aws": own}, at=NOW))] == [NOW]


def test_a_path_that_ends_in_the_queue_is_told(subscription: Stub) -> None:
    answer(subscription, "/pre", (NOW, ACCEPTED))
    answer(subscription, "/post")
    assert "not processed yet" in run("--id", "d1").stderr


def test_an_id_that_no_line_names_is_code_14(subscription: Stub) -> None:
    answer(subscription, "/pre")
    answer(subscription, "/post")
    error = run("--id", "d9").exception
    assert isinstance(error, NotFoundError)
    assert "--since 7d" in str(error)


def test_following_shows_each_line_once_and_ends_well(subscription: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for later in ([], [(NOW + 5, {**ACCEPTED, "id": "d2"})]):
        answer(subscription, "/pre", (NOW, ACCEPTED), *later)
        answer(subscription, "/post")
    looks = iter([None, KeyboardInterrupt()])

    def sleep(_seconds: float) -> None:
        if (fault := next(looks)) is not None:
            raise fault

    sleep_in(monkeypatch, logs, sleep)
    result = run("--follow")
    assert result.exit_code == 0
    assert ["d1" in text for text in result.stdout.splitlines()] == [True, False]


def test_refused_signature_is_told_with_the_command_that_says_why(subscription: Stub) -> None:
    refused = {
        "level": "WARNING",
        "message": "webhook",
        "status": 401,
        "reason": "wrong signature",
        "refused": "signature",
    }
    answer(subscription, "/pre", (NOW, refused))
    answer(subscription, "/post")
    assert "nami signatures check shopify --request FILE tells why" in run().stderr


def test_json_is_every_line_as_it_was_printed(subscription: Stub) -> None:
    answer(subscription, "/pre", (NOW, ACCEPTED))
    answer(subscription, "/post")
    assert json.loads(json.loads(run("--json").stdout)["message"]) == ACCEPTED
