"""What a subscription costs by the table of AWS's prices."""

from nami_control.destinations import named
from nami_control.planning.bill import HOURS, Line, line
from nami_stack.settings import Subscription

# An event source with a maximum concurrency has no less than five polls under way, and an empty answer is billed. That
# each waits for 20 seconds, the longest that SQS lets a poll wait, is assumed:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
IDLE_POLLS = 5 * 3600 / 20 * HOURS


def idle_month(subscription: Subscription) -> list[Line]:
    """What is paid in a month in which no webhook comes, for what the subscription's own stack makes.

    An instance type that is not in the table has no line; `unpriced` names it.
    """
    ways = list(subscription.each.values())
    lines = [line for way in ways for line in named(*way.destination).idle_lines(way)]
    secrets = sum(named(*way.destination).secrets(way) for way in ways) + _signed(subscription)
    if secrets:
        lines.append(line("1 secret" if secrets == 1 else f"{secrets} secrets", "secret", secrets))
    queues = len(subscription.with_function)
    polls = "sqs-fifo-request" if subscription.order_by else "sqs-request"
    if queues:
        what = "asking the empty queue" + (f"s ({queues})" if queues > 1 else "")
        lines.append(line(what, polls, IDLE_POLLS * queues))
    if count := alarms(subscription):
        lines.append(line(f"{count} alarms", "alarm", count))
    if subscription.dashboard:
        lines.append(line("dashboard", "dashboard", 1))
    return lines


def alarms(subscription: Subscription) -> int:
    """Alarms of the subscription's own stack, as nami_stack.watching makes them."""
    if not subscription.alarms:
        return 0
    secret = _signed(subscription)
    function = 3
    gateway = 1
    pre_queue = function + secret if subscription.ingest == "function" else 0
    quarantine = secret and subscription.ingest == "direct"
    functions = len(subscription.with_function)
    ways = subscription.each.values()
    drains = len(ways) * 2 + functions * function + quarantine
    destinations = sum(named(*way.destination).alarms(way) for way in ways)
    return gateway + pre_queue + drains + destinations + (subscription.alarm_silence is not None) + bool(functions)


def unpriced(subscription: Subscription) -> str | None:
    """What the table of prices does not have, such as a host's instance type."""
    return next(filter(None, (named(*way.destination).unpriced(way) for way in subscription.each.values())), None)


def _signed(subscription: Subscription) -> bool:
    """Whether there is a secret that webhooks are signed with."""
    signature = subscription.build_signature()
    return signature is not None and signature.has_secret
