"""What became of a batch, message by message, and who is told of it: the queue and the log."""

from __future__ import annotations

import os
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_runtime import aws, log
from nami_runtime.destinations import Apart, Later
from nami_runtime.envelope import Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.documents import Document

MARGIN_SECONDS = 2.0
"""What is left of the invocation for logging and for answering after the last try."""


_AT_ONCE = 10  # messages that SQS takes in one call


class Item(NamedTuple):
    """A message on its way to the destination; `received_at` is in epoch ms."""

    message_id: str
    received_at: int
    document: Document


class Outcome:
    """What became of each message of a batch.

    `ages` are the ms from a webhook's arrival to its storage; `same_id` are those of `stored` whose id was another's.
    """

    def __init__(self, *, keep_errors: bool = False) -> None:
        self.ages: list[float] = []
        self.stored: list[str] = []
        self.duplicates: list[str] = []
        self.same_id: list[str] = []
        self.failed: list[dict[str, str]] = []
        self.failed_messages: list[str] = []
        self.quarantined: list[dict[str, str]] = []
        self.later: dict[str, int] = {}
        self.errors: dict[str, Exception] = {}
        # An error's traceback holds the documents that were being written, so only who reports it keeps it.
        self._keep_errors = keep_errors

    def add(self, items: Sequence[Item], results: Sequence[str | Exception]) -> None:
        """What the destination says of each."""
        now = int(time() * 1000)
        for (message_id, received_at, document), result in zip(items, results, strict=True):
            delivery_id = result.delivery_id if isinstance(result, Apart) else str(document["_id"])
            if result == "stored":
                self.stored.append(delivery_id)
                if isinstance(result, Apart):
                    self.same_id.append(delivery_id)
                self.ages.append(max(now - received_at, 0))
            elif result == "duplicate":
                self.duplicates.append(delivery_id)
            else:
                self.fail(message_id, delivery_id, result)
                if isinstance(result, Later):
                    self.later[message_id] = result.seconds

    def fail(self, message_id: str, delivery_id: str, cause: str | Exception) -> None:
        """The queue delivers this message again, and it alone."""
        reason = reason_of(cause) if isinstance(cause, Exception) else cause
        if self._keep_errors and isinstance(cause, Exception):
            self.errors.setdefault(reason, cause)
        self.failed.append({"id": delivery_id or message_id, "reason": reason})
        self.failed_messages.append(message_id)

    def postpone(self, records: Sequence[dict[str, Any]]) -> None:
        """Has the queue deliver those in `later` again after so many seconds, not after its own visibility timeout.

        Seconds count from now. Where the queue does not take it, its own timeout serves.
        """
        entries = [
            {"Id": str(at), "ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": seconds}
            for at, record in enumerate(records if self.later else ())
            if (seconds := self.later.get(record["messageId"])) is not None
        ]
        deadline = monotonic() + MARGIN_SECONDS / 2
        for start in range(0, len(entries), _AT_ONCE):
            parameters: dict[str, object] = {
                "QueueUrl": os.environ["QUEUE_URL"],
                "Entries": entries[start : start + _AT_ONCE],
            }
            try:
                answer = aws.client("sqs").call("AmazonSQS.ChangeMessageVisibilityBatch", parameters, deadline)
                reason = answer["Failed"][0]["Code"] if answer.get("Failed") else ""
            except (aws.Unavailable, aws.Rejected) as error:
                reason = reason_of(error)
            if reason:
                log.line("WARNING", "the queue keeps its own time for the next try", reason=reason)
                return

    def log(self, started: float) -> None:
        """One line for the batch that began at `started` (time.monotonic()), and more where there are many ages."""
        subscription = os.environ.get("NAMI_METRICS_NAME") or os.environ.get("NAMI_SUBSCRIPTION", "")
        counts = {
            "Stored": len(self.stored),
            "Duplicates": len(self.duplicates),
            "SameId": len(self.same_id),
            "Failed": len(self.failed),
        }
        metrics: dict[str, log.Values] = {name: count for name, count in counts.items() if count}
        ages = [self.ages[start : start + log.MAX_VALUES] for start in range(0, len(self.ages), log.MAX_VALUES)]
        if ages:
            metrics["Age"] = ages[0]
        log.line(
            "ERROR" if self.failed else "WARNING" if self.quarantined else "INFO",
            "batch",
            metrics,
            subscription=subscription,
            stored=self.stored,
            duplicates=self.duplicates,
            failed=self.failed,
            **({"same_id": self.same_id} if self.same_id else {}),
            **({"quarantined": self.quarantined} if self.quarantined else {}),
            ms=round((monotonic() - started) * 1000, 1),
        )
        for more in ages[1:]:
            log.line("INFO", "ages", {"Age": more}, subscription=subscription)

    def response(self) -> dict[str, Any]:
        """The partial batch response."""
        return {"batchItemFailures": [{"itemIdentifier": message} for message in self.failed_messages]}


def reason_of(error: Exception) -> str:
    """Ours say what happened; of others only the type and the place, because their text could quote a body."""
    if isinstance(error, Unreadable | aws.Unavailable | aws.Rejected):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}{log.place(error)}"
