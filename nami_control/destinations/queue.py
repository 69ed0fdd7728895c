"""Webhooks that wait in their queue for a consumer of the user's own."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from nami_control.checks import Check, ok, warn
from nami_control.destinations.base import Destination, Find, Looks
from nami_control.errors import UsageError
from nami_control.queues import ages, depth
from nami_control.searching import Store
from nami_stack.watching.settings import OLDEST_SECONDS


class Queue(Destination):
    """What waits is not looked at: whoever receives a message hides it from the consumer, and counts as a try."""

    kind = "queue"
    has_function = False
    shown_by = "ConsumerQueueArn"
    keeps_webhooks = False

    def stored(self, *, query: dict[str, Any], ids: list[str], limit: int, follow: bool) -> Generator[dict[str, Any]]:
        """Nothing can be told of single webhooks."""
        raise self._unread()
        yield  # type: ignore[unreachable]

    @contextmanager
    def opened(self) -> Iterator[Find]:
        """As `stored`."""
        raise self._unread()
        yield  # type: ignore[unreachable]

    @contextmanager
    def browsed(self) -> Iterator[Store]:
        """As `stored`."""
        raise self._unread()
        yield  # type: ignore[unreachable]

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

    def _unread(self) -> UsageError:
        waiting = depth(self.deployment.aws, self.drain.queue_url)
        return UsageError(
            f"--destination {self.drain.destination}: {waiting} webhooks wait in {self.drain.queue_url} for your "
            "consumer, and who looks at one takes it from that; deploy a destination beside it that keeps webhooks, as "
            "in --destination queue,dynamodb"
        )
