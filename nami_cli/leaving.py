"""Queues that leave a stack. CloudFormation keeps them, since what waits in them was acknowledged."""

from collections.abc import Iterable
from typing import Any

from nami_cli import flags
from nami_cli.listing import depth
from nami_cli.terminal import say
from nami_control import aws, stacks
from nami_control.errors import CheckError

_QUEUE = "AWS::SQS::Queue"


def queues(stack_id: str, templates: Iterable[dict[str, Any]]) -> list[str]:
    """URLs of a deployed stack's queues that are not in the new templates, or are replaced: a FIFO queue by another."""
    fifo = {
        logical_id: bool(resource.get("Properties", {}).get("FifoQueue"))
        for template in templates
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == _QUEUE
    }
    return [
        url
        for resource in stacks.resources(stack_id)
        if resource["ResourceType"] == _QUEUE and resource["ResourceStatus"] != "DELETE_COMPLETE"
        if (url := resource["PhysicalResourceId"]).endswith(".fifo") is not fifo.get(resource["LogicalResourceId"])
    ]


def require_empty(name: str, urls: Iterable[str]) -> None:
    """Nothing reads a queue that has left, so nothing may be in it.

    Raises:
        CheckError: something is.
    """
    if held := {url: count for url in urls if (count := depth(url))}:
        told = ", ".join(f"{count} in {url.rsplit('/', 1)[-1]}" for url, count in held.items())
        nami = flags.nami()
        raise CheckError(
            f"{name} gets other queues by this deployment, and webhooks are in those that go: {told}; let them be "
            f"stored ({nami} list), send dead letters back or purge them ({nami} dlq), then deploy again; nothing was "
            "changed"
        )


def tell(urls: Iterable[str]) -> None:
    """Say what became of queues that have left."""
    for url in urls:
        if count := depth(url):
            say(f"is kept: the former queue {url}, in which {count} webhooks arrived meanwhile")
        else:
            say(f"is kept: the former queue {url}, which is empty; `aws sqs delete-queue --queue-url {url}`")


def delete(urls: Iterable[str]) -> None:
    """Delete queues with all that is in them."""
    sqs = aws.client("sqs")
    for url in urls:
        sqs.delete_queue(QueueUrl=url)
