"""Webhooks that wait in their queue for a consumer of the user's own."""

from nami_control.checks import Check, ok, warn
from nami_control.destinations.base import Destination, Looks
from nami_control.errors import UsageError
from nami_control.queues import ages, depth
from nami_stack.watching.settings import OLDEST_SECONDS


class Queue(Destination):
    """What waits is not looked at: whoever receives a message hides it from the consumer, and counts as a try."""

    kind = "queue"
    has_function = False
    shown_by = "ConsumerQueueArn"
    keeps_webhooks = False

    def looks(self) -> Looks:
        """At how many wait, and for how long."""
        return {self.drain.destination: self._waiting}

    def _waiting(self) -> Check:
        aws, url, name = self.deployment.aws, self.drain.queue_url, self.drain.destination
        count = depth(aws, url)
        if not count:
            return ok(name, "nothing waits for your consumer")
        oldest = ages(aws, [url]).get(url, 0.0)
        detail = f"{count} webhooks wait for your consumer" + (f", the oldest for {oldest:.0f} s" if oldest else "")
        if oldest < OLDEST_SECONDS:
            return ok(name, detail)
        return warn(name, detail, f"look at what takes them from {url}; SQS keeps them for queue_retention_days")

    def unread(self) -> UsageError:
        """What to do about it."""
        waiting = depth(self.deployment.aws, self.drain.queue_url)
        return UsageError(
            f"--destination {self.drain.destination}: {waiting} webhooks wait in {self.drain.queue_url} for your "
            "consumer, and who looks at one takes it from that; deploy a destination beside it that keeps webhooks, as "
            "in --destination queue,dynamodb"
        )
