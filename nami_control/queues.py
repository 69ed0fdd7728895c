"""A subscription's queues: what is in them, and what a deployment does to them.

CloudFormation keeps those that leave a stack, since what waits in them was acknowledged.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nami_control.aws import Aws
from nami_control.aws_errors import going_on
from nami_control.errors import CheckError, Command
from nami_control.progress import Tell, silent

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef

_QUEUE = "AWS::SQS::Queue"
_DEAD = "DeadLetterQueueUrl"
_DEFAULT_RETENTION = 345_600
_AGE_WITHIN = 900  # seconds back to look for an age; SQS tells one a minute, late by some, and none while it is idle


def waiting(outputs: Mapping[str, str]) -> list[str]:
    """The queue of each destination."""
    return [url for key, url in outputs.items() if key.endswith("QueueUrl") and not key.endswith(_DEAD)]


def dead_letter_queues(outputs: Mapping[str, str]) -> list[str]:
    """The dead letters of each destination."""
    return [url for key, url in outputs.items() if key.endswith(_DEAD)]


def of_destinations(outputs: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By what stands before them, the outputs of each destination without that."""
    ends = [key.removesuffix("QueueUrl") for key in outputs if key.endswith("QueueUrl") and not key.endswith(_DEAD)]
    found: dict[str, dict[str, str]] = {prefix: {} for prefix in sorted(ends)}
    for key, value in outputs.items():
        if prefixes := [prefix for prefix in found if key.startswith(prefix)]:
            longest = max(prefixes, key=len)
            found[longest][key.removeprefix(longest)] = value
    return found


def depth(aws: Aws, queue_url: str) -> int:
    """About how many messages a queue holds: waiting, delayed, and being processed."""
    names: Any = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    said = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(said.get(name, 0)) for name in names)


def ages(aws: Aws, queue_urls: Sequence[str], tell: Tell = silent) -> dict[str, float]:
    """Age of each queue's oldest message, in seconds; a queue without a recent metric is left out."""
    found: dict[str, float] = {}
    now = time.time()
    cloudwatch = aws.client("cloudwatch")
    with going_on(tell, "the age of the oldest message is not known"):
        for start in range(0, len(queue_urls), 500):  # the most that one call takes
            part = queue_urls[start : start + 500]
            oldest = [{**metric("ApproximateAgeOfOldestMessage", "Maximum", url), "Period": 60} for url in part]
            queries: Any = [{"Id": f"q{number}", "MetricStat": each} for number, each in enumerate(oldest)]
            said = cloudwatch.get_metric_data(
                StartTime=datetime.fromtimestamp(now - _AGE_WITHIN, UTC),
                EndTime=datetime.fromtimestamp(now, UTC),
                ScanBy="TimestampDescending",
                MetricDataQueries=queries,
            )
            for result in said["MetricDataResults"]:
                if result["Values"]:
                    found[part[int(result["Id"][1:])]] = result["Values"][0]
    return found


def metric(name: str, statistic: str, queue_url: str) -> dict[str, Any]:
    """A metric that SQS has of a queue, as CloudWatch is asked for it; the period is the caller's."""
    pairs = [{"Name": "QueueName", "Value": queue_url.rsplit("/", 1)[-1]}]
    return {"Metric": {"Namespace": "AWS/SQS", "MetricName": name, "Dimensions": pairs}, "Stat": statistic}


@dataclass(frozen=True)
class Change:
    """What a deployment does to a queue that is there: it leaves the stack, or keeps messages for less time."""

    url: str
    leaves: bool


def changes(
    aws: Aws, resources: "Iterable[StackResourceSummaryTypeDef]", templates: Iterable[dict[str, Any]]
) -> list[Change]:
    """Of the queues among a stack's resources, those that are not as they were in the new templates.

    One that is replaced, a FIFO queue by another, leaves too.
    """
    planned = {
        logical_id: resource.get("Properties", {})
        for template in templates
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == _QUEUE
    }
    changed = []
    for resource in resources:
        if resource["ResourceType"] != _QUEUE or resource["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        url, properties = resource["PhysicalResourceId"], planned.get(resource["LogicalResourceId"])
        if properties is None or url.endswith(".fifo") is not bool(properties.get("FifoQueue")):
            changed.append(Change(url, leaves=True))
        elif retention(aws, url) > int(properties.get("MessageRetentionPeriod", _DEFAULT_RETENTION)):
            changed.append(Change(url, leaves=False))
    return changed


def require_empty(aws: Aws, name: str, changed: Iterable[Change]) -> None:
    """Nothing may be in a queue that leaves, which nobody reads then, nor in one that keeps messages for less time.

    SQS deletes what is older than the new time within 15 minutes:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html

    Raises:
        CheckError: something is.
    """
    held = {change: count for change in changed if (count := depth(aws, change.url))}
    for leaves, text in (
        (True, "gets other queues by this deployment, and webhooks are in those that go"),
        (False, "keeps webhooks for less time by this deployment, and SQS deletes those that are older"),
    ):
        counts = {change.url.rsplit("/", 1)[-1]: count for change, count in held.items() if change.leaves is leaves}
        if counts:
            raise CheckError(
                f"{name} {text}: {', '.join(f'{count} in {queue}' for queue, count in counts.items())}",
                *("let them be stored (", Command("list"), "), send dead letters back or purge them (", Command("dlq")),
                "), then deploy again; nothing was changed",
            )


def retention(aws: Aws, url: str) -> int:
    """Seconds for which a queue keeps a message."""
    said = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["MessageRetentionPeriod"])
    return int(said["Attributes"]["MessageRetentionPeriod"])


def delete(aws: Aws, urls: Iterable[str]) -> None:
    """Delete queues with all that is in them."""
    for url in urls:
        aws.client("sqs").delete_queue(QueueUrl=url)
