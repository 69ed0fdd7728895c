"""One odd value never costs the rest: what a store can't hold is changed there and named, and nothing silently."""

import json
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import bodies, contents, fitting
from nami_runtime.destinations import dynamodb, mongo
from tests.unit.runtime.conftest import Context, FakeAws, Mongo, load_handler, sqs_event
from tests.unit.runtime.test_dynamodb import message, plain

Function = Callable[..., dict[str, Any]]
RANGE = "a number out of range, its digits as a text"


@pytest.fixture
def as_document(mongo: Mongo, post_queue: Function) -> Callable[[str], dict[str, Any]]:
    def store(body: str) -> dict[str, Any]:
        assert post_queue(sqs_event(message(body=body))) == {"batchItemFailures": []}
        document = mongo.documents()["evt_1"]
        assert document["raw"] == body.encode()
        return document

    return store


@pytest.fixture
def as_item(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    for name, value in {"DESTINATION": "dynamodb", "DYNAMO_TABLE": "t", "DYNAMO_LARGE_ITEMS": "large"}.items():
        monkeypatch.setenv(name, value)

    def store(body: str) -> dict[str, Any]:
        assert load_handler("post_queue").handler(sqs_event(message(body=body)), Context()) == {"batchItemFailures": []}
        item = plain(cloud.tables["t"]["evt_1"])
        assert bytes(item["raw"]) == body.encode()
        return item

    return store


def test_an_integer_over_64_bits_is_exact_in_mongodb(as_document: Any) -> None:
    document = as_document('{"foo": 10355138598665546921, "name": "st2"}')
    assert document["body"] == {"foo": Decimal128("10355138598665546921"), "name": "st2"}
    assert "body_changes" not in document


def test_an_integer_of_over_34_digits_is_a_text_in_mongodb_and_named(as_document: Any) -> None:
    document = as_document('{"foo": [1, %s], "name": "st2"}' % ("7" * 35))
    assert document["body"] == {"foo": [1, "7" * 35], "name": "st2"}
    assert document["body_changes"] == [{"at": "body.foo[1]", "why": RANGE}]


@pytest.mark.parametrize("digits", ["0.1234567890123456789012", "9007199254740993.0", "1e400", "-1e-400"])
def test_a_number_that_no_double_holds_is_exact_in_mongodb(as_document: Any, digits: str) -> None:
    document = as_document(f'{{"n": {digits}, "m": 0.1}}')
    assert document["body"] == {"n": Decimal128(digits), "m": 0.1}
    assert "body_changes" not in document


@pytest.mark.parametrize("digits", ["0.1234567890123456789012", "9007199254740993.0", "9" * 38])
def test_a_number_of_up_to_38_digits_is_exact_in_dynamodb(as_item: Any, digits: str) -> None:
    item = as_item(f'{{"n": {digits}}}')
    assert item["body"] == {"n": Decimal(digits)}
    assert "body_changes" not in item


@pytest.mark.parametrize("digits", ["1E+400", "1E-400", "9" * 39, "0." + "3" * 39])
def test_a_number_out_of_dynamodbs_range_is_a_text_and_named(as_item: Any, digits: str) -> None:
    item = as_item(f'{{"n": {digits}, "name": "st2"}}')
    assert item["body"] == {"n": digits, "name": "st2"}
    assert item["body_changes"] == [{"at": "body.n", "why": RANGE}]


def test_a_number_of_five_thousand_digits_costs_nothing_else(as_document: Any) -> None:
    document = as_document('{"n": %s, "name": "st2"}' % ("9" * 5000))
    assert document["body"] == {"n": "9" * 5000, "name": "st2"}
    assert document["body_changes"] == [{"at": "body.n", "why": RANGE}]


@pytest.mark.parametrize("store", ["as_document", "as_item"])
def test_text_that_is_no_unicode_is_escaped_and_named(request: pytest.FixtureRequest, store: str) -> None:
    stored = request.getfixturevalue(store)('{"a": {"b": "ok \\ud83d"}, "name": "st2"}')
    assert stored["body"] == {"a": {"b": "ok \\ud83d"}, "name": "st2"}
    assert stored["body_changes"] == [{"at": "body.a.b", "why": "text that is not Unicode, escaped"}]


def test_a_nul_in_a_fields_name_is_escaped_in_mongodb_and_named(as_document: Any) -> None:
    document = as_document('{"a\\u0000b": 1, "name": "st2"}')
    assert document["body"] == {"a\\u0000b": 1, "name": "st2"}
    assert document["body_changes"] == [{"at": 'body["a\\\\u0000b"]', "why": "the field's name, escaped"}]


def test_an_empty_name_is_escaped_in_dynamodb_and_stays_in_mongodb(as_item: Any) -> None:
    item = as_item('{"": 1, "name": "st2"}')
    assert item["body"] == {"(empty)": 1, "name": "st2"}
    assert item["body_changes"] == [{"at": 'body["(empty)"]', "why": "the field's name, escaped"}]
    assert bson.decode(mongo._encoded({"body": {"": 1}}).raw) == {"body": {"": 1}}


def test_a_name_over_64_kb_is_shortened_in_dynamodb(as_item: Any) -> None:
    (name,) = as_item(json.dumps({"x" * 70_000: 1}))["body"]
    assert name.startswith("x" * 64 + "~sha256-")


def test_what_is_nested_too_deeply_for_dynamodb_is_its_json(as_item: Any) -> None:
    item = as_item('{"a": %s, "name": "st2"}' % ("[" * 40 + "]" * 40))
    assert item["body"]["name"] == "st2"
    inner = item["body"]["a"]
    while isinstance(inner, list):
        (inner,) = inner
    assert json.loads(inner) == json.loads("[" * 9 + "]" * 9)
    assert item["body_changes"][0]["why"] == "nested too deeply, its JSON as a text"


def test_an_escaped_name_takes_no_others_place(as_document: Any) -> None:
    document = as_document('{"a\\u0000": 1, "a\\\\u0000": 2}')
    assert sorted(document["body"].values()) == [1, 2]


def test_of_many_changes_the_last_note_counts_those_that_are_left_out(as_document: Any) -> None:
    document = as_document(json.dumps([10**40 + 1] * 150))
    assert len(document["body_changes"]) == 101
    assert document["body_changes"][-1] == {"at": "", "why": "and 50 more"}


def test_a_body_that_is_an_odd_value_itself_is_kept(as_item: Any) -> None:
    assert as_item("1E+400")["body"] == "1E+400"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def written(value: Any) -> str:
    """As a sender writes JSON, decimals digit by digit."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


def place(at: str, name: str) -> str:
    return at + fitting._written(["x", name])[1:]


def differences(sent: Any, there: Any, at: str) -> set[str]:
    """Where what is stored is not the value that was sent, by the names under which it is stored."""
    if isinstance(sent, dict):
        assert len(sent) == len(there)
        names = zip(sent.items(), there.items(), strict=True)
        found = {place(at, own) for (name, _), (own, _) in names if name != own}
        return found.union(
            *(
                differences(each, kept, place(at, own))
                for each, (own, kept) in zip(sent.values(), there.items(), strict=True)
            )
        )
    if isinstance(sent, list):
        pairs = enumerate(zip(sent, there, strict=True))
        return set().union(*(differences(one, other, f"{at}[{index}]") for index, (one, other) in pairs))
    if isinstance(there, Decimal128):
        there = there.to_decimal()
    if isinstance(sent, int | float | Decimal) and not isinstance(sent, bool) and not isinstance(there, str):
        sent, there = (Decimal(repr(each)) if isinstance(each, float) else Decimal(each) for each in (sent, there))
    return set() if sent == there else {at}


def read(value: Any) -> Any:
    return bodies.parse(contents.opened(written(value).encode(), {"content-type": "application/json"}))[1]


@given(JSON)
def test_what_mongodb_holds_is_what_was_sent_or_named(value: Any) -> None:
    parsed = read(value)
    fields = bson.decode(mongo._encoded({"body": parsed}).raw)
    assert differences(value, fields["body"], "body") == {each["at"] for each in fields.get("body_changes", [])}


@given(JSON)
def test_what_dynamodb_holds_is_what_was_sent_or_named(value: Any) -> None:
    parsed = read(value)
    try:
        item = dynamodb.encoded({"body": parsed})
    except dynamodb.Unfit:
        document = {"body": parsed}
        dynamodb._fit(document)
        item = dynamodb.encoded(document)
    fields = plain(item)
    assert differences(value, fields["body"], "body") == {each["at"] for each in fields.get("body_changes", [])}


def test_what_is_changed_is_named_also_where_it_is_stored_under_an_id_of_its_own(
    mongo: Mongo, post_queue: Function
) -> None:
    for number in (1, 2):
        body = f'{{"n": {number}, "odd": {"7" * 40}}}'
        assert post_queue(sqs_event(message(body=body, id_may_repeat=True))) == {"batchItemFailures": []}
    assert [each["body_changes"][0]["at"] for each in mongo.documents().values()] == ["body.odd"] * 2


def test_changing_a_large_body_takes_little_memory() -> None:
    value = [{"a": "\ud800"} for _ in range(50_000)]
    document = {"body": value}
    tracemalloc.start()
    assert mongo._fit(document, mongo._storable)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 100 * len(value)
    assert document["body_changes"][-1]["why"] == "and 49900 more"
