"""How the pages put what strangers sent."""

import shlex
from typing import Any

import pytest

from nami_console import words


def test_what_turns_the_reading_order_round_is_an_escape() -> None:
    assert words.line("a\u202eb\x1b[2Jc\nd") == "a\\u202eb\\x1b[2Jc\\x0ad"


def test_long_value_is_cut_and_says_how_long_it_is() -> None:
    assert words.line("x" * 1_000_000).endswith("x… (1,000,000 characters)")


def test_tree_of_a_body_has_its_values_by_kind() -> None:
    node, whole = words.tree({"a": [1, None, True, "x", 1.5], "b": {}})
    assert whole
    assert [(each.key, each.kind, each.text) for each in node.inside] == [
        ("a", "list", "5 items"),
        ("b", "object", "0 fields"),
    ]
    assert [(each.kind, each.text) for each in node.inside[0].inside] == [
        ("number", "1"),
        ("word", "null"),
        ("word", "true"),
        ("text", "x"),
        ("number", "1.5"),
    ]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("body", [list(range(10_000)), nested(100)], ids=["wide", "deep"])
def test_tree_that_is_too_large_says_so(body: Any) -> None:
    assert not words.tree(body)[1]


def test_bytes_that_are_no_text_are_shown_as_hexadecimal() -> None:
    assert words.raw(b"\xff\x00<", 1000) == ("00000000  ff 00 3c                                       ", True)


def test_text_that_is_cut_within_a_character_is_text() -> None:
    assert words.raw("é".encode() * 10, 5) == ("éé", False)


def test_curl_sends_the_webhook_as_it_came() -> None:
    document = {"raw": b'{"a": "it\'s"}', "query": "x=1", "headers": {"x-a": "b c", "host": "h", "content-length": "9"}}
    assert shlex.split(words.curl("https://e/nami/s", document)) == [
        *("curl", "-X", "POST", "https://e/nami/s?x=1", "-H", "x-a: b c", "--data-binary", '{"a": "it\'s"}')
    ]


@pytest.mark.parametrize("raw", [b"\xff", b"@/etc/passwd", b"x" * 100_000, b"a\x1b[2J"])
def test_body_that_no_command_can_hold_is_a_file(raw: bytes) -> None:
    assert shlex.split(words.curl("https://e", {"raw": raw}))[-1] == "@body"
