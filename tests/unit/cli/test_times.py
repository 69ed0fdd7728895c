"""Moments as people type them."""

import time
from datetime import UTC, datetime

import pytest

from nami_control import times
from nami_control.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90", 90), ("10m", 600), ("1.5h", 5400), ("3d", 259_200), (" 2W ", 1_209_600)]
)
def test_a_duration_is_so_long_ago(text: str, seconds: float) -> None:
    assert times.moment(text) == pytest.approx(time.time() - seconds, abs=5)


def test_an_iso_time_is_that_time() -> None:
    assert times.moment("2026-01-31T12:00:00Z") == datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()


def test_a_date_without_a_zone_is_of_this_place() -> None:
    assert times.moment("2026-01-31") == datetime(2026, 1, 31).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "10x", "-5m", "٣d", "2026-13-01"),
        *("99999999999d", "9" * 400 + "d", "0001-01-01", "9999-12-31T23:59:59-12:00", "1969-12-30"),
    ],
)
def test_anything_else_is_one_line_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="10m"):
        times.moment(text)


def test_a_moment_of_another_day_has_its_date() -> None:
    assert times.clock(0).startswith(datetime.fromtimestamp(0).strftime("%Y-%m-%d"))
    assert len(times.clock(time.time() * 1000)) == len("12:00:00.000")


@pytest.mark.parametrize("text", ["9" * 400, "99999999999w"])
def test_a_duration_that_nobody_lives_to_see_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="60s"):
        times.duration(text)
