"""Pages of what is stored, and what a search finds on them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from nami_control import searching
from nami_control.searching import Position, Search

SOME: Any = {
    "_id": "evt_1",
    "raw": b'{"order": "caf\xc3\xa9"}',
    "query": "a=b",
    "headers": {"x-topic": "orders/create"},
    "body": {
        "order": {"id": 1001, "paid": True, "note": None, "lines": [{"sku": "a"}, {"sku": "b"}], "tags": ["x", "y"]}
    },
}


class Store:
    """Documents at these moments, the newest first, as a store gives them."""

    def __init__(self, *moments: int) -> None:
        self.documents = [(at, {"_id": f"{at}/{number}"}) for number, at in enumerate(sorted(moments, reverse=True))]

    def newest_first(self, before: Position | None, since: float | None) -> Iterator[tuple[int, dict[str, Any]]]:
        there = [each for each in self.documents if before is None or each[0] <= before.at]
        yield from (each for each in there[before.skip if before else 0 :] if since is None or each[0] >= since * 1000)

    def get(self, ids: list[str]) -> list[dict[str, Any]]:
        return []

    def written_since(self, at: datetime) -> list[dict[str, Any]]:
        return []


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10])
def test_pages_have_each_document_once_also_those_of_one_moment(limit: int) -> None:
    store = Store(1, 2, 2, 2, 2, 3, 3, 4)
    found, before = [], None
    for _ in range(20):
        page = searching.page(store, Search(), before, limit, seconds=5)
        found += [each["_id"] for each in page.documents]
        if (before := page.older) is None:
            break
    assert before is None
    assert found == [document["_id"] for _, document in store.documents]


def test_search_that_takes_too_long_stops_and_goes_on_from_there() -> None:
    store = Store(*range(10))
    page = searching.page(store, Search(text="nowhere"), None, 5, seconds=-1)
    assert (page.documents, page.looked_at, page.stopped) == ([], 1, True)
    assert page.older == Position(9, 1)


def test_time_is_a_part_of_the_search() -> None:
    store = Store(1000, 2000, 3000, 4000)
    page = searching.page(store, Search(since=2, until=3), None, 10, seconds=5)
    assert [each["_id"] for each in page.documents] == ["3000/1", "2000/2"]


@pytest.mark.parametrize("text", ["order", "caf\u00e9", "x-topic: orders", "a=b", "evt_1"])
def test_text_is_found_wherever_it_stands(text: str) -> None:
    assert Search(text=text).takes(SOME)


@pytest.mark.parametrize("text", ["X-Topic", "X-Topic: orders/create", "x-topic: orders/create"])
def test_headers_name_is_found_however_it_is_written(text: str) -> None:
    assert Search(text=text).takes(SOME)
    assert not Search(text=f"{text}?").takes(SOME)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("body.order.id", "1001"),
        ("body.order.paid", "true"),
        ("body.order.note", "null"),
        ("body.order.lines.sku", "b"),
        ("body.order.lines.0.sku", "a"),
        ("body.order.tags", "y"),
        ("headers.x-topic", "orders/create"),
        ("headers.X-Topic", "orders/create"),
    ],
)
def test_field_is_found_by_its_path(path: str, value: str) -> None:
    assert Search(fields=((path, value),)).takes(SOME)
    assert not Search(fields=((path, f"{value}?"),)).takes(SOME)


@pytest.mark.parametrize(
    "path", ["", ".", "body.order.id.more", "body.none", "body.order.lines.9.sku", "body.order.lines.\u00b2"]
)
def test_path_that_leads_nowhere_finds_nothing(path: str) -> None:
    assert not Search(fields=((path, "1001"),)).takes(SOME)


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1.x", "-1.0", "1.\u00b2", "9" * 50 + ".1", "9" * 30 + ".1", "1." + "9" * 30]
)
def test_position_that_is_none_is_the_beginning(text: str) -> None:
    assert Position.parse(text) is None


def test_position_is_read_as_it_was_written() -> None:
    assert Position.parse(str(Position(1795820321692, 3))) == Position(1795820321692, 3)


@pytest.mark.parametrize(
    ("document", "type_"),
    [
        ({"headers": {"x-shopify-topic": "orders/create"}, "body": {"type": "other"}}, "orders/create"),
        ({"headers": {"x-github-event": "push"}}, "push"),
        ({"headers": {"content-type": "text/plain"}, "body": {"event": "order.created"}}, "order.created"),
        ({"headers": {}, "body": {"type": {"no": "text"}}}, ""),
        ({"body": ["type"]}, ""),
        ({}, ""),
    ],
)
def test_type_of_an_event_is_what_the_provider_calls_it(document: dict[str, Any], type_: str) -> None:
    assert searching.event_type(document) == type_
