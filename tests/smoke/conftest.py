"""Which deployed stack to try: `pytest tests/smoke --stack nami-shopify`.

AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL say where it is, as for every AWS tool.
"""

import pytest

from nami_cli.stacks import stack_outputs


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", help="name of the deployed stack, such as nami-shopify")


@pytest.fixture(scope="session")
def outputs(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the deployed stack says of itself."""
    stack = request.config.getoption("--stack")
    if not stack:
        pytest.fail("which stack? Run pytest tests/smoke --stack nami-shopify", pytrace=False)
    return stack_outputs(stack)
