"""Webhooks that wait in their queue for a consumer of the user's own."""

from nami_stack.destinations.destination import Destination


class QueueOnly(Destination):
    """A destination: the queue itself, without a function behind it. Verified webhooks wait there as envelopes.

    `webhook.queue.grant_consume(function)` lets a consumer take them. Who consumes owes: to delete what is done, and to
    leave out by its `id` what came before, since SQS delivers at least once.
    """

    kind = "queue"
    has_function = False
    reaches_queues = False
