"""A subscription's queues: what is in them, and those that leave a stack.

CloudFormation keeps the latter, since what waits in them was acknowledged.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from nami_control import stacks
from nami_control.aws import Aws
from nami_control.errors import CheckError, Command

_QUEUE = "AWS::SQS::Queue"
_DEAD = "DeadLetterQueueUrl"


def waiting(outputs: Mapping[str, str]) -> list[str]:
    """The queue of each destination."""
    return [url for key, url in outputs.items() if key.endswith("QueueUrl") and not key.endswith(_DEAD)]


def dead_letter_queues(outputs: Mapping[str, str]) -> list[str]:
    """The dead letters of each destination."""
    return [url for key, url in outputs.items() if key.endswith(_DEAD)]


def depth(aws: Aws, queue_url: str) -> int:
    """About how many messages a queue holds: waiting, delayed, and being processed."""
    names: Any = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    said = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(said.get(name, 0)) for name in names)


def leaving(aws: Aws, stack_id: str, templates: Iterable[dict[str, Any]]) -> list[str]:
    """URLs of a deployed stack's queues that are not in the new templates, or are replaced: a FIFO queue by another."""
    fifo = {
        logical_id: bool(resource.get("Properties", {}).get("FifoQueue"))
        for template in templates
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == _QUEUE
    }
    return [
        url
        for resource in stacks.resources(aws, stack_id)
        if resource["ResourceType"] == _QUEUE and resource["ResourceStatus"] != "DELETE_COMPLETE"
        if (url := resource["PhysicalResourceId"]).endswith(".fifo") is not fifo.get(resource["LogicalResourceId"])
    ]


def require_empty(aws: Aws, name: str, urls: Iterable[str]) -> None:
    """Nothing reads a queue that has left, so nothing may be in it.

    Raises:
        CheckError: something is.
    """
    if held := {url: count for url in urls if (count := depth(aws, url))}:
        told = ", ".join(f"{count} in {url.rsplit('/', 1)[-1]}" for url, count in held.items())
        raise CheckError(
            f"{name} gets other queues by this deployment, and webhooks are in those that go: {told}",
            *("let them be stored (", Command("list"), "), send dead letters back or purge them (", Command("dlq")),
            "), then deploy again; nothing was changed",
        )


def delete(aws: Aws, urls: Iterable[str]) -> None:
    """Delete queues with all that is in them."""
    for url in urls:
        aws.client("sqs").delete_queue(QueueUrl=url)
