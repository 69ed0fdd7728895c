"""Deployed stacks: whose each is, and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nami_control import cdk_json
from nami_control.aws import Aws, Ignoring
from nami_control.errors import CheckError, usage_errors
from nami_stack.settings import (
    ENVIRONMENT_TAG,
    SETTINGS_METADATA,
    SHARED,
    SharedSettings,
    Subscription,
    by_todays_names,
    given_settings,
    read_settings,
    stack_name,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef, StackTypeDef

SUBSCRIPTION_TAG = "nami:subscription"
URLS = ("EndpointUrl", "GatewayUrl")
"""The output of a subscription, and of what subscriptions share, that says where webhooks go."""
_PREFIX = "nami-"
_GONE = "DELETE_COMPLETE"


@dataclass(frozen=True, order=True)
class Owner:
    """Whose a stack is, as its tags say; the name alone leaves open where the environment ends."""

    subscription: str
    environment: str = ""

    def __str__(self) -> str:
        return f"{self.subscription} in the environment {self.environment}" if self.environment else self.subscription


@dataclass(frozen=True)
class Stack:
    """A stack as CloudFormation described it; what else is asked of it is read once, when it is needed."""

    said: "StackTypeDef"
    aws: Aws

    @property
    def name(self) -> str:
        """Its name, such as nami-shopify."""
        return self.said["StackName"]

    @property
    def id(self) -> str:
        """Its ARN, by which it is found while and after it is deleted."""
        return self.said["StackId"]

    @property
    def status(self) -> str:
        """Such as CREATE_COMPLETE."""
        return self.said["StackStatus"]

    @cached_property
    def outputs(self) -> dict[str, str]:
        """By their names."""
        return {output["OutputKey"]: output["OutputValue"] for output in self.said.get("Outputs", [])}

    @cached_property
    def template(self) -> dict[str, Any]:
        """What it was last deployed with; empty where that can't be read as JSON."""
        return template_of(self.aws, self.name)

    @cached_property
    def resources(self) -> "list[StackResourceSummaryTypeDef]":
        """Everything in it."""
        return resources(self.aws, self.name)

    @property
    def settings(self) -> dict[str, Any]:
        """Those of its last deployment that are not the defaults; none where it can't be known."""
        return settings_in(self.template)

    @property
    def owner(self) -> Owner | None:
        """Whose it is; None where no tag says so."""
        tags = {tag["Key"]: tag["Value"] for tag in self.said.get("Tags", [])}
        return Owner(tags[SUBSCRIPTION_TAG], tags.get(ENVIRONMENT_TAG, "")) if SUBSCRIPTION_TAG in tags else None

    @property
    def is_whole(self) -> bool:
        """Whether it takes webhooks, or lets subscriptions join; outputs are there once everything else is."""
        return not self.outputs.keys().isdisjoint(URLS)


