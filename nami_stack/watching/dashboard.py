"""One page that reads as a webhook travels: gateway, pre-queue, queue, post-queue, destination."""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from nami_runtime import log
from nami_stack.destinations.destination import Destination
from nami_stack.drain import Drain
from nami_stack.functions import PythonFunction
from nami_stack.queue import Queue
from nami_stack.watching.graph import Graph, graph
from nami_stack.watching.metrics import MINUTE, own
from nami_stack.watching.naming import named
from nami_stack.watching.pipeline import own_gateway, target
from nami_stack.webhook_construct import ScalableWebhook

# What CloudWatch calls 24 columns; the graphs under a title share its width.
_WIDTH = 24
_CONSOLE = "console.aws.amazon.com"
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
_REFUSED = (*log.REFUSED.values(), log.REFUSED_OTHERWISE)
# A title, and under it graphs: what `GraphWidget` takes.
_Part = tuple[str, list[Graph]]


class Dashboard(cloudwatch.Dashboard):
    """The graphs of one subscription from left to right, and above them the states of its alarms.

    A gateway of another stack has its graphs there; a further destination has a row of its own.

    Args:
        alarms: whose states are shown.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, webhook: ScalableWebhook, alarms: Sequence[cloudwatch.IAlarm] = ()
    ) -> None:
        # Of all that bears a name here, a dashboard's alone is taken in every region of the account at once:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
        name = named(scope, webhook.name)
        super().__init__(scope, construct_id, dashboard_name=name and f"{name}-{cdk.Stack.of(scope).region}")
        self.url = (
            f"https://{_console(self)}/cloudwatch/home?region={cdk.Aws.REGION}"
            f"#dashboards/dashboard/{self.dashboard_name}"
        )
        self.add_widgets(cloudwatch.TextWidget(markdown=_header(webhook, _console(self)), width=_WIDTH, height=4))
        if alarms:
            self.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=_WIDTH, height=3))
        before = [*_gateway(webhook), *_pre_queue(webhook)]
        for number, drain in enumerate(webhook.drains):
            parts = _parts_of(webhook, drain)
            widgets: list[Any] = []
            for place, (part, width) in enumerate(
                zip([*before, *parts], _shares(len(before) + len(parts)), strict=True)
            ):
                shown_above = number and place < len(before)
                widgets.append(cloudwatch.Spacer(width=width) if shown_above else _column(part, width))
            self.add_widgets(*widgets)


def _console(dashboard: Construct) -> str:
    """The host of the AWS console in the region; China and GovCloud have it under a name of their own.

    https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html
    """
    stack = cdk.Stack.of(dashboard)
    domain = _CONSOLE
    for partition, name in _CONSOLES.items():
        condition_id = f"Partition{partition.title().replace('-', '')}"
        if not isinstance(stack.node.try_find_child(condition_id), cdk.CfnCondition):
            cdk.CfnCondition(stack, condition_id, expression=cdk.Fn.condition_equals(cdk.Aws.PARTITION, partition))
        domain = cdk.Token.as_string(cdk.Fn.condition_if(condition_id, name, domain))
    return f"{cdk.Aws.REGION}.{domain}"


def _header(webhook: ScalableWebhook, console: str) -> str:
    name, region = target(webhook), cdk.Aws.REGION
    functions = {
        "pre-queue": webhook.pre_queue_function,
        **{f"{_title(d)} post-queue": d.post_queue_function for d in webhook.drains},
    }
    links = " · ".join(
        f"[{label} function](https://{console}/lambda/home?region={region}#/functions/{function.function_name})"
        for label, function in functions.items()
        if function
    )
    return (
        f"# {webhook.name}\n`{webhook.endpoint_url}` · {links}\n\n"
        f"Is all well: `nami doctor {name}` · what the functions said: `nami logs {name}` · "
        f"why webhooks died, and back with them: `nami dlq list {name}`, `nami dlq redrive {name}`"
    )


def _gateway(webhook: ScalableWebhook) -> list[_Part]:
    gateway = own_gateway(webhook)
    if gateway is None or (api := gateway.measured) is None:
        return []
    requests = [
        api.metric_count(label="requests", statistic="Sum", period=MINUTE),
        api.metric_client_error(label="4xx", statistic="Sum", period=MINUTE),
        api.metric_server_error(label="5xx", statistic="Sum", period=MINUTE),
    ]
    latency = [api.metric_latency(label=p, statistic=p, period=MINUTE) for p in ("p50", "p99")]
    return [("Gateway", [graph("Requests", requests), graph("Time to answer, ms", latency)])]


def _pre_queue(webhook: ScalableWebhook) -> list[_Part]:
    function = webhook.pre_queue_function
    if function is None:
        return []
    refused = [
        own("Refused", "Sum", label=reason, subscription=webhook.metrics_name, refused=reason) for reason in _REFUSED
    ]
    counts = ("Received", "Enqueued", "Filtered")
    arrived = [own(name, "Sum", subscription=webhook.metrics_name) for name in counts]
    return [
        (
            "Pre-queue",
            [
                *_runs(function, timeout=webhook.settings.pre_queue_timeout),
                graph("Received, enqueued, filtered", arrived),
                graph("Refused, by reason", refused, stacked=True),
            ],
        )
    ]


def _title(drain: Drain) -> str:
    return drain.called if drain.has_name else drain.node.id


def _parts_of(webhook: ScalableWebhook, drain: Drain) -> list[_Part]:
    queue, dead = drain.queue, drain.dead_letter_queue
    kind = "" if len(webhook.drains) == 1 else f" ({_title(drain)})"
    waiting = [
        queue.metric_approximate_number_of_messages_visible(label="waiting", statistic="Maximum", period=MINUTE),
        queue.metric_approximate_number_of_messages_not_visible(
            label="being written", statistic="Maximum", period=MINUTE
        ),
    ]
    oldest = queue.metric_approximate_age_of_oldest_message(label="oldest", statistic="Maximum", period=MINUTE)
    lost = [
        dead.metric_approximate_number_of_messages_visible(label="dead letters", statistic="Maximum", period=MINUTE)
    ]
    if webhook.quarantine and drain is webhook.drains[0]:
        lost.append(
            webhook.quarantine.queue.metric_approximate_number_of_messages_visible(
                label="quarantine", statistic="Maximum", period=MINUTE
            )
        )
    kept = (
        f"Queue{kind}",
        [graph("Waiting", waiting), graph("Oldest, seconds", [oldest]), graph("Dead letters", lost)],
    )
    if drain.post_queue_function is None:
        done = queue.metric_number_of_messages_deleted(label="deleted", statistic="Sum", period=MINUTE)
        given = queue.metric_number_of_messages_received(label="received", statistic="Sum", period=MINUTE)
        return [kept, (f"Your consumer{kind}", [graph("Received, deleted", [given, done])])]
    return [
        kept,
        (f"Post-queue{kind}", _post_queue(queue, drain.post_queue_function, drain.settings.post_queue_timeout)),
        (f"Destination{kind}", _destination(webhook, drain)),
    ]


def _post_queue(queue: Queue, function: PythonFunction, timeout: int) -> list[Graph]:
    batch = cloudwatch.MathExpression(
        expression="written / runs",
        label="webhooks in a batch",
        using_metrics={
            "written": queue.metric_number_of_messages_received(statistic="Sum", period=MINUTE),
            "runs": function.metric_invocations(statistic="Sum", period=MINUTE),
        },
        period=MINUTE,
    )
    return [*_runs(function, timeout=timeout), graph("Batch", [batch])]


def _destination(webhook: ScalableWebhook, drain: Drain) -> list[Graph]:
    graphs: list[Graph] = []
    # Only where it has a name, a function counts for its destination as well as for the subscription.
    apart = {"destination": drain.called} if drain.has_name else {}
    if apart or drain is next(each for each in webhook.drains if each.post_queue_function):
        of: dict[str, Any] = {"subscription": webhook.metrics_name, **apart}
        names = ("Stored", "Duplicates", "SameId", "Dropped", "Failed", "Away", *(("Filtered",) if apart else ()))
        counts = [own(name, "Sum", **of) for name in names]
        ages = [own("Age", p, label=p, **of) for p in ("p50", "p99")]
        graphs = [graph("Stored", counts), graph("From arrival to storage, ms", ages)]
    return [*graphs, *(drain.destination.graphs() if isinstance(drain.destination, Destination) else ())]


def _runs(function: PythonFunction, *, timeout: int) -> list[Graph]:
    runs = [
        function.metric_invocations(label="runs", statistic="Sum", period=MINUTE),
        function.metric_errors(label="errors", statistic="Sum", period=MINUTE),
        function.metric_throttles(label="throttles", statistic="Sum", period=MINUTE),
    ]
    at_once = function.metric("ConcurrentExecutions", label="at once", statistic="Maximum", period=MINUTE)
    durations = [function.metric_duration(label=p, statistic=p, period=MINUTE) for p in ("p50", "p99")]
    limit = cloudwatch.HorizontalAnnotation(value=timeout * 1000, label="timeout")
    return [graph("Runs", runs, right=[at_once]), graph("Duration, ms", durations, left_annotations=[limit])]


def _column(part: _Part, width: int) -> cloudwatch.Column:
    title, graphs = part
    heading = cloudwatch.TextWidget(
        markdown=f"## {title}", width=width, height=1, background=cloudwatch.TextWidgetBackground.TRANSPARENT
    )
    return cloudwatch.Column(heading, *(cloudwatch.GraphWidget(width=width, height=5, **each) for each in graphs))


def _shares(columns: int) -> list[int]:
    """Widths that fill the page; the last columns take what is left over."""
    width, left = divmod(_WIDTH, columns)
    return [width + (number >= columns - left) for number in range(columns)]
