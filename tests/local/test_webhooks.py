"""Webhooks travel the deployed pipeline: every accepted one is stored, once, byte by byte."""

import contextlib
import gzip
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import psutil
import pytest
from bson.decimal128 import Decimal128

from tests.local.conftest import POISON, ROOT, Nami, Pipeline, wait_for

CLIENTS = 8


def burst(pipeline: Pipeline, count: int) -> dict[str, bytes]:
    """Send so many webhooks from eight clients at once; returns the body of every accepted one by its id."""
    bodies = [json.dumps({"number": number, "text": "žluťoučký " * 20}).encode() for number in range(count)]

    def client(share: list[bytes]) -> dict[str, bytes]:
        accepted = {}
        with contextlib.closing(pipeline.connect()) as connection:
            for body in share:
                status, delivery_id = pipeline.post_on(connection, body)
                assert status == 200
                assert delivery_id
                accepted[delivery_id] = body
        return accepted

    with ThreadPoolExecutor(CLIENTS) as pool:
        parts = list(pool.map(client, [bodies[start::CLIENTS] for start in range(CLIENTS)]))
    return {key: body for part in parts for key, body in part.items()}


def test_json_becomes_a_document_with_the_raw_bytes(shopify: Pipeline) -> None:
    body = b'{"order": {"id": 1, "total": "19.90"}, "note": "\xc5\xbe"}'
    status, delivery_id = shopify.post(body)
    document = shopify.document(delivery_id)
    assert status == 200
    assert document["body"] == {"order": {"id": 1, "total": "19.90"}, "note": "ž"}
    assert document["raw"] == body
    assert document["subscription"] == "shopify"


def test_form_becomes_a_document_of_its_fields(shopify: Pipeline) -> None:
    body = urlencode({"payload": '{"a": 1}', "token": "x y"}).encode()
    _, delivery_id = shopify.post(body, "application/x-www-form-urlencoded")
    document = shopify.document(delivery_id)
    assert document["body"] == {"payload": '{"a": 1}', "token": "x y"}
    assert document["raw"] == body


@pytest.mark.parametrize(
    ("body", "headers", "body_format", "parsed"),
    [
        (b'{"a": "\xff\xfe"}', {}, "raw", None),
        (gzip.compress(b'{"a": 1}', mtime=0), {"content_encoding": "gzip"}, "gzip+json", {"a": 1}),
        (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
            b"\x89PNG\xff\r\n--b--\r\n",
            {"content_type": "multipart/form-data; boundary=b"},
            "multipart",
            {"f": {"filename": "a.png", "content_type": "image/png", "content": b"\x89PNG\xff"}},
        ),
        (b'{"n": 10355138598665546921}', {}, "json", {"n": Decimal128("10355138598665546921")}),
    ],
)
def test_body_is_parsed_and_stored_byte_by_byte_whatever_it_is(
    shopify: Pipeline, body: bytes, headers: dict[str, str], body_format: str, parsed: object
) -> None:
    _, delivery_id = shopify.post(body, **headers)
    document = shopify.document(delivery_id)
    assert (document["raw"], document["body_format"], document["body"]) == (body, body_format, parsed)


def test_binary_body_is_stored_byte_by_byte(shopify: Pipeline) -> None:
    body = bytes(range(256)) * 8
    _, delivery_id = shopify.post(body, "application/octet-stream")
    assert shopify.document(delivery_id)["raw"] == body


def test_thousand_webhooks_of_eight_clients_are_stored_once_each(shopify: Pipeline) -> None:
    before = shopify.documents.count_documents({})
    accepted = burst(shopify, 1000)
    assert len(accepted) == 1000
    wait_for(lambda: shopify.documents.count_documents({}) >= before + 1000, 60)
    stored = {d["_id"]: d["raw"] for d in shopify.documents.find({"_id": {"$in": list(accepted)}})}
    assert stored == accepted
    assert shopify.documents.count_documents({}) == before + 1000


