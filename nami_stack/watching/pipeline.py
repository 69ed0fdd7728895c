"""The alarms of a subscription, in the order in which a webhook travels."""

import math
from collections.abc import Sequence

import aws_cdk as cdk

from nami_stack.destinations.destination import Destination
from nami_stack.drain import Drain
from nami_stack.functions import PythonFunction
from nami_stack.gateways.gateway import Gateway
from nami_stack.settings import WatchingSettings
from nami_stack.watching.alarm import AGAIN, LASTING, ONCE, Alarm, Missing
from nami_stack.watching.metrics import FIVE_MINUTES, MINUTE, own
from nami_stack.watching.naming import in_same_stack, place
from nami_stack.watching.settings import OLDEST_SECONDS
from nami_stack.webhook_construct import ScalableWebhook

NEAR_TIMEOUT = 0.8


def alarms_of(webhook: ScalableWebhook, settings: WatchingSettings) -> list[Alarm]:
    """On a subscription and, where they are in its stack, its gateway and its destinations."""
    return [
        *_way_in(webhook),
        *_pre_queue(webhook, settings.alarm_unauthorized),
        *([_away(webhook)] if any(drain.post_queue_function for drain in webhook.drains) else []),
        *(alarm for drain in webhook.drains for alarm in _drain(webhook, drain)),
        *_arrivals(webhook, settings.alarm_silence),
    ]


def of_gateway(gateway: Gateway) -> list[Alarm]:
    """On what a gateway answers, where its metrics are its own."""
    if gateway.measured is None:
        return []
    return [
        Alarm(
            f"{place(gateway)}-5xx",
            gateway.measured.metric_server_error(statistic="Sum", period=MINUTE),
            periods=AGAIN,
            what="The gateway answered 5xx, so producers have to send those webhooks again.",
            why="In two minutes of an hour: a lone one is made good by the next try, and some producers switch an "
            "endpoint off after a few.",
            todo="nami doctor and nami logs, of the subscription; the gateway's access log has each request.",
        )
    ]


def target(webhook: ScalableWebhook) -> str:
    """How the nami command is told which subscription is meant."""
    environment = webhook.settings.environment_name
    return f"{webhook.name} --env {environment}" if environment else webhook.name


def own_gateway(webhook: ScalableWebhook) -> Gateway | None:
    """The gateway, where it is of the same stack: another's metrics count what has nothing to do with this one."""
    gateway = webhook.gateway
    # One of a user's own may have but what a route needs.
    return gateway if isinstance(gateway, Gateway) and gateway.measured and in_same_stack(gateway, webhook) else None


def _way_in(webhook: ScalableWebhook) -> list[Alarm]:
    if gateway := own_gateway(webhook):
        return of_gateway(gateway)
    # Other subscriptions' answers are in the metrics of a shared gateway.
    return [
        Alarm(
            f"{webhook.name}-not-queued",
            own("Refused", "Sum", subscription=webhook.metrics_name, refused="unavailable"),
            periods=AGAIN,
            what="Webhooks were answered with 503, so the producer has to send them again.",
            why="In two minutes of an hour: a lone one is made good by the next try.",
            todo=f"nami logs {target(webhook)} has the reason of each.",
        )
    ]


