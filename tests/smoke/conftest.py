"""Which deployed stack to try: `pytest tests/smoke --stack nami-shopify`.

AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL say where it is, as for every AWS tool.
"""

import pytest

from nami_control import stacks
from nami_control.aws import Aws
from nami_control.deployment import Deployment, find
from nami_control.errors import Command, NotRunningError
from nami_control.sending import Sender
from nami_control.stacks import Target
from nami_stack.settings import Environment


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", help="name of the deployed stack, such as nami-shopify")
    parser.addoption("--backend-faults", action="store_true", help="the stack's HTTP backend is tests/backend")


@pytest.fixture(scope="session")
def sender(request: pytest.FixtureRequest) -> Sender:
    """Sends to the deployed subscription, signed with its secret."""
    stack = request.config.getoption("--stack")
    if not stack:
        pytest.fail("which stack? Run pytest tests/smoke --stack nami-shopify", pytrace=False)
    return Sender(of_stack(Aws(), str(stack)))


def of_stack(aws: Aws, name: str) -> Deployment:
    """The subscription whose stack has that name; its tags say which it is, and in which environment.

    Raises:
        NotRunningError: it is not deployed here.
    """
    stack = stacks.find_stack(aws, name)
    if not (stack and (owner := stack.owner)):
        raise NotRunningError(f"there is no stack {name} of nami's here", Command("list"), " shows what is")
    aws.environment = Environment(name=owner.environment) if owner.environment else None
    return find(Target(owner.subscription, aws))
