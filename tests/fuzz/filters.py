"""A filter's pattern and the webhook that it is asked about."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nami_control import filtering
from nami_runtime import pattern, wanted
from nami_runtime.request import Request
from tests.fuzz.target import Case, Target, octets, strings

_PATTERNS: tuple[dict[str, Any], ...] = (
    {"body": {"type": ["order", {"prefix": "ord"}, {"suffix": {"equals-ignore-case": "ER"}}, None, True, 1.5]}},
    {
        "headers": {
            "X-Topic": [{"wildcard": "orders/*/x*\\*"}],
            "content-type": [{"anything-but": {"prefix": ["a", "b"]}}],
        }
    },
    {"$or": [{"body": {"a": {"b": [{"numeric": [">", 0, "<=", 5]}]}}}, {"query": {"q": [{"exists": True}]}}]},
    {"source_ip": [{"cidr": "203.0.113.0/24"}, {"cidr": "2001:db8::/32"}], "method": [{"equals-ignore-case": "post"}]},
    {"body": {"items": {"sku": ["a"], "n": [{"numeric": ["=", 2]}]}, "$or": [{"x": [1]}, {"y": [{"exists": False}]}]}},
    {"path": [{"prefix": "/nami"}], "verified": [None, "shopify"], "query": [{"anything-but": ["", "a=b"]}]},
)
_BODIES = (
    '{"type": "order", "a": {"b": 3}, "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}, [[{"sku": "a", "n": 2}]]]}',
    '[{"type": "order"}, 1, null]',
    "type=order&type=2&a=b",
)


def _seeds() -> list[Case]:
    return [
        {
            "frozen": {},
            "pattern": given,
            "body": body,
            "headers": {"content-type": "application/x-www-form-urlencoded" if "=" in body else "application/json"},
            "query": "q=1&q=2&a",
            "source_ip": "203.0.113.7",
        }
        for given in _PATTERNS
        for body in _BODIES
    ]


def _check(case: Case) -> None:
    given = case.get("pattern")
    text = given if isinstance(given, str) else json.dumps(given)
    request = Request(
        "POST",
        "/nami/shopify",
        str(case.get("query", "")),
        headers={name.lower(): value for name, value in strings(case.get("headers")).items()},
        body=octets(case.get("body", "")),
        request_id="r",
        source_ip=str(case.get("source_ip", "")),
    )
    try:
        asked = wanted.Filter(text)
    except pattern.Wrong as wrong:
        said = str(wrong)
        assert said.isprintable(), "an error of more than one line"
        assert len(said) < 2000, "an error that nobody reads"
        return
    wants = asked.wants(request)
    assert wanted.Filter(text).wants(request) == wants
    answer = filtering.ask(asked, request)
    assert answer.wanted == wants, "nami filter says otherwise than the function"
    with suppress(wanted.Unreadable):
        event = asked.event(request)
        for tree in asked.alternatives:
            fits = pattern.fits([tree], event)
            all_fit = all(leaf.fits(pattern.values_at(event, leaf.path), event) for leaf in pattern.leaves(tree))
            assert all_fit or not fits, "it fits, and one of its conditions does not"


@contextmanager
def _opened() -> Iterator[Callable[[Case], None]]:
    yield _check


TARGET = Target(_seeds, _opened)
