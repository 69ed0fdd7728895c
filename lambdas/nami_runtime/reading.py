"""From the queue's messages to documents: each message on its own, and so many at once as fit the memory."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from nami_runtime import aws, contents, documents, envelope
from nami_runtime.outcome import Item, Outcome
from nami_runtime.results import NO_TIME, Away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nami_runtime.documents import Document, Processed
    from nami_runtime.queue import Message


def groups(
    messages: Sequence[Message], process: Callable[[Document], Processed], outcome: Outcome, deadline: float
) -> Iterator[list[Item]]:
    """A batch is 100 bodies of up to 6 MB each: those that are parsed and written together must fit the memory."""
    group: list[Item] = []
    size = 0
    for message in messages:
        if monotonic() >= deadline:
            outcome.fail(message.id, "", NO_TIME)
            continue
        if (delivery := _read(message, outcome, deadline)) is None:
            continue
        content = contents.opened(delivery.body, delivery.headers)
        if group and size + content.memory > contents.MAX_MEMORY:
            yield group
            group.clear()  # before the next one is built
            size = 0
        try:
            made = documents.made(process, delivery, content, message.id, message.receives)
        except Exception as error:
            outcome.fail(message.id, delivery.delivery_id, error)
            continue
        if not made:
            outcome.dropped.append(delivery.delivery_id)
        for place in range(len(made)):
            if place and (message.group is not None or size + content.memory > contents.MAX_MEMORY):
                yield group
                group.clear()
                size = 0
                # In order, none overtakes one before it.
                if message.group is not None and not outcome.is_open(message.id):
                    break
            group.append(Item(message.id, delivery.queued_at, made[place]))
            size += content.memory
        made.clear()  # else the last one would outlive its group
    if group:
        yield group


def _read(message: Message, outcome: Outcome, deadline: float) -> envelope.Delivery | None:
    """The delivery with its body; None where it can't be read, is not genuine, or waits for the destination."""
    delivery, delivery_id, refusal = None, "", None
    try:
        delivery = envelope.read(message.body)
        delivery_id = delivery.delivery_id
        if outcome.away:
            outcome.fail(message.id, delivery_id, outcome.away, delivery.queued_at)
            return None
        if reference := delivery.body_ref:
            store = aws.client("s3", bucket=reference["bucket"])
            delivery.load(store.get_object(reference["key"], deadline))
        # What is replayed was genuine when it was stored, and may be older than its signature holds.
        if "QUARANTINE_URL" in os.environ and delivery.replayed_at is None:
            from nami_runtime import direct  # noqa: PLC0415 - elsewhere the pre-queue function has verified it

            refusal = direct.refusal(delivery, message.sent_at / 1000, deadline)
    except aws.Unavailable as error:
        outcome.fail(message.id, delivery_id, Away(f"Unavailable: {error}"), delivery.queued_at if delivery else 0)
        return None
    except Exception as error:
        outcome.fail(message.id, delivery_id, error)
        return None
    if refusal is None:
        return delivery
    outcome.quarantine(message.id, delivery_id, refusal)
    return None