@dataclass(frozen=True)
class Target:
    """What a command works on, made once of what was typed. It may not be deployed yet.

    Args:
        name: of a subscription, or of what subscriptions share.
        aws: where it is.
        given: the settings that were given, as text.
    """

    name: str
    aws: Aws
    given: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Subscription | SharedSettings:
        """The settings as the CDK app will see them.

        Raises:
            UsageError: one line that names the setting, the rule and the remedy.
        """
        with usage_errors():
            return read_settings(self._context)

    @cached_property
    def subscription(self) -> Subscription:
        """As `settings`, of a name that must be a subscription's."""
        with usage_errors():
            return Subscription.from_context(self._context)

    @property
    def _context(self) -> dict[str, Any]:
        return {**cdk_json.context(), **self.aws.context, "name": self.name, **self.given}

    @property
    def given_anywhere(self) -> frozenset[str]:
        """The names of the settings that were given now, or are kept in the cdk.json here."""
        return frozenset(
            {*by_todays_names(self.given), *given_settings({**cdk_json.context(), **self.aws.context}, self.name)}
        )

    @property
    def stack_name(self) -> str:
        """Of its CloudFormation stack."""
        return stack_name(self.name, self.aws.environment_name)

    @property
    def label(self) -> str:
        """What tells it from the one of the same name in another environment, such as prod-shopify."""
        return self.stack_name.removeprefix(_PREFIX)

    @property
    def owner(self) -> Owner:
        """Whose its stack is."""
        return Owner(self.name, self.aws.environment_name)

    @property
    def folder(self) -> Path:
        """Where the CDK CLI works for it."""
        return self.aws.folder / self.label

    @property
    def is_shared(self) -> bool:
        """Whether it is what subscriptions share."""
        return self.name == SHARED

    @property
    def shared(self) -> "Target":
        """What the subscriptions of the same environment share."""
        return Target(SHARED, self.aws)

    def describe(self) -> Stack | None:
        """Its stack; None where there is none.

        Raises:
            CheckError: the stack of that name is another subscription's, as prod-shopify's is that of shopify in prod.
        """
        stack = find_stack(self.aws, self.stack_name)
        if stack and (owner := stack.owner) and owner != self.owner:
            raise CheckError(
                f"the stack {self.stack_name} here is {owner}, not {self.owner}; nothing was changed, rename one of "
                "them"
            )
        return stack

    def resources(self) -> "list[StackResourceSummaryTypeDef]":
        """Every resource of its stack."""
        return resources(self.aws, self.stack_name)

    def deployed_settings(self) -> dict[str, Any]:
        """Those of the last deployment that are not the defaults; none where it can't be known."""
        found = settings_in(template_of(self.aws, self.stack_name))
        return {key: value for key, value in found.items() if value is not None}


def find_stack(aws: Aws, name: str) -> Stack | None:
    """The stack of that name, whosever it is; None where there is none."""
    with Ignoring("ValidationError"):
        return Stack(aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0], aws)
    return None


def deployed(aws: Aws) -> dict[Owner, Stack]:
    """The stack of every subscription, in every environment; what failed to be made or removed is among them."""
    found: dict[Owner, Stack] = {}
    for page in aws.client("cloudformation").get_paginator("describe_stacks").paginate():
        for stack in (Stack(said, aws) for said in page["Stacks"]):
            if (owner := stack.owner) and stack.name.startswith(_PREFIX) and stack.status != _GONE:
                found[owner] = stack
    return found


def resources(aws: Aws, stack: str) -> "list[StackResourceSummaryTypeDef]":
    """Every resource of a stack; of one that is being deleted by its id alone."""
    found: dict[str, list[StackResourceSummaryTypeDef]] = (
        aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack).build_full_result()
    )
    return found["StackResourceSummaries"]


def template_of(aws: Aws, stack: str) -> dict[str, Any]:
    """What a stack was last deployed with; empty where it can't be read as JSON."""
    template = aws.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    return template if isinstance(template, dict) else {}


def settings_in(template: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a template was made with and that are not the defaults; none where it does not say."""
    found = template.get("Metadata", {}).get(SETTINGS_METADATA)
    return by_todays_names(found) if isinstance(found, dict) else {}


def endpoints(aws: Aws) -> dict[str, str]:
    """Label and URL of every subscription that takes webhooks."""
    return {
        stack.name.removeprefix(_PREFIX): reachable(aws, stack.outputs["EndpointUrl"])
        for stack in deployed(aws).values()
        if "EndpointUrl" in stack.outputs
    }


def reachable(aws: Aws, url: str) -> str:
    """A gateway's URL as it works from here.

    The gateway of a local AWS is reached by path: `https://<api>.execute-api.<region>.amazonaws.com/nami/shopify`
    becomes `<AWS_ENDPOINT_URL>/_aws/execute-api/<api>/nami/shopify`, since not every program resolves *.localhost, and
    nothing here resolves a domain of the user's own.
    """
    if not aws.endpoint_url:
        return url
    parts = urlsplit(url)
    host = parts.hostname or ""
    api, _, rest = host.partition(".")
    path = f"{api}{parts.path}" if rest.startswith("execute-api.") else _behind_domain(aws, host, parts.path)
    return f"{aws.endpoint_url.rstrip('/')}/_aws/execute-api/{path}" if path else url


def _behind_domain(aws: Aws, domain: str, path: str) -> str | None:
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
