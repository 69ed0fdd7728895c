"""A transform: what an expression sees and gives, and that what it does to its process is that webhook's alone."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from nami_runtime import batch, destinations, expression, transform
from nami_runtime.documents import TRANSFORMED, Document
from nami_runtime.results import Away
from nami_runtime.transform import Failed, Transform, Transformed
from tests.unit.runtime.conftest import ROOT, Context, sqs_event
from tests.unit.runtime.test_backend import message

ENDLESS = "($f := function($x){$f($x)}; $f(1))"
HUGE = '$pad("", 10000000000)'


@pytest.fixture(scope="module")
def evaluating() -> Iterator[Transform]:
    """One process for all: what the document's `body.do` says."""
    started = Transform("body.do ? $eval(body.do) : body.n")
    yield started
    started.close()


@pytest.fixture
def started() -> Iterator[Callable[[str], Transform]]:
    running: list[Transform] = []

    def start(text: str) -> Transform:
        running.append(Transform(text))
        return running[-1]

    yield start
    for each in running:
        each.close()


def given(**fields: Any) -> Document:
    return {"_id": "evt_1", "body": None, **fields}


def failed(running: Transform, **fields: Any) -> Failed:
    with pytest.raises(Failed) as raised:
        running.of(given(**fields))
    return raised.value


def test_expression_sees_the_document(started: Callable[[str], Transform]) -> None:
    text = '{"key": id, "topic": headers."x-topic", "total": $sum(body.lines.(price * count)), "at": received_at}'
    lines = [{"price": 1.5, "count": 2}, {"price": 4, "count": 1}]
    at = datetime(2026, 9, 21, 14, 13, 20, 123_000, tzinfo=UTC)
    said = started(text).of(given(headers={"x-topic": "orders"}, body={"lines": lines}, received_at=at))
    assert json.loads(said) == {"key": "evt_1", "topic": "orders", "total": 7, "at": "2026-09-21T14:13:20.123Z"}


def test_webhook_sees_nothing_of_the_one_before(started: Callable[[str], Transform]) -> None:
    running = started("$before := ($exists($before) ? $before + 1 : 1)")
    assert [running.of(given()) for _ in range(2)] == ["1", "1"]


def test_null_stays_null_and_what_is_not_there_is_left_out(evaluating: Transform) -> None:
    assert evaluating.of(given(body={"do": '{"a": body.a, "b": body.b}', "a": None})) == '{"a":null}'


def test_number_that_no_double_holds_is_the_nearest(evaluating: Transform) -> None:
    assert evaluating.of(given(body={"n": [Decimal("0.10000000000000000001"), 2**70]})) == f"[0.1,{2**70}]"


def test_number_beyond_all_doubles_is_a_text(evaluating: Transform) -> None:
    assert evaluating.of(given(body={"n": Decimal("1e400")})) == '"1E+400"'


def test_bytes_are_base64(evaluating: Transform) -> None:
    assert evaluating.of(given(body={"n": b"\0\xff"})) == '"AP8="'


def test_text_that_is_no_unicode_can_be_stored(evaluating: Transform) -> None:
    assert json.loads(evaluating.of(given(body={"n": "a\ud800b"}))) == "a\\ud800b"


@pytest.mark.parametrize(("text", "body", "seen"), [("$", 1, None), ("$", None, "PHg="), ("{'raw': raw}", 1, "PHg=")])
def test_exact_bytes_are_there_where_the_body_is_not_or_where_they_are_asked_for(
    started: Callable[[str], Transform], text: str, body: object, seen: str | None
) -> None:
    assert json.loads(started(text).of(given(raw=b"<x", body=body))).get("raw") == seen


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("body.secret + 1", "fails (T2001: The left side of the … operator must evaluate to a number) at position 13"),
        ("$number(body.secret)", "fails (ValueError) at position 8"),
        ("$error(body.secret)", "calls $error, or its $assert does not hold, at position 7"),
        ("1/0", "fails (ZeroDivisionError) at position 2"),
        (HUGE, "took too much memory at position 5"),
    ],
)
def test_reason_has_the_place_and_not_a_word_of_the_webhook(
    started: Callable[[str], Transform], text: str, reason: str
) -> None:
    assert failed(started(text), body={"secret": "s3cr3t"}).reason == f"transform: {reason}"


def test_what_calls_itself_without_end_is_told(started: Callable[[str], Transform]) -> None:
    reason = failed(started("($f := function($x){$f($x) + 1}; $f(1))")).reason
    assert reason.startswith("transform: calls itself too deeply at position ")


def test_what_jsonata_says_is_kept_for_who_tries_it(evaluating: Transform) -> None:
    error = failed(evaluating, body={"do": "body.secret + 1", "secret": "s3cr3t"})
    assert (error.said.startswith("Dynamic error"), "s3cr3t" in error.reason) == (True, False)


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("body.nothing", "has no result for this webhook"),
        ("$sum", "results in a function or a regular expression, which is no JSON"),
        ('{"a": /x/}', "results in a function or a regular expression, which is no JSON"),
    ],
)
def test_what_is_no_result_is_told(evaluating: Transform, do: str, reason: str) -> None:
    assert failed(evaluating, body={"do": do}).reason == f"transform: {reason}"


def test_without_a_body_the_reason_says_why(evaluating: Transform) -> None:
    reason = failed(evaluating, body_error="invalid JSON").reason
    assert reason == "transform: has no result for this webhook; without a body, because invalid JSON"


def test_document_that_is_no_json_is_told(evaluating: Transform) -> None:
    assert failed(evaluating, body={"n": {1, 2}}).reason == "transform: the document is no JSON (TypeError)"


