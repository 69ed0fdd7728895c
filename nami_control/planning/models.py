"""What the simulation is given: settings, with what is assumed or measured of the times."""

from nami_control.destinations import kinds, named
from nami_control.planning.assumptions import OF_FUNCTIONS, OF_LOGS, Times, share
from nami_control.planning.drain import Drain
from nami_control.planning.intake import Intake
from nami_stack.settings import Subscription

_EVENT_KB = 6 * 1024  # Lambda's request: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ASSUMED = {
    **OF_FUNCTIONS,
    **{kind: each.work for kind, each in kinds().items() if each.has_function},
    **{f"{kind} write": each.write for kind, each in kinds().items() if each.has_function},
    **OF_LOGS,
}


def intake(subscription: Subscription, times: Times, kept: int) -> Intake:
    """What comes before the queue, where so many executions of the account are kept for what comes after it."""
    handler = None
    if subscription.ingest == "function":
        work = ASSUMED["handler"].value / share(subscription.pre_queue_memory)
        assumed = ASSUMED["sqs"].value * len(subscription.kinds) + work
        handler = (assumed if times.handler_ms is None else times.handler_ms) / 1000
    cold = ASSUMED["cold start"].value if times.cold_start_ms is None else times.cold_start_ms
    return Intake(
        gateway_rate=min(subscription.throttle_rate or times.gateway_rate, times.gateway_rate),
        gateway_burst=min(subscription.throttle_burst or times.gateway_rate / 2, times.gateway_rate / 2),
        handler_seconds=handler,
        cold_seconds=0.0 if handler is None else cold / 1000,
        concurrency=max(times.account_concurrency - kept, 1),
    )


def drain(subscription: Subscription, times: Times) -> Drain:
    """What comes behind the queue of one destination, whose settings these are."""
    destination = named(*subscription.destination)
    work = destination.work.value / share(subscription.post_queue_memory)
    size = min(subscription.batch_size, max(_EVENT_KB // times.message_kb, 1))
    speed = destination.speed(subscription, times, size)
    ordered = subscription.order_by is not None
    return Drain(
        concurrency=min(subscription.maximum_concurrency, times.account_concurrency),
        batch_size=min(size, speed.batch_size or size),
        batch_window=subscription.batch_window,
        batch_seconds=ASSUMED["batch"].value / 1000,
        webhook_seconds=(work + destination.write_ms(times) / speed.at_once) / 1000,
        retention=subscription.queue_retention_days * 86_400,
        database_rate=speed.rate,
        rate_is=speed.rate_is,
        doubles=speed.doubles,
        highest_rate=speed.highest_rate,
        groups=(times.groups or subscription.maximum_concurrency) if ordered else None,
    )
