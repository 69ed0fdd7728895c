"""One deployed subscription: its stack's outputs and its functions' settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nami_control import shared, stacks
from nami_control.aws import Aws
from nami_control.errors import Command, NotRunningError, UsageError
from nami_control.stacks import Target
from nami_stack import names


@dataclass(frozen=True)
class Function:
    """What a deployed function says of itself."""

    name: str
    environment: Mapping[str, str]
    log_group: str


class Drain:
    """The way to one destination: its queue, its dead letters, its post-queue function, where it has one."""

    def __init__(self, aws: Aws, prefix: str, outputs: Mapping[str, str]) -> None:
        self.aws = aws
        self._prefix = prefix
        self.function_name = outputs.get(f"{prefix}PostQueueFunctionName")
        self.queue_url = outputs[f"{prefix}QueueUrl"]
        self.dead_letter_url = outputs[f"{prefix}DeadLetterQueueUrl"]
        self._large_bodies = outputs.get("LargeBodiesBucketName")

    @cached_property
    def post_queue(self) -> Function:
        """The function between the queue and the destination.

        Raises:
            UsageError: there is none: the webhooks wait for a consumer of the user's own.
        """
        if self.function_name is None:
            raise UsageError(
                f"{self.destination}: no function of nami's takes webhooks from it, but a consumer of yours"
            )
        return _function(self.aws, self.function_name)

    @property
    def has_function(self) -> bool:
        """Whether a function takes webhooks from its queue."""
        return self.function_name is not None

    @property
    def large_bodies(self) -> str | None:
        """The bucket of what its queue can't hold."""
        return self.post_queue.environment.get("CLAIM_CHECK_BUCKET") if self.has_function else self._large_bodies

    @property
    def kind(self) -> str:
        """What its function calls the destination; queue where there is none."""
        if not self.has_function:
            return "queue"
        return self.post_queue.environment.get("DESTINATION", "mongo")

    @property
    def has_name(self) -> bool:
        """Whether the destination has a name of the user's own, by which its function counts as well."""
        return self.has_function and "DESTINATION_NAME" in self.post_queue.environment

    @property
    def destination(self) -> str:
        """Its name; without one its kind, such as mongo or http, and of a second one of a kind mongo2."""
        return names.from_outputs(self._prefix) or self.kind


@dataclass(eq=False)
class Deployment:
    """The stack of one subscription."""

    target: Target
    outputs: Mapping[str, str]

    @property
    def aws(self) -> Aws:
        """Where it is."""
        return self.target.aws

    @property
    def name(self) -> str:
        """Of the subscription."""
        return self.target.name

    @property
    def endpoint(self) -> str:
        """Where to post webhooks."""
        return stacks.reachable(self.aws, self.outputs["EndpointUrl"])

    @cached_property
    def pre_queue(self) -> Function | None:
        """The function between the gateway and the queue; None where the gateway queues by itself."""
        name = self.outputs.get("PreQueueFunctionName")
        return _function(self.aws, name) if name else None

    @property
    def signature(self) -> dict[str, Any]:
        """The scheme and its options, as the function that verifies has them; {"scheme": "none"} without any."""
        # Where the gateway queues by itself, it is the post-queue function that verifies.
        verifying = self.pre_queue or (self.drains[0].post_queue if self.drains[0].has_function else None)
        if verifying is None:
            return {"scheme": "none"}
        found: dict[str, Any] = json.loads(verifying.environment.get("SIGNATURE", '{"scheme": "none"}'))
        return found

    @property
    def quarantine_url(self) -> str:
        """The queue of what was not genuine.

        Raises:
            UsageError: there is none.
        """
        if url := self.outputs.get("QuarantineUrl"):
            return url
        raise UsageError(f"--quarantine: {self.name} has none; only ingest=direct with a signature does")

    @property
    def unauthorized_status(self) -> int:
        """What a webhook gets whose sender is not proven."""
        return int(self.pre_queue.environment.get("UNAUTHORIZED_STATUS", 401)) if self.pre_queue else 401

    @cached_property
    def drains(self) -> list[Drain]:
        """The way to each destination, by name; of those without one the first has outputs that begin with nothing."""
        ending = "DeadLetterQueueUrl"
        prefixes = sorted(key.removesuffix(ending) for key in self.outputs if key.endswith(ending))
        return [Drain(self.aws, prefix, self.outputs) for prefix in prefixes]

    def drain(self, destination: str | None) -> Drain:
        """The way to that destination; to the first where none is given.

        Raises:
            UsageError: there is no such destination.
        """
        for each in self.drains:
            if destination is None or each.destination == destination:
                return each
        there = ", ".join(each.destination for each in self.drains)
        raise UsageError(f"--destination {destination}: {self.name} has {there}")


def find(target: Target) -> Deployment:
    """The subscription, as it is deployed.

    Raises:
        NotRunningError: it is not deployed here.
        UsageError: that is the name of what subscriptions share.
    """
    shared.refuse(target)
    stack = target.describe()
    if stack is None:
        raise target.aws.not_deployed(target.name)
    if not stack.is_whole:
        raise NotRunningError(
            f"{target.owner} is not wholly deployed", "see ", Command("list"), ", and deploy it again"
        )
    return Deployment(target, stack.outputs)


def _function(aws: Aws, name: str) -> Function:
    said = aws.client("lambda").get_function_configuration(FunctionName=name)
    return Function(name, said.get("Environment", {}).get("Variables", {}), said["LoggingConfig"]["LogGroup"])
