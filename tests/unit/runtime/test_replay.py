"""What was stored goes through again: its document is renewed and keeps its first date, and it is marked."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from nami_runtime import direct, envelope
from tests.backend.server import Backend
from tests.unit.runtime.conftest import POSTGRES_SECRET, Context, FakeAws, Mongo, Postgres, load_handler, sqs_event
from tests.unit.runtime.test_dynamodb import plain
from tests.unit.runtime.test_same_id import NEW, OLD, Store, message, own, store

__all__ = ["store"]  # the fixture: each kind of destination

AT = 1_790_000_000_000
WHEN = datetime.fromtimestamp(AT / 1000, UTC)


def again(text: str, **fields: object) -> str:
    """A message of the queue as a replay sends it."""
    return json.dumps(json.loads(text) | {"replayed_at": AT} | fields)


class Kept:
    """A destination that keeps documents: what is in it, and how a user's program changes one."""

    def __init__(self, read: Callable[[], dict[str, dict[str, Any]]], age: Callable[[], None]) -> None:
        self.run = lambda event, seconds=30.0: load_handler("post_queue").handler(event, Context(seconds))
        self.read, self.age = read, age


@pytest.fixture(params=["mongo", "dynamodb", "postgres"])
def kept(request: pytest.FixtureRequest, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """`age` makes evt_1 a document of an earlier time, whose body could not be read, with a field of the user's own."""
    monkeypatch.setenv("DESTINATION", request.param)
    first = datetime(2026, 1, 31, tzinfo=UTC)
    changes = {"body": None, "body_error": "a mistake", "stored_at": first}
    if request.param == "mongo":
        mongo: Mongo = request.getfixturevalue("mongo")
        documents = mongo.client["nami"]["shopify"]
        yield Kept(
            mongo.documents, lambda: documents.update_one({"_id": "evt_1"}, {"$set": changes | {"handled": "yes"}})
        )
    elif request.param == "dynamodb":
        monkeypatch.setenv("DYNAMO_TABLE", "webhooks")
        monkeypatch.setenv("DYNAMO_LARGE_ITEMS", "large")

        def age() -> None:
            item = cloud.tables["webhooks"]["evt_1"]
            item |= {"body": {"NULL": True}, "body_error": {"S": "a mistake"}, "handled": {"S": "yes"}}
            item |= {"stored_at": {"S": first.isoformat()}, "expires_at": {"N": "5"}}

        def read() -> dict[str, dict[str, Any]]:
            found = {key: plain(item) for key, item in cloud.tables["webhooks"].items()}
            dates = ("stored_at", "replayed_at")
            for each in found.values():
                each |= {name: datetime.fromisoformat(each[name]) for name in dates if name in each}
                assert each.get("expires_at", 5) == 5
            return found

        yield Kept(read, age)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        monkeypatch.setenv("POSTGRES_SECRET_ARN", POSTGRES_SECRET)

        def rows() -> dict[str, dict[str, Any]]:
            names = ("id", "body", "body_error", "stored_at", "raw", "more", "handled")
            postgres.ask("ALTER TABLE webhooks ADD COLUMN IF NOT EXISTS handled text")
            found = [
                dict(zip(names, row, strict=True)) for row in postgres.ask(f"SELECT {', '.join(names)} FROM webhooks")
            ]
            for each in found:
                if more := each.pop("more"):
                    each["replayed_at"] = datetime.fromisoformat(more["replayed_at"])
            return {each["id"]: {name: value for name, value in each.items() if value is not None} for each in found}

        def late() -> None:
            rows()
            postgres.ask(
                "UPDATE webhooks SET body = NULL, body_error = 'a mistake', stored_at = %s, handled = 'yes' "
                "WHERE id = 'evt_1'",
                first,
            )

        yield Kept(rows, late)


FIRST = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("may_repeat", [False, True], ids=["bound id", "provider's id"])
def test_document_is_renewed_and_keeps_its_first_date_and_what_the_user_added(kept: Kept, may_repeat: bool) -> None:
    text = message(OLD, may_repeat=may_repeat)
    kept.run(sqs_event(text))
    kept.age()
    assert kept.run(sqs_event(again(text))) == {"batchItemFailures": []}
    (document,) = kept.read().values()
    assert document["body"] == json.loads(OLD)
    assert "body_error" not in document
    assert (document["stored_at"], document["replayed_at"], document["handled"]) == (FIRST, WHEN, "yes")


def test_each_of_two_bodies_of_one_id_is_renewed_as_itself(kept: Kept) -> None:
    for body in (OLD, NEW):
        kept.run(sqs_event(message(body)))
    assert kept.run(sqs_event(again(message(NEW)))) == {"batchItemFailures": []}
    found = kept.read()
    assert {key: document["body"] for key, document in found.items()} == {
        "evt_1": json.loads(OLD),
        own(NEW): json.loads(NEW),
    }
    assert [key for key, document in found.items() if "replayed_at" in document] == [own(NEW)]


def test_what_was_deleted_meanwhile_is_stored_anew(kept: Kept) -> None:
    assert kept.run(sqs_event(again(message(OLD)), again(message(OLD)))) == {"batchItemFailures": []}
    assert kept.read()["evt_1"]["replayed_at"] == WHEN


def test_large_body_is_renewed(kept: Kept) -> None:
    large = b'{"id":"evt_1","text":"%s"}' % (b"a" * 600_000)
    text = message(large)
    kept.run(sqs_event(text))
    kept.age()
    assert kept.run(sqs_event(again(text))) == {"batchItemFailures": []}
    (document,) = kept.read().values()
    assert (document["stored_at"], document["replayed_at"]) == (FIRST, WHEN)
    assert document.get("body_error") != "a mistake"


def test_a_replay_is_told_as_stored_after_the_time_that_it_took(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    text = message(OLD, may_repeat=False)
    store.run(sqs_event(text))
    capsys.readouterr()
    recent = int(datetime.now(UTC).timestamp() * 1000) - 1000
    store.run(sqs_event(again(text, received_at=5, replayed_at=recent)))
    (said,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (said["stored"], said["duplicates"]) == (["evt_1"], [])
    assert max(said["Age"]) < 60_000


def test_backend_gets_a_replay_again_and_is_told(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.secrets["secret"] = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    with Backend() as backend:
        told = {"URL": backend.url, "SECRET_ARN": "secret", "ATTEMPTS_TABLE": "attempts", "CONCURRENCY": "4"}
        told |= {"CONNECT_TIMEOUT": "1", "READ_TIMEOUT": "2", "ALLOW_PRIVATE": "1"}
        for name, value in told.items():
            monkeypatch.setenv(f"BACKEND_{name}", value)
        monkeypatch.setenv("DESTINATION", "http")
        handler = load_handler("post_queue").handler
        for text in (message(OLD), again(message(OLD))):
            handler(sqs_event(text), Context(30.0))
        assert [each.body for each in backend.received] == [OLD, OLD]
        marks = [each.headers.get("nami-replayed-at") for each in backend.received]
        assert marks == [None, WHEN.isoformat(timespec="milliseconds").replace("+00:00", "Z")]


def test_a_bus_gets_a_replay_again_and_is_told(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DESTINATION": "eventbridge", "EVENT_BUS": "default", "EVENTS_TABLE": "events"}.items():
        monkeypatch.setenv(name, value)
    handler = load_handler("post_queue").handler
    for text in (message(OLD), message(OLD), again(message(OLD))):
        handler(sqs_event(text), Context(30.0))
    told = [json.loads(event["Detail"]).get("replayed_at") for event in cloud.events]
    assert told == [None, WHEN.isoformat(timespec="milliseconds").replace("+00:00", "Z")]


def test_mark_that_is_no_time_is_no_envelope() -> None:
    with pytest.raises(envelope.Unreadable, match="field replayed_at is of the wrong type"):
        envelope.read(again(message(OLD), replayed_at="yesterday"))


def test_envelope_carries_the_mark() -> None:
    delivery = envelope.read(message(OLD))
    assert envelope.read(envelope.write(delivery, "shopify", replayed_at=AT).decode()).replayed_at == AT


def test_a_replay_of_what_came_long_ago_waits_while_its_destination_is_away(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.secrets.pop(POSTGRES_SECRET, None)
    told = {"DESTINATION": "postgres", "POSTGRES_SECRET_ARN": POSTGRES_SECRET, "QUEUE_SECONDS": "345600"}
    for name, value in {**told, "QUEUE_URL": "https://sqs/queue"}.items():
        monkeypatch.setenv(name, value)
    recent = int(datetime.now(UTC).timestamp() * 1000)
    text = again(message(OLD), received_at=5, replayed_at=recent)
    response = load_handler("post_queue").handler(sqs_event(text), Context(3.0))
    assert response == {"batchItemFailures": []}
    assert [entry["MessageBody"] for _, entry in cloud.sent_on] == [text]


def test_a_replay_is_not_asked_for_its_proof_again(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"DESTINATION": "dynamodb", "DYNAMO_TABLE": "webhooks", "DYNAMO_LARGE_ITEMS": "large"}
    told |= {"QUARANTINE_URL": "https://sqs/quarantine", "QUEUE_URL": "https://sqs/queue"}
    told |= {"SIGNATURE": '{"scheme": "github"}', "SIGNATURE_SECRET_ARN": "secret"}
    monkeypatch.setattr(direct, "_verification", None)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    cloud.secrets["secret"] = "of-today"
    handler = load_handler("post_queue").handler
    handler(sqs_event(again(message(OLD), verified="github"), message(OLD, "unproven")), Context(30.0))
    assert cloud.tables["webhooks"].keys() == {"evt_1"}
    assert [url for url, _ in cloud.sent_on] == ["https://sqs/quarantine"]
