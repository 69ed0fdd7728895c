"""`nami events` asks PostgreSQL: what is asked, and of whom."""

from typing import Any

import pytest

from nami_control.destinations.postgres import _condition
from nami_control.errors import UsageError


@pytest.mark.parametrize(
    ("query", "where", "values"),
    [
        ({}, "subscription = %s", []),
        (
            {"body": {"order": {"id": 1001}}},
            "subscription = %s AND body @> %s::jsonb",
            ['{"order": {"id": 1001}}'],
        ),
        ({"_id": "evt_1", "method": "PUT"}, "subscription = %s AND id = %s AND method = %s", ["evt_1", "PUT"]),
    ],
)
def test_query_has_columns_and_what_those_of_json_contain(query: dict[str, Any], where: str, values: list[Any]) -> None:
    assert _condition("shopify", query, []) == (where, ["shopify", *values])


def test_id_finds_those_that_came_under_it_too() -> None:
    assert _condition("shopify", {}, ["evt_1"])[1] == ["shopify", ["evt_1"], ["evt_1~"]]


@pytest.mark.parametrize("name", ["raw", "order", "body; DROP TABLE webhooks", ""])
def test_what_is_no_column_is_told(name: str) -> None:
    with pytest.raises(UsageError, match="is no column of the table webhooks"):
        _condition("shopify", {name: 1}, [])


def test_path_of_mongodbs_is_told_how_it_is_written_here() -> None:
    with pytest.raises(UsageError, match=r'inside of it as in \{"body": \{"order": \{"id": 1001\}\}\}'):
        _condition("shopify", {"body.order.id": 1001}, [])
