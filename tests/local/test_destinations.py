"""Other destinations than the MongoDB host: what is accepted arrives in each, once, whatever the others do."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pymongo
import pytest
from boto3.dynamodb.types import TypeDeserializer

from nami_runtime import envelope
from nami_runtime.request import Request
from tests.backend.server import Backend
from tests.local.conftest import QUICK, ROOT, Nami, Pipeline, listening, pipeline, wait_for

# Requests a second: more than the other tests here make, and less than several functions at once can.
RATE = 20


@dataclass
class Orders:
    """A subscription whose webhooks go to a backend and into a table."""

    pipeline: Pipeline
    backend: Backend
    outputs: dict[str, str]
    dropped: str = ""

    def post(self, body: bytes = b'{"n": 1}', **told: str) -> str:
        """Send a webhook that tells the backend what to answer; returns its delivery id."""
        target = f"{urlsplit(self.pipeline.endpoint).path}?{urlencode({f'backend-{k}': v for k, v in told.items()})}"
        with contextlib.closing(self.pipeline.connect()) as connection:
            connection.request("POST", target, body=body, headers={"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
        assert response.status == 200
        return response.headers["nami-delivery-id"]

    def read(self, table: str, **key: str) -> dict[str, Any]:
        found = self.pipeline.client("dynamodb").get_item(
            TableName=self.outputs[table], Key={name: {"S": value} for name, value in key.items()}
        )
        return {name: TypeDeserializer().deserialize(value) for name, value in found.get("Item", {}).items()}

    def item(self, delivery_id: str) -> dict[str, Any]:
        wait_for(lambda: self.read("DynamodbTableName", id=delivery_id), 20)
        return self.read("DynamodbTableName", id=delivery_id)

    def last_try(self, delivery_id: str) -> dict[str, Any]:
        return self.read("AttemptsTableName", id=delivery_id, subscription="orders")


def headers_secret(nami: Nami) -> str:
    """The ARN of a secret with what the backend wants to see."""
    secrets = pipeline(nami, "shopify").client("secretsmanager")
    held = json.dumps({"authorization": "Bearer of-the-backend"})
    return str(secrets.create_secret(Name="headers-of-the-backend", SecretString=held)["ARN"])


@pytest.fixture(scope="session")
def orders(nami: Nami) -> Iterator[Orders]:
    with Backend() as backend:
        told = {"backend_url": backend.url, "backend_allow_private": "true", "destination": "http,dynamodb"}
        told |= {"backend_connect_timeout": "1", "backend_read_timeout": "2", "keep_days": "30"}
        told |= {"backend_rate": str(RATE), "backend_headers_secret_arn": headers_secret(nami)}
        # A second more than it takes to wait for one answer, for the turns of the rate.
        told |= {"post_queue_timeout": "7"}
        nami.up("orders", *QUICK, *(part for key, value in told.items() for part in ("-c", f"{key}={value}")))
        deployed = pipeline(nami, "orders")
        orders = Orders(deployed, backend, deployed.outputs())
        deployed.client("sqs").set_queue_attributes(
            QueueUrl=orders.outputs["QueueUrl"], Attributes={"VisibilityTimeout": "7"}
        )
        orders.dropped = orders.post(b'{"to": "nowhere"}', fault="drop")  # so that it dies while other tests run
        yield orders


def test_webhook_reaches_both(orders: Orders) -> None:
    delivery_id = orders.post(b'{"total": 19.90}')
    assert bytes(orders.item(delivery_id)["raw"]) == b'{"total": 19.90}'
    wait_for(lambda: orders.backend.of(delivery_id), 20)
    assert orders.backend.of(delivery_id)[0].body == b'{"total": 19.90}'


def test_backend_can_verify_the_signature_with_the_stacks_secret(orders: Orders) -> None:
    delivery_id = orders.post(b"exact  bytes")
    wait_for(lambda: orders.backend.of(delivery_id), 20)
    (request,) = orders.backend.of(delivery_id)
    secrets = orders.pipeline.client("secretsmanager")
    key = base64.b64decode(secrets.get_secret_value(SecretId=orders.outputs["BackendSecretArn"])["SecretString"])
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + b"exact  bytes"
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    assert request.headers["webhook-signature"] == f"v1,{signature}"


def test_backend_gets_the_headers_of_the_secret(orders: Orders) -> None:
    delivery_id = orders.post(b'{"wants": "a key"}')
    wait_for(lambda: orders.backend.of(delivery_id), 20)
    (request,) = orders.backend.of(delivery_id)
    assert request.headers["authorization"] == "Bearer of-the-backend"


def test_backend_gets_no_more_than_its_rate_from_all_functions_together(orders: Orders) -> None:
    """What comes meanwhile, of other tests too, counts as well."""
    sqs, keys = orders.pipeline.client("sqs"), [f"rated-{number}" for number in range(60)]
    for start in range(0, len(keys), 10):
        entries = []
        for key in keys[start : start + 10]:
            request = Request("POST", headers={}, body=b"{}", request_id=key)
            entries.append({"Id": key, "MessageBody": envelope.write(request, "orders").decode()})
        sqs.send_message_batch(QueueUrl=orders.outputs["QueueUrl"], Entries=entries)
    wait_for(lambda: all(orders.backend.of(key) for key in keys), 30)
    moments = sorted(request.at for request in orders.backend.received)
    together = [bisect_left(moments, moment + 1) - index for index, moment in enumerate(moments)]
    assert max(together) <= RATE + 2


def test_500_is_tried_again_when_the_backend_says(orders: Orders) -> None:
    delivery_id = orders.post(status="500,200", answer="as told", **{"retry-after": "1"})
    wait_for(lambda: len(orders.backend.of(delivery_id)) == 2, 20)
    first, second = orders.backend.of(delivery_id)
    assert (first.headers["nami-attempt"], second.headers["nami-attempt"]) == ("1", "2")
    assert second.at - first.at >= 1
    wait_for(lambda: orders.last_try(delivery_id).get("delivered"), 5)
    noted = orders.last_try(delivery_id)
    assert (noted["attempt"], noted["status"], noted["answer"]) == (2, 200, "as told")


def test_a_pause_of_one_destination_leaves_the_other(orders: Orders, nami: Nami) -> None:
    assert nami.typed("--local", "pause", "orders", "--destination", "http").returncode == 0
    delivery_id = orders.post(b'{"waits": "for the backend"}')
    orders.item(delivery_id)
    assert orders.backend.of(delivery_id) == []
    assert nami.typed("--local", "resume", "orders").stdout.startswith("http delivers again: ")
    wait_for(lambda: orders.backend.of(delivery_id), 20)


def test_what_the_table_has_goes_to_the_backend_and_into_the_table_again(orders: Orders, nami: Nami) -> None:
    keys = [
        orders.post(b'{"replayed": 1}', label="again"),
        orders.post(b'{"a": "%s"}' % (b"x" * 600_000), label="again"),
    ]
    before = {key: orders.item(key) for key in keys}
    wait_for(lambda: all(orders.backend.of(key) for key in keys), 20)
    asked = ["replay", "orders", "--since", "1h", "--filter", '{"query": {"backend-label": ["again"]}}']
    for destination in ("http", "dynamodb"):
        result = nami.typed("--local", *asked, "--destination", destination)
        assert (result.returncode, result.stdout) == (0, "2\n"), result.stderr
    wait_for(lambda: all(len(orders.backend.of(key)) == 2 for key in keys), 20)
    wait_for(lambda: all("replayed_at" in orders.item(key) for key in keys), 20)
    for key in keys:
        first, second = orders.backend.of(key)
        assert first.body == second.body
        assert ("nami-replayed-at" in first.headers, "nami-replayed-at" in second.headers) == (False, True)
        kept = ("stored_at", "expires_at", "body_ref", "raw")
        assert [orders.item(key).get(name) for name in kept] == [before[key].get(name) for name in kept]


def test_who_listens_gets_what_the_table_takes(orders: Orders, nami: Nami) -> None:
    with Backend() as own, listening(nami, "orders", "--to", own.url):
        key = orders.post(b'{"heard": "%s"}' % (b"x" * 600_000))
        orders.item(key)
        wait_for(lambda: own.of(key), 4)
        assert len(own.of(key)[0].body) > 600_000


def test_a_backend_alone_keeps_nothing_to_listen_to(orders: Orders, nami: Nami) -> None:
    assert orders.outputs
    result = nami.typed("--local", "listen", "orders", "--to", "http://127.0.0.1:9/", "--destination", "http")
    assert result.returncode == 2
    assert result.stderr == (
        "error: http keeps no webhooks; deploy one beside it that does, as in --destination http,dynamodb\n"
    )


def test_two_bodies_of_one_id_are_kept_in_each_and_a_repeat_is_not(orders: Orders) -> None:
    queues = orders.pipeline.client("sqs")
    first, second = b'{"version": 2020}', b'{"version": 2026}'
    own = f"evt_1~{hashlib.sha256(second).hexdigest()[:32]}"
    for body in (first, second, second, first):
        request = Request("POST", headers={}, body=body, request_id="r1")
        request.delivery_id = "evt_1"
        for queue in ("QueueUrl", "DynamodbQueueUrl"):
            message = envelope.write(request, "orders").decode()
            queues.send_message(QueueUrl=orders.outputs[queue], MessageBody=message)
        wait_for(lambda expected=body: expected in (bytes(orders.item(each)["raw"]) for each in ("evt_1", own)), 20)
        wait_for(lambda: orders.last_try("evt_1").get("delivered"), 20)
    assert orders.item(own)["same_id_as"] == "evt_1"
    wait_for(lambda: len(orders.backend.of("evt_1")) + len(orders.backend.of(own)) == 4, 20)
    assert {each.body for each in orders.backend.of("evt_1")} == {first}
    assert {each.body for each in orders.backend.of(own)} == {second}


def shown(nami: Nami, *arguments: str) -> list[dict[str, Any]]:
    """What `nami events` prints of the orders."""
    result = nami.typed("--local", "events", "orders", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_events_show_the_newest_items(orders: Orders, nami: Nami) -> None:
    sent = [orders.post(json.dumps({"n": number}).encode()) for number in range(3)]
    for delivery_id in sent:
        orders.item(delivery_id)
    wait_for(lambda: {each["_id"] for each in shown(nami, "--limit", "3")} == set(sent), 30)
    (document,) = shown(nami, "--id", sent[1])
    assert document["body"] == {"n": 1}
    assert "$date" in document["received_at"]


def test_events_show_a_backends_last_tries(orders: Orders, nami: Nami) -> None:
    delivery_id = orders.post(status="202", answer="thanks")
    wait_for(lambda: orders.last_try(delivery_id), 20)
    (noted,) = shown(nami, "--destination", "http", "--id", delivery_id)
    assert (noted["status"], noted["answer"], noted["delivered"]) == (202, "thanks", True)
    wait_for(lambda: delivery_id in {each["_id"] for each in shown(nami, "--destination", "http")}, 30)


def test_doctor_and_list_know_both(orders: Orders, nami: Nami) -> None:
    told = json.loads(nami.typed("--local", "doctor", "orders", "--json").stdout)
    found = {each["check"]: each for each in told}
    assert found["table"]["status"] == "ok", found["table"]
    assert "webhooks were" in found["backend"]["detail"], found["backend"]
    listed = {each["name"]: each for each in json.loads(nami.typed("--local", "list", "--json").stdout)}
    assert listed["orders"]["destinations"] == ["dynamodb", "http"]


def test_repeat_of_a_message_is_one_item_and_told_as_a_duplicate(orders: Orders) -> None:
    delivery_id = orders.post()
    first = orders.item(delivery_id)
    envelope = {
        **{"v": 1, "id": delivery_id, "subscription": "orders", "received_at": 1, "method": "POST", "path": "/"},
        **{"query": "", "headers": {}, "source_ip": "192.0.2.1", "verified": None, "body": "another"},
    }
    sqs, logs = orders.pipeline.client("sqs"), orders.pipeline.client("logs")
    sqs.send_message(QueueUrl=orders.outputs["DynamodbQueueUrl"], MessageBody=json.dumps(envelope))
    functions = orders.pipeline.client("lambda")
    function = functions.get_function_configuration(FunctionName=orders.outputs["DynamodbPostQueueFunctionName"])
    told = f'"duplicates":["{delivery_id}"]'

    def logged() -> bool:
        events = logs.filter_log_events(logGroupName=function["LoggingConfig"]["LogGroup"])["events"]
        return any(told in event["message"] for event in events)

    wait_for(logged, 20)
    assert orders.item(delivery_id) == first


def test_body_that_no_item_holds_lies_in_the_tables_bucket(orders: Orders) -> None:
    body = json.dumps({"text": "x" * 500_000}).encode()
    reference = orders.item(orders.post(body))["body_ref"]
    stored = orders.pipeline.client("s3").get_object(Bucket=reference["bucket"], Key=reference["key"])
    assert stored["Body"].read() == body


def test_smoke_tests_pass_with_a_backend_that_fails_on_request(nami: Nami, orders: Orders) -> None:
    options = ["-q", "-p", "no:cacheprovider", "tests/smoke/test_backend.py", "--stack", "nami-orders"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--backend-faults"],
        cwd=ROOT,
        env={**os.environ, **nami.status()["environment"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "5 passed" in result.stdout


def test_existing_mongodb_and_existing_table_are_written(nami: Nami) -> None:
    uri = nami.status()["mongo_uri"]
    client_of = pipeline(nami, "shopify").client
    secrets, dynamodb = client_of("secretsmanager"), client_of("dynamodb")
    arn = secrets.create_secret(Name="existing-database", SecretString=json.dumps({"uri": uri}))["ARN"]
    dynamodb.create_table(
        TableName="existing",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    told = {"destination": "mongo-database,dynamodb", "database_secret_arn": arn, "database_name": "shop"}
    told |= {"table_name": "existing"}
    nami.up("atlas", *QUICK, *(part for key, value in told.items() for part in ("-c", f"{key}={value}")))
    atlas = pipeline(nami, "atlas")
    status, delivery_id = atlas.post(b'{"to": "Atlas"}')
    assert status == 200
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        wait_for(lambda: client["shop"]["atlas"].find_one({"_id": delivery_id}), 20)
    wait_for(lambda: "Item" in dynamodb.get_item(TableName="existing", Key={"id": {"S": str(delivery_id)}}), 20)
    assert nami.typed("--local", "destroy", "atlas", "--yes").returncode == 0
    assert "Item" in dynamodb.get_item(TableName="existing", Key={"id": {"S": str(delivery_id)}})


def test_destination_that_fails_holds_back_no_other(orders: Orders) -> None:
    """The backend never took it: after its tries it is that destination's dead letter, and the table has it."""
    assert orders.item(orders.dropped)["attempts"] == 1
    sqs = orders.pipeline.client("sqs")
    dead: set[str] = set()

    def is_dead() -> bool:
        found = sqs.receive_message(QueueUrl=orders.outputs["DeadLetterQueueUrl"], MaxNumberOfMessages=10)
        dead.update(json.loads(message["Body"])["id"] for message in found.get("Messages", []))
        return orders.dropped in dead

    wait_for(is_dead, 40)
    assert [r.headers["nami-attempt"] for r in orders.backend.of(orders.dropped)] == ["1", "2", "3"]
    assert orders.last_try(orders.dropped)["reason"] == "backend: RemoteDisconnected"
