"""What the post-queue function does with a batch: each message on its own, written a group at a time."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from nami_runtime import aws, destinations, documents, envelope, ordering
from nami_runtime.outcome import MARGIN_SECONDS, Item, Outcome, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nami_runtime.destinations import Destination
    from nami_runtime.documents import Document


class Context(Protocol):
    """The part of Lambda's context that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends the invocation."""


def drain(
    event: dict[str, Any], context: Context, process: Callable[[Document], Document], destination: Destination
) -> dict[str, Any]:
    """Writes a batch of SQS messages; what one message raises fails that one alone."""
    started = monotonic()
    deadline = started + context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
    outcome = Outcome(keep_errors=_SENTRY)
    try:
        for wave in ordering.waves(event["Records"], outcome):
            for group in _groups(wave, process, outcome, deadline):
                results = destinations.store(destination, [item.document for item in group], deadline)
                outcome.add(group, results)
    except Exception as error:
        reason = reason_of(error)
        _tell([{"id": "", "reason": reason}], {reason: error}, deadline)
        raise
    outcome.postpone(event["Records"])
    outcome.log(started)
    _tell(outcome.failed, outcome.errors, deadline)
    return outcome.response()


def _tell(failed: list[dict[str, str]], errors: dict[str, Exception], deadline: float) -> None:
    if _SENTRY and failed:
        from nami_runtime import sentry  # noqa: PLC0415 - loaded below, where it is set up

        sentry.report_failed(failed, errors, min(MARGIN_SECONDS / 2, deadline + MARGIN_SECONDS / 2 - monotonic()))


def _groups(
    records: list[dict[str, Any]], process: Callable[[Document], Document], outcome: Outcome, deadline: float
) -> Iterator[list[Item]]:
    """A batch is 100 bodies of up to 6 MB each: those that are parsed and written together must fit the memory."""
    group: list[Item] = []
    size = 0
    for record in records:
        if monotonic() >= deadline:
            outcome.fail(record["messageId"], "", destinations.NO_TIME)
            continue
        if (delivery := _read(record, outcome, deadline)) is None:
            continue
        needed = documents.memory(delivery)
        if group and size + needed > documents.MAX_MEMORY:
            yield group
            group.clear()  # before the next one is built
            size = 0
        try:
            attempts = int(record["attributes"]["ApproximateReceiveCount"])
            document = process(documents.build(delivery, record["messageId"], attempts))
            if not isinstance(document, dict) or "_id" not in document:
                raise TypeError("process must return the document, with its _id")
        except Exception as error:
            outcome.fail(record["messageId"], delivery.delivery_id, error)
        else:
            group.append(Item(record["messageId"], delivery.received_at, document))
            size += needed
            del document  # else the last one would outlive its group
    if group:
        yield group


def _read(record: dict[str, Any], outcome: Outcome, deadline: float) -> envelope.Delivery | None:
    """The delivery with its body; None where it can't be read, or is not genuine."""
    delivery_id, refusal = "", None
    try:
        delivery = envelope.read(record["body"])
        delivery_id = delivery.delivery_id
        if reference := delivery.body_ref:
            store = aws.client("s3", bucket=reference["bucket"])
            delivery.load(store.get_object(reference["key"], deadline))
        if "QUARANTINE_URL" in os.environ:
            from nami_runtime import direct  # noqa: PLC0415 - elsewhere the pre-queue function has verified it

            refusal = direct.refusal(delivery, record, deadline)
    except Exception as error:
        outcome.fail(record["messageId"], delivery_id, error)
        return None
    if refusal is None:
        return delivery
    outcome.quarantined.append({"id": delivery_id, "reason": refusal})
    return None


_SENTRY = bool(os.environ.get("SENTRY_DSN"))
if _SENTRY:
    from nami_runtime import sentry as _  # noqa: F401 - while the function starts, when it has a whole core
