"""From the queue into a database that speaks MongoDB's wire protocol, over a real connection."""

import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.results import BulkWriteResult

from nami_runtime import batch, contents, documents, envelope
from nami_runtime.destinations import mongo as mongo_destination
from nami_runtime.destinations.mongo import Mongo as Destination
from nami_runtime.request import GatewayRequest
from nami_runtime.results import Away
from tests.unit.runtime.conftest import (
    EVENTS,
    MONGO_SECRET,
    Context,
    FakeAws,
    Mongo,
    http_event,
    load_handler,
    sqs_event,
)

PostQueue = Callable[..., dict[str, Any]]


def _message(delivery_id: str, body: bytes = b"{}", content_type: str = "application/json") -> str:
    request = GatewayRequest(http_event(body, headers={"content-type": content_type}, request_id=delivery_id))
    return envelope.write(request, "shopify").decode()


def test_a_batch_becomes_documents(post_queue: PostQueue, mongo: Mongo) -> None:
    assert post_queue(json.loads((EVENTS / "sqs_batch.json").read_text())) == {"batchItemFailures": []}
    document = mongo.documents()["JKJaXmPLvHcESHA="]
    assert (document["body"], document["raw"], document["attempts"]) == ({"id": 1}, b'{"id":1}', 1)
    assert document["message_id"] == "059f36b4-87a3-44ab-83d2-661975830a7d"


def test_bytes_come_back_equal(post_queue: PostQueue, mongo: Mongo) -> None:
    bodies = [b"", bytes(range(256)), "\uffff\U0001f4e6".encode(), b"\x00" * 1000]
    post_queue(sqs_event(*[_message(f"d{n}", body, "") for n, body in enumerate(bodies)]))
    assert [mongo.documents()[f"d{n}"]["raw"] for n in range(len(bodies))] == bodies


def test_a_batch_may_be_repeated_at_will(
    post_queue: PostQueue, mongo: Mongo, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sqs_event(_message("d1", b'{"n":1}'), _message("d2"))
    post_queue(event)
    before = mongo.documents()
    assert post_queue(event) == {"batchItemFailures": []}
    assert mongo.documents() == before
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["stored"], line["duplicates"]) for line in lines] == [(["d1", "d2"], []), ([], ["d1", "d2"])]


def test_the_first_document_of_an_id_stays(post_queue: PostQueue, mongo: Mongo) -> None:
    post_queue(sqs_event(_message("d1", b'{"n":1}'), _message("d1", b'{"n":2}')))
    post_queue(sqs_event(_message("d1", b'{"n":3}')))
    assert [document["body"] for document in mongo.documents().values()] == [{"n": 1}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" + b"0," * 1_500_000 + b"0]", "over 16 MB"),
    ],
)
def test_what_bson_can_not_hold_is_stored_raw_with_the_reason(
    cloud: FakeAws, post_queue: PostQueue, mongo: Mongo, body: bytes, reason: str
) -> None:
    request = GatewayRequest(http_event(body, headers={"content-type": "application/json"}, request_id="d1"))
    message = envelope.write(request, "shopify").decode()
    if len(message.encode()) > envelope.MAX_BYTES:
        cloud.objects["/nami-claims/k"] = body
        reference = {"bucket": "nami-claims", "key": "k", "size": len(body), "sha256": request.body_hash()}
        message = envelope.write(request, "shopify", reference).decode()
    assert post_queue(sqs_event(message)) == {"batchItemFailures": []}
    document = mongo.documents()["d1"]
    assert (document["raw"], document["body"], document["body_format"]) == (body, None, "raw")
    assert reason in document["body_error"]


def test_the_largest_body_comes_back_from_its_claim_check_byte_for_byte(
    cloud: FakeAws, post_queue: PostQueue, mongo: Mongo
) -> None:
    body = bytes(range(256)) * (6 * 1024 * 4)
    request = GatewayRequest(http_event(body, request_id="d1"))
    cloud.objects["/nami-claims/k"] = body
    reference = {"bucket": "nami-claims", "key": "k", "size": len(body), "sha256": request.body_hash()}
    message = envelope.write(request, "shopify", reference).decode()
    assert post_queue(sqs_event(message)) == {"batchItemFailures": []}
    assert mongo.documents()["d1"]["raw"] == body


