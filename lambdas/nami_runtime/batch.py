"""What the post-queue function does with a batch: each message on its own, written a group at a time."""

from __future__ import annotations

import os
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from nami_runtime import aws, documents, envelope, log, ordering
from nami_runtime.destinations import Later
from nami_runtime.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nami_runtime.destinations import Destination
    from nami_runtime.documents import Document

    Read = tuple[dict[str, Any], envelope.Delivery]  # the record, and what is in it

# What is left of the invocation for logging and for answering after the last try.
MARGIN_SECONDS = 2.0


class Context(Protocol):
    """The part of Lambda's context that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends the invocation."""


class Item(NamedTuple):
    """A message on its way to the destination; `received_at` is in epoch ms."""

    message_id: str
    received_at: int
    document: Document


def drain(
    event: dict[str, Any], context: Context, process: Callable[[Document], Document], destination: Destination
) -> dict[str, Any]:
    """Writes a batch of SQS messages; what one message raises fails that one alone."""
    started = monotonic()
    deadline = started + context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
    outcome = Outcome(keep_errors=_SENTRY)
    try:
        for wave in ordering.waves(event["Records"], outcome):
            for group in _groups(_deliveries(wave, outcome, deadline)):
                if items := list(_items(group, process, outcome)):
                    _write(items, destination, outcome, deadline)
                    items.clear()  # before the next ones are built
    except Exception as error:
        reason = _reason(error)
        _tell([{"id": "", "reason": reason}], {reason: error}, deadline)
        raise
    _postpone(event["Records"], outcome.later)
    _log(outcome, started)
    _tell(outcome.failed, outcome.errors, deadline)
    return outcome.response()


def _tell(failed: list[dict[str, str]], errors: dict[str, Exception], deadline: float) -> None:
    if _SENTRY and failed:
        from nami_runtime import sentry  # noqa: PLC0415 - loaded below, where it is set up

        sentry.report_failed(failed, errors, min(MARGIN_SECONDS / 2, deadline + MARGIN_SECONDS / 2 - monotonic()))


def _log(outcome: Outcome, started: float) -> None:
    subscription = os.environ.get("NAMI_METRICS_NAME") or os.environ.get("NAMI_SUBSCRIPTION", "")
    counts = {"Stored": len(outcome.stored), "Duplicates": len(outcome.duplicates), "Failed": len(outcome.failed)}
    metrics: dict[str, log.Values] = {name: count for name, count in counts.items() if count}
    ages = [outcome.ages[start : start + log.MAX_VALUES] for start in range(0, len(outcome.ages), log.MAX_VALUES)]
    if ages:
        metrics["Age"] = ages[0]
    log.line(
        "ERROR" if outcome.failed else "WARNING" if outcome.quarantined else "INFO",
        "batch",
        metrics,
        subscription=subscription,
        stored=outcome.stored,
        duplicates=outcome.duplicates,
        failed=outcome.failed,
        **({"quarantined": outcome.quarantined} if outcome.quarantined else {}),
        ms=round((monotonic() - started) * 1000, 1),
    )
    for more in ages[1:]:
        log.line("INFO", "ages", {"Age": more}, subscription=subscription)


def _deliveries(records: list[dict[str, Any]], outcome: Outcome, deadline: float) -> Iterator[Read]:
    for record in records:
        message_id, delivery_id = record["messageId"], ""
        try:
            delivery = envelope.read(record["body"])
            delivery_id = delivery.id
            if delivery.body_ref:
                reference = delivery.body_ref
                store = aws.client("s3", bucket=reference["bucket"])
                delivery.load(store.get_object(reference["key"], deadline))
            if (reason := _refusal(delivery, record, deadline)) is not None:
                outcome.quarantined.append({"id": delivery_id, "reason": reason})
                continue
        except Exception as error:
            outcome.fail(message_id, delivery_id, _reason(error), error)
        else:
            yield record, delivery


def _groups(deliveries: Iterable[Read]) -> Iterator[list[Read]]:
    """A batch is 100 bodies of up to 6 MB each: those that are parsed and written together must fit the memory."""
    group: list[Read] = []
    size = 0
    for each in deliveries:
        needed = documents.memory(each[1])
        if group and size + needed > documents.MAX_MEMORY:
            yield group
            group.clear()
            size = 0
        group.append(each)
        size += needed
    if group:
        yield group


def _items(group: list[Read], process: Callable[[Document], Document], outcome: Outcome) -> Iterator[Item]:
    for record, delivery in group:
        try:
            attempts = int(record["attributes"]["ApproximateReceiveCount"])
            document = process(documents.build(delivery, record["messageId"], attempts))
            if not isinstance(document, dict) or "_id" not in document:
                raise TypeError("process must return the document, with its _id")
        except Exception as error:
            outcome.fail(record["messageId"], delivery.id, _reason(error), error)
        else:
            yield Item(record["messageId"], delivery.received_at, document)


def _refusal(delivery: envelope.Delivery, record: dict[str, Any], deadline: float) -> str | None:
    if "QUARANTINE_URL" not in os.environ:
        return None
    from nami_runtime import direct  # noqa: PLC0415 - elsewhere the pre-queue function has verified it

    return direct.refusal(delivery, record, deadline)


def _write(group: list[Item], destination: Destination, outcome: Outcome, deadline: float) -> None:
    raised: Exception | None = None
    try:
        results = destination.write([item.document for item in group], deadline)
    except Exception as error:
        if len(group) > 1:  # whichever of them it was, the others are written
            for item in group:
                _write([item], destination, outcome, deadline)
            return
        results, raised = [_reason(error)], error
    now = int(time() * 1000)
    for (message_id, received_at, document), result in zip(group, results, strict=True):
        delivery_id = str(document["_id"])
        if result == "stored":
            outcome.stored.append(delivery_id)
            outcome.ages.append(max(now - received_at, 0))
        elif result == "duplicate":
            outcome.duplicates.append(delivery_id)
        else:
            outcome.fail(message_id, delivery_id, result, raised)
            if isinstance(result, Later):
                outcome.later[message_id] = result.seconds


def _postpone(records: list[dict[str, Any]], later: dict[str, int]) -> None:
    """Has the queue deliver these messages again after so many seconds, not after its own visibility timeout.

    Seconds count from now. Where the queue does not take it, its own timeout serves.
    """
    for record in records if later else ():
        if (seconds := later.get(record["messageId"])) is None:
            continue
        parameters = {
            "QueueUrl": os.environ["QUEUE_URL"],
            "ReceiptHandle": record["receiptHandle"],
            "VisibilityTimeout": seconds,
        }
        try:
            deadline = monotonic() + MARGIN_SECONDS / 4
            aws.client("sqs").call("AmazonSQS.ChangeMessageVisibility", parameters, deadline)
        except (aws.Unavailable, aws.Rejected) as error:
            log.line("WARNING", "the queue keeps its own time for the next try", reason=_reason(error))
            return


def _reason(error: Exception) -> str:
    """Ours say what happened; of others only the type and the place, because their text could quote a body."""
    if isinstance(error, envelope.Unreadable | aws.Unavailable | aws.Rejected):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}{log.place(error)}"


_SENTRY = bool(os.environ.get("SENTRY_DSN"))
if _SENTRY:
    from nami_runtime import sentry as _  # noqa: F401 - while the function starts, when it has a whole core
