"""After a deployment: does a webhook go all the way, and does what should not get in stay out? As `nami smoke` asks."""

from collections.abc import Callable

import pytest

from nami_control import smoke
from nami_control.errors import NamiError
from nami_control.sending import Sender


@pytest.mark.parametrize("check", smoke.CHECKS, ids=lambda check: check.__name__)
def test_deployed_stack(check: Callable[[Sender], str], sender: Sender) -> None:
    try:
        check(sender)
    except smoke.Skipped as skipped:
        pytest.skip(str(skipped))
    except NamiError as error:
        pytest.fail(str(error), pytrace=False)
