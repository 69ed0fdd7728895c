"""One id, two bodies: both are kept, wherever webhooks go; and a true repeat is stored once."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nami_runtime import envelope, ordering, signatures
from nami_runtime.request import GatewayRequest
from nami_runtime.results import apart
from tests.backend.server import Backend
from tests.unit.runtime.conftest import (
    MONGO_SECRET,
    POSTGRES_SECRET,
    Context,
    FakeAws,
    Mongo,
    Postgres,
    built,
    http_event,
    load_handler,
    sqs_event,
)

OLD, NEW = b'{"id":"evt_1","api_version":"2020"}', b'{"id":"evt_1","api_version":"2026"}'
Function = Callable[..., dict[str, Any]]
Read = Callable[[], dict[str, dict[str, Any]]]


def own(body: bytes, key: str = "evt_1") -> str:
    return f"{key}~{hashlib.sha256(body).hexdigest()[:32]}"


def message(body: bytes, key: str = "evt_1", *, may_repeat: bool = True) -> str:
    request = GatewayRequest(http_event(body, headers={"content-type": "application/json"}))
    request.delivery_id, request.id_is_bound = key, not may_repeat
    return envelope.write(request, "shopify").decode()


class Store:
    """A destination with the function before it, and what is in it: the body's bytes by id."""

    def __init__(self, run: Function, contents: Callable[[], dict[str, bytes]]) -> None:
        self.run, self.contents = run, contents


