"""A dead letter is on the queue before it is gone, goes once, and is not disturbed by being looked at."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from typer.testing import CliRunner

from nami_cli import dead_letters
from nami_cli.main import app
from nami_control import large_bodies, logs, redrive
from nami_control.dead_letters import DeadLetters
from nami_control.deployment import Deployment, Function
from nami_control.errors import AwsError, NotFoundError, UsageError
from nami_runtime.queue import together
from tests.unit.cli.conftest import sleep_in, target

NAME = "shopify"


class FakeSqs:
    """Two queues as SQS keeps them: a received message is hidden until it is deleted or put back."""

    def __init__(self, fifo: bool = False) -> None:
        self.dead: dict[str, dict[str, Any]] = {}
        self.hidden: set[str] = set()
        self.queue: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.fail_at: dict[int, BaseException] = {}
        self.refused: set[str] = set()
        self.attributes = {"MessageGroupId": "g"} if fifo else {}

    def put(self, message_id: str, body: str, sent_at: int = 0) -> None:
        attributes = {"SentTimestamp": str(sent_at), **self.attributes}
        self.dead[message_id] = {
            "MessageId": message_id,
            "ReceiptHandle": message_id,
            "Body": body,
            "Attributes": attributes,
        }

    def visible(self) -> set[str]:
        return self.dead.keys() - self.hidden

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if fault := self.fail_at.get(len(self.calls)):
            raise fault

    def receive_message(self, MaxNumberOfMessages: int, **_options: object) -> dict[str, Any]:  # noqa: N803
        self._called("receive")
        found = [self.dead[key] for key in sorted(self.visible())][:MaxNumberOfMessages]
        if self.attributes and self.hidden & self.dead.keys():
            found = []  # one group, of which some are being looked at
        self.hidden |= {message["MessageId"] for message in found}
        return {"Messages": found} if found else {}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("send")
        assert QueueUrl.startswith("queue")
        taken = [entry for entry in Entries if entry["MessageBody"] not in self.refused]
        self.queue += taken
        return {
            "Successful": [{"Id": entry["Id"], "MessageId": f"new-{len(self.queue)}-{entry['Id']}"} for entry in taken],
            "Failed": [{"Id": entry["Id"], "Code": "Throttled"} for entry in Entries if entry not in taken],
        }

    def delete_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._called("delete")
        for entry in Entries:
            del self.dead[entry["ReceiptHandle"]]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.hidden -= {entry["ReceiptHandle"] for entry in Entries}
        return {}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        said = {
            "RedrivePolicy": '{"maxReceiveCount": 5}',
            "QueueArn": "arn:dead",
            "MessageRetentionPeriod": str(14 * 86_400),
            "ApproximateNumberOfMessages": str(len(self.dead)),
            "ApproximateNumberOfMessagesNotVisible": "0",
        }
        return {"Attributes": {name: said[name] for name in AttributeNames}}

    def start_message_move_task(self, **_options: object) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "InvalidAction"}}, "StartMessageMoveTask")


def envelope(delivery_id: str, body: str = "{}", received_at: int = 1_000_000) -> str:
    return json.dumps(
        {
            "v": 1,
            "id": delivery_id,
            "subscription": NAME,
            "received_at": received_at,
            "method": "POST",
            "path": "/nami/shopify",
            "query": "",
            "headers": {"x-topic": "orders/create"},
            "source_ip": "192.0.2.1",
            "verified": None,
            "body": body,
        }
    )


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSqs:
    fake = FakeSqs()
    install(fake, monkeypatch)
    return fake


def install(fake: FakeSqs, monkeypatch: pytest.MonkeyPatch, ending: str = "", several: bool = False) -> None:
    monkeypatch.delenv("NAMI_LOCAL", raising=False)
    monkeypatch.setattr(boto3, "client", lambda _service, **_where: fake)
    queues = {"QueueUrl": f"queue{ending}", "DeadLetterQueueUrl": f"dead{ending}", "PostQueueFunctionName": "post"}
    found = Deployment(
        target(NAME), queues | {f"Http{key}": value for key, value in queues.items()} if several else queues
    )
    for each in found.drains:
        each.post_queue = Function("post", {"DESTINATION": "mongo"}, "/logs/post")
    monkeypatch.setattr(dead_letters, "find", lambda _target: found)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[logs.Line]], None]:
    """Let the log say this."""

    def tell(lines: list[logs.Line]) -> None:
        def read(_aws: object, _groups: object, *, since: float, pattern: str = "") -> Iterator[logs.Line]:
            yield from (line for line in lines if pattern.strip('"') in line.message or pattern.startswith("{"))

        monkeypatch.setattr(logs, "read", read)

    tell([])
    return tell


def fill(sqs: FakeSqs, count: int) -> set[str]:
    for number in range(count):
        sqs.put(f"m{number:03}", envelope(f"d{number:03}", f'{{"number": {number}}}', 1_000_000 + number * 1000))
    return {f"d{number:03}" for number in range(count)}


def run(*arguments: str, stdin: str = "") -> Any:
    return CliRunner().invoke(app, ["dlq", *arguments], input=stdin)


def queued(sqs: FakeSqs) -> list[str]:
    return [json.loads(entry["MessageBody"])["id"] for entry in sqs.queue]


def still_dead(sqs: FakeSqs) -> list[str]:
    return [json.loads(message["Body"])["id"] for message in sqs.dead.values()]


@pytest.mark.usefixtures("told")
def test_list_puts_everything_back(sqs: FakeSqs) -> None:
    expected = fill(sqs, 25)
    listed = json.loads(run("list", NAME, "--json").stdout)
    assert {letter["id"] for letter in listed} == expected
    assert sqs.visible() == sqs.dead.keys()


class SlowSqs(FakeSqs):
    """One that takes a second to give ten messages, and has them visible again when their time is up."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.back_at: dict[str, int] = {}

    def receive_message(self, VisibilityTimeout: int, **options: Any) -> dict[str, Any]:  # noqa: N803
        self.now += 1
        self.hidden -= {each for each, at in self.back_at.items() if at <= self.now}
        said = super().receive_message(**options)
        self.back_at |= {each["MessageId"]: self.now + VisibilityTimeout for each in said.get("Messages", [])}
        return said


