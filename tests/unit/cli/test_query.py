"""What is typed as --query: a query, or one line that says why it is none."""

import pytest

from nami_cli.events import parse_query
from nami_control.errors import UsageError


def test_query_may_hold_what_json_has_no_form_for() -> None:
    assert parse_query('{"n": {"$numberLong": "5"}}') == {"n": 5}
    assert parse_query(None) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "1", "{\n'a': 1\n}", "[" * 5000, '{"a": {"$oid": "x"}}', '{"a": {"$date": "x"}}'),
        *('{"a": {"$numberDecimal": "x"}}', '{"a": {"$binary": 1}}', '{"a": {"$date": {"$numberLong": "9e9"}}}'),
        *('{"a": {"$timestamp": {"t": -1, "i": 1}}}', '{"a": {"$uuid": 1}}', '{"a": {"$numberInt": "x"}}'),
    ],
)
def test_what_is_no_query_is_told_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="try --query") as caught:
        parse_query(text)
    assert str(caught.value).isprintable()