def test_one_bad_message_fails_alone(
    cloud: FakeAws, post_queue: PostQueue, mongo: Mongo, capsys: pytest.CaptureFixture[str]
) -> None:
    request = GatewayRequest(http_event(b"x" * 10, request_id="gone"))
    reference = {"bucket": "nami-claims", "key": "gone", "size": 10, "sha256": request.body_hash()}
    cloud.objects["/nami-claims/changed"] = b"y" * 10
    changed = {**reference, "key": "changed"}
    request.delivery_id = "changed"
    event = sqs_event(
        _message("d1"),
        "not an envelope",
        envelope.write(GatewayRequest(http_event(b"", request_id="gone")), "s", reference).decode(),
        envelope.write(request, "s", changed).decode(),
        '{"v":99}',
        _message("d2"),
    )
    del event["Records"][4]["attributes"]
    failures = post_queue(event)["batchItemFailures"]
    assert failures == [{"itemIdentifier": name} for name in ("m1", "m2", "m3", "m4")]
    assert set(mongo.documents()) == {"d1", "d2"}
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [failure["id"] for failure in line["failed"]] == ["m1", "gone", "changed", "m4"]
    assert "NoSuchKey" in line["failed"][1]["reason"]


def test_what_the_users_processing_raises_fails_that_webhook_alone_and_quotes_nothing(
    mongo: Mongo, capsys: pytest.CaptureFixture[str]
) -> None:
    def process(document: dict[str, Any]) -> dict[str, Any]:
        if document["_id"] == "d2":
            raise KeyError("4242 4242")
        if document["_id"] == "d3":
            return 3  # type: ignore[return-value]
        if document["_id"] == "d4":
            return {**document, "extra": object()}
        if document["_id"] == "d5":
            return {**document, "_id": object()}
        return {**document, "seen": True}

    event = sqs_event(*[_message(f"d{n}") for n in range(1, 7)])
    answer = batch.drain(event, Context(), process, Destination())
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"m{n}"} for n in (1, 2, 3, 4)]}
    assert {name: document["seen"] for name, document in mongo.documents().items()} == {"d1": True, "d6": True}
    assert "4242" not in capsys.readouterr().out


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_destination_that_stumbles_over_one_document_writes_the_others(count: int) -> None:
    written: list[str] = []

    class Stumbling:
        def write(self, documents: Any, deadline: float) -> list[str]:
            if any(document["_id"] == "d0" for document in documents):
                raise RuntimeError
            written.extend(document["_id"] for document in documents)
            return ["stored"] * len(documents)

    event = sqs_event(*[_message(f"d{n}") for n in range(count)])
    assert batch.drain(event, Context(), lambda document: document, Stumbling()) == {
        "batchItemFailures": [{"itemIdentifier": "m0"}]
    }
    assert written == [f"d{n}" for n in range(1, count)]


@pytest.mark.parametrize(("body", "groups"), [(b"x" * 400, [7]), (b"[" + b"{}," * 133 + b"1]", [3, 3, 1])])
def test_bodies_are_written_in_groups_that_fit_the_memory(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, body: bytes, groups: list[int]
) -> None:
    monkeypatch.setattr(contents, "MAX_MEMORY", 80_000)
    written: list[int] = []

    class Counting:
        def write(self, documents: Any, deadline: float) -> list[str]:
            written.append(len(documents))
            return ["stored"] * len(documents)

    event = sqs_event(*[_message(f"d{n}", body) for n in range(7)])
    batch.drain(event, Context(), lambda document: document, Counting())
    assert written == groups