@pytest.mark.usefixtures("told")
def test_more_letters_than_half_a_minute_gives_are_all_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowSqs()
    install(slow, monkeypatch)
    expected = fill(slow, 400)
    listed = json.loads(run("list", NAME, "--limit", "1000", "--json").stdout)
    assert [letter["id"] for letter in listed] == sorted(expected)


@pytest.mark.usefixtures("told")
def test_list_puts_back_what_it_did_not_need(sqs: FakeSqs) -> None:
    fill(sqs, 25)
    result = run("list", NAME, "--limit", "3")
    assert len(result.stdout.splitlines()) == 1 + 3
    assert "3 of about 25" in result.stderr
    assert sqs.visible() == sqs.dead.keys()


def line(at: int, **fields: object) -> logs.Line:
    return logs.Line(at, "post-queue", json.dumps({"level": "ERROR", "message": "batch", **fields}), str(at))


@pytest.mark.parametrize("count", [2, 30])
def test_tries_and_the_last_reason_come_from_the_log(count: int, sqs: FakeSqs, told: Callable[..., None]) -> None:
    fill(sqs, count)
    told(
        [
            line(3, failed=[{"id": "d001", "reason": "second"}]),
            line(1, failed=[{"id": "d001", "reason": "first"}, {"id": "d000", "reason": "other"}]),
        ]
    )
    listed = {letter["id"]: letter for letter in json.loads(run("list", NAME, "--json").stdout)}
    assert (listed["d001"]["tries"], listed["d001"]["reason"]) == (2, "second")
    assert (listed["d000"]["tries"], listed["d000"]["reason"]) == (1, "other")


@pytest.mark.usefixtures("sqs")
def test_tries_that_fail_are_counted_by_their_reason(told: Callable[..., None]) -> None:
    first, second, third = ({"id": f"d{number}", "reason": "away" if number else "too large"} for number in range(3))
    told([line(1, failed=[first]), line(2, failed=[second, third]), line(3, stored=["d4"])])
    letters = DeadLetters(dead_letters.find(target(NAME)))
    assert letters.failing(0) == {"too large": 1, "away": 2}


