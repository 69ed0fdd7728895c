from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nami_control.destinations import mongo
from nami_control.destinations.mongo import disk
from nami_control.errors import word

GIB = 2**30


def test_disk_tells_the_day_on_which_it_is_full_at_the_pace_of_the_last_day() -> None:
    full = datetime.now(UTC) + timedelta(days=24)
    assert disk("shopify", 8 * GIB, 20 * GIB, GIB / 2).detail == (
        f"40% of 20 GiB are used, full on {full:%Y-%m-%d} at the pace of the last day"
    )


@pytest.mark.parametrize("pace", [0, -GIB, 1], ids=["none", "it shrinks", "a byte a day"])
def test_disk_that_does_not_fill_tells_no_day(pace: float) -> None:
    assert disk("shopify", 8 * GIB, 20 * GIB, pace).detail == "40% of 20 GiB are used"


class Grown:
    """A database as MongoDB tells of it: a hundred documents of 1 MB, ten of the last day, of which `goes` expire.

    None: nothing does, and no index says when.
    """

    def __init__(self, goes: int | None) -> None:
        self.goes = goes

    def index_information(self) -> dict[str, dict[str, int]]:
        return {"_id_": {}} if self.goes is None else {"_id_": {}, "expires_at_1": {"expireAfterSeconds": 0}}

    def list_collection_names(self) -> list[str]:
        return ["shopify", "empty"]

    def command(self, _name: str, collection: str) -> dict[str, int]:
        return {"count": 100, "storageSize": 90 * 10**6, "totalIndexSize": 10**7} if collection == "shopify" else {}

    def __getitem__(self, _name: str) -> "Grown":
        return self

    def count_documents(self, query: dict[str, Any]) -> int:
        if "expires_at" not in query:
            return 10
        assert self.goes is not None, "each document would be read"
        return self.goes


@pytest.mark.parametrize(("goes", "pace"), [(None, 10**7), (0, 10**7), (10, 0)])
def test_pace_is_what_the_last_day_brought_less_what_expires_in_a_day(goes: int, pace: float) -> None:
    assert mongo._pace(Grown(goes)) == pace


@pytest.mark.parametrize(("used", "status"), [(0, "ok"), (15.9, "ok"), (16, "fail"), (20, "fail")])
def test_disk_fails_from_four_fifths_on(used: float, status: str) -> None:
    assert disk("shopify", used * GIB, 20 * GIB).status == status


def test_full_disk_comes_with_the_command_that_doubles_it() -> None:
    check = disk("shopify", 19 * GIB, 20 * GIB)
    assert check.detail == "95% of 20 GiB are used"
    assert word(check.remedy, "nami").endswith("deploy shopify --volume-size 40")