def _pre_queue(webhook: ScalableWebhook, limit: int) -> list[Alarm]:
    name, function = webhook.name, webhook.pre_queue_function
    if function is None:
        return []
    alarms = _function(
        name,
        "pre-queue",
        function,
        timeout=webhook.settings.pre_queue_timeout,
        failed="each was a 5xx to the producer, who has to send it again",
        throttled="Each was a 5xx to the producer. Raise Lambda's quota for concurrent executions",
        slow="it waits for the queue or for the secret, or pre_queue_memory is too small for the bodies",
        logs=target(webhook),
    )
    if webhook.signature and webhook.signature.has_secret:
        alarms.append(
            Alarm(
                f"{name}-unauthorized",
                own("Refused", "Sum", period=FIVE_MINUTES, subscription=webhook.metrics_name, refused="signature"),
                above=limit - 1,
                periods=ONCE,
                what=f"{limit} or more webhooks within five minutes did not prove their sender and were refused.",
                why="There are next to none at other times: the route is known to the producer alone. Either the "
                "secret here is no longer the producer's, or somebody guesses.",
                todo=f"If nothing else comes in, put the producer's secret into SignatureSecretArn (nami outputs "
                f"{target(webhook)}); it takes a list of the old and the new. Else nami logs {target(webhook)} and "
                "the gateway's access log tell the source: allowed_sources keeps it out.",
            )
        )
    return alarms


def _drain(webhook: ScalableWebhook, drain: Drain) -> list[Alarm]:
    name, settings, called, function = webhook.name, drain.settings, drain.called, drain.post_queue_function
    first = drain is webhook.drains[0]
    which = f"{name}-to-{called}" if drain.has_name else name if first else f"{name}-{called}"
    who = target(webhook)
    dlq = who if len(webhook.drains) == 1 else f"{who} --destination {called}"
    # A failed try is hidden that long; where that is long, one failed try is nothing to tell.
    oldest = max(OLDEST_SECONDS, math.ceil(1.5 * settings.visibility_timeout))
    # A FIFO queue counts anew:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
    since = "died" if settings.order_by else "came in"
    done, tells = ("stored", "says why each failed") if function else ("deleted by your consumer", "shows them")
    return [
        Alarm(
            f"{which}-dead-letters",
            drain.dead_letter_queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE),
            periods=ONCE,
            what=f"There are dead letters: webhooks that were not {done} in {settings.max_receives} tries. They "
            f"are deleted {settings.dead_letter_retention_days} days after they {since}.",
            why="Over 0: each is one that did not get through.",
            todo=f"nami dlq list {dlq} {tells}. Mend that, then nami dlq redrive {dlq}.",
        ),
        Alarm(
            f"{which}-oldest",
            drain.queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE),
            above=oldest,
            periods=ONCE,
            what=f"The oldest webhook in the queue has waited for over {oldest} seconds. Nothing is lost yet: the "
            f"queue keeps it for {settings.queue_retention_days} days.",
            why=f"At work it waits for seconds, and after a failed try for {settings.visibility_timeout}: this is "
            "more than one.",
            todo=_slow(who) if function else "Your consumer takes none, or too few: see its log, or run more of it.",
        ),
        *(_post_queue(which, function, settings.post_queue_timeout, who) if function else ()),
        *(_quarantine(webhook) if first else ()),
        *_destination(webhook, drain.destination, which),
    ]


def _slow(who: str) -> str:
    return (
        f"nami doctor {who}: it says so where this was paused, which nami resume {who} ends. Else nami logs {who} says "
        "what the writing meets. Where it works and is only slow, raise maximum_concurrency, or take a bigger "
        "instance_type."
    )


def _post_queue(which: str, function: PythonFunction, timeout: int, who: str) -> list[Alarm]:
    return _function(
        which,
        "post-queue",
        function,
        timeout=timeout,
        failed="each made its whole batch wait, and took one of its tries",
        throttled="Each took one of a batch's tries. Leave reserved_concurrency out, so that it is "
        "maximum_concurrency, or raise Lambda's quota for concurrent executions",
        slow="the destination is slow; what is not written in time is tried again, and counts as a failed try",
        logs=who,
    )