@pytest.fixture(params=["mongo", "dynamodb", "http", "eventbridge", "postgres", "s3"])
def store(request: pytest.FixtureRequest, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("DESTINATION", request.param)
    run = lambda event, seconds=30.0: load_handler("post_queue").handler(event, Context(seconds))  # noqa: E731
    if request.param == "mongo":
        mongo: Mongo = request.getfixturevalue("mongo")
        yield Store(run, lambda: {key: document["raw"] for key, document in mongo.documents().items()})
    elif request.param == "dynamodb":
        from tests.unit.runtime.test_dynamodb import plain  # noqa: PLC0415

        monkeypatch.setenv("DYNAMO_TABLE", "webhooks")
        monkeypatch.setenv("DYNAMO_LARGE_ITEMS", "large")

        def contents() -> dict[str, bytes]:
            items = {key: plain(item) for key, item in cloud.tables.get("webhooks", {}).items()}
            large = {key: item["body_ref"]["key"] for key, item in items.items() if "body_ref" in item}
            return {
                key: cloud.objects[f"/large/{large[key]}"] if key in large else bytes(item["raw"])
                for key, item in items.items()
            }

        yield Store(run, contents)
    elif request.param == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        monkeypatch.setenv("POSTGRES_SECRET_ARN", POSTGRES_SECRET)
        yield Store(run, lambda: dict(postgres.ask("SELECT id, raw FROM webhooks")))
    elif request.param == "s3":
        from tests.unit.runtime.test_s3 import table  # noqa: PLC0415

        monkeypatch.setenv("ARCHIVE_BUCKET", "archive")
        monkeypatch.setenv("ARCHIVE_IDS_TABLE", "ids")
        yield Store(run, lambda: {line["id"]: line["raw"].encode() for line in table(cloud)})
    elif request.param == "eventbridge":
        monkeypatch.setenv("EVENT_BUS", "default")
        monkeypatch.setenv("EVENTS_TABLE", "events")

        def on_the_bus() -> dict[str, bytes]:
            found = [json.loads(event["Detail"]) for event in cloud.events]
            return {each["id"]: json.dumps(each["body"], separators=(",", ":")).encode() for each in found}

        yield Store(run, on_the_bus)
    else:
        with Backend() as backend:
            cloud.secrets[MONGO_SECRET] = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            for name, value in {
                "BACKEND_URL": backend.url,
                "BACKEND_SECRET_ARN": MONGO_SECRET,
                "BACKEND_ATTEMPTS_TABLE": "attempts",
                "BACKEND_CONNECT_TIMEOUT": "1",
                "BACKEND_READ_TIMEOUT": "2",
                "BACKEND_ALLOW_PRIVATE": "1",
                "BACKEND_CONCURRENCY": "4",
            }.items():
                monkeypatch.setenv(name, value)
            # As a backend that leaves out what it had: the first of each id counts.
            yield Store(run, lambda: {each.headers["webhook-id"]: each.body for each in reversed(backend.received)})


def test_both_bodies_of_one_id_are_kept(store: Store) -> None:
    for body in (OLD, NEW):
        assert store.run(sqs_event(message(body))) == {"batchItemFailures": []}
    assert store.contents() == {"evt_1": OLD, own(NEW): NEW}


def test_both_bodies_of_one_batch_are_kept(store: Store) -> None:
    assert store.run(sqs_event(message(OLD), message(NEW), message(b"{}", "evt_2"))) == {"batchItemFailures": []}
    contents = store.contents()
    assert sorted(contents.values()) == sorted([OLD, NEW, b"{}"])
    assert len(contents) == 3
    assert {key.partition("~")[0] for key in contents} == {"evt_1", "evt_2"}


def test_a_repeat_of_either_is_stored_once(store: Store) -> None:
    for body in (OLD, NEW, OLD, NEW, NEW):
        assert store.run(sqs_event(message(body), message(body))) == {"batchItemFailures": []}
    assert store.contents() == {"evt_1": OLD, own(NEW): NEW}


def test_large_bodies_of_one_id_are_kept_and_their_repeats_are_not(store: Store) -> None:
    large = [b'{"id":"evt_1","text":"%s"}' % (letter * 600_000) for letter in (b"a", b"b")]
    for body in (*large, *large):
        assert store.run(sqs_event(message(body))) == {"batchItemFailures": []}
    assert store.contents() == {"evt_1": large[0], own(large[1]): large[1]}


def test_an_id_that_stands_for_its_content_is_taken_at_its_word(store: Store) -> None:
    for body in (OLD, NEW):
        store.run(sqs_event(message(body, may_repeat=False)))
    assert store.contents()["evt_1"] in (OLD, NEW)
    assert len(store.contents()) == 1


def test_it_is_counted_and_named(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.run(sqs_event(message(OLD)))
    store.run(sqs_event(message(NEW)))
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert "same_id" not in first
    assert (second["stored"], second["same_id"]) == ([own(NEW)], [own(NEW)])
    assert (second["Stored"], second["SameId"]) == (1, 1)
    assert "SameId" in json.dumps(second["_aws"])


def test_the_second_document_names_the_first(mongo: Mongo, post_queue: Function) -> None:
    post_queue(sqs_event(message(OLD), message(NEW)))
    (second,) = (document for key, document in mongo.documents().items() if key != "evt_1")
    assert second["same_id_as"] == "evt_1"
    assert second["body"]["id"] == "evt_1"


def test_a_document_from_before_hashes_were_kept_is_compared_by_its_bytes(mongo: Mongo, post_queue: Function) -> None:
    for key in ("evt_1", "evt_2"):
        mongo.client["nami"]["shopify"].insert_one({"_id": key, "raw": OLD})  # type: ignore[arg-type]
    post_queue(sqs_event(message(OLD), message(NEW, "evt_2")))
    assert set(mongo.documents()) == {"evt_1", "evt_2", own(NEW, "evt_2")}


def test_an_item_from_before_hashes_were_kept_is_compared_by_its_bytes(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DESTINATION": "dynamodb", "DYNAMO_TABLE": "t", "DYNAMO_LARGE_ITEMS": "large"}.items():
        monkeypatch.setenv(name, value)
    run = load_handler("post_queue").handler
    run(sqs_event(message(OLD, may_repeat=False)), Context())
    assert "raw_sha256" not in cloud.tables["t"]["evt_1"]
    run(sqs_event(message(OLD), message(NEW)), Context())
    assert set(cloud.tables["t"]) == {"evt_1", own(NEW)}


def test_a_backend_gets_nothing_while_it_is_not_known_whether_the_id_is_taken(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    with Backend() as backend:
        cloud.secrets[MONGO_SECRET] = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        for name, value in {
            "DESTINATION": "http",
            "BACKEND_URL": backend.url,
            "BACKEND_SECRET_ARN": MONGO_SECRET,
            "BACKEND_ATTEMPTS_TABLE": "attempts",
            "BACKEND_CONNECT_TIMEOUT": "1",
            "BACKEND_READ_TIMEOUT": "2",
            "BACKEND_ALLOW_PRIVATE": "1",
            "BACKEND_CONCURRENCY": "4",
        }.items():
            monkeypatch.setenv(name, value)
        cloud.answer = lambda service, action: (500, b"") if service.startswith("DynamoDB") else None
        answer = load_handler("post_queue").handler(sqs_event(message(OLD)), Context(10))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
        assert backend.received == []


def _verified(body: bytes, scheme: str, secret: str, headers: dict[str, str], **options: Any) -> GatewayRequest:
    request = GatewayRequest(http_event(body, headers=headers))
    form = signatures.configured({"scheme": scheme, **options})[0]
    assert form.verify(request, [secret], time.time()) == secret
    request.delivery_id = form.delivery_id(request)
    return request


def _stripe(body: bytes) -> GatewayRequest:
    now = int(time.time())
    signature = hmac.digest(b"s", b"%d." % now + body, "sha256").hex()
    return _verified(body, "stripe", "s", {"stripe-signature": f"t={now},v1={signature}"})


def _linear(body: dict[str, Any]) -> GatewayRequest:
    raw = json.dumps(body).encode()
    signature = hmac.digest(b"s", raw, "sha256").hex()
    return _verified(raw, "linear", "s", {"linear-signature": signature, "linear-delivery": "d1"})


def test_a_signed_event_id_may_repeat_with_another_body() -> None:
    old = _stripe(OLD)
    assert (old.delivery_id, old.id_may_repeat) == ("evt_1", True)
    delivery = envelope.read(envelope.write(old, "shopify").decode())
    assert delivery.id_may_repeat
    assert built(delivery)["raw_sha256"] == hashlib.sha256(OLD).hexdigest()


def test_an_id_that_is_bound_to_the_content_may_not_whatever_differs_at_each_try() -> None:
    now = int(time.time() * 1000)
    one, two = (_linear({"action": "create", "webhookTimestamp": now + at}) for at in (0, 1))
    assert one.delivery_id == two.delivery_id
    assert not one.id_may_repeat
    assert "id_may_repeat" not in json.loads(envelope.write(one, "linear"))


def test_the_gateways_own_id_may_not() -> None:
    assert not GatewayRequest(http_event(OLD)).id_may_repeat


def test_an_id_that_the_users_own_check_gives_may() -> None:
    request = GatewayRequest(http_event(OLD))
    request.delivery_id = "mine"
    assert request.id_may_repeat


def test_a_fifo_queue_drops_a_repeat_and_not_another_body() -> None:
    ids = [ordering.send_parameters(_stripe(body), "$.id")["MessageDeduplicationId"] for body in (OLD, NEW, OLD)]
    assert ids[0] == ids[2] != ids[1]
    assert all(1 <= len(each) <= 128 for each in ids)


def test_an_own_id_follows_from_the_content_alone() -> None:
    document = {"_id": "evt_1", "raw_sha256": "ab" * 32}
    assert apart(document) == {"_id": "evt_1~" + "ab" * 16, "raw_sha256": "ab" * 32, "same_id_as": "evt_1"}
