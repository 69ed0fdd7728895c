"""A secret or a setting of the destination that can't be read is the destination away, with its reason in the log."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import secret
from nami_runtime.destinations import dynamodb
from nami_runtime.destinations import http as http_backend
from nami_runtime.destinations import mongo as database
from nami_runtime.results import Away
from tests.unit.runtime.conftest import MONGO_SECRET, FakeAws, Mongo, sqs_event
from tests.unit.runtime.test_backend import message

Handler = Callable[..., dict[str, Any]]
BROKEN = {
    "mysql://u:p@host": "it is neither a URI nor JSON",
    "{": "it is neither a URI nor JSON",
    "": "it is neither a URI nor JSON",
    "[]": "it has no username and password",
    '{"username": "u"}': "it has no username and password",
    '{"username": "u", "password": 1}': "it has no username and password",
    "mongodb://u:p@host:port/": "no client can be made of it: ValueError",
    "mongodb://u:p@ss@host": "no client can be made of it: InvalidURI",
}


def fresh(key: str) -> str:
    return message(key, received_at=int(time.time() * 1000))


@pytest.mark.parametrize(("text", "why"), BROKEN.items())
def test_broken_secret_is_the_database_away_with_its_reason(
    post_queue: Handler, mongo: Mongo, cloud: FakeAws, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    cloud.secrets[MONGO_SECRET] = text
    started = time.monotonic()
    assert post_queue(sqs_event(fresh("e1"), fresh("e2"))) == {"batchItemFailures": []}
    assert time.monotonic() - started < 2  # asking again does not mend it
    assert [json.loads(entry["MessageBody"])["id"] for _, entry in cloud.sent_on] == ["e1", "e2"]
    said = json.loads(capsys.readouterr().out)
    assert said["away"] == {"reason": f"MongoDB away: its secret can't be used: {why}", "webhooks": 2}
    assert "u:p@" not in str(said)


def test_secret_that_is_not_there_is_the_database_away(post_queue: Handler, mongo: Mongo, cloud: FakeAws) -> None:
    del cloud.secrets[MONGO_SECRET]
    assert post_queue(sqs_event(fresh("e1"))) == {"batchItemFailures": []}
    assert len(cloud.sent_on) == 1


@pytest.mark.parametrize("quotes", [str, json.dumps])
def test_secret_may_be_the_uri_itself(
    post_queue: Handler, mongo: Mongo, cloud: FakeAws, quotes: Callable[[str], str]
) -> None:
    cloud.secrets[MONGO_SECRET] = quotes(mongo.uri) + "\n"
    post_queue(sqs_event(fresh("e1")))
    assert set(mongo.documents()) == {"e1"}


def test_secret_that_was_mended_is_read_at_the_next_batch(post_queue: Handler, mongo: Mongo, cloud: FakeAws) -> None:
    cloud.secrets[MONGO_SECRET] = "{"
    post_queue(sqs_event(fresh("e1")))
    cloud.secrets[MONGO_SECRET] = json.dumps({"uri": mongo.uri})
    post_queue(sqs_event(fresh("e1")))
    assert set(mongo.documents()) == {"e1"}


def test_secret_that_leads_elsewhere_by_now_is_read_again_once_the_database_is_away(
    mongo: Mongo, cloud: FakeAws
) -> None:
    written = database.connect()
    cloud.secrets[MONGO_SECRET] = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100"
    assert isinstance(written.write([{"_id": "e1"}], time.monotonic() + 1)[0], Away)
    cloud.secrets[MONGO_SECRET] = mongo.uri
    assert written.write([{"_id": "e1"}], time.monotonic() + 5) == ["stored"]


@pytest.mark.parametrize("value", ["", "no base64!", "[]"])
def test_backends_broken_secret_is_the_backend_away(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    for name, setting in {
        **{"BACKEND_URL": "https://example.com", "BACKEND_SECRET_ARN": "arn", "BACKEND_ATTEMPTS_TABLE": "t"},
        **{"BACKEND_CONNECT_TIMEOUT": "1", "BACKEND_READ_TIMEOUT": "1", "BACKEND_CONCURRENCY": "1"},
    }.items():
        monkeypatch.setenv(name, setting)
    cloud.secrets["arn"] = value
    (reason,) = http_backend.connect().write([{"_id": "e1"}], time.monotonic() + 5)
    assert isinstance(reason, Away)


@pytest.mark.parametrize(
    ("code", "away"),
    [
        ("ResourceNotFoundException", True),
        ("AccessDeniedException", True),
        ("ThrottlingException", True),
        ("SerializationException", False),
    ],
)
def test_table_that_can_not_be_written_to_is_away_and_a_bad_item_is_not(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, code: str, away: bool
) -> None:
    for name in ("DYNAMO_TABLE", "DYNAMO_LARGE_ITEMS"):
        monkeypatch.setenv(name, "x")
    cloud.answer = lambda *_: (400, json.dumps({"__type": code}).encode())
    document = {"_id": "e1", "subscription": "s", "body": None, "raw": b""}
    (reason,) = dynamodb.connect().write([document], time.monotonic() + 0.2)
    assert isinstance(reason, Away) is away


def test_database_on_a_host_of_ours_may_be_named_by_a_uri_too() -> None:
    assert secret.database('{"uri": "mongodb://x"}', on_host=True) == {"uri": "mongodb://x"}
