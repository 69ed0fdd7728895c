"""The database of a local run behaves as MongoDB does where the functions and the command rely on it."""

import math
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo.errors import BulkWriteError

from nami_local import stand_in

Client = pymongo.MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URI, and the file that the documents are in."""
    folder = tmp_path_factory.mktemp("stand-in")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    files = [f"--db={folder / 'db'}", f"--pid-file={folder / 'pid'}", f"--log-file={folder / 'log'}"]
    command = [sys.executable, "-m", "nami_local.stand_in", "--host=127.0.0.1", f"--port={port}", *files]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield f"mongodb://127.0.0.1:{port}/", folder / "db"
        process.kill()


@pytest.fixture
def client(server: tuple[str, Path]) -> Iterator[Client]:
    with pymongo.MongoClient[dict[str, Any]](server[0]) as client:
        yield client


def upsert(key: object, **fields: object) -> pymongo.UpdateOne:
    return pymongo.UpdateOne({"_id": key}, {"$setOnInsert": fields}, upsert=True)


def test_collection_may_have_a_hyphen_in_its_name(client: Client) -> None:
    client["nami"]["my-shop"].insert_one({"_id": 1})
    assert client["nami"]["my-shop"].find_one() == {"_id": 1}


def test_a_decimal_comes_back_digit_by_digit(client: Client) -> None:
    document = {"_id": 1, "a": [Decimal128("0.1234567890123456789012")], "b": {"c": Decimal128("1E+400"), "d": 1}}
    client["nami"]["decimals"].bulk_write([upsert(1, **{key: document[key] for key in "ab"})])
    assert client["nami"]["decimals"].find_one() == document


def test_a_date_that_an_update_sets_is_a_date(client: Client) -> None:
    noon = datetime(2026, 1, 1, 12, 0, 0, 5000)
    client["nami"]["updated"].insert_one({"_id": 1, "raw": b"\x00\xff", "gone": 1})
    renewal = {"$set": {"at": noon}, "$unset": {"gone": ""}, "$setOnInsert": {"stored_at": noon}}
    client["nami"]["updated"].bulk_write([pymongo.UpdateOne({"_id": key}, renewal, upsert=True) for key in (1, 2)])
    assert list(client["nami"]["updated"].find()) == [
        {"_id": 1, "raw": b"\x00\xff", "at": noon},
        {"_id": 2, "at": noon, "stored_at": noon},
    ]


def test_dates_are_compared_to_the_millisecond(client: Client) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    dates = client["nami"]["dates"]
    dates.insert_many({"_id": number, "at": noon + timedelta(milliseconds=number)} for number in range(4))
    for operator, found in (("$lt", [1, 0]), ("$lte", [2, 1, 0]), ("$gt", [3]), ("$gte", [3, 2])):
        there = dates.find({"at": {operator: noon + timedelta(milliseconds=2)}}).sort("at", -1)
        assert [each["_id"] for each in there] == found, operator


def test_dates_are_compared_beside_other_conditions(client: Client) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    client["nami"]["both"].insert_one({"_id": 1, "at": noon, "body": {"id": 7}})
    found = client["nami"]["both"].find
    for wanted, count in ((noon, 1), (noon + timedelta(seconds=1), 0)):
        assert len(list(found({"$and": [{"at": {"$gte": wanted}}, {"body.id": 7}]}))) == count
        assert len(list(found({"$and": [{"at": {"$gte": wanted}}, {"at": {"$lte": noon}}]}))) == count


def test_a_write_that_fails_in_a_bulk_fails_alone(client: Client) -> None:
    documents = client["nami"]["alone"]
    documents.insert_one({"_id": "there"})
    with pytest.raises(BulkWriteError) as raised:
        documents.insert_many([{"_id": "a"}, {"_id": "there"}, {"_id": "b"}], ordered=False)
    assert [error["index"] for error in raised.value.details["writeErrors"]] == [1]  # type: ignore[index]
    assert {document["_id"] for document in documents.find()} == {"a", "there", "b"}


def test_an_ordered_bulk_keeps_what_came_before_the_failure(client: Client) -> None:
    documents = client["nami"]["ordered"]
    with pytest.raises(BulkWriteError):
        documents.insert_many([{"_id": "a"}, {"_id": "a"}, {"_id": "b"}])
    assert [document["_id"] for document in documents.find()] == ["a"]


def test_upserts_in_bulk_tell_which_are_new(client: Client) -> None:
    documents = client["nami"]["upserts"]
    documents.insert_one({"_id": "there", "n": 1})
    result = documents.bulk_write([upsert("a", n=2), upsert("there", n=2), upsert("a", n=3)], ordered=False)
    assert result.upserted_ids == {0: "a"}
    assert {document["_id"]: document["n"] for document in documents.find()} == {"there": 1, "a": 2}


@pytest.mark.parametrize("options", [{}, {"journal": True}])
def test_what_is_acknowledged_is_in_the_file(server: tuple[str, Path], options: dict[str, Any]) -> None:
    with pymongo.MongoClient[dict[str, Any]](server[0], **options) as client:
        name = f"file{len(options)}"
        client["nami"][name].bulk_write([upsert(number, n=number) for number in range(50)], ordered=False)
        with sqlite3.connect(f"file:{server[1]}?mode=ro", uri=True) as file:
            assert file.execute(f"SELECT count(*) FROM {name}").fetchone() == (50,)


def test_clients_that_write_at_once_all_do(server: tuple[str, Path]) -> None:
    def write(number: int) -> None:
        with pymongo.MongoClient[dict[str, Any]](server[0]) as own:
            for start in range(0, 100, 20):
                own["nami"]["many"].bulk_write([upsert(f"{number}-{start + n}") for n in range(20)], ordered=False)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pymongo.MongoClient[dict[str, Any]](server[0]) as client:
        assert client["nami"]["many"].count_documents({}) == 400


def insert(key: object, **fields: object) -> pymongo.InsertOne[dict[str, Any]]:
    return pymongo.InsertOne({"_id": key, **fields})


@pytest.mark.parametrize("write", [insert, upsert])
def test_documents_come_back_as_they_were_written(client: Client, write: Callable[..., Any]) -> None:
    client["nami"]["deep"].delete_many({})
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    plain: list[Any] = [{"b": [1, 2.5, None, True, "ž", b"\x00\xff", Int64(2**40)]}, {"c": {"d": {}, "e": []}}]
    document = {"_id": "deep", "a": plain, "at": [{"at": at}], "raw": b"\x80", "of": [{"of": {"id": ObjectId()}}]}
    client["nami"]["deep"].bulk_write([write("deep", **{name: document[name] for name in document if name != "_id"})])
    utc = client["nami"]["deep"].with_options(client.codec_options.with_options(tz_aware=True))
    assert utc.find_one() == document


def test_document_is_found_by_its_object_id(client: Client) -> None:
    key = ObjectId()
    client["nami"]["by-id"].insert_many([{"_id": key, "n": 1}, {"_id": ObjectId(), "n": 2}])
    assert client["nami"]["by-id"].find_one({"_id": key}) == {"_id": key, "n": 1}


def test_replacement_may_hold_bytes(client: Client) -> None:
    client["nami"]["replaced"].insert_one({"_id": 1})
    client["nami"]["replaced"].replace_one({"_id": 1}, {"raw": b"\x80"})
    assert client["nami"]["replaced"].find_one() == {"_id": 1, "raw": b"\x80"}


def test_document_without_an_id_gets_one(client: Client) -> None:
    client["nami"].command("insert", "unnamed", documents=[{"n": 1}, {"n": 2}])
    ids = [document["_id"] for document in client["nami"]["unnamed"].find()]
    assert [type(key) for key in ids] == [ObjectId, ObjectId]
    assert len(set(ids)) == 2


def test_what_json_can_not_hold_fails_alone(client: Client) -> None:
    documents = client["nami"]["numbers"]
    with pytest.raises(BulkWriteError) as raised:
        documents.bulk_write([insert("a", n=1), insert("nan", n=math.nan), insert("b", n=2)], ordered=False)
    assert [error["index"] for error in raised.value.details["writeErrors"]] == [1]  # type: ignore[index]
    assert {document["_id"] for document in documents.find()} == {"a", "b"}


def test_document_with_nothing_to_change_is_not_copied() -> None:
    document = {"a": [{"b": 1}, "c", b"d", None], "at": datetime.now(UTC)}
    assert stand_in._converted(document) is document


def test_document_with_an_object_id_is_copied_and_left_as_it_was() -> None:
    key = ObjectId()
    document = {"a": [{}, {"b": [key]}]}
    converted = stand_in._converted(document)
    assert str(converted["a"][1]["b"][0]) == str(key)
    assert document["a"][1]["b"][0] is key  # type: ignore[index]
    assert converted["a"][1]["b"][0] is not key


def test_what_came_is_not_written_out_for_the_log() -> None:
    class Document(dict[str, Any]):
        def __repr__(self) -> str:
            raise AssertionError("written out")

    handle = stand_in._in_one_transaction(lambda _, message: f"{message['sections']}")
    assert handle(None, {"sections": [("body", {"find": "x"}), ("payload", Document())]})


@pytest.mark.parametrize("end", ["commit_transaction", "abort_transaction"])
def test_a_transaction_is_the_clients_to_end(client: Client, end: str) -> None:
    documents = client["nami"][end]
    documents.insert_one({"_id": "before"})
    with client.start_session() as session:
        session.start_transaction()
        documents.insert_one({"_id": "a"}, session=session)
        documents.update_one({"_id": "before"}, {"$set": {"n": 1}}, session=session)
        getattr(session, end)()
    kept = {"before", "a"} if end == "commit_transaction" else {"before"}
    assert {document["_id"] for document in documents.find()} == kept
