"""One deployed subscription: its stack's outputs and its functions' settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nami_control import aws, environments, shared, stacks
from nami_control.errors import Command, NotRunningError, UsageError


@dataclass(frozen=True)
class Function:
    """What a deployed function says of itself."""

    name: str
    environment: Mapping[str, str]
    log_group: str


class Drain:
    """The way to one destination: its queue, its dead letters, its post-queue function."""

    def __init__(self, prefix: str, outputs: Mapping[str, str]) -> None:
        self._prefix = prefix
        self._function = outputs[f"{prefix}PostQueueFunctionName"]
        self.queue_url = outputs[f"{prefix}QueueUrl"]
        self.dead_letter_url = outputs[f"{prefix}DeadLetterQueueUrl"]

    @cached_property
    def post_queue(self) -> Function:
        """The function between the queue and the destination."""
        return _function(self._function)

    @property
    def destination(self) -> str:
        """Such as mongo or http."""
        return self._prefix.lower() or self.post_queue.environment.get("DESTINATION", "mongo")


class Deployment:
    """The stack of one subscription, where AWS_ENDPOINT_URL and the usual variables point."""

    def __init__(self, name: str, outputs: Mapping[str, str]) -> None:
        self.name = name
        self.outputs = outputs

    @property
    def endpoint(self) -> str:
        """Where to post webhooks."""
        return stacks.endpoint_url(self.outputs)

    @cached_property
    def pre_queue(self) -> Function | None:
        """The function between the gateway and the queue; None where the gateway queues by itself."""
        name = self.outputs.get("PreQueueFunctionName")
        return _function(name) if name else None

    @property
    def signature(self) -> dict[str, Any]:
        """The scheme and its options, as the function that verifies has them; {"scheme": "none"} without any."""
        # Where the gateway queues by itself, it is the post-queue function that verifies.
        verifying = self.pre_queue or self.drains[0].post_queue
        found: dict[str, Any] = json.loads(verifying.environment.get("SIGNATURE", '{"scheme": "none"}'))
        return found

    @property
    def unauthorized_status(self) -> int:
        """What a webhook gets whose sender is not proven."""
        return int(self.pre_queue.environment.get("UNAUTHORIZED_STATUS", 401)) if self.pre_queue else 401

    @cached_property
    def drains(self) -> list[Drain]:
        """The way to each destination; the outputs of all but the first begin with its name."""
        ending = "DeadLetterQueueUrl"
        prefixes = sorted(key.removesuffix(ending) for key in self.outputs if key.endswith(ending))
        return [Drain(prefix, self.outputs) for prefix in prefixes]

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


def find(name: str) -> Deployment:
    """The subscription of that name.

    Raises:
        NotRunningError: it is not deployed here.
        UsageError: that is the name of what subscriptions share.
    """
    shared.refuse(name)
    stack = stacks.describe(name)
    if stack is None:
        raise NotRunningError(
            f"{stacks.owner_here(name)} is not deployed here",
            *(Command("list"), " shows what is, ", Command(f"deploy {name}"), " deploys it"),
        )
    outputs = stacks.outputs_of(stack)
    if "EndpointUrl" not in outputs:
        raise NotRunningError(
            f"{stacks.owner_here(name)} is not wholly deployed", "see ", Command("list"), ", and deploy it again"
        )
    return Deployment(name, outputs)


def of_stack(name: str) -> Deployment:
    """The subscription whose stack has that name; its tags say which it is, and in which environment.

    Raises:
        NotRunningError: it is not deployed here.
    """
    stack = stacks.find_stack(name)
    owner = stacks.owner_of(stack) if stack else None
    if owner is None:
        raise NotRunningError(f"there is no stack {name} of nami's here", Command("list"), " shows what is")
    environments.follow(owner.environment)
    return find(owner.subscription)


def _function(name: str) -> Function:
    said = aws.client("lambda").get_function_configuration(FunctionName=name)
    return Function(name, said.get("Environment", {}).get("Variables", {}), said["LoggingConfig"]["LogGroup"])
