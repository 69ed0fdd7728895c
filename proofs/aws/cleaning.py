"""Everything of the test's environment goes: its stacks, and what those keep because it might hold somebody's data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from nami_control import destroying, large_bodies, stacks
from nami_control.aws import Aws, error_code
from nami_control.aws_errors import of_aws
from nami_control.errors import NamiError, NotRunningError
from nami_control.progress import Tell
from nami_control.stacks import Target
from nami_stack.settings import ENVIRONMENT_TAG
from proofs.aws.stacks import ENVIRONMENT

_GONE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "InvalidSnapshot.NotFound",
        "InvalidVolume.NotFound",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


def _queue(aws: Aws, url: str) -> None:
    sqs = aws.client("sqs")
    sqs.delete_queue(QueueUrl=url if "://" in url else sqs.get_queue_url(QueueName=url)["QueueUrl"])


def _secret(aws: Aws, arn: str) -> None:
    aws.client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


# What outlives a stack: by its type in CloudFormation, how its ARN begins behind `arn:aws:`, region and account left
# out, and how it is deleted by its id or name. The last two CloudFormation knows nothing of.
_KEPT: dict[str, tuple[str, Callable[[Aws, str], object]]] = {
    "AWS::SQS::Queue": ("sqs:", _queue),
    "AWS::S3::Bucket": ("s3:", large_bodies.delete),
    "AWS::DynamoDB::Table": ("dynamodb:table/", lambda aws, name: aws.client("dynamodb").delete_table(TableName=name)),
    "AWS::EC2::Volume": ("ec2:volume/", lambda aws, volume: aws.client("ec2").delete_volume(VolumeId=volume)),
    "AWS::SecretsManager::Secret": ("secretsmanager:secret:", _secret),
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
    left, failed = find(aws), []
    for target in left.stacks:
        tell(f"{target.stack_name}: destroying")
        failed += _attempt(f"stack {target.stack_name}", lambda target=target: destroy(target))
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
    failed = []
    for kind, identity in sorted(kept):
        failed += _attempt(f"{kind} {identity}", lambda kind=kind, identity=identity: _KEPT[kind][1](aws, identity))
    return failed


def _attempt(what: str, act: Callable[[], object]) -> list[str]:
    try:
        act()
    except ClientError as error:
        return [] if error_code(error) in _GONE else [f"{what}: {of_aws(error)}"]
    except NamiError as error:
        return [f"{what}: {error}"]
    return []


def of_arn(arn: str) -> tuple[str, str] | None:
    """(type, id) of what can outlive a stack; None for what goes with it."""
    _, _, service, _, _, resource = arn.split(":", 5)
    for kind, (begins, _) in _KEPT.items():
        if f"{service}:{resource}".startswith(begins):
            # A secret is best known by its whole ARN, a log group's may end in :*.
            return kind, arn if service == "secretsmanager" else f"{service}:{resource}".removeprefix(begins).rstrip(
                ":*"
            )
    return None


class Unshown:
    """Nobody looks at single resources."""

    def step(self, text: str) -> None:
        pass

    def show(self, resources: object, total: int | None = None) -> None:
        pass
