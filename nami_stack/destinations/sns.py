"""Webhooks as messages of a topic, for several consumers of the user's own."""

from collections.abc import Sequence
from typing import Any, Self

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.destination import Destination
from nami_stack.functions import PythonFunction
from nami_stack.settings import Subscription
from nami_stack.watching.graph import Graph, graph
from nami_stack.watching.metrics import MINUTE


class SnsTopic(Destination):
    """A destination: a topic of SNS, each of whose subscriptions gets every webhook, or those that its filter wants.

    A message is the envelope as `QueueOnly` has it in its queue, and a queue that is subscribed with raw delivery has
    the same. Who subscribes owes: a dead-letter queue of the subscription, since SNS gives up what it can't deliver; to
    leave out by its `id` what came before; and to let the consumer read the bodies that lie in S3, as
    `webhook.large_bodies.grant_read` does.

    Args:
        order_by: as in the settings of the subscription, for a topic that keeps the order of each group; such a one has
            FIFO queues as its subscribers.

    Attributes:
        topic: to subscribe to.
    """

    kind = "sns"
    leaves_large_bodies = True

    def __init__(self, scope: Construct, construct_id: str, *, order_by: str | None = None) -> None:
        super().__init__(scope, construct_id)
        self._order_by = order_by
        ordered = order_by is not None
        self.topic = sns.Topic(
            self,
            "Topic",
            fifo=ordered or None,
            # As of the queue before it: repeats are told within a group, and groups do not share one rate.
            fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP if ordered else None,
            # AWS's own key, which all of the account may use that may publish here, and so no queue's policy needs it.
            master_key=kms.Alias.from_alias_name(self, "Key", "alias/aws/sns"),
            enforce_ssl=True,
        )

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """A topic of the subscription's own."""
        return cls(scope, cls.__name__, order_by=subscription.order_by)

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {names.FANOUT_TOPIC_ARN: self.topic.topic_arn}

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to publish."""
        return {"TOPIC_ARN": self.topic.topic_arn, **({"ORDER_BY": self._order_by} if self._order_by else {})}

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function publish."""
        function.allow("sns:Publish", on=self.topic.topic_arn)

    def graphs(self) -> Sequence[Graph]:
        """How many messages come to the subscribers, and how many SNS could not deliver."""
        delivered, failed = self._metric("NumberOfNotificationsDelivered"), self._metric("NumberOfNotificationsFailed")
        return [graph("Topic, messages delivered", [delivered], right=[failed])]

    def _metric(self, name: str) -> cloudwatch.Metric:
        return self.topic.metric(name, statistic="Sum", period=MINUTE)
