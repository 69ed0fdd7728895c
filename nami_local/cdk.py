"""What a local run needs of the CDK CLI beyond `nami_control.cdk`: its tools, and a bootstrapped local AWS."""

import importlib.util
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from nami_control.aws import Aws
from nami_control.cdk import Task, program
from nami_control.errors import DeployError, MissingToolError
from nami_local.environment import ACCOUNT, REGION

# In the CLI's package, whose program lies in `bin`.
_TEMPLATE = Path("lib", "api", "bootstrap", "bootstrap-template.yaml")
_STACK = "CDKToolkit"
# What `cdk bootstrap` gives its template where nothing else is said.
_PARAMETERS = {
    "CloudFormationExecutionPolicies": "arn:aws:iam::aws:policy/AdministratorAccess",
    "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY",
    "PublicAccessBlockConfiguration": "true",
}


def check_tools() -> None:
    """Raise MissingToolError, with the remedy, where a program or package for local runs is missing."""
    for module in ("ministack", "pymongo", "boto3"):
        if importlib.util.find_spec(module) is None:
            raise MissingToolError(f"{module} is not installed; pip install 'nami-webhooks[local]'")
    for name in ("node", "cdk"):
        program(name)


def bootstrap(aws: Aws, folder: Path, meanwhile: Callable[[], object]) -> None:
    """Prepare the account for CDK deployments as `cdk bootstrap` does.

    The CLI's own template is enough, where it lies as npm installs it: the CLI takes a second of a core to start, and
    the synthesis needs both.

    Args:
        folder: has no cdk.json, so no app is run for it.
        meanwhile: called as long as the CLI runs.
    """
    template = Path(program("cdk")).resolve().parents[1] / _TEMPLATE
    if template.is_file():
        _create(aws, template)
        return
    arguments = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--progress=events"]
    with ExitStack() as tasks:
        Task("bootstrap", arguments, aws=aws, folder=folder, tasks=tasks).finish(meanwhile)


def _create(aws: Aws, template: Path) -> None:
    client = aws.client("cloudformation")
    client.create_stack(
        StackName=_STACK,
        TemplateBody=template.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in _PARAMETERS.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (stack,) = client.describe_stacks(StackName=_STACK)["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        why = stack.get("StackStatusReason") or stack["StackStatus"]
        raise DeployError(f"local AWS can't be bootstrapped: {why} ({_STACK})")
