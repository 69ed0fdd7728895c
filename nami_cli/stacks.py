"""Deployed stacks, on AWS or on local AWS: whatever AWS_ENDPOINT_URL and the usual variables say."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nami_cli.errors import NotRunningError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_logs.client import CloudWatchLogsClient

PREFIX = "nami-"
_GONE = "DELETE_COMPLETE"


def describe(name: str) -> "StackTypeDef | None":
    """The stack of a subscription; None where there is none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return cloudformation().describe_stacks(StackName=PREFIX + name)["Stacks"][0]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ValidationError":
            return None
        raise


def deployed() -> dict[str, "StackTypeDef"]:
    """The stack of every subscription, by its name; what failed to be made or removed is among them."""
    found: dict[str, StackTypeDef] = {}
    for page in cloudformation().get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            tagged = any(tag["Key"] == "nami:subscription" for tag in stack.get("Tags", []))
            if tagged and stack["StackName"].startswith(PREFIX) and stack["StackStatus"] != _GONE:
                found[stack["StackName"].removeprefix(PREFIX)] = stack
    return found


def cloudformation() -> "CloudFormationClient":
    """A client of CloudFormation where the environment points."""
    import boto3  # noqa: PLC0415 (half a second that `nami --help` need not wait)

    return boto3.client("cloudformation")


def logs() -> "CloudWatchLogsClient":
    """A client of CloudWatch Logs where the environment points."""
    import boto3  # noqa: PLC0415

    return boto3.client("logs")


def stack_outputs(stack_name: str) -> dict[str, str]:
    """The outputs of one stack.

    Raises:
        NotRunningError: there is no such stack.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return outputs_of(cloudformation().describe_stacks(StackName=stack_name)["Stacks"][0])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ValidationError":
            raise NotRunningError(f"there is no stack {stack_name} here") from None
        raise


def endpoints() -> dict[str, str]:
    """Name and URL of every subscription that takes webhooks."""
    found: dict[str, str] = {}
    for page in cloudformation().get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            outputs = outputs_of(stack)
            if stack["StackName"].startswith(PREFIX) and stack["StackStatus"] != _GONE and "EndpointUrl" in outputs:
                found[stack["StackName"].removeprefix(PREFIX)] = endpoint_url(outputs)
    return found


def endpoint_url(outputs: Mapping[str, str]) -> str:
    """Where to post webhooks, from a stack's outputs.

    The gateway of a local AWS is reached by path: `https://<api>.execute-api.<region>.amazonaws.com/nami/shopify`
    becomes `<AWS_ENDPOINT_URL>/_aws/execute-api/<api>/nami/shopify`, since not every program resolves *.localhost.
    """
    url = outputs["EndpointUrl"]
    local = os.environ.get("AWS_ENDPOINT_URL")
    if not local:
        return url
    parts = urlsplit(url)
    api = (parts.hostname or "").split(".")[0]
    return f"{local.rstrip('/')}/_aws/execute-api/{api}{parts.path}"


def outputs_of(stack: "StackTypeDef") -> dict[str, str]:
    """The outputs of a stack that was described."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