@pytest.mark.usefixtures("told")
def test_without_a_log_line_the_queues_own_count_is_told(sqs: FakeSqs) -> None:
    fill(sqs, 1)
    (listed,) = json.loads(run("list", NAME, "--json").stdout)
    assert (listed["tries"], listed["reason"]) == (5, None)
    assert "timeout, memory" in run("list", NAME).stdout


@pytest.mark.usefixtures("told")
def test_what_is_no_webhook_is_listed_by_its_message(sqs: FakeSqs) -> None:
    sqs.put("m1", "no envelope")
    assert run("list", NAME).stdout.splitlines()[1].startswith("m1\t")
    assert "no webhook" in run("show", NAME, "m1").stdout


@pytest.mark.usefixtures("told")
def test_show_of_an_unknown_id_is_code_14(sqs: FakeSqs) -> None:
    fill(sqs, 2)
    error = run("show", NAME, "d9").exception
    assert isinstance(error, NotFoundError)
    assert error.exit_code == 14
    assert sqs.visible() == sqs.dead.keys()


def test_redrive_sends_all_back_and_empties_the_dead_letters(sqs: FakeSqs) -> None:
    expected = fill(sqs, 25)
    assert run("redrive", NAME).stdout == "25\n"
    assert sorted(queued(sqs)) == sorted(expected)
    assert not sqs.dead


def test_each_batch_is_sent_before_it_is_deleted(sqs: FakeSqs) -> None:
    fill(sqs, 25)
    run("redrive", NAME)
    changes = [call for call in sqs.calls if call != "receive"]
    assert changes == ["send", "delete"] * 3


@pytest.mark.parametrize("step", range(1, 9))
@pytest.mark.parametrize("fault", [KeyboardInterrupt(), ClientError({"Error": {"Code": "Throttled"}}, "x")])
def test_broken_off_at_any_step_nothing_is_lost(step: int, fault: BaseException, sqs: FakeSqs) -> None:
    expected = fill(sqs, 25)
    sqs.fail_at = {step: fault}
    run("redrive", NAME)
    assert set(queued(sqs)) | set(still_dead(sqs)) == expected
    assert sqs.visible() == sqs.dead.keys()
    sqs.fail_at = {}
    run("redrive", NAME)
    assert set(queued(sqs)) == expected
    assert not sqs.dead


def test_interrupted_redrive_is_code_130_and_says_how_far_it_came(sqs: FakeSqs) -> None:
    fill(sqs, 25)
    sqs.fail_at = {4: KeyboardInterrupt()}
    result = run("redrive", NAME)
    assert result.exit_code == 130
    assert "stopped; 10 were sent back" in result.stderr


def test_killed_between_send_and_delete_it_is_queued_twice_and_lost_never(sqs: FakeSqs) -> None:
    expected = fill(sqs, 3)
    letters = DeadLetters(dead_letters.find(target(NAME)))
    with letters.opened() as found:
        letters.send_back(list(found))
    assert set(queued(sqs)) == set(still_dead(sqs)) == expected


def test_what_the_queue_does_not_take_stays_a_dead_letter(sqs: FakeSqs) -> None:
    fill(sqs, 3)
    sqs.refused = {sqs.dead["m001"]["Body"]}
    error = run("redrive", NAME).exception
    assert isinstance(error, AwsError)
    assert "did not take 1 of 3" in str(error)
    assert still_dead(sqs) == ["d001"]
    assert sqs.visible() == {"m001"}


def test_letter_that_sqs_does_not_remove_is_told(sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sqs, 1)
    failed = {"Failed": [{"Id": "0", "Code": "InternalError"}]}
    monkeypatch.setattr(sqs, "delete_message_batch", lambda **_asked: failed)
    error = run("redrive", NAME).exception
    assert isinstance(error, AwsError)
    assert str(error) == "1 dead letters could not be removed (InternalError); try again"