def test_nothing_accepted_is_lost_when_the_database_is_killed_in_a_burst(nami: Nami, jira: Pipeline) -> None:
    """The database is killed again and again for three seconds; its host starts it again each time."""
    stop = time.monotonic() + 3
    kills = []

    def kill() -> None:
        while time.monotonic() < stop:
            for process in nami.aws.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "nami_local.stand_in" in process.cmdline() and "nami_local.host" not in process.cmdline():
                        process.kill()
                        kills.append(process.pid)
            time.sleep(0.2)

    killer = threading.Thread(target=kill)
    killer.start()
    accepted = burst(jira, 300)
    killer.join()
    dead_letters: set[str | None] = set()
    sqs, queue = jira.client("sqs"), jira.outputs()["DeadLetterQueueUrl"]

    def all_there() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            dead_letters.add(json.loads(message["Body"]).get("id"))
        with contextlib.suppress(Exception):  # the database is on its way
            stored = {d["_id"] for d in jira.documents.find({}, {"_id": 1})}
            return accepted.keys() <= stored | dead_letters
        return False

    wait_for(all_there, 90)
    assert kills


def test_poison_message_becomes_a_dead_letter(jira: Pipeline) -> None:
    sqs, queue = jira.client("sqs"), jira.outputs()["DeadLetterQueueUrl"]

    def dead() -> bool:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=10)
        return any(message["Body"] == POISON for message in found.get("Messages", []))

    wait_for(dead, 90)


def test_second_name_leaves_the_first_untouched(nami: Nami, jira: Pipeline, shopify: Pipeline) -> None:
    stacks = shopify.client("cloudformation")
    stack = stacks.describe_stacks(StackName="nami-shopify")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert nami.status()["endpoints"].keys() >= {"shopify", "jira"}
    _, delivery_id = shopify.post(b'{"still": "here"}')
    assert shopify.document(delivery_id)["subscription"] == "shopify"
    _, delivery_id = jira.post(b'{"for": "jira"}')
    assert jira.document(delivery_id)["subscription"] == "jira"
    assert shopify.documents.find_one({"_id": delivery_id}) is None


def test_smoke_tests_pass(nami: Nami, shopify: Pipeline) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/smoke", "--stack", "nami-shopify"],
        cwd=ROOT,
        env={**os.environ, **nami.status()["environment"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_send_prints_the_stored_document(nami: Nami, shopify: Pipeline) -> None:
    result = nami("send", "shopify", "-", stdin=b'{"from": "stdin"}')
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["body"] == {"from": "stdin"}


def test_events_prints_one_document_a_line(nami: Nami, shopify: Pipeline) -> None:
    _, delivery_id = shopify.post(b'{"an": "event"}')
    shopify.document(delivery_id)
    lines = nami("events", "shopify", "--json", "--limit", "1").stdout.splitlines()
    assert [json.loads(line)["_id"] for line in lines] == [delivery_id]


def test_logs_name_a_stored_delivery(nami: Nami, shopify: Pipeline) -> None:
    _, delivery_id = shopify.post(b'{"to": "the logs"}')
    shopify.document(delivery_id)
    wait_for(lambda: delivery_id in nami("logs", "shopify").stdout, 20)


@pytest.mark.parametrize("command", ["send", "logs"])
def test_name_that_is_not_up_is_told_with_those_that_are(nami: Nami, command: str) -> None:
    result = nami(command, "nobody")
    assert result.returncode == 3
    assert "nobody is not up" in result.stderr
    assert "shopify" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_deployed_alarms_watch_what_is_deployed_and_go_to_its_topic(shopify: Pipeline) -> None:
    outputs = shopify.outputs()
    pages = shopify.client("cloudwatch").get_paginator("describe_alarms").paginate()
    ours = [alarm for alarm in pages.search("MetricAlarms[]") if alarm["AlarmActions"] == [outputs["AlarmTopicArn"]]]
    watched = {dimension["Value"] for alarm in ours for dimension in alarm["Dimensions"]}
    deployed = {outputs["PreQueueFunctionName"], outputs["PostQueueFunctionName"]}
    deployed |= {outputs[key].rpartition("/")[2] for key in ("QueueUrl", "DeadLetterQueueUrl")}
    assert deployed < watched


def test_dashboard_is_deployed_under_the_name_of_its_address(shopify: Pipeline) -> None:
    name = shopify.outputs()["DashboardUrl"].rpartition("/")[2]
    body = shopify.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    assert {widget["type"] for widget in json.loads(body)["widgets"]} == {"text", "alarm", "metric"}
