"""An archive, a queue and a topic for consumers of one's own: what is accepted is in all, in the archive once."""

import gzip
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local.conftest import QUICK, ROOT, Nami, Pipeline, pipeline, wait_for


@dataclass
class Ledger:
    """A subscription whose webhooks go into an archive, and wait in a queue."""

    pipeline: Pipeline
    outputs: dict[str, str]

    def post(self, body: bytes) -> str:
        status, delivery_id = self.pipeline.post(body)
        assert status == 200
        return str(delivery_id)

    def lines(self) -> list[dict[str, Any]]:
        """The whole table, as gzip and JSON themselves read it."""
        s3, bucket = self.pipeline.client("s3"), self.outputs["ArchiveBucketName"]
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="webhooks/").get("Contents", [])]
        found = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        return [json.loads(line) for each in found for line in gzip.decompress(each).decode().splitlines()]

    def of(self, delivery_id: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["id"] == delivery_id]

    def told(self, word: str, delivery_id: str) -> bool:
        """Whether the log of the function has this of a delivery."""
        functions, logs = self.pipeline.client("lambda"), self.pipeline.client("logs")
        function = functions.get_function_configuration(FunctionName=self.outputs["PostQueueFunctionName"])
        said = logs.filter_log_events(logGroupName=function["LoggingConfig"]["LogGroup"])["events"]
        return any(re.search(rf'"{word}":\[[^]]*"{delivery_id}"', each["message"]) for each in said)


@pytest.fixture(scope="module")
def ledger(nami: Nami) -> Ledger:
    nami.up("ledger", *QUICK, "-c", "destination=s3,queue,sns")
    found = pipeline(nami, "ledger")
    return Ledger(found, found.outputs())


def test_webhook_is_a_line_of_its_day(ledger: Ledger) -> None:
    delivery_id = ledger.post(b'{"total": 19.90}')
    wait_for(lambda: ledger.of(delivery_id), 20)
    (line,) = ledger.of(delivery_id)
    assert (line["body"], line["raw"], line["subscription"]) == ('{"total":19.9}', '{"total": 19.90}', "ledger")
    s3, bucket = ledger.pipeline.client("s3"), ledger.outputs["ArchiveBucketName"]
    (day,) = s3.list_objects_v2(Bucket=bucket, Prefix="webhooks/", Delimiter="/")["CommonPrefixes"]
    assert day["Prefix"] == f"webhooks/date={line['received_at'][:10]}/"


def test_repeats_in_whatever_batches_make_no_second_line(ledger: Ledger) -> None:
    known = ledger.post(b'{"known": true}')
    wait_for(lambda: ledger.of(known), 20)
    envelope = {
        **{"v": 1, "subscription": "ledger", "received_at": 1_790_000_000_123, "method": "POST", "path": "/"},
        **{"query": "", "headers": {}, "source_ip": "192.0.2.1", "verified": None, "body": "{}"},
    }
    sqs = ledger.pipeline.client("sqs")
    names = [known, *[f"again-{number}" for number in range(5)]]
    for first in range(4):
        entries = [
            {"Id": str(at), "MessageBody": json.dumps({**envelope, "id": names[(first + at) % len(names)]})}
            for at in range(len(names))
        ]
        sqs.send_message_batch(QueueUrl=ledger.outputs["QueueUrl"], Entries=entries)
    wait_for(lambda: all(ledger.told("duplicates", each) for each in names), 30)
    assert {name: len(ledger.of(name)) for name in names} == dict.fromkeys(names, 1)


def test_consumer_of_the_docs_takes_what_waits(ledger: Ledger, nami: Nami) -> None:
    small, large = ledger.post(b'{"a": 1}'), ledger.post(b'{"text": "%s"}' % (b"x" * 1_200_000))
    page = (ROOT / "docs" / "destinations.md").read_text()
    (code,) = [each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "receive_message" in each]
    settings = nami.status()
    environment = nami.environment | settings["environment"] | {"QUEUE_URL": ledger.outputs["QueueQueueUrl"]}
    environment |= {"AWS_ENDPOINT_URL": settings["aws_endpoint_url"], "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        waiting = {f"{small} 8 bytes", f"{large} 1200012 bytes"}
        while waiting:
            waiting.discard(run.stdout.readline().strip())
        run.kill()


def test_commands_know_both(ledger: Ledger, nami: Nami) -> None:
    sent = [ledger.post(json.dumps({"n": number}).encode()) for number in range(3)]
    wait_for(lambda: all(ledger.of(each) for each in sent), 20)
    shown = nami.typed("--local", "events", "ledger", "--json", "--limit", "3")
    assert [json.loads(line)["_id"] for line in shown.stdout.splitlines()] == sent, shown.stderr
    (one,) = nami.typed("--local", "events", "ledger", "--json", "--id", sent[1]).stdout.splitlines()
    assert json.loads(one)["body"] == {"n": 1}
    refused = nami.typed("--local", "events", "ledger", "--destination", "queue")
    assert "for your consumer, and who looks at one takes it from that" in refused.stderr
    told = {each["check"]: each for each in json.loads(nami.typed("--local", "doctor", "ledger", "--json").stdout)}
    assert (told["archive"]["status"], told["queue"]["status"]) == ("ok", "ok"), told
    listed = {each["name"]: each for each in json.loads(nami.typed("--local", "list", "--json").stdout)}
    assert listed["ledger"]["destinations"] == ["s3", "sns", "queue"]


def test_replay_renews_the_line_where_it_is(ledger: Ledger, nami: Nami) -> None:
    delivery_id = ledger.post(b'{"replayed": "yes"}')
    wait_for(lambda: ledger.of(delivery_id), 20)
    (before,) = ledger.of(delivery_id)
    asked = ["--local", "replay", "ledger", "--since", "1h", "--filter", '{"body": {"replayed": ["yes"]}}']
    result = nami.typed(*asked)
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr
    wait_for(lambda: "replayed_at" in ledger.of(delivery_id)[0], 20)
    (after,) = ledger.of(delivery_id)
    assert (after["stored_at"], after["raw"]) == (before["stored_at"], before["raw"])


def test_topic_gives_its_subscribers_what_waits_in_the_queue(ledger: Ledger) -> None:
    sqs, sns = ledger.pipeline.client("sqs"), ledger.pipeline.client("sns")
    mine = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=mine, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = ledger.outputs["SnsFanoutTopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sent = {ledger.post(body) for body in (b'{"total": 19.90}', b"a=1&b=2", bytes(range(256)))}

    def taken(queue_url: str) -> dict[str, str]:
        found: dict[str, str] = {}
        while not sent <= found.keys():
            said = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            assert said.get("Messages"), f"{sent - found.keys()} did not come"
            found |= {json.loads(each["Body"])["id"]: each["Body"] for each in said["Messages"]}
        return {each: found[each] for each in sent}

    assert taken(mine) == taken(ledger.outputs["QueueQueueUrl"])