def test_what_fails_again_at_once_is_not_sent_in_circles(sqs: FakeSqs) -> None:
    fill(sqs, 1)
    send = sqs.send_message_batch

    def sends_and_dies(QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        said = send(QueueUrl, Entries)
        sqs.put(said["Successful"][0]["MessageId"], Entries[0]["MessageBody"])
        return said

    sqs.send_message_batch = sends_and_dies  # type: ignore[method-assign]
    assert run("redrive", NAME).stdout == "1\n"
    assert len(sqs.queue) == 1
    assert len(sqs.dead) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--id", "d003", "--id", "m007"], {"d003", "d007"}),
        (["--text", '"number": 12'], {"d012"}),
        (["--text", "orders/create", "--since", "1970-01-01T00:16:58Z", "--until", "1970-01-01T00:17:00Z"],
         {"d018", "d019", "d020"}),
        (["--limit", "12"], {f"d{number:03}" for number in range(12)}),
    ],
)  # fmt: skip
def test_only_what_matches_is_sent_back(options: list[str], expected: set[str], sqs: FakeSqs) -> None:
    everything = fill(sqs, 25)
    assert run("redrive", NAME, *options).stdout == f"{len(expected)}\n"
    assert set(queued(sqs)) == expected
    assert set(still_dead(sqs)) == everything - expected
    assert sqs.visible() == sqs.dead.keys()


def test_dry_run_tells_which_and_sends_none(sqs: FakeSqs) -> None:
    fill(sqs, 5)
    result = run("redrive", NAME, "--dry-run", "--id", "d002")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["delivery", "d002"]
    assert not sqs.queue
    assert sqs.visible() == sqs.dead.keys()


def test_nothing_that_matches_is_code_14(sqs: FakeSqs) -> None:
    fill(sqs, 2)
    assert isinstance(run("redrive", NAME, "--text", "refunds").exception, NotFoundError)


