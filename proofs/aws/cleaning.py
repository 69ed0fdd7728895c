"""Everything of the test's environment goes: its stacks, and what those keep because it might hold somebody's data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nami_control import destroying, leftovers, stacks
from nami_control.aws import Aws
from nami_control.errors import NotRunningError
from nami_control.progress import Tell
from nami_control.stacks import Target
from nami_stack.settings import ENVIRONMENT_TAG
from proofs.aws.stacks import ENVIRONMENT


def _secret(aws: Aws, arn: str) -> None:
    aws.client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


# By its type, how its ARN begins and how it is deleted: what nami knows to be kept, secrets at once, and what
# CloudFormation knows nothing of.
_KEPT: dict[str, tuple[str, Callable[[Aws, str], object]]] = {
    **{kind: (each.arn, each.delete) for kind, each in leftovers.KINDS.items()},
    "AWS::SecretsManager::Secret": (leftovers.KINDS["AWS::SecretsManager::Secret"].arn, _secret),
    "snapshot": ("ec2:snapshot/", lambda aws, each: aws.client("ec2").delete_snapshot(SnapshotId=each)),
    "AWS::Logs::LogGroup": (
        "logs:log-group:",
        lambda aws, name: aws.client("logs").delete_log_group(logGroupName=name),
    ),
}


@dataclass
class Left:
    """What is there of the environment: its stacks, and what can outlive them as (type, id)."""

    stacks: list[Target] = field(default_factory=list)
    kept: set[tuple[str, str]] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.stacks or self.kept)

    def __iter__(self) -> Iterator[str]:
        yield from (f"stack {target.stack_name}" for target in self.stacks)
        yield from (f"{kind} {identity}" for kind, identity in sorted(self.kept))


def find(aws: Aws) -> Left:
    """What there is, by the environment's tag. AWS's index of tags can be some minutes behind."""
    owners = sorted(owner for owner in stacks.deployed(aws) if owner.environment == ENVIRONMENT)
    # Those that share the host keep it from going before them.
    there = sorted((Target(owner.subscription, aws) for owner in owners), key=lambda each: each.is_shared)
    left = Left(there, {kept for target in there for kept in _keeps(target)})
    tags: Any = [{"Key": ENVIRONMENT_TAG, "Values": [ENVIRONMENT]}]
    for page in aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=tags):
        left.kept.update(filter(None, (of_arn(each["ResourceARN"]) for each in page["ResourceTagMappingList"])))
    return left


def clean(aws: Aws, tell: Tell) -> list[str]:
    """Delete all of it, one thing's failure not keeping the rest; returns what could not be, with the reasons."""
    left = find(aws)
    failed: list[str] = []
    for target in left.stacks:
        tell(f"{target.stack_name}: destroying")
        if why := leftovers.attempt(f"stack {target.stack_name}", partial(destroy, target)):
            failed.append(why)
    return failed + _delete(aws, left.kept)


def remove(target: Target) -> list[str]:
    """Destroy a stack, and delete what it keeps; returns what could not be, with the reasons.

    Raises:
        NamiError: something of the stack can't be removed.
    """
    kept = _keeps(target)
    destroy(target)
    return _delete(target.aws, kept)


def destroy(target: Target) -> None:
    """Delete a stack and wait for its end; one that is gone is no failure.

    Raises:
        NamiError: something of it can't be removed.
    """
    try:
        destroying.plan(target).carry_out(Unshown())
    except NotRunningError:
        return


def _keeps(target: Target) -> set[tuple[str, str]]:
    return {
        (resource["ResourceType"], resource["PhysicalResourceId"])
        for resource in target.resources()
        if resource["ResourceType"] in _KEPT and resource.get("PhysicalResourceId")
    }


def _delete(aws: Aws, kept: set[tuple[str, str]]) -> list[str]:
    tried = (
        leftovers.attempt(f"{kind} {identity}", partial(_KEPT[kind][1], aws, identity))
        for kind, identity in sorted(kept)
    )
    return [failed for failed in tried if failed]


def of_arn(arn: str) -> tuple[str, str] | None:
    """(type, id) of what can outlive a stack; None for what goes with it."""
    return next((found for kind, (begins, _) in _KEPT.items() if (found := leftovers.parsed(arn, kind, begins))), None)


class Unshown:
    """Nobody looks at single resources."""

    def step(self, text: str) -> None:
        pass

    def show(self, resources: object, total: int | None = None) -> None:
        pass
