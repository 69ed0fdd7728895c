"""Which deployed stack to try: `pytest tests/smoke --stack nami-shopify`.

AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL say where it is, as for every AWS tool.
"""

import pytest

from nami_control import deployment
from nami_control.aws import Aws
from nami_control.sending import Sender


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", help="name of the deployed stack, such as nami-shopify")
    parser.addoption("--backend-faults", action="store_true", help="the stack's HTTP backend is tests/backend")


@pytest.fixture(scope="session")
def sender(request: pytest.FixtureRequest) -> Sender:
    """Sends to the deployed subscription, signed with its secret."""
    stack = request.config.getoption("--stack")
    if not stack:
        pytest.fail("which stack? Run pytest tests/smoke --stack nami-shopify", pytrace=False)
    return Sender(deployment.of_stack(Aws(), str(stack)))