def test_fifo_letters_keep_their_group_and_get_a_fresh_deduplication_id(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSqs(fifo=True)
    install(fake, monkeypatch, ".fifo")
    fill(fake, 3)
    for message in fake.dead.values():
        message["Attributes"]["MessageDeduplicationId"] = "old"
    run("redrive", NAME)
    assert {entry["MessageGroupId"] for entry in fake.queue} == {"g"}
    fresh = {entry["MessageDeduplicationId"] for entry in fake.queue}
    assert len(fresh - {"old"}) == 3


def test_an_ordered_queue_is_emptied_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSqs(fifo=True)
    install(fake, monkeypatch, ".fifo")
    expected = fill(fake, 25)
    assert run("redrive", NAME).stdout == "25\n"
    assert queued(fake) == sorted(expected)


def test_an_ordered_queue_is_not_left_to_a_task_of_sqs(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSqs(fifo=True)
    install(fake, monkeypatch, ".fifo")
    fill(fake, 1)
    started: list[object] = []
    monkeypatch.setattr(fake, "start_message_move_task", lambda **asked: started.append(asked))
    assert run("redrive", NAME).stdout == "1\n"
    assert started == []


def test_of_an_ordered_queue_not_all_can_be_looked_at(
    monkeypatch: pytest.MonkeyPatch, told: Callable[..., None]
) -> None:
    fake = FakeSqs(fifo=True)
    install(fake, monkeypatch, ".fifo")
    fill(fake, 25)
    result = run("list", NAME)
    assert len(result.stdout.splitlines()) == 1 + 10
    assert "10 of about 25; an ordered queue shows the first of each group" in result.stderr


def test_message_attributes_travel_along(sqs: FakeSqs) -> None:
    fill(sqs, 1)
    sqs.dead["m000"]["MessageAttributes"] = {"trace": {"DataType": "String", "StringValue": "1"}}
    run("redrive", NAME)
    assert sqs.queue[0]["MessageAttributes"]["trace"]["StringValue"] == "1"


def test_batches_stay_within_what_sqs_takes() -> None:
    assert [len(group) for group in together(["x" * 400_000] * 5, str)] == [2, 2, 1]
    assert [len(group) for group in together(["x"] * 12, str)] == [10, 2]


def test_rate_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep_in(monkeypatch, redrive, slept.append)
    pace = redrive.Pace(5)
    for _ in range(3):
        pace.wait(5)
    assert pace.batch == 5
    assert sum(slept) == pytest.approx(1 + 2, abs=0.1)  # the clock stands still while nobody sleeps


@pytest.fixture
def task(sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """SQS with its own move task."""
    client = boto3.session.Session("test", "test", region_name="eu-west-1").client("sqs")
    with Stubber(client) as stubber:
        for name in ("start_message_move_task", "list_message_move_tasks", "cancel_message_move_task"):
            monkeypatch.setattr(sqs, name, getattr(client, name), raising=False)
        yield stubber
    stubber.assert_no_pending_responses()


def moved(status: str, count: int, **more: str) -> dict[str, Any]:
    return {"Results": [{"Status": status, "ApproximateNumberOfMessagesMoved": count, **more}]}


def test_all_letters_are_moved_by_sqs_itself_at_the_given_rate(
    sqs: FakeSqs, task: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(sqs, 7)
    sleep_in(monkeypatch, redrive, lambda _seconds: None)
    task.add_response(
        "start_message_move_task", {"TaskHandle": "t"}, {"SourceArn": "arn:dead", "MaxNumberOfMessagesPerSecond": 20}
    )
    task.add_response("list_message_move_tasks", moved("RUNNING", 3))
    task.add_response("list_message_move_tasks", moved("COMPLETED", 7))
    assert run("redrive", NAME, "--rate", "20").stdout == "7\n"
    assert sqs.calls == []


def test_bodies_in_s3_are_renewed_before_all_letters_are_moved(
    sqs: FakeSqs, task: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    (drain,) = dead_letters.find(NAME).drains
    drain.post_queue = Function("post", {"CLAIM_CHECK_BUCKET": "bodies"}, "/logs/post")
    renewed: list[object] = []
    monkeypatch.setattr(large_bodies, "renew_old", lambda *asked: renewed.append(asked[1:]))
    fill(sqs, 1)
    task.add_client_error("start_message_move_task", "AccessDenied")
    run("redrive", NAME)
    assert renewed == [("bodies", 14)]


def test_body_in_s3_is_renewed_before_its_letter_is_sent_back(sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = json.loads(envelope("large"))
    del claim["body"]
    sqs.put("m1", json.dumps(claim | {"body_ref": {"bucket": "bodies", "key": "k", "size": 2, "sha256": "0"}}))
    renewed: list[object] = []

    def renew(*asked: object) -> bool:
        renewed.append((*asked[1:], len(sqs.queue)))
        return False

    monkeypatch.setattr(large_bodies, "renew", renew)
    said = run("redrive", NAME, "--id", "large")
    assert renewed == [("bodies", "k", 0)]
    assert "large: its body is no longer in S3" in said.stderr


def test_failed_move_says_why(sqs: FakeSqs, task: Stubber) -> None:
    fill(sqs, 7)
    task.add_response("start_message_move_task", {"TaskHandle": "t"})
    task.add_response("list_message_move_tasks", moved("FAILED", 2, FailureReason="AccessDenied"))
    assert "moved 2 of 7 and stopped: AccessDenied" in str(run("redrive", NAME).exception)


def test_interrupted_move_is_cancelled(sqs: FakeSqs, task: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sqs, 7)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    sleep_in(monkeypatch, redrive, interrupt)
    task.add_response("start_message_move_task", {"TaskHandle": "t"})
    task.add_response("list_message_move_tasks", moved("RUNNING", 3))
    task.add_response("cancel_message_move_task", {}, {"TaskHandle": "t"})
    result = run("redrive", NAME)
    assert result.exit_code == 130
    assert "stopped; 3 were sent back" in result.stderr


@pytest.mark.usefixtures("task")
@pytest.mark.parametrize(
    "options", [["--limit", "2"], ["--id", "d001"], ["--text", "number"], ["--since", "1970-01-01"]]
)
def test_a_choice_is_not_left_to_the_move_task(options: list[str], sqs: FakeSqs) -> None:
    fill(sqs, 3)
    assert run("redrive", NAME, *options).exit_code == 0
    assert sqs.queue


def test_purge_asks_and_keeps_them_unless_yes(sqs: FakeSqs) -> None:
    fill(sqs, 3)
    assert run("purge", NAME, "--id", "d001", stdin="n\n").exit_code == 1
    assert len(still_dead(sqs)) == 3
    assert sqs.visible() == sqs.dead.keys()


def test_purge_deletes_what_matches(sqs: FakeSqs) -> None:
    fill(sqs, 3)
    assert run("purge", NAME, "--id", "d001", "--yes").stdout == "1\n"
    assert still_dead(sqs) == ["d000", "d002"]


def test_no_filter_takes_all() -> None:
    assert dead_letters._filter(None, None, None, None).takes_all
    assert not dead_letters._filter(["d1"], None, None, None).takes_all


@pytest.mark.usefixtures("told")
def test_of_several_destinations_one_is_looked_at_and_the_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(FakeSqs(), monkeypatch, several=True)
    assert "of mongo alone; --destination http for the others" in run("list", NAME).stderr
    assert "alone" not in run("list", NAME, "--destination", "http").stderr
    assert str(run("list", NAME, "--destination", "dynamodb").exception) == (
        "--destination dynamodb: shopify has mongo, http"
    )


@pytest.fixture
def quarantine(sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> FakeSqs:
    found = dead_letters.find(NAME)
    found.outputs = {**found.outputs, "QuarantineUrl": "quarantine"}
    monkeypatch.setattr(dead_letters, "find", lambda _target: found)
    return sqs


@pytest.mark.parametrize("count", [2, 30])
def test_quarantine_is_listed_with_what_was_wrong(
    count: int, quarantine: FakeSqs, told: Callable[[list[logs.Line]], None]
) -> None:
    fill(quarantine, count)
    lines = [
        line(number, level="WARNING", quarantined=[{"id": f"d{number:03}", "reason": "wrong signature"}], failed=[])
        for number in range(count)
    ]
    told(lines)
    result = run("list", NAME, "--quarantine", "--json")
    listed = json.loads(result.stdout)
    assert len(listed) == count
    assert {(each["tries"], each["reason"]) for each in listed} == {(1, "wrong signature")}
    assert "dlq redrive shopify --quarantine sends them back" in result.stderr
    shown = run("show", NAME, "d001", "--quarantine").stdout
    assert "wrong signature" in shown


@pytest.mark.usefixtures("told")
def test_empty_quarantine_and_what_is_not_in_it_are_told(quarantine: FakeSqs) -> None:
    assert "nothing of shopify is in quarantine" in run("list", NAME, "--quarantine").stderr
    missing = str(run("show", NAME, "d1", "--quarantine").exception)
    assert missing == "d1 is not in quarantine; nami dlq list shopify --quarantine shows what is"


def test_quarantine_is_sent_back_without_the_task_that_dead_letters_have(
    quarantine: FakeSqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = quarantine
    monkeypatch.setattr(redrive, "move", lambda *_: pytest.fail("SQS has no such task for it"))
    fill(sqs, 3)
    result = run("redrive", NAME, "--quarantine")
    assert (result.exit_code, result.stdout.strip(), len(sqs.queue), sqs.dead) == (0, "3", 3, {})


def test_what_comes_into_quarantine_again_at_once_is_not_sent_in_circles(quarantine: FakeSqs) -> None:
    """It is another message then, since the post-queue function puts it there."""
    fill(quarantine, 30)
    sends: list[list[dict[str, Any]]] = []
    send = quarantine.send_message_batch

    def quarantined_again(QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        sends.append(Entries)
        assert len(sends) < 5
        for entry in Entries:
            quarantine.put(f"again-{len(sends)}-{entry['Id']}", entry["MessageBody"])
        return send(QueueUrl, Entries)

    quarantine.send_message_batch = quarantined_again  # type: ignore[method-assign]
    assert run("redrive", NAME, "--quarantine").stdout == "30\n"
    assert len(quarantine.queue) == len(quarantine.visible()) == 30


def test_quarantine_that_is_not_there_is_told(sqs: FakeSqs) -> None:
    result = run("list", NAME, "--quarantine")
    assert isinstance(result.exception, UsageError)
    assert "only ingest=direct with a signature does" in str(result.exception)
