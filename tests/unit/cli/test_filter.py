"""`nami filter try`: what the function before the queue would say, and why."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control import filtering
from nami_control.deployment import Function
from nami_control.errors import CheckError, UsageError
from nami_runtime import wanted

PATTERN = '{"verified": ["shopify"], "body": {"items": {"sku": ["a"], "count": [{"numeric": [">", 1]}]}}}'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subscriptions = {"shopify": {"signature": "shopify", "filter": json.loads(PATTERN)}}
    (tmp_path / "cdk.json").write_text(json.dumps({"app": "x", "context": {"subscriptions": subscriptions}}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tried(file: Path, *more: str) -> tuple[str, Exception | None]:
    result = CliRunner().invoke(app, ["filter", "try", "shopify", str(file), *more])
    return result.stdout, result.exception if isinstance(result.exception, Exception) else None


def test_webhook_that_fits_is_wanted(folder: Path) -> None:
    (folder / "order.json").write_text('{"items": [{"sku": "a", "count": 2}]}')
    said, error = tried(folder / "order.json")
    assert error is None
    assert said.splitlines()[-1] == "wanted: it fits"


def test_condition_that_does_not_fit_is_told_with_what_is_there(folder: Path) -> None:
    (folder / "order.json").write_text('{"items": [{"sku": "b", "count": 2}]}')
    said, error = tried(folder / "order.json")
    assert isinstance(error, CheckError)
    assert 'fail  body.items.sku  ["a"]  has "b"' in said
    assert 'ok    body.items.count  [{"numeric": [">", 1]}]  has 2' in said


def test_conditions_that_fit_in_different_elements_are_told(folder: Path) -> None:
    (folder / "order.json").write_text('{"items": [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}]}')
    assert "no element of a list fits all of them" in tried(folder / "order.json")[0]


def test_filter_can_be_tried_before_it_is_kept(folder: Path) -> None:
    (folder / "request.http").write_bytes(b"PUT /nami/shopify?a=1 HTTP/1.1\r\nX-Topic: orders/create\r\n\r\n{}")
    pattern = '{"method": ["PUT"], "headers": {"x-topic": [{"prefix": "orders/"}]}}'
    assert tried(folder / "request.http", "--filter", pattern)[1] is None


def test_wrong_filter_is_told_with_its_place(folder: Path) -> None:
    (folder / "order.json").write_text("{}")
    _, error = tried(folder / "order.json", "--filter", '{"body": {"total": [{"numeric": [">"]}]}}')
    assert isinstance(error, UsageError)
    assert "body.total.numeric" in str(error)


@pytest.fixture
def several(folder: Path) -> Path:
    backend = {"kind": "http", "url": "https://shop.example.com/"}
    destinations = {
        "paid": {**backend, "filter": {"body": {"status": ["paid"]}}},
        "large": {**backend, "filter": {"body": {"total": [{"numeric": [">", 100]}]}}},
    }
    subscriptions = {"shopify": {"destinations": destinations}}
    (folder / "cdk.json").write_text(json.dumps({"context": {"subscriptions": subscriptions}}))
    (folder / "order.json").write_text('{"status": "paid", "total": 20}')
    return folder


def test_each_destination_says_whether_it_wants_the_webhook(several: Path) -> None:
    said, error = tried(several / "order.json")
    assert said.splitlines() == [
        'ok    body.status  ["paid"]  has "paid"',
        "paid: wanted: it fits",
        'fail  body.total  [{"numeric": [">", 100]}]  has 20',
        "large: not wanted: it does not fit",
    ]
    assert error is None


def test_webhook_that_none_wants_ends_with_the_code_for_that(several: Path) -> None:
    (several / "order.json").write_text("{}")
    assert isinstance(tried(several / "order.json")[1], CheckError)


def test_answers_are_by_destination_in_json(several: Path) -> None:
    said = json.loads(tried(several / "order.json", "--json")[0])
    assert {name: answer["wanted"] for name, answer in said.items()} == {"paid": True, "large": False}


def test_filters_that_are_deployed_are_tried(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (several / "cdk.json").write_text("{}")
    environment = {"QUEUE_URL": "a b", "DESTINATIONS": "paid=0 all", "FILTERS": '[{"body": {"status": ["paid"]}}]'}
    deployed = SimpleNamespace(pre_queue=Function("pre", environment, "/logs/pre"))
    monkeypatch.setattr(filtering, "find", lambda _target: deployed)
    assert [line for line in tried(several / "order.json")[0].splitlines() if "wanted" in line] == [
        "paid: wanted: it fits",
        "all: wanted: there is no filter",
    ]


def test_body_that_can_not_be_read_is_let_through() -> None:
    answer = filtering.ask(wanted.Filter('{"body": {"a": [1]}}'), filtering.webhook(b"<xml/>", None))
    assert (answer.wanted, answer.alternatives) == (True, [])
