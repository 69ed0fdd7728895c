"""What a local run needs of the CDK CLI beyond `nami_control.cdk`: its tools, and a bootstrapped local AWS."""

import importlib.util
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from nami_control.aws import Aws
from nami_control.cdk import Task, program
from nami_control.errors import MissingToolError
from nami_local.environment import ACCOUNT, REGION


def check_tools() -> None:
    """Raise MissingToolError, with the remedy, where a program or package for local runs is missing."""
    for module in ("ministack", "pymongo", "boto3"):
        if importlib.util.find_spec(module) is None:
            raise MissingToolError(f"{module} is not installed; pip install 'nami-webhooks[local]'")
    for name in ("node", "cdk"):
        program(name)


def bootstrap(aws: Aws, folder: Path, meanwhile: Callable[[], object]) -> None:
    """Prepare the account for CDK deployments; `folder` has no cdk.json, so no app is run for it."""
    arguments = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--progress=events"]
    with ExitStack() as tasks:
        Task("bootstrap", arguments, aws=aws, folder=folder, tasks=tasks).finish(meanwhile)
