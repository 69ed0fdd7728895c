"""What outlives a stack, since it may hold somebody's data: found, named with what it costs, and removed.

CloudFormation keeps it also where a first deployment fails. With `RetainExceptOnCreate` it would not, and would also
delete what an update has made that took webhooks before it failed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nami_control import destinations, large_bodies, queues, stacks
from nami_control.aws import Aws, has_code
from nami_control.aws_errors import of_aws, told
from nami_control.checks import Check, ok, warn
from nami_control.errors import Command
from nami_control.planning.bill import PRICES
from nami_control.stacks import SUBSCRIPTION_TAG, Stack, Target
from nami_stack import names
from nami_stack.destinations.named_settings import own_key

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef

_NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_GONE = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "InvalidSnapshot.NotFound",
        "InvalidVolume.NotFound",
        "NoSuchBucket",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


@dataclass(frozen=True)
class Kind:
    """A kind of what is kept.

    Args:
        noun: what it is called.
        arn: how its ARN begins behind `arn:aws:`, region and account left out.
        look: what is in it and what it costs, in words; None where it is on its way out.
        delete: removes it, by its id or name.
        command: the one that does so by hand, for `{}`.
    """

    noun: str
    arn: str
    look: Callable[[Aws, str], str | None]
    delete: Callable[[Aws, str], object]
    command: str


def _volume(aws: Aws, volume: str) -> str:
    size = aws.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"]
    return f"{size} GiB, {size * PRICES['gp3-gb'].dollars:.2f} dollars a month"


def _secret(aws: Aws, arn: str) -> str | None:
    said = aws.client("secretsmanager").describe_secret(SecretId=arn)
    return None if "DeletedDate" in said else f"{PRICES['secret'].dollars:.2f} dollars a month"


def _queue(aws: Aws, queue: str) -> str:
    count = queues.depth(aws, _url(aws, queue))
    return f"{count} webhooks" if count else "empty, and free"


def _bucket(aws: Aws, bucket: str) -> str:
    there = aws.client("s3").list_objects_v2(Bucket=bucket, MaxKeys=1).get("KeyCount")
    return "paid by what is in it" if there else "empty, and free"


def _table(aws: Aws, table: str) -> str:
    aws.client("dynamodb").describe_table(TableName=table)
    return "paid by what is in it, free while it is empty"


def _url(aws: Aws, queue: str) -> str:
    return queue if "://" in queue else aws.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]


KINDS: Mapping[str, Kind] = {
    "AWS::EC2::Volume": Kind(
        "data volume",
        "ec2:volume/",
        _volume,
        lambda aws, volume: aws.client("ec2").delete_volume(VolumeId=volume),
        "aws ec2 delete-volume --volume-id {}",
    ),
    "AWS::SecretsManager::Secret": Kind(
        "secret",
        "secretsmanager:secret:",
        _secret,
        # It can be had back for 30 days, and costs nothing meanwhile.
        lambda aws, arn: aws.client("secretsmanager").delete_secret(SecretId=arn),
        "aws secretsmanager delete-secret --secret-id {}",
    ),
    "AWS::DynamoDB::Table": Kind(
        "table",
        "dynamodb:table/",
        _table,
        lambda aws, table: aws.client("dynamodb").delete_table(TableName=table),
        "aws dynamodb delete-table --table-name {}",
    ),
    "AWS::S3::Bucket": Kind("bucket", "s3:", _bucket, large_bodies.delete, "aws s3 rb --force s3://{}"),
    "AWS::SQS::Queue": Kind(
        "queue",
        "sqs:",
        _queue,
        lambda aws, queue: queues.delete(aws, [_url(aws, queue)]),
        "aws sqs delete-queue --queue-url {}",
    ),
}
"""By the type in CloudFormation."""
# What a stack says of each in its outputs, by which another deployment takes it up again.
_OUTPUTS = {
    "AWS::EC2::Volume": names.DATA_VOLUME_ID,
    "AWS::SecretsManager::Secret": names.DATABASE_SECRET_ARN,
    "AWS::DynamoDB::Table": names.TABLE_NAME,
}


@dataclass(frozen=True, order=True)
class Leftover:
    """One thing that is kept: its type in CloudFormation; its id, name or ARN; `what` is in it and what that costs."""

    kind: str
    identity: str
    what: str = ""

    def __str__(self) -> str:
        return f"the {KINDS[self.kind].noun} {self.identity}" + (f" ({self.what})" if self.what else "")

    @property
    def by_hand(self) -> str:
        """With the command that removes it."""
        return f"{self}; `{KINDS[self.kind].command.format(self.identity)}` removes it"


def of_failed(target: Target, stack: Stack | None) -> list[Leftover]:
    """What a first deployment that failed has left; nothing where it succeeded once, or is not there."""
    if stack is None or stack.status not in _NEVER_MADE:
        return []
    pages = target.aws.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack.id)
    events = pages.build_full_result()["StackEvents"]
    kept = {
        (each["ResourceType"], each.get("PhysicalResourceId", ""))
        for each in events
        if each["ResourceStatus"] == "DELETE_SKIPPED"
    }
    return _looked_at(target.aws, sorted(kept))


def none_is_lost(target: Target, stack: Stack | None) -> Check:
    """Whether a first deployment that failed has left something, which the next one would lose sight of."""
    if not (found := of_failed(target, stack)):
        return ok("leftovers", "none")
    return warn(
        "leftovers",
        f"a deployment that failed has left {', '.join(map(str, found))}",
        Command(f"destroy {target.name}"),
        " offers to remove it, and says how to take it up again",
    )


def of_former(target: Target, stack: Stack | None, besides: Iterable[Leftover] = ()) -> list[Leftover]:
    """What its stacks have left that were there before the one that is, by the tags that each thing keeps.

    What is known already is left out, and what a stack has taken up again, as its outputs say. AWS's index of tags can
    be some minutes behind.
    """
    aws, environment = target.aws, target.aws.environment_name
    used = {value for each in stacks.deployed(aws).values() for value in each.outputs.values()}
    used |= {each.get("PhysicalResourceId", "") for each in stacks.resources(aws, stack.id)} if stack else set()
    used |= {each.identity for each in besides}
    used |= {each.rsplit("/", 1)[-1] for each in used}  # a queue's ARN has its name, its URL ends with it
    tags: Any = [{"Key": SUBSCRIPTION_TAG, "Values": [target.name]}]
    kept = []
    for page in aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=tags):
        for each in page["ResourceTagMappingList"]:
            its_tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            found = of_arn(each["ResourceARN"])
            if found and found[1] not in used and its_tags.get(names.ENVIRONMENT_TAG, "") == environment:
                kept.append(found)
    return _looked_at(aws, kept)


def of_templates(
    aws: Aws, resources: "Iterable[StackResourceSummaryTypeDef]", templates: Sequence[Mapping[str, Any]]
) -> list[Leftover]:
    """What of a stack's resources leaves it, and is kept, as it is deployed with these templates; the queues apart."""
    stay = {logical_id for template in templates for logical_id in template["Resources"]}
    adopted = str(templates)
    kept = (
        (each["ResourceType"], each.get("PhysicalResourceId", ""))
        for each in resources
        if each["ResourceType"] in _OUTPUTS
        and each["LogicalResourceId"] not in stay
        and each["ResourceStatus"] != "DELETE_COMPLETE"
    )
    return _looked_at(aws, (each for each in kept if each[1] not in adopted))


