"""A day with dead letters: a handler refuses webhooks, the user looks, mends it, and sends them back."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import QUICK, ROOT, Nami, Pipeline, pipeline, wait_for

NAME = "refusing"
SETTINGS = [*QUICK, "-c", "max_receives=2"]
HANDLER = (ROOT / "lambdas" / "post_queue" / "handler.py").read_text()
REFUSING = HANDLER.replace(
    "    return document\n",
    '    if isinstance(document["body"], dict) and document["body"].get("refuse"):\n'
    '        raise ValueError("refused")\n'
    "    return document\n",
)
TYPED = [sys.executable, "-m", "nami_cli.main", "--local"]


class Story:
    """A user in a folder of their own, who types commands against the local AWS of the whole run."""

    def __init__(self, nami: Nami, folder: Path) -> None:
        self.user = Nami(nami.home, folder, nami.port)
        self.folder = folder
        self.refused: list[str] = []
        self.stored: list[str] = []

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.user.typed("--local", *arguments)

    def deploy(self, handler: str) -> Pipeline:
        (self.folder / "webhooks" / NAME / "post_queue" / "handler.py").write_text(handler)
        self.user.up(NAME, *SETTINGS)
        return pipeline(self.user, NAME)

    def wait_until_dead(self) -> None:
        """Until all that were refused are dead letters."""
        deployed = pipeline(self.user, NAME)
        sqs: Any = deployed.client("sqs")
        asked = {"QueueUrl": deployed.outputs()["DeadLetterQueueUrl"], "AttributeNames": ["All"]}

        def dead() -> int:
            return int(sqs.get_queue_attributes(**asked)["Attributes"]["ApproximateNumberOfMessages"])

        wait_for(lambda: dead() >= len(self.refused), 60)
        assert {letter["id"] for letter in self.letters()} == set(self.refused)

    def letters(self, *filters: str) -> list[dict[str, Any]]:
        result = self("dlq", "list", NAME, "--json", *filters)
        assert result.returncode == 0, result.stderr
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return found


@pytest.fixture(scope="module")
def story(nami: Nami, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Twelve webhooks that the handler refuses, four that it takes, and all of them at their end."""
    folder = tmp_path_factory.mktemp("story")
    source = folder / "webhooks" / NAME / "post_queue"
    source.mkdir(parents=True)
    (source / "requirements.txt").write_text((ROOT / "lambdas" / "post_queue" / "requirements.txt").read_text())
    story = Story(nami, folder)
    deployed = story.deploy(REFUSING)
    # No setting makes it less than six times the function's timeout, and no test has that time.
    sqs, queue = deployed.client("sqs"), deployed.outputs()["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "4"})
    for number in range(12):
        status, delivery_id = deployed.post(json.dumps({"refuse": True, "number": number}).encode())
        assert status == 200
        assert delivery_id
        story.refused.append(delivery_id)
    (folder / "good.json").write_text('{"refuse": false}')
    sent = story("send", NAME, "good.json", "--count", "4")
    story.stored = [line.split()[1] for line in sent.stdout.splitlines()]
    assert len(story.stored) == 4
    story.wait_until_dead()
    return story


@pytest.fixture(scope="module")
def mended(story: Story) -> Pipeline:
    return story.deploy(HANDLER)


def test_list_tells_tries_and_reason(story: Story) -> None:
    for letter in story.letters():
        assert letter["tries"] == 2
        assert letter["reason"].startswith("ValueError at handler.py:")


def test_looking_does_not_disturb(story: Story) -> None:
    assert [letter["id"] for letter in story.letters()] == [letter["id"] for letter in story.letters()]


def test_letters_are_found_by_id_and_by_text(story: Story) -> None:
    wanted = story.refused[7]
    assert [letter["id"] for letter in story.letters("--id", wanted)] == [wanted]
    assert [letter["id"] for letter in story.letters("--text", '"number": 7')] == [wanted]
    assert story.letters("--until", "1h") == []


def test_show_tells_each_try_and_the_body(story: Story) -> None:
    shown = story("dlq", "show", NAME, story.refused[3]).stdout
    assert shown.count("ValueError at handler.py:") == 2
    assert '{"refuse": true, "number": 3}' in shown


def test_show_of_what_is_no_letter_is_code_14(story: Story) -> None:
    result = story("dlq", "show", NAME, story.stored[0])
    assert result.returncode == 14
    assert "dlq list" in result.stderr


def test_logs_tell_a_webhooks_path(story: Story) -> None:
    lines = story("logs", NAME, "--id", story.refused[0]).stdout.splitlines()
    assert sum("answered 200" in line for line in lines) == 1
    assert sum("failed: ValueError" in line for line in lines) == 2
    assert len(lines) == 3


def test_events_are_found_by_query(story: Story) -> None:
    found = story("events", NAME, "--json", "--query", '{"body.refuse": false}').stdout.splitlines()
    assert {json.loads(line)["_id"] for line in found} == set(story.stored)


def test_followed_events_show_what_comes_in(story: Story) -> None:
    following = subprocess.Popen(
        [*TYPED, "events", NAME, "--follow", "--json", "--limit", "1"],
        cwd=story.folder,
        env=story.user.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout
    assert json.loads(following.stdout.readline())["_id"] in story.stored
    sent = story("send", NAME, "good.json").stdout.split()[1]
    story.stored.append(sent)
    assert json.loads(following.stdout.readline())["_id"] == sent
    following.send_signal(signal.SIGINT)
    assert following.wait(20) == 0


def test_smoke_passes(story: Story) -> None:
    result = story("smoke", NAME, "--json")
    assert result.returncode == 0, result.stdout
    outcomes = {each["check"]: each["outcome"] for each in json.loads(result.stdout)}
    assert outcomes.pop("unsigned webhook is refused") == outcomes.pop("forged webhook is refused") == "skipped"
    assert set(outcomes.values()) == {"ok"}


def test_dry_run_sends_nothing_back(story: Story) -> None:
    shown = story("dlq", "redrive", NAME, "--dry-run", "--limit", "5").stdout.splitlines()
    assert len(shown) == 1 + 5
    assert {letter["id"] for letter in story.letters()} == set(story.refused)


def test_redriven_before_it_is_mended_dies_again(story: Story) -> None:
    wanted = story.refused[11]
    assert story("dlq", "redrive", NAME, "--id", wanted).stdout.strip() == "1"
    story.wait_until_dead()


def test_redrive_renews_a_body_that_lies_in_s3(story: Story) -> None:
    deployed = pipeline(story.user, NAME)
    status, delivery_id = deployed.post(json.dumps({"refuse": True, "large": "x" * 2_000_000}).encode())
    assert (status, delivery_id is not None) == (200, True)
    story.refused.append(str(delivery_id))
    story.wait_until_dead()
    function = deployed.client("lambda").get_function_configuration(
        FunctionName=deployed.outputs()["PostQueueFunctionName"]
    )
    s3, bucket = deployed.client("s3"), function["Environment"]["Variables"]["CLAIM_CHECK_BUCKET"]
    (before,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    time.sleep(1.1)  # S3 tells times in seconds
    assert story("dlq", "redrive", NAME, "--id", str(delivery_id)).stdout.strip() == "1"
    (after,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (after["Key"], after["Size"], after["ETag"]) == (before["Key"], before["Size"], before["ETag"])
    assert after["LastModified"] > before["LastModified"]
    story.wait_until_dead()


def test_purge_asks_first(story: Story) -> None:
    result = story("dlq", "purge", NAME, "--id", story.refused[0])
    assert result.returncode == 1
    assert "Delete 1 webhooks" in result.stderr
    assert {letter["id"] for letter in story.letters()} == set(story.refused)


def test_interrupted_redrive_runs_again_and_loses_nothing(story: Story, mended: Pipeline) -> None:
    first = subprocess.Popen(
        [*TYPED, "dlq", "redrive", NAME, "--rate", "1"],
        cwd=story.folder,
        env=story.user.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: mended.documents.count_documents({"_id": {"$in": story.refused}}), 30)
    time.sleep(0.5)
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=30)[1]
    assert first.returncode == 130, said
    assert "run it again" in said
    left = story.letters()
    assert 0 < len(left) < len(story.refused)
    again = story("dlq", "redrive", NAME)
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == str(len(left))
    wait_for(lambda: mended.documents.count_documents({"_id": {"$in": story.refused}}) == len(story.refused), 30)
    assert story.letters() == []


def test_purge_deletes_what_is_there(story: Story, mended: Pipeline) -> None:
    sqs, queue = mended.client("sqs"), mended.outputs()["DeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="no webhook")
    assert [letter["bytes"] for letter in story.letters("--text", "no web")] == [10]
    assert story("dlq", "purge", NAME, "--yes").stdout.strip() == "1"
    assert story.letters() == []
