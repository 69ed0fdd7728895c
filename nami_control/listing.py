"""What is deployed, and what waits and died there."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from nami_control import destinations, pausing, shared, stacks
from nami_control.aws import Aws
from nami_control.aws_errors import going_on
from nami_control.destinations.base import Destination
from nami_control.progress import Tell, silent
from nami_control.queues import ages, dead_letter_queues, depth, of_destinations, retention, waiting
from nami_stack.names import from_outputs
from nami_stack.settings import SHARED

_AT_ONCE = 8  # subscriptions whose queues are asked at the same time


def subscriptions(aws: Aws, *, tell: Tell = silent) -> list[dict[str, Any]]:
    """All that are deployed in the account and region, or in its environment where there is one: a dictionary each."""
    wanted = aws.environment_name
    found = {owner: stack for owner, stack in stacks.deployed(aws).items() if wanted in ("", owner.environment)}
    oldest = ages(aws, [queue for stack in found.values() for queue in waiting(stack.outputs)], tell)
    off = _functions_off(aws, tell) if found else set()
    aws.client("sqs")  # made once, before the threads ask for it
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda item: _row(aws, item[0], item[1], oldest, off), sorted(found.items())))


def _functions_off(aws: Aws, tell: Tell) -> set[str]:
    off: set[str] = set()
    with going_on(tell, "what is paused is not known"):
        off = pausing.functions_off(aws)
    return off


def _row(
    aws: Aws, owner: stacks.Owner, stack: stacks.Stack, oldest: Mapping[str, float], off: set[str]
) -> dict[str, Any]:
    outputs = stack.outputs
    count = _sum(aws, waiting(outputs))
    # The metric is late.
    known = {queue: oldest[queue] for queue in waiting(outputs) if queue in oldest} if count else {}
    name = "PostQueueFunctionName"
    prefixes = [key.removesuffix(name) for key in outputs if key.endswith(name) and outputs[key] in off]
    paused = [outputs[f"{prefix}QueueUrl"] for prefix in prefixes]
    at = stack.said.get("LastUpdatedTime") or stack.said["CreationTime"]
    return {
        "name": owner.subscription,
        "environment": owner.environment or None,
        "destinations": _destinations(outputs),
        "endpoint": stacks.reachable(aws, outputs["EndpointUrl"]) if "EndpointUrl" in outputs else None,
        "waiting": count,
        "dead_letters": _sum(aws, dead_letter_queues(outputs)),
        "oldest_seconds": max(known.values(), default=None),
        "paused": bool(paused),
        "kept_until": min((_runs_out(aws, queue, known[queue]) for queue in paused if queue in known), default=None),
        "deployed": at.astimezone(UTC).isoformat(timespec="seconds"),
        "status": stack.status,
        "used_by": shared.users(aws, stack.name) if owner.subscription == SHARED else None,
    }


def _runs_out(aws: Aws, queue: str, age: float) -> str:
    """When SQS deletes what has waited longest, of this age in seconds."""
    return datetime.fromtimestamp(time.time() - age + retention(aws, queue), UTC).isoformat(timespec="seconds")


def _destinations(outputs: Mapping[str, str]) -> list[str]:
    """Their names; of those without one the kinds."""
    prefixes = of_destinations(outputs)
    if prefixes and "" not in prefixes:
        return [from_outputs(prefix) for prefix in prefixes]
    return [kind for kind, each in destinations.kinds().items() if _is_among(each, outputs)]


def _is_among(destination: type[Destination], outputs: Mapping[str, str]) -> bool:
    return bool(destination.shown_by) and any(key.endswith(destination.shown_by) for key in outputs)


def _sum(aws: Aws, queue_urls: Sequence[str]) -> int | None:
    """Of all their messages; None where the stack is half made or half gone, and its queues with it."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return sum(depth(aws, url) for url in queue_urls) if queue_urls else None
    except ClientError as error:
        if "NonExistentQueue" in str(error) or "QueueDoesNotExist" in str(error):
            return None
        raise
