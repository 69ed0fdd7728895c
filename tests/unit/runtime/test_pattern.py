"""Event patterns: what https://github.com/aws/event-ruler says that fits, and what it says is no pattern."""

import time
from typing import Any

import pytest

from nami_runtime import pattern


def fits(written: object, event: dict[str, Any]) -> bool:
    return pattern.fits(pattern.compiled(written), event)


def test_every_field_must_fit_and_any_value_of_it() -> None:
    written = {"state": ["initializing", "running"], "source": ["aws.ec2"]}
    assert fits(written, {"state": "running", "source": "aws.ec2", "more": 1})
    assert not fits(written, {"state": "running", "source": "aws.s3"})
    assert not fits(written, {"state": "stopped", "source": "aws.ec2"})


@pytest.mark.parametrize(
    ("written", "right", "wrong"),
    [
        ("a", ["a"], ["A", "", 1, None, True]),
        ("300", ["300"], [300]),
        (300, [300, 300.0, 3.0e2], ["300", 301, True, 10**400]),
        (0, [0, -0.0], [False, None, ""]),
        (1, [1], [True]),
        (True, [True], [1, "true"]),
        (False, [False], [0, None]),
        (None, [None], ["null", 0, False]),
        ({"exactly": "a"}, ["a"], ["b"]),
        ({"prefix": "or"}, ["orders", "or"], ["Orders", "o", 1]),
        ({"prefix": {"equals-ignore-case": "OR"}}, ["orders", "Orders"], ["xor"]),
        ({"suffix": ".png"}, ["a.png"], ["a.PNG", "png", 1]),
        ({"suffix": {"equals-ignore-case": ".png"}}, ["a.PNG"], ["a.gif"]),
        ({"equals-ignore-case": "EC2"}, ["ec2", "EC2"], ["ec22", 2]),
        (
            {"wildcard": "Simple*Service"},
            ["SimpleService", "Simple Q Service"],
            ["SimpleServices", "simpleService"],
        ),
        ({"wildcard": "*/bin/*.jar"}, ["/bin/.jar", "a/bin/b.jar"], ["a/bin.jar", "a/bin/b.jars"]),
        ({"wildcard": "*"}, ["", "anything"], [1, None]),
        ({"wildcard": "a*a"}, ["aa", "aba"], ["a"]),
        ({"wildcard": "*ab*ab*"}, ["abab", "xabxabx"], ["ab", "aab"]),
        ({"wildcard": r"2\*3"}, ["2*3"], ["2x3"]),
        ({"wildcard": r"a\\b"}, ["a\\b"], ["ab"]),
        ({"wildcard": "exact"}, ["exact"], ["exactly"]),
        ({"anything-but": "a"}, ["b", 1, None], ["a"]),
        ({"anything-but": ["a", "b"]}, ["c"], ["a", "b"]),
        ({"anything-but": 123}, [124, "123"], [123, 123.0]),
        ({"anything-but": [100, 200]}, [300], [100, 200]),
        ({"anything-but": {"prefix": "init"}}, ["running", 1], ["initializing"]),
        ({"anything-but": {"prefix": ["init", "error"]}}, ["running"], ["initial", "errors"]),
        ({"anything-but": {"suffix": "1234"}}, ["4321"], ["x1234"]),
        ({"anything-but": {"equals-ignore-case": ["Stopped", "OverLoaded"]}}, ["running"], ["STOPPED", "overloaded"]),
        ({"anything-but": {"wildcard": "*/bin/*.jar"}}, ["/lib/a.jar"], ["/bin/a.jar"]),
        ({"numeric": [">", 0, "<=", 5]}, [0.5, 5], [0, 5.1, "3", True]),
        ({"numeric": ["<", 10]}, [9.99, -1], [10]),
        ({"numeric": ["=", 3.018e2]}, [301.8], [301, "301.8"]),
        ({"exists": True}, ["", 0, None, False], []),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.7"], ["10.0.1.7", "10.0.0", 10, "::1"]),
        ({"cidr": "2001:db8::/32"}, ["2001:db8::1"], ["2001:db9::1", "10.0.0.7"]),
    ],
)
def test_value_is_as_it_is_written(written: object, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not fits({"x": [written]}, {"x": value})] == []
    assert [value for value in wrong if fits({"x": [written]}, {"x": value})] == []


@pytest.mark.parametrize("written", ["a", None, {"prefix": "a"}, {"anything-but": "a"}, {"exists": True}])
@pytest.mark.parametrize("event", [{}, {"x": {}}, {"x": []}, {"x": {"y": "a"}}, {"y": "a"}])
def test_what_is_not_there_fits_nothing(written: object, event: dict[str, Any]) -> None:
    assert not fits({"x": [written]}, event)


@pytest.mark.parametrize(
    ("event", "is_absent"),
    [
        ({}, True),
        ({"d": {}}, True),
        ({"d": []}, True),
        ({"d": {"a": []}}, True),
        ({"d": {"a": {"b": 1}}}, True),
        ({"d": {"a": None}}, False),
        ({"d": [{"b": 1}, {"a": 1}]}, False),
    ],
)
def test_absence_is_that_of_a_value_anywhere(event: dict[str, Any], is_absent: bool) -> None:
    assert fits({"d": {"a": [{"exists": False}]}}, event) is is_absent
    assert fits({"d": {"a": ["never", {"exists": False}]}}, event) is is_absent


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"tags": ["user", "admin"]}, True),
        ({"tags": [["user"], [["admin"]]]}, True),
        ({"tags": ["user"]}, False),
        ({"tags": [{"admin": 1}]}, False),
    ],
)
def test_list_fits_where_a_value_of_it_does(event: dict[str, Any], told: bool) -> None:
    assert fits({"tags": ["admin"]}, event) is told


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([{"sku": "a", "count": 1}], True),
        ([{"sku": "x"}, {"sku": "a", "count": 1}], True),
        ([{"sku": "a"}, {"count": 1}], False),
        ([{"sku": "a", "count": 2}, {"sku": "b", "count": 1}], False),
        ([], False),
    ],
)
def test_one_element_of_a_list_must_fit_all_that_is_said_of_it(items: list[Any], told: bool) -> None:
    assert fits({"items": {"sku": ["a"], "count": [1]}}, {"items": items}) is told
    alternative = {"items": {"sku": ["a"]}, "$or": [{"items": {"count": [1]}}, {"none": [1]}]}
    assert fits(alternative, {"items": items}) is told


