"""A topic of SNS, whose subscribers get the webhooks."""

from math import ceil

from nami_control.checks import Check, fail, ok, warn
from nami_control.destinations.base import Destination, Looks, Speed
from nami_control.errors import UsageError
from nami_control.planning.assumptions import Assumption, Times
from nami_control.planning.bill import Line, line
from nami_runtime.entries import MAX_ENTRIES
from nami_stack.settings import Subscription

_REQUEST_KB = 64
_SUBSCRIBE_DOCUMENT = "https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html"


class Sns(Destination):
    """Webhooks are published; nothing of them stays to be read."""

    kind = "sns"
    keeps_webhooks = False
    shown_by = "FanoutTopicArn"
    work = Assumption(0.8, "ms of a whole vCPU for a webhook of a batch", "assumed, as of EventBridge")
    write = Assumption(20, "ms for a request of ten", "assumed")

    def looks(self) -> Looks:
        """At the topic, and whether anybody is subscribed to it."""
        return {"topic": self._topic}

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """Ten in a request, one request after the other."""
        return Speed(at_once=MAX_ENTRIES)

    @classmethod
    def burst_lines(cls, subscription: Subscription, stored: float, times: Times) -> list[Line]:
        """The messages, as if each were a request of its own, which a full batch's are not; queues get them free."""
        return [line("SNS", "sns-request", stored * max(ceil(times.body_kb / _REQUEST_KB), 1))]

    def _topic(self) -> Check:
        arn = self.drain.post_queue.environment["TOPIC_ARN"]
        topics = self.deployment.aws.client("sns")
        try:
            attributes = topics.get_topic_attributes(TopicArn=arn)["Attributes"]
        except topics.exceptions.NotFoundException:
            return fail("topic", f"there is no topic {arn} here", "deploy anew; the queue holds the webhooks meanwhile")
        count = int(attributes.get("SubscriptionsConfirmed", 0))
        if not count:
            return warn(
                "topic",
                f"nobody is subscribed to {arn}, so nobody gets the webhooks",
                f"subscribe a queue with raw delivery: {_SUBSCRIBE_DOCUMENT}",
            )
        return ok("topic", f"{arn}, {count} subscription{'s' if count > 1 else ''}")

    def unread(self) -> UsageError:
        """What to do about it."""
        return UsageError(
            f"--destination {self.drain.destination}: a topic keeps nothing of what it has handed on; deploy a "
            "destination beside it that keeps webhooks, as in --destination sns,dynamodb"
        )
