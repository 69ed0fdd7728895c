import pytest

from nami_control.destinations.mongo import disk
from nami_control.errors import word

GIB = 2**30


@pytest.mark.parametrize(("used", "status"), [(0, "ok"), (15.9, "ok"), (16, "fail"), (20, "fail")])
def test_disk_fails_from_four_fifths_on(used: float, status: str) -> None:
    assert disk("shopify", used * GIB, 20 * GIB).status == status


def test_full_disk_comes_with_the_command_that_doubles_it() -> None:
    check = disk("shopify", 19 * GIB, 20 * GIB)
    assert check.detail == "95% of 20 GiB are used"
    assert word(check.remedy, "nami").endswith("deploy shopify --volume-size 40")
