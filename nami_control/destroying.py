"""A stack goes: what goes with it, what is kept, and how it is taken up again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nami_control import destinations, large_bodies, leftovers, queues, shared, stacks
from nami_control.cdk_output import Progress, Resource
from nami_control.errors import CheckError, Command, DeployError, NotRunningError
from nami_control.leftovers import Leftover
from nami_control.stacks import Stack, Target
from nami_stack import names

_PAUSE = 2.0  # seconds between two looks at a stack on AWS; its network interfaces alone take minutes
_LOCAL_PAUSE = 0.2


@dataclass(frozen=True)
class Removal:
    """A stack that is about to go."""

    target: Target
    stack: Stack

    @property
    def outputs(self) -> dict[str, str]:
        """Of the stack, as they are before it goes."""
        return self.stack.outputs

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Those that it was deployed with, beside the defaults."""
        return self.stack.settings

    @property
    def urls(self) -> list[str]:
        """Of what takes webhooks."""
        return [stacks.reachable(self.target.aws, self.outputs[key]) for key in stacks.URLS if key in self.outputs]

    @property
    def queues(self) -> dict[str, list[str]]:
        """What is in which queues."""
        return {
            "webhooks that wait in the queue": queues.waiting(self.outputs),
            "dead letters": queues.dead_letter_queues(self.outputs),
            "webhooks in quarantine": [url for key, url in self.outputs.items() if key == "QuarantineUrl"],
        }

    def counts(self) -> dict[str, int]:
        """How many of each go with it."""
        return {what: sum(queues.depth(self.target.aws, url) for url in urls) for what, urls in self.queues.items()}

    def kept(self) -> dict[str, dict[str, str]]:
        """By destination, empty where there are no names: the settings that take up again what holds data."""
        if not (named := self.settings.get("destinations")):
            return {"": destinations.adoption(self.target.aws, self.outputs)}
        outputs = queues.of_destinations(self.outputs)
        own = {name: outputs.get(names.in_outputs(name), {}) for name in named}
        return {name: destinations.adoption(self.target.aws, of) for name, of in own.items()}

    def settings_again(self, kept: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        """All settings with which another deployment takes up what is kept."""
        if not (named := self.settings.get("destinations")):
            return {**self.settings, **kept.get("", {})}
        return {**self.settings, "destinations": leftovers.taking_up(named, kept)}

    def kept_elsewhere(self) -> list[str]:
        """What other stacks keep of it."""
        named = self.settings.get("destinations") or {}
        kinds = [given["kind"] for given in named.values()] or self.settings.get("destination", ())
        return [kept for kind in kinds if (kept := destinations.named(kind).kept_elsewhere(self.target))]

    def kept_before(self) -> list[Leftover]:
        """What earlier deployments and stacks of the name have left."""
        return leftovers.of_former(self.target, self.stack, besides=self.left_by_failure)

    @cached_property
    def left_by_failure(self) -> list[Leftover]:
        """What stays of a stack that never came to be."""
        return leftovers.of_failed(self.target, self.stack)

    def carry_out(self, progress: Progress) -> None:
        """Delete the stack, and then what it keeps of webhooks that wait: the queues, and the bodies in S3.

        Raises:
            DeployError: something of it can't be removed.
        """
        client = self.target.aws.client("cloudformation")
        stack_id = self.stack.id
        client.delete_stack(StackName=stack_id)
        while (status := client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]) != "DELETE_COMPLETE":
            progress.show(self._resources())
            if status == "DELETE_FAILED":
                again = Command(f"destroy {self.target.name}")
                raise DeployError(self._failure(), "mend that, then ", again, " again")
            time.sleep(_LOCAL_PAUSE if self.target.aws.is_local else _PAUSE)
        progress.show(self._resources())
        queues.delete(self.target.aws, (url for urls in self.queues.values() for url in urls))
        if bucket := self.outputs.get(names.LARGE_BODIES_BUCKET):
            large_bodies.delete(self.target.aws, bucket)

    def _resources(self) -> dict[str, Resource]:
        return {
            resource["LogicalResourceId"]: Resource(
                resource["ResourceType"], resource["LogicalResourceId"], resource["ResourceStatus"]
            )
            for resource in stacks.resources(self.target.aws, self.stack.id)
            if resource["ResourceStatus"].startswith("DELETE_")
        }

    def _failure(self) -> str:
        """The first thing that could not be removed, and why."""
        client = self.target.aws.client("cloudformation")
        pages = client.get_paginator("describe_stack_events").paginate(StackName=self.stack.id)
        failed = [
            event
            for event in pages.build_full_result()["StackEvents"]
            if event["ResourceStatus"] == "DELETE_FAILED" and event["ResourceType"] != "AWS::CloudFormation::Stack"
        ]
        if not failed:
            return "the stack could not be removed"
        first = failed[-1]  # the newest comes first
        why = first.get("ResourceStatusReason", "no reason given")
        return f"{first['ResourceType']} {first['LogicalResourceId']}: {why}"


def plan(target: Target) -> Removal:
    """What a removal would take away and keep.

    Raises:
        NotRunningError: it is not deployed here.
        CheckError: others use it.
    """
    stack = target.describe()
    if stack is None:
        raise not_deployed(target)
    if target.is_shared and (users := shared.users(target.aws, target.stack_name)):
        raise CheckError(
            f"{target.stack_name} is used by {', '.join(users)}; destroy them first, or deploy them with another "
            "gateway and destination; nothing was changed"
        )
    return Removal(target, stack)


def not_deployed(target: Target) -> NotRunningError:
    """What is said where there is no such stack."""
    return NotRunningError(f"{target.owner} is not deployed here", Command("list"), " shows what is")