def adoption(
    aws: Aws, found: Iterable[Leftover], named: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The settings by which a deployment takes it up again; empty where there is nothing for that, or too much.

    Args:
        named: the destinations that the stack had by names, of which the one that held something takes it up.
    """
    outputs: dict[str, list[str]] = {}
    for each in found:
        if each.kind in _OUTPUTS:
            outputs.setdefault(_OUTPUTS[each.kind], []).append(each.identity)
    single = {key: values[0] for key, values in outputs.items() if len(values) == 1}
    if not {names.DATA_VOLUME_ID, names.DATABASE_SECRET_ARN} <= single.keys():
        single.pop(names.DATA_VOLUME_ID, None)  # neither is of use without the other
    if not named:
        return destinations.adoption(aws, single)
    again: dict[str, dict[str, str]] = {}
    for kind, destination in destinations.DESTINATIONS.items():
        those = [name for name, given in named.items() if given["kind"] == kind]
        if len(those) == 1:  # of several nothing tells which it was
            again[those[0]] = destination.adoption(aws, single)
    return {"destinations": taking_up(named, again)} if any(again.values()) else {}


def taking_up(
    named: Mapping[str, Mapping[str, Any]], kept: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    """Destinations by names, each with the settings by which it takes up again what is kept of it."""
    return {
        name: {**given, **{own_key(given["kind"], key): value for key, value in kept.get(name, {}).items()}}
        for name, given in named.items()
    }


def delete(aws: Aws, found: Iterable[Leftover]) -> list[str]:
    """Remove all of it, one thing's failure not keeping the rest; returns what could not be, with the reasons."""
    tried = [attempt(str(each), partial(KINDS[each.kind].delete, aws, each.identity)) for each in sorted(found)]
    return [failed for failed in tried if failed]


def attempt(what: str, act: Callable[[], object]) -> str:
    """Do something to what may be gone by now, which is no failure; returns why it could not be done, or nothing."""
    try:
        act()
    except Exception as error:
        if has_code(error, *_GONE):
            return ""
        if (why := told(error)) is None:
            raise
        return f"{what}: {why}"
    return ""


def of_arn(arn: str) -> tuple[str, str] | None:
    """(type, id) of what can outlive a stack; None for what goes with it."""
    return next((found for kind, each in KINDS.items() if (found := parsed(arn, kind, each.arn))), None)


def parsed(arn: str, kind: str, begins: str) -> tuple[str, str] | None:
    """(kind, id) where the ARN begins so behind `arn:aws:`; a secret is best known by its whole ARN."""
    _, _, service, _, _, resource = arn.split(":", 5)
    name = f"{service}:{resource}"
    if not name.startswith(begins):
        return None
    # A log group's may end in :*.
    return kind, arn if service == "secretsmanager" else name.removeprefix(begins).rstrip(":*")


def _looked_at(aws: Aws, kept: Iterable[tuple[str, str]]) -> list[Leftover]:
    found = []
    for kind, identity in kept:
        if kind in KINDS and identity:
            try:
                what = KINDS[kind].look(aws, identity)
            except Exception as error:
                if has_code(error, *_GONE):
                    continue
                if (why := of_aws(error)) is None:
                    raise
                what = why.cause
            if what is not None:
                found.append(Leftover(kind, identity, what))
    return sorted(found)
