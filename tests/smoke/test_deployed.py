"""After a deployment: does a webhook go all the way, and does what should not get in stay out? As `nami smoke` asks."""

from collections.abc import Callable

import pytest

from nami_control import smoke
from nami_control.errors import NamiError


@pytest.mark.parametrize("check", smoke.CHECKS, ids=lambda check: check.__name__)
def test_deployed_stack(check: Callable[[smoke.Target], str], target: smoke.Target) -> None:
    try:
        check(target)
    except smoke.Skipped as skipped:
        pytest.skip(str(skipped))
    except NamiError as error:
        pytest.fail(str(error), pytrace=False)
