"""`nami list` and `nami outputs`: what is deployed."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nami_cli import flags
from nami_cli.terminal import print_json, print_table, say
from nami_cli.times import spell
from nami_control import aws, deployment, environments, shared, stacks
from nami_control.errors import of_aws
from nami_stack.settings import SHARED

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]

_DEAD = "DeadLetterQueueUrl"
# By which output a stack shows what its webhooks end in.
_KINDS = {"DatabaseSecretArn": "mongo", "LargeItemsBucketName": "dynamodb", "BackendSecretArn": "http"}
_AT_ONCE = 8  # subscriptions whose queues are asked at the same time
_AGE_WITHIN = 900  # seconds back to look for an age; SQS tells one a minute, late by some, and none while it is idle


def list_subscriptions(as_json: AsJson = False) -> None:
    """Show every subscription: URL, what waits, what is dead.

    All that are deployed in the account and region, or with --env that environment's. The age of the oldest webhook
    that waits comes from CloudWatch, minutes late; local AWS has none. Of what they share it shows who uses it.
    """
    chosen = environments.name()
    found = {owner: stack for owner, stack in stacks.deployed().items() if chosen in (None, owner.environment)}
    ages = _oldest([queue for stack in found.values() for queue in queues(stacks.outputs_of(stack))])
    sqs = aws.client("sqs")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rows = list(pool.map(lambda item: _row(item[0], item[1], ages, sqs), sorted(found.items())))
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ["name", "env", "to", "endpoint", "waiting", "dead", "oldest", "deployed", "status"],
            [
                [
                    row["name"],
                    _or_dash(row["environment"]),
                    ",".join(row["destinations"]) or "-",
                    _or_dash(row["endpoint"]) if row["used_by"] is None else _used_by(row["used_by"]),
                    _or_dash(row["waiting"]),
                    _or_dash(row["dead_letters"]),
                    "-" if row["oldest_seconds"] is None else spell(row["oldest_seconds"]),
                    row["deployed"],
                    row["status"],
                ]
                for row in rows
            ],
        )
    if not rows:
        say(f"no subscription is deployed here; {flags.nami()} deploy shopify makes one")


def outputs(
    name: flags.Name,
    as_json: AsJson = False,
) -> None:
    """Show the stack's outputs: URLs, functions, volume.

    They are what scripts need: the endpoint, both queues, both functions, the data volume and the secrets.
    """
    if name == SHARED:
        found = shared.outputs()
    else:
        found = dict(deployment.find(name).outputs)
        found["EndpointUrl"] = stacks.endpoint_url(found)
    if as_json:
        print_json(found)
        return
    print_table(["output", "value"], [[key, value] for key, value in sorted(found.items())])


def queues(outputs: Mapping[str, str]) -> list[str]:
    """The queue of each destination."""
    return [url for key, url in outputs.items() if key.endswith("QueueUrl") and not key.endswith(_DEAD)]


def dead_letter_queues(outputs: Mapping[str, str]) -> list[str]:
    """The dead letters of each destination."""
    return [url for key, url in outputs.items() if key.endswith(_DEAD)]


def depth(queue_url: str, sqs: Any = None) -> int:
    """About how many messages a queue holds: waiting, delayed, and being processed."""
    sqs = sqs or aws.client("sqs")
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    said = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(said.get(name, 0)) for name in names)


def _row(owner: stacks.Owner, stack: "StackTypeDef", ages: dict[str, float], sqs: Any) -> dict[str, Any]:
    outputs = stacks.outputs_of(stack)
    known = [ages[queue] for queue in queues(outputs) if queue in ages]
    at = stack.get("LastUpdatedTime") or stack["CreationTime"]
    return {
        "name": owner.subscription,
        "environment": owner.environment or None,
        "destinations": [kind for ending, kind in _KINDS.items() if any(key.endswith(ending) for key in outputs)],
        "endpoint": stacks.endpoint_url(outputs) if "EndpointUrl" in outputs else None,
        "waiting": _sum(queues(outputs), sqs),
        "dead_letters": _sum(dead_letter_queues(outputs), sqs),
        "oldest_seconds": max(known, default=None),
        "deployed": at.astimezone(UTC).isoformat(timespec="seconds"),
        "status": stack["StackStatus"],
        "used_by": shared.users(stack["StackName"]) if owner.subscription == SHARED else None,
    }


def _sum(queue_urls: Sequence[str], sqs: Any) -> int | None:
    """Of all their messages; None where the stack is half made or half gone, and its queues with it."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return sum(depth(url, sqs) for url in queue_urls) if queue_urls else None
    except ClientError as error:
        if "NonExistentQueue" in str(error) or "QueueDoesNotExist" in str(error):
            return None
        raise


def _oldest(queue_urls: Sequence[str]) -> dict[str, float]:
    """Age of each queue's oldest message, in seconds; a queue without a recent metric is left out."""
    found: dict[str, float] = {}
    now = time.time()
    cloudwatch = aws.client("cloudwatch")
    for start in range(0, len(queue_urls), 500):  # the most that one call takes
        part = queue_urls[start : start + 500]
        try:
            said = cloudwatch.get_metric_data(
                StartTime=datetime.fromtimestamp(now - _AGE_WITHIN, UTC),
                EndTime=datetime.fromtimestamp(now, UTC),
                ScanBy="TimestampDescending",
                MetricDataQueries=[_age_query(number, url) for number, url in enumerate(part)],
            )
        except Exception as error:
            if (told := of_aws(error)) is None:
                raise
            say(f"the age of the oldest message is not known: {told}")
            return found
        for result in said["MetricDataResults"]:
            if result["Values"]:
                found[part[int(result["Id"][1:])]] = result["Values"][0]
    return found


def _age_query(number: int, queue_url: str) -> dict[str, Any]:
    return {
        "Id": f"q{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": queue_url.rsplit("/", 1)[-1]}],
            },
            "Period": 60,
            "Stat": "Maximum",
        },
    }


def _used_by(users: Sequence[str]) -> str:
    return f"used by {', '.join(users)}" if users else "used by nobody"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
