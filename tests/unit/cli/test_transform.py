"""`nami transform try`: what the function behind the queue would make of a webhook."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control import transforming
from nami_control.errors import CheckError, NotFoundError, UsageError
from tests.unit.cli.test_replaying import document


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    transform = '{"key": id, "total": body.total * 2, "topic": headers."x-topic", "by": verified}'
    settings = {"signature": "shopify", "destination": "eventbridge", "transform": transform}
    cdk_json = {"app": "x", "context": {"subscriptions": {"shopify": settings, "plain": {}}}}
    (tmp_path / "cdk.json").write_text(json.dumps(cdk_json))
    (tmp_path / "order.json").write_text('{"total": 21}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Store:
    """A destination that keeps these."""

    def __init__(self, *documents: dict[str, Any], keeps_webhooks: bool = True) -> None:
        self.documents, self.keeps_webhooks = documents, keeps_webhooks
        self.drain = SimpleNamespace(destination="postgres")

    def stored(self, *, ids: list[str], **_: object) -> Iterator[dict[str, Any]]:
        return (each for each in self.documents if each["_id"] in ids)


def tried(*words: str) -> tuple[Any, Exception | None]:
    result = CliRunner().invoke(app, ["transform", "try", *words])
    error = result.exception if isinstance(result.exception, Exception) else None
    return json.loads(result.stdout or "null"), error


def test_result_for_a_body_is_shown(folder: Path) -> None:
    made, error = tried("shopify", "order.json")
    assert error is None
    assert made == {"key": "-", "total": 42, "by": "shopify"}


def test_result_for_a_request_is_shown(folder: Path) -> None:
    (folder / "request.http").write_bytes(b'POST /nami/shopify HTTP/1.1\r\nX-Topic: orders\r\n\r\n{"total": 1}')
    made, _ = tried("shopify", "request.http")
    assert (made["topic"], made["total"]) == ("orders", 2)


def test_transform_can_be_tried_before_it_is_kept(folder: Path) -> None:
    assert tried("shopify", "order.json", "--transform", "body.total")[0] == 21


def test_failure_tells_what_jsonata_says_and_where(folder: Path) -> None:
    (folder / "order.json").write_text('{"total": "many"}')
    _, error = tried("shopify", "order.json", "--transform", "body.total * 2")
    assert isinstance(error, CheckError)
    assert str(error) == (
        "transform: fails (T2001: The left side of the … operator must evaluate to a number) at position 12; "
        "JSONata says: The left side of the * operator must evaluate to a number"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["shopify", "order.json", "--transform", "body.{"], "--transform: Expected : before end of expression, at"),
        (["shopify"], "give a FILE, or the id of a stored webhook as --id"),
        (["shopify", "order.json", "--id", "a"], "give a FILE, or the id of a stored webhook as --id"),
    ],
    ids=["no expression", "nothing", "both"],
)
def test_what_is_typed_wrong_is_told(folder: Path, words: list[str], told: str) -> None:
    _, error = tried(*words)
    assert isinstance(error, UsageError)
    assert told in str(error)


def test_stored_webhook_is_tried_as_it_came(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(document("a", body=b'{"total": 4}'))
    monkeypatch.setattr(transforming, "find", lambda target: None)
    monkeypatch.setattr(transforming.events, "destination_of", lambda *_: store)
    made, error = tried("shopify", "--id", "a")
    assert error is None
    assert (made["key"], made["total"], made["topic"]) == ("a", 8, "orders/a")


@pytest.mark.parametrize("store", [Store(), Store(document("a"), keeps_webhooks=False)], ids=["gone", "kept nowhere"])
def test_webhook_that_is_not_stored_is_told(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforming, "find", lambda target: None)
    monkeypatch.setattr(transforming.events, "destination_of", lambda *_: store)
    _, error = tried("shopify", "--id", "a")
    assert isinstance(error, NotFoundError)
    assert str(error) == "postgres keeps no webhook a"


def deployed(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    http = SimpleNamespace(post_queue=SimpleNamespace(environment=environment), destination="http")
    found = SimpleNamespace(drains=[http], drain=lambda destination: {"http": http}[destination])
    monkeypatch.setattr(transforming, "find", lambda target: found)


def test_deployed_transform_is_tried_where_none_is_written_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch, TRANSFORM="body.total + 1")
    assert tried("plain", "order.json")[0] == 22
    assert tried("shopify", "order.json", "--destination", "http")[0] == 22


def test_each_destination_with_a_name_has_its_own(folder: Path) -> None:
    ways = {
        "orders": {"kind": "eventbridge", "transform": '{"n": body.total}'},
        "lake": {"kind": "eventbridge", "transform": "body"},
        "store": {"kind": "dynamodb"},
    }
    context = {"subscriptions": {"shopify": {"signature": "none", "destinations": ways}}}
    (folder / "cdk.json").write_text(json.dumps({"app": "x", "context": context}))
    assert tried("shopify", "order.json", "--destination", "orders")[0] == {"n": 21}
    _, error = tried("shopify", "order.json")
    assert str(error) == "shopify has several transforms; say whose as --destination orders or lake"


def test_name_without_a_transform_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(monkeypatch)
    _, error = tried("plain", "order.json")
    assert isinstance(error, UsageError)
    assert str(error) == "plain has no transform; give one to try as --transform"
