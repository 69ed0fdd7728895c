"""Deployed stacks, on AWS or on local AWS: whatever AWS_ENDPOINT_URL and the usual variables say."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nami_control import aws, environments
from nami_control.errors import CheckError
from nami_stack.settings import ENVIRONMENT_TAG, stack_name

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef, StackTypeDef

SUBSCRIPTION_TAG = "nami:subscription"
_PREFIX = "nami-"
_GONE = "DELETE_COMPLETE"


@dataclass(frozen=True, order=True)
class Owner:
    """Whose a stack is, as its tags say; the name alone leaves open where the environment ends."""

    subscription: str
    environment: str = ""

    def __str__(self) -> str:
        return f"{self.subscription} in the environment {self.environment}" if self.environment else self.subscription


def name_of(name: str) -> str:
    """The name of a subscription's stack in the environment that this command works in."""
    return stack_name(name, environments.name())


def owner_here(name: str) -> Owner:
    """The subscription in the environment that this command works in."""
    return Owner(name, environments.name() or "")


def label(name: str) -> str:
    """What tells a subscription here from the one of the same name in another environment, such as prod-shopify."""
    return name_of(name).removeprefix(_PREFIX)


def describe(name: str) -> "StackTypeDef | None":
    """The stack of a subscription; None where there is none.

    Raises:
        CheckError: the stack of that name is another subscription's, as prod-shopify's is that of shopify in prod.
    """
    stack = find_stack(name_of(name))
    wanted = owner_here(name)
    if stack and (owner := owner_of(stack)) and owner != wanted:
        raise CheckError(
            f"the stack {stack['StackName']} here is {owner}, not {wanted}; nothing was changed, rename one of them"
        )
    return stack


def owner_of(stack: "StackTypeDef") -> Owner | None:
    """Whose a stack is; None where no tag says so."""
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
    return Owner(tags[SUBSCRIPTION_TAG], tags.get(ENVIRONMENT_TAG, "")) if SUBSCRIPTION_TAG in tags else None


def find_stack(stack: str) -> "StackTypeDef | None":
    """The stack of that name, whosever it is; None where there is none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if aws.error_code(error) == "ValidationError":
            return None
        raise


def deployed() -> dict[Owner, "StackTypeDef"]:
    """The stack of every subscription, in every environment; what failed to be made or removed is among them."""
    found: dict[Owner, StackTypeDef] = {}
    for page in aws.client("cloudformation").get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            owner = owner_of(stack)
            if owner and stack["StackName"].startswith(_PREFIX) and stack["StackStatus"] != _GONE:
                found[owner] = stack
    return found


def resources(stack: str, cloudformation: Any = None) -> "list[StackResourceSummaryTypeDef]":
    """Every resource of a stack; of one that is being deleted by its id alone."""
    cloudformation = cloudformation or aws.client("cloudformation")
    found: dict[str, list[StackResourceSummaryTypeDef]] = (
        cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack).build_full_result()
    )
    return found["StackResourceSummaries"]


def endpoints() -> dict[str, str]:
    """Label and URL of every subscription that takes webhooks."""
    found: dict[str, str] = {}
    for page in aws.client("cloudformation").get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            outputs = outputs_of(stack)
            if stack["StackName"].startswith(_PREFIX) and stack["StackStatus"] != _GONE and "EndpointUrl" in outputs:
                found[stack["StackName"].removeprefix(_PREFIX)] = endpoint_url(outputs)
    return found


def endpoint_url(outputs: Mapping[str, str]) -> str:
    """Where to post webhooks, from a stack's outputs."""
    return reachable(outputs["EndpointUrl"])


def reachable(url: str) -> str:
    """A gateway's URL as it works from here.

    The gateway of a local AWS is reached by path: `https://<api>.execute-api.<region>.amazonaws.com/nami/shopify`
    becomes `<AWS_ENDPOINT_URL>/_aws/execute-api/<api>/nami/shopify`, since not every program resolves *.localhost, and
    nothing here resolves a domain of the user's own.
    """
    local = os.environ.get("AWS_ENDPOINT_URL")
    if not local:
        return url
    parts = urlsplit(url)
    api, _, rest = (parts.hostname or "").partition(".")
    path = f"{api}{parts.path}" if rest.startswith("execute-api.") else _behind_domain(parts.hostname or "", parts.path)
    return f"{local.rstrip('/')}/_aws/execute-api/{path}" if path else url


def _behind_domain(domain: str, path: str) -> str | None:
    """`<api>[/<stage>]/<path>` that a domain's path leads to; None where it leads nowhere."""
    client = aws.client("apigatewayv2")
    try:
        mappings = client.get_api_mappings(DomainName=domain)["Items"]
    except client.exceptions.NotFoundException:
        return None
    for mapping in sorted(mappings, key=lambda each: len(each.get("ApiMappingKey", "")), reverse=True):
        before = f"/{mapping['ApiMappingKey']}" if mapping.get("ApiMappingKey") else ""
        if path.startswith(f"{before}/"):
            stage = "" if mapping["Stage"] == "$default" else f"/{mapping['Stage']}"
            return f"{mapping['ApiId']}{stage}{path.removeprefix(before)}"
    return None


def outputs_of(stack: "StackTypeDef") -> dict[str, str]:
    """The outputs of a stack that was described."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