OR = {"source": ["shop"], "$or": [{"name": ["cpu"]}, {"kind": ["k"], "$or": [{"id": [1]}, {"id": [2]}]}]}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"name": "cpu"}, True),
        ({"kind": "k", "id": 2}, True),
        ({"kind": "k", "id": 3}, False),
        ({"id": 1}, False),
        ({}, False),
    ],
)
def test_or_is_one_of_several_patterns(event: dict[str, Any], told: bool) -> None:
    assert fits(OR, {"source": "shop", **event}) is told
    assert not fits(OR, {"source": "other", **event})


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ([1, 2, 3], "must be an object"),
        ({}, "is empty"),
        ({"a": 1}, "a: must be an object, or a list"),
        ({"a": {}}, "a: is empty"),
        ({"a": []}, "a: must name at least one value"),
        ({"a": [[1]]}, "a: [1]: must be a text, a number"),
        ({"a": [{"x": 2}]}, "a: 'x' is not a word of patterns; there are exactly, prefix"),
        ({"a": {"b": [{"prefix": 3}]}}, "a.b.prefix: 3: must be a text"),
        ({"a": [{"prefix": "c", "suffix": "d"}]}, "must have one word"),
        ({"a": [{"prefix": {"wildcard": "x"}}]}, "a.prefix: "),
        ({"a": [{"suffix": {"equals-ignore-case": 5}}]}, "a.suffix: 5: must be a text"),
        ({"a": [{"equals-ignore-case": ["abc"]}]}, "a.equals-ignore-case: "),
        ({"a": [{"wildcard": "a**b"}]}, "a.wildcard: two * side by side are one"),
        ({"a": [{"wildcard": r"a\b"}]}, "a.wildcard: a backslash stands before"),
        ({"a": [{"wildcard": "a\\"}]}, "a.wildcard: a backslash stands before"),
        ({"a": [{"anything-but": ["x", 1]}]}, "must be texts alone, or numbers alone"),
        ({"a": [{"anything-but": [True]}]}, "must be texts alone, or numbers alone"),
        ({"a": [{"anything-but": []}]}, "must be texts alone, or numbers alone"),
        ({"a": [{"anything-but": {"prefix": ""}}]}, "none of them empty"),
        ({"a": [{"anything-but": {"prefix": 27}}]}, "a.anything-but.prefix: 27: must be a text"),
        ({"a": [{"anything-but": {"foo": 3}}]}, "may have prefix, suffix, "),
        ({"a": [{"numeric": ["<>", 1]}]}, "a.numeric: "),
        ({"a": [{"numeric": ["=", True]}]}, "a.numeric: "),
        ({"a": [{"numeric": ["="]}]}, "a.numeric: "),
        ({"a": [{"numeric": [">", 30, "<", 1]}]}, "a.numeric: "),
        ({"a": [{"numeric": ["<", 1, ">", 0]}]}, "a.numeric: "),
        ({"a": [{"numeric": [">", 1, "<", 30, False]}]}, "a.numeric: "),
        ({"a": [{"numeric": 5}]}, "a.numeric: 5: must be as in"),
        ({"a": [{"exists": "yes"}]}, "a.exists: "),
        ({"a": [{"cidr": "foo"}]}, 'a.cidr: "foo": must be as in 198.51.100.0/24'),
        ({"$or": [{"a": [1]}]}, "$or: must be a list of two patterns or more"),
        ({"d": {"$or": [{"a": [1]}, {"b": 1}]}}, "d.$or[1]: d.b: must be an object"),
        ({"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}, "a: is said twice"),
        ({str(number): {"$or": [{"a": [1]}, {"b": [1]}]} for number in range(11)}, "more than 1000 combinations"),
    ],
)
def test_what_is_no_pattern_is_told_with_its_place(written: object, told: str) -> None:
    with pytest.raises(pattern.Wrong) as caught:
        pattern.compiled(written)
    assert told in str(caught.value)


def test_wildcards_take_time_by_the_length_of_the_text_alone() -> None:
    written = {"x": [{"wildcard": "*a" * 30 + "*b"}]}
    started = time.perf_counter()
    assert not fits(written, {"x": "a" * 1_000_000})
    assert time.perf_counter() - started < 1


def test_lists_in_lists_end_no_function() -> None:
    value: Any = "a"
    for _ in range(50_000):
        value = [value]
    assert fits({"x": ["a"]}, {"x": value})


@pytest.mark.parametrize("name", ["a\nb", "a\u2028b", "\x1b[31m", "n" * 5000])
def test_error_is_one_line_that_a_terminal_shows_whatever_a_field_is_called(name: str) -> None:
    with pytest.raises(pattern.Wrong) as caught:
        pattern.compiled({"body": {name: 1}})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