@pytest.mark.parametrize("text", [ENDLESS, '$match($pad("", 60, "a") & "b", /(a+)+$/)'], ids=["loop", "regex"])
def test_what_does_not_end_is_ended_and_the_next_has_its_turn(
    started: Callable[[str], Transform], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(transform, "SECONDS", 0.2)
    running = started(f"body.do ? {text} : body.n")
    assert failed(running, body={"do": True}).reason.startswith("transform: took over 0.2 seconds at position")
    assert running.of(given(body={"n": 1})) == "1"


def test_memory_that_is_used_up_fails_the_webhook_and_the_next_has_its_turn(
    started: Callable[[str], Transform], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transform, "MAX_BYTES", 20_000_000)
    monkeypatch.setattr(transform, "SECONDS", 1.0)
    running = started("body.do ? $count([1..9000000]) : body.n")
    assert failed(running, body={"do": True}).reason.startswith("transform: took ")
    assert running.of(given(body={"n": 1})) == "1"


def test_process_that_ends_fails_the_webhook_and_the_next_has_its_turn(started: Callable[[str], Transform]) -> None:
    running = started("body.n")
    running.of(given(body={"n": 1}))
    running._process.kill()
    assert "was ended" in failed(running, body={"n": 1}).reason
    assert running.of(given(body={"n": 2})) == "2"


def test_process_that_does_not_start_is_no_fault_of_the_webhook(
    started: Callable[[str], Transform], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transform, "_PROGRAM", "nami_runtime.nothing")
    assert isinstance(failed(started("1")).reason, Away)


def test_process_has_none_of_the_functions_rights(evaluating: Transform, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = open(f"/proc/{evaluating._process.pid}/environ", "rb").read()  # noqa: SIM115, PTH123
    assert [each.partition(b"=")[0] for each in environment.split(b"\0") if each] == [b"PYTHONPATH"]


def test_result_that_is_too_long_is_told_with_the_remedy(
    evaluating: Transform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transform, "MAX_RESULT_BYTES", 10)
    assert "larger post_queue_memory" in failed(evaluating, body={"n": "x" * 20}).reason


class Store:
    """Takes all, and notes what came together."""

    def __init__(self) -> None:
        self.calls: list[list[Document]] = []

    def write(self, documents: Sequence[Document], deadline: float) -> list[str]:
        self.calls.append(list(documents))
        return ["stored"] * len(documents)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def transforming(store: Store, evaluating: Transform) -> Transformed:
    transformed = Transformed.__new__(Transformed)
    transformed._destination, transformed._transform = store, evaluating
    return transformed


def test_only_the_webhook_that_fails_fails(
    store: Store, transforming: Transformed, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sqs_event(*(message(f"evt_{n}", json.dumps(body)) for n, body in enumerate([{"n": 1}, {}, {"n": 3}])))
    response = batch.drain(event, Context(), lambda each: each, transforming)
    assert response == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert [each[TRANSFORMED] for each in store.calls[0]] == ["1", "3"]
    (why,) = json.loads(capsys.readouterr().out)["failed"]
    assert why == {"id": "evt_1", "reason": "transform: has no result for this webhook"}


def test_those_that_take_all_their_time_leave_the_others_theirs(
    store: Store, transforming: Transformed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transforming._transform, "of", lambda *_: time.sleep(0.1) or "1")
    documents = [given(_id=f"{n}") for n in range(20)]
    results = transforming.write(documents, time.monotonic() + 1)
    assert results.count("stored") in range(3, 7)
    assert all(isinstance(each, Away) for each in results if each != "stored")


def test_results_that_are_written_together_fit_the_memory(
    store: Store, transforming: Transformed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transform, "MAX_RESULT_BYTES", 100)
    documents = [given(_id=f"{n}", body={"n": "x" * 40}) for n in range(5)]
    assert transforming.write(documents, time.monotonic() + 9) == ["stored"] * 5
    assert [len(each) for each in store.calls] == [2, 2, 1]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("body.items.{", "Expected : before end of expression, at position 12, behind 'body.items.{'"),
        ('{"a": 1,, "b": 2}', """The symbol , cannot be used as a unary operator, at position 9, behind '{"a": 1,,'"""),
        ("", "Unexpected end of expression"),
        ("(" * 4000, "is nested too deeply"),
    ],
    ids=["open", "comma", "empty", "deep"],
)
def test_what_is_no_expression_is_told_with_its_place(text: str, wrong: str) -> None:
    with pytest.raises(expression.Wrong) as raised:
        expression.parsed(text)
    assert str(raised.value) == wrong


@pytest.mark.parametrize("text", ["[1]\x1c", "[a]\x1b", "1 \u2028 2"])
def test_what_is_no_expression_is_told_in_one_line_that_a_terminal_shows(text: str) -> None:
    with pytest.raises(expression.Wrong) as raised:
        expression.parsed(text)
    assert str(raised.value).isprintable()


def test_example_of_the_docs_is_true(started: Callable[[str], Transform]) -> None:
    page = (ROOT / "docs" / "routes.md").read_text().partition("## In what form")[2]
    text, came, goes_on = re.findall(r"```json(?:ata)?\n(.*?)```", page, re.DOTALL)
    made = json.loads(goes_on)
    assert json.loads(started(text).of(given(_id=made["key"], body=json.loads(came)))) == made


def test_destination_gets_results_where_a_transform_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION", "dynamodb")
    for key in ("DYNAMO_TABLE", "DYNAMO_LARGE_ITEMS"):
        monkeypatch.setenv(key, "x")
    assert not isinstance(destinations.from_environment(), Transformed)
    monkeypatch.setenv("TRANSFORM", "body")
    made = destinations.from_environment()
    assert isinstance(made, Transformed)
    made._transform.close()
