"""The database of a local run behaves as MongoDB does where the functions and the command rely on it."""

import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import BulkWriteError

Client = pymongo.MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URI, and the file that the documents are in."""
    folder = tmp_path_factory.mktemp("stand-in")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    files = [f"--db={folder / 'db'}", f"--pid-file={folder / 'pid'}", f"--log-file={folder / 'log'}"]
    command = [sys.executable, "-m", "nami_cli.local.stand_in", "--host=127.0.0.1", f"--port={port}", *files]
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


def test_documents_come_back_as_they_were_written(client: Client) -> None:
    document = {"_id": "deep", "a": [{"b": [1, 2.5, None, True, "ž", b"\x00\xff"]}, {"c": {"d": {}}}]}
    client["nami"]["deep"].bulk_write([upsert("deep", a=document["a"])])
    assert client["nami"]["deep"].find_one() == document


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
