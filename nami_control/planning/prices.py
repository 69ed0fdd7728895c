"""What a subscription costs by the table of AWS's prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from nami_control.destinations import DESTINATIONS, named
from nami_control.planning.assumptions import Times, signed
from nami_control.planning.bill import HOURS, Line, line
from nami_stack.settings import Subscription

# An event source with a maximum concurrency has no less than five polls under way, and an empty answer is billed. That
# each waits for 20 seconds, the longest that SQS lets a poll wait, is assumed:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
IDLE_POLLS = 5 * 3600 / 20 * HOURS
# SQS bills each 64 KB of a call as a request, and hands out ten messages a call at the most.
SQS_UNIT_KB = 64
SQS_MESSAGES = 10
HTTP_API_UNIT_KB = 512


@dataclass(frozen=True)
class Usage:
    """What a burst uses. Counts; seconds of a function; kilobytes.

    Args:
        requests: that the gateway let in.
        invocations: of the pre-queue function.
        batches: invocations of the post-queue functions.
        messages: put into all queues together.
        message_kb: of one message in the queue.
        stored: webhooks, by the destination's name.
        times: with the size of a webhook.
        log_kb: of all functions, and of the gateway.
        metric_hours: of the functions' metrics, each for each hour in which it is sent.
    """

    requests: float
    body_kb: float
    invocations: float
    handler_seconds: float
    batches: float
    batch_seconds: float
    messages: float
    message_kb: float
    stored: Mapping[str, float]
    times: Times
    log_kb: float
    metric_hours: float


def idle_month(subscription: Subscription) -> list[Line]:
    """What is paid in a month in which no webhook comes, for what the subscription's own stack makes.

    An instance type that is not in the table has no line; `unpriced` names it.
    """
    destinations = [named(name) for name in subscription.destination]
    lines = [each for destination in destinations for each in destination.idle_lines(subscription)]
    secrets = sum(each.secrets(subscription) for each in destinations) + signed(subscription)
    if secrets:
        lines.append(line("1 secret" if secrets == 1 else f"{secrets} secrets", "secret", secrets))
    queues = len(subscription.destination)
    polls = "sqs-fifo-request" if subscription.order_by else "sqs-request"
    lines.append(line("asking the empty queue" + (f"s ({queues})" if queues > 1 else ""), polls, IDLE_POLLS * queues))
    if count := alarms(subscription):
        lines.append(line(f"{count} alarms", "alarm", count))
    if subscription.dashboard:
        lines.append(line("dashboard", "dashboard", 1))
    return lines


_AWAY = 1  # of the subscription, whatever its destinations


def alarms(subscription: Subscription) -> int:
    """Alarms of the subscription's own stack, as nami_stack.watching makes them."""
    if not subscription.alarms:
        return 0
    secret = signed(subscription)
    function = 3
    gateway = 1
    pre_queue = function + secret if subscription.ingest == "function" else 0
    quarantine = secret and subscription.ingest == "direct"
    drains = len(subscription.destination) * (2 + function) + quarantine
    destinations = sum(named(name).alarms(subscription) for name in subscription.destination)
    return gateway + pre_queue + drains + destinations + (subscription.alarm_silence is not None) + _AWAY


def unpriced(subscription: Subscription) -> str | None:
    """What the table of prices does not have, such as a host's instance type."""
    return next(filter(None, (named(name).unpriced(subscription) for name in subscription.destination)), None)


def burst(subscription: Subscription, usage: Usage) -> list[Line]:
    """What a burst costs on top of that."""
    sqs = "sqs-fifo-request" if subscription.order_by else "sqs-request"
    sent = usage.messages * ceil(usage.message_kb / SQS_UNIT_KB)
    calls = usage.messages / SQS_MESSAGES
    received = calls * ceil(SQS_MESSAGES * usage.message_kb / SQS_UNIT_KB)
    lines = []
    if subscription.gateway == "rest":
        lines.append(line("REST API", "rest-api-request", usage.requests))
    else:
        units = usage.requests * ceil(usage.body_kb / HTTP_API_UNIT_KB)
        lines.append(line("HTTP API", "http-api-request", units))
    if subscription.ingest == "function":
        lines += _function(
            "pre-queue function", usage.invocations, usage.handler_seconds, subscription.pre_queue_memory
        )
    lines.append(line("SQS", sqs, sent + received + calls))
    lines += _function("post-queue function", usage.batches, usage.batch_seconds, subscription.post_queue_memory)
    lines.append(line("logs", "log-gb", usage.log_kb / 1e6))
    lines.append(line("metrics", "metric", usage.metric_hours / HOURS))
    return lines + _of_destinations(usage)


def _of_destinations(usage: Usage) -> list[Line]:
    """What is used by several is one line."""
    lines: dict[tuple[str, str], float] = {}
    for name in DESTINATIONS:
        if stored := usage.stored.get(name, 0.0):
            for each in named(name).burst_lines(stored, usage.times):
                lines[each.what, each.price] = lines.get((each.what, each.price), 0.0) + each.quantity
    return [line(what, price, quantity) for (what, price), quantity in lines.items() if quantity]


def _function(what: str, invocations: float, seconds: float, memory: int) -> list[Line]:
    return [
        line(f"{what}: invocations", "lambda-request", invocations),
        line(f"{what}: compute", "lambda-gb-second", seconds * memory / 1024),
    ]