def _away(webhook: ScalableWebhook) -> Alarm:
    who, days = target(webhook), min(drain.settings.queue_retention_days for drain in webhook.drains)
    return Alarm(
        f"{webhook.name}-away",
        own("Away", "Sum", subscription=webhook.metrics_name),
        periods=AGAIN,
        what="Webhooks wait because their destination is away, or its secret or a setting of it can't be read. Nothing "
        f"is lost, and none loses a try: they wait for up to {days} days.",
        why="In two minutes of an hour: an absence that is over at once is nothing to tell.",
        todo=f"nami doctor {who} has the reason. Mend that; they are then stored within a quarter of an hour"
        f"{', of an ordered subscription within half an hour' if webhook.settings.order_by else ''}.",
    )


def _quarantine(webhook: ScalableWebhook) -> list[Alarm]:
    if webhook.quarantine is None:
        return []
    who = target(webhook)
    return [
        Alarm(
            f"{webhook.name}-quarantine",
            webhook.quarantine.queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE),
            periods=ONCE,
            what="Webhooks that did not prove their sender are in quarantine.",
            why="Over 0: the route is known to the producer alone, so either the secret here is not the "
            "producer's, or somebody guesses.",
            todo=f"nami dlq list {who} --quarantine. If they are genuine, put the secret right and nami dlq "
            f"redrive {who} --quarantine; else nami dlq purge {who} --quarantine.",
        )
    ]


def _destination(webhook: ScalableWebhook, destination: object, which: str) -> Sequence[Alarm]:
    # One of a user's own may have but what the writing needs.
    if not isinstance(destination, Destination):
        return ()
    here = in_same_stack(destination, webhook) or not destination.serves_many
    return destination.alarms(which) if here else ()


def _function(
    which: str,
    role: str,
    function: PythonFunction,
    *,
    timeout: int,
    failed: str,
    throttled: str,
    slow: str,
    logs: str,
) -> list[Alarm]:
    seconds = timeout * NEAR_TIMEOUT
    return [
        Alarm(
            f"{which}-{role}-errors",
            function.metric_errors(statistic="Sum", period=MINUTE),
            periods=AGAIN,
            what=f"The {role} function ended without a result: it ran out of time or memory, or its code "
            "can't be loaded.",
            why=f"In two minutes of an hour: one can be chance; {failed}.",
            todo=f"nami logs {logs} has the platform's word on it.",
        ),
        Alarm(
            f"{which}-{role}-throttles",
            function.metric_throttles(statistic="Sum", period=MINUTE),
            periods=AGAIN,
            what=f"Lambda ran no more of the {role} function at once.",
            why="In two minutes of an hour: a burst can touch the limit while Lambda scales.",
            todo=f"{throttled}.",
        ),
        Alarm(
            f"{which}-{role}-duration",
            # Not the maximum: of a million, five slow ones are nothing to tell.
            function.metric_duration(statistic="p99", period=MINUTE),
            above=seconds * 1000,
            periods=LASTING,
            what=f"The {role} function takes over {seconds:g} of its {timeout} seconds.",
            why="For five minutes of fifteen, longer than a host takes to replace itself; what reaches the timeout "
            "is ended.",
            todo=f"nami logs {logs}: {slow}.",
        ),
    ]


def _arrivals(webhook: ScalableWebhook, minutes: int | None) -> list[Alarm]:
    if minutes is None:
        return []
    # All periods together are at most a day, or seven where a period is an hour or more:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    period = FIVE_MINUTES if minutes <= 24 * 60 else cdk.Duration.hours(1)
    count = math.ceil(minutes / period.to_minutes())
    return [
        Alarm(
            f"{webhook.name}-silence",
            # The queue's, which costs nothing, and is there without a pre-queue function as well.
            webhook.queue.metric_number_of_messages_sent(statistic="Sum", period=period),
            below=1,
            periods=(count, count),
            missing=Missing.BREACHING,  # an idle queue sends no metrics
            what=f"No webhook has come in for {minutes} minutes.",
            why="That is alarm_silence, by your own setting.",
            todo=f"Look at the producer's list of deliveries: it may have switched the endpoint off. nami smoke "
            f"{target(webhook)} sends one by the same way.",
        )
    ]
