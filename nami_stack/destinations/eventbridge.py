"""Webhooks as events on a bus of EventBridge."""

from collections.abc import Sequence
from typing import Any, Self

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.tries import tries_table
from nami_stack.functions import PythonFunction
from nami_stack.settings import Subscription
from nami_stack.watching.graph import Graph, graph
from nami_stack.watching.metrics import MINUTE


class EventBridge(Destination):
    """A destination: a bus, on which each webhook is an event that rules hand on.

    The bus is the account's default one where none is named, so that nothing has to be made before. A table remembers
    for 14 days which deliveries are on it, since EventBridge knows no repeats.

    Who names a bus (`event_bus`) owes: the bus, in this region; a rule with a target; and for one of another account,
    that its policy lets this account put events.

    Args:
        event_bus: its name, or its ARN where it is another account's.
    """

    kind = "eventbridge"
    transforms = True
    leaves_large_bodies = True

    def __init__(self, scope: Construct, construct_id: str, *, event_bus: str = "default") -> None:
        super().__init__(scope, construct_id)
        self.event_bus = event_bus
        self.is_anothers = event_bus.startswith("arn:")
        own = cdk.Stack.of(self).format_arn(service="events", resource="event-bus", resource_name=event_bus)
        self.event_bus_arn = event_bus if self.is_anothers else own
        self.attempts = tries_table(self)

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The bus of the subscription's settings."""
        return cls(scope, cls.__name__, event_bus=subscription.event_bus)

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {names.EVENT_BUS: self.event_bus, names.ATTEMPTS_TABLE: self.attempts.table_name}

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to put events."""
        return {
            "EVENT_BUS": self.event_bus,
            "EVENTS_TABLE": self.attempts.table_name,
            **({"EVENT_BUS_IS_ANOTHERS": "1"} if self.is_anothers else {}),
        }

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function put events, see that the bus is there, and remember what is on it."""
        function.allow("events:PutEvents", on=self.event_bus_arn)
        if not self.is_anothers:  # whose policy lets nobody else look
            function.allow("events:DescribeEventBus", on=self.event_bus_arn)
        self.attempts.grant(function, "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:BatchWriteItem")

    def graphs(self) -> Sequence[Graph]:
        """What is put on every bus of the account, which AWS does not count apart."""
        put = self._metric("PutEventsEntriesCount")
        failed = self._metric("PutEventsFailedEntriesCount")
        return [graph("EventBridge, all of the account", [put], right=[failed])]

    def _metric(self, name: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(namespace="AWS/Events", metric_name=name, statistic="Sum", period=MINUTE)