def test_a_body_that_does_not_fit_the_memory_costs_the_others_of_its_batch_nothing(
    post_queue: PostQueue, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MAX_MEMORY", 50_000)
    event = sqs_event(_message("d1", b'{"n":1}'), _message("d2", b"[" + b"{}," * 400 + b"1]"), _message("d3"))
    assert post_queue(event) == {"batchItemFailures": []}
    assert [mongo.documents()[key]["body_format"] for key in ("d1", "d2", "d3")] == ["json", "raw", "json"]


def test_one_group_is_gone_before_the_next_is_parsed(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_MEMORY", 60_000)

    class Body(dict[str, Any]):
        __hash__ = object.__hash__  # type: ignore[assignment]

    alive: weakref.WeakSet[Body] = weakref.WeakSet()
    before: list[int] = []
    most = 0

    class Watching:
        def write(self, documents: Any, deadline: float) -> list[str]:
            nonlocal most
            most = max(most, len(alive))
            return ["stored"] * len(documents)

    def process(document: documents.Document) -> documents.Document:
        before.append(len(alive))
        alive.add(kept := Body(document))
        return kept

    event = sqs_event(*[_message(f"d{n}", b"[" + b"{}," * 133 + b"1]") for n in range(8)])
    batch.drain(event, Context(), process, Watching())
    assert most == 2
    assert before == [0, 1] * 4


def test_the_connection_and_the_secret_are_kept_between_invocations(
    cloud: FakeAws, post_queue: PostQueue, mongo: Mongo
) -> None:
    for n in range(5):
        post_queue(sqs_event(_message(f"d{n}")))
    assert cloud.secret_reads == 1


def test_a_uri_that_asks_for_no_acknowledgement_is_acknowledged_all_the_same(
    cloud: FakeAws, mongo: Mongo, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.secrets[MONGO_SECRET] = json.dumps({"uri": mongo.uri + "?w=0"})
    load_handler("post_queue").handler(sqs_event(_message("d1")), Context())
    assert json.loads(capsys.readouterr().out)["stored"] == ["d1"]


@pytest.mark.parametrize(
    ("options", "asked_for"),
    [
        ("", {"w": "majority", "j": True}),
        ("?w=0", {"w": "majority", "j": True}),
        ("?w=1&wtimeoutMS=5", {"w": "majority", "j": True, "wtimeout": 5}),
        ("?w=majority", {"w": "majority", "j": True}),
        ("?w=3", {"w": 3, "j": True}),
        ("?w=two-regions", {"w": "two-regions", "j": True}),
        ("?journal=false", {"w": "majority", "j": False}),
    ],
)
def test_a_write_counts_once_it_is_durable_unless_the_uri_wants_it_otherwise(
    cloud: FakeAws, options: str, asked_for: dict[str, Any]
) -> None:
    cloud.secrets[MONGO_SECRET] = json.dumps({"uri": f"mongodb://127.0.0.1:9/{options}"})
    assert _write_concern() == asked_for


def test_a_write_to_the_host_counts_once_it_is_durable(cloud: FakeAws) -> None:
    cloud.secrets[MONGO_SECRET] = json.dumps({"username": "root", "password": "p"})
    assert _write_concern() == {"w": "majority", "j": True}


def _write_concern() -> dict[str, Any]:
    collection = Destination()._open(time.monotonic() + 5)
    collection.database.client.close()
    return dict(collection.write_concern.document)


# Indexes


def _indexed(mongo: Mongo) -> set[str]:
    found = mongo.client["nami"]["shopify"].index_information().values()
    return {index["key"][0][0] for index in found}


def test_what_newest_is_asked_by_is_indexed_from_the_first_batch(post_queue: PostQueue, mongo: Mongo) -> None:
    post_queue(sqs_event(_message("d1")))
    assert _indexed(mongo) == {"_id", "received_at", "stored_at"}


def test_a_large_collections_indexes_are_its_owners(
    post_queue: PostQueue, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_destination, "_FEW_DOCUMENTS", 3)
    mongo.client["nami"]["shopify"].insert_many([{"_id": number} for number in range(3)])
    post_queue(sqs_event(_message("d1")))
    assert _indexed(mongo) == {"_id"}


def test_without_the_right_to_make_an_index_webhooks_are_stored(
    post_queue: PostQueue, mongo: Mongo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def refuse(*given: object, **_: object) -> None:
        asked.append(given)
        raise OperationFailure("not authorized on nami", 13)

    monkeypatch.setattr(Collection, "create_indexes", refuse)
    for name in ("d1", "d2"):
        assert post_queue(sqs_event(_message(name))) == {"batchItemFailures": []}
    assert set(mongo.documents()) == {"d1", "d2"}
    assert len(asked) == 1, "a process asks once"
    told = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (told["level"], told["reason"]) == ("WARNING", "OperationFailure 13")


def test_indexes_wait_where_the_time_is_short(post_queue: PostQueue, mongo: Mongo) -> None:
    assert post_queue(sqs_event(_message("d1")), 5.0) == {"batchItemFailures": []}
    assert _indexed(mongo) == {"_id"}
    post_queue(sqs_event(_message("d2")))
    assert _indexed(mongo) == {"_id", "received_at", "stored_at"}


# The database away


@pytest.fixture
def own_mongo(tmp_path: Path, cloud: FakeAws) -> Iterator[Mongo]:
    server = Mongo(tmp_path)
    cloud.secrets[MONGO_SECRET] = json.dumps({"uri": server.uri})
    yield server
    server.client.close()
    server.kill()


def test_a_database_that_comes_back_is_waited_for(own_mongo: Mongo) -> None:
    handler = load_handler("post_queue").handler
    timer = threading.Timer(1.5, own_mongo.start)
    timer.start()
    assert handler(sqs_event(_message("d1")), Context(20)) == {"batchItemFailures": []}
    own_mongo.kill()
    threading.Timer(1.5, own_mongo.start).start()
    assert handler(sqs_event(_message("d2")), Context(20)) == {"batchItemFailures": []}
    assert set(own_mongo.documents()) == {"d1", "d2"}


def test_a_database_that_stays_away_fails_the_batch_before_the_invocation_ends(own_mongo: Mongo) -> None:
    handler = load_handler("post_queue").handler
    started = time.monotonic()
    answer = handler(sqs_event(_message("d1"), _message("d2")), Context(4))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert 1 < time.monotonic() - started < 3.5


def test_a_secret_that_can_not_be_read_yet_is_waited_for(cloud: FakeAws, post_queue: PostQueue, mongo: Mongo) -> None:
    refusals = iter([(500, b"{}")] * 4)
    cloud.answer = lambda service, action: next(refusals, None) if service == "secretsmanager" else None
    assert post_queue(sqs_event(_message("d1")), 15.0) == {"batchItemFailures": []}


# What a real mongod would say


class Scripted(Destination):
    """The server's answers to each bulk, where the server at hand would not give them."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        super().__init__()
        self.answers = list(answers)
        self.bulks: list[list[dict[str, Any]]] = []

    def _when_reachable(self, operations: Any, deadline: float) -> dict[str, Any]:
        self.bulks.append([operation._doc["$setOnInsert"] for operation in operations])
        return self.answers.pop(0)


class Unsure(Destination):
    """A bulk goes through so often without as many members having it as were asked for."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times, self.bulks = times, 0

    def _open(self, deadline: float) -> Any:
        return self

    def bulk_write(self, operations: Any, *, ordered: bool) -> BulkWriteResult:
        self.bulks += 1
        said: dict[str, Any] = {"upserted": [{"index": 0, "_id": "a"}], "writeErrors": [], "writeConcernErrors": []}
        if self.bulks <= self.times:
            raise BulkWriteError({**said, "writeConcernErrors": [{"code": 64, "errmsg": "waiting for replication"}]})
        return BulkWriteResult(said, acknowledged=True)


def test_what_too_few_members_have_is_written_again() -> None:
    destination = Unsure(1)
    assert destination.write(_documents("a"), time.monotonic() + 5) == ["stored"]
    assert destination.bulks == 2


def test_what_too_few_members_have_to_the_end_is_not_taken_for_written() -> None:
    (reason,) = Unsure(1000).write(_documents("a"), time.monotonic() + 0.3)
    assert (reason, isinstance(reason, Away)) == ("MongoDB away: write concern", True)


def _documents(*ids: str) -> list[dict[str, Any]]:
    return [{"_id": name, "body": {"a": 1}, "body_format": "json", "raw": b"{}"} for name in ids]


def test_names_that_the_server_refuses_are_escaped_before_all_of_the_body_is_given_up() -> None:
    destination = Scripted(
        {"writeErrors": [{"index": 0, "code": 52, "errmsg": "$a"}]}, {"upserted": [{"index": 0, "_id": "a"}]}
    )
    document = {"_id": "a", "body": {"$a": 1, "b": {"c.d": 2}}, "body_format": "json", "raw": b"{}"}
    assert destination.write([document], time.monotonic() + 5) == ["stored"]
    again = bson.decode(destination.bulks[1][0].raw)
    assert again["body"] == {"\\u0024a": 1, "b": {"c\\u002ed": 2}}
    assert [each["at"] for each in again["body_changes"]] == ['body["\\\\u0024a"]', 'body.b["c\\\\u002ed"]']


def test_what_the_server_refuses_goes_in_raw() -> None:
    destination = Scripted(
        {"upserted": [{"index": 0, "_id": "a"}], "writeErrors": [{"index": 1, "code": 52, "errmsg": "$a"}]},
        {"upserted": [{"index": 0, "_id": "b"}]},
    )
    assert destination.write(_documents("a", "b"), time.monotonic() + 5) == ["stored", "stored"]
    again = destination.bulks[1][0]
    assert (again["body"], again["body_format"]) == (None, "raw")
    assert again["body_error"] == "refused by MongoDB: code 52"


def test_what_the_server_refuses_even_raw_fails_alone() -> None:
    refusal = {"index": 0, "code": 121, "errmsg": "validation"}
    destination = Scripted(
        {"upserted": [{"index": 1, "_id": "b"}], "writeErrors": [refusal]}, {"writeErrors": [refusal]}
    )
    assert destination.write(_documents("a", "b"), time.monotonic() + 5) == ["refused by MongoDB: code 121", "stored"]


@pytest.mark.parametrize("code", [91, 189, 10107, 11600, 11602, 13435, 112, 14031, 16500])
def test_what_only_the_servers_state_forbids_is_written_as_it_is_once_it_can_be(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(mongo_destination, "_PAUSE_SECONDS", 0.01)
    destination = Scripted(
        {"upserted": [{"index": 0, "_id": "a"}], "writeErrors": [{"index": 1, "code": code}]},
        {"upserted": [{"index": 0, "_id": "b"}]},
    )
    assert destination.write(_documents("a", "b"), time.monotonic() + 5) == ["stored", "stored"]
    assert [[entry["body_format"] for entry in bulk] for bulk in destination.bulks] == [["json", "json"], ["json"]]


def test_what_the_servers_state_forbids_to_the_end_fails_and_is_not_degraded() -> None:
    destination = Scripted({"upserted": [{"index": 0, "_id": "a"}], "writeErrors": [{"index": 1, "code": 11600}]})
    assert destination.write(_documents("a", "b"), time.monotonic() + 0.3) == ["stored", "MongoDB away: code 11600"]


@pytest.mark.parametrize(
    ("error", "result"),
    [
        ({"keyPattern": {"_id": 1}}, "duplicate"),
        ({"errmsg": "E11000 duplicate key error collection: nami.shopify index: _id_ dup key: …"}, "duplicate"),
        ({"keyPattern": {"email": 1}}, "refused by MongoDB: code 11000"),
        ({"errmsg": "E11000 duplicate key error index: customer_id_ dup key"}, "refused by MongoDB: code 11000"),
    ],
)
def test_only_a_clash_of_ids_is_a_duplicate(error: dict[str, Any], result: str) -> None:
    refusal = {"writeErrors": [{"index": 0, "code": 11000, **error}]}
    assert Scripted(refusal, refusal).write(_documents("a"), time.monotonic() + 5) == [result]


def test_each_attempt_is_bounded_so_that_a_vanished_host_is_noticed() -> None:
    assert mongo_destination.ATTEMPT_SECONDS < 15
