"""What became of a batch, message by message, and who is told of it: the queue and the log."""

from __future__ import annotations

import os
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_runtime import aws, documents, envelope, log
from nami_runtime.results import Apart, Away, Later, NotYet

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from nami_runtime.documents import Document
    from nami_runtime.results import Destination

MARGIN_SECONDS = 2.0
"""What is left of the invocation after the last try: for the queue, for logging and for answering."""

# A destination that is away is asked again after so many seconds at first, and then as long as it has been away.
_FIRST_PAUSE_SECONDS = 15
# Once it is known to be away, this long is enough to see that it is back.
_PROBE_SECONDS = 5.0


class Waiting(NamedTuple):
    """A webhook that is not stored for a reason that is not its own; `since` is when its way began, in epoch ms."""

    delivery_id: str
    since: int
    reason: Away


class Item(NamedTuple):
    """A message on its way to the destination, which began at `queued_at` (epoch ms)."""

    message_id: str
    queued_at: int
    document: Document


_away_since: float | None = None  # time.monotonic(); kept between the invocations of one process


class Outcome:
    """What became of each message of a batch; `ages` are the ms that its way to its storage took.

    Attributes:
        same_id: of `stored`, those whose id was another webhook's.
        dropped: those that the user's own processing lets go.
        away: why the destination takes nothing now; None as long as it does.
        waiting: by message id, those that are put off.
        held_back: ids of an ordered group's messages that were not tried, behind one that was not stored.
        staying: ids of the messages that stay in the queue.
        begun: by message id, how many tries were counted with this one, where it was counted as it began.
        later: by message id, after how many seconds the queue is to give them out again.
    """

    def __init__(self, *, keep_errors: bool = False) -> None:
        self.ages: list[float] = []
        self.stored: list[str] = []
        self.duplicates: list[str] = []
        self.same_id: list[str] = []
        self.dropped: list[str] = []
        self.failed: list[dict[str, str]] = []
        self.failed_messages: list[str] = []
        self.quarantined: dict[str, dict[str, str]] = {}
        self.away: Away | None = None
        self.waiting: dict[str, Waiting] = {}
        self.held_back: list[str] = []
        self.begun: dict[str, int] = {}
        self.staying: list[str] = []
        self.later: dict[str, int] = {}
        self.errors: dict[str, Exception] = {}
        # An error's traceback holds the documents that were being written, so only who reports it keeps it.
        self._keep_errors = keep_errors

    def store(self, items: Sequence[Item], destination: Destination, deadline: float) -> None:
        """Has the destination write these together, and notes what it says of each."""
        results = _written([item.document for item in items], destination, deadline)
        now = int(time() * 1000)
        for (message_id, queued_at, document), result in zip(items, results, strict=True):
            delivery_id = result.delivery_id if isinstance(result, Apart) else str(document["_id"])
            if result == "stored":
                self.stored.append(delivery_id)
                if isinstance(result, Apart):
                    self.same_id.append(delivery_id)
                self.ages.append(max(now - queued_at, 0))
            elif result == "duplicate":
                self.duplicates.append(delivery_id)
            else:
                self.fail(message_id, delivery_id, result, queued_at)
        self._note_whether_away(results)

    def _note_whether_away(self, results: Sequence[str | Exception]) -> None:
        global _away_since  # noqa: PLW0603 - of the process, which meets the same destination again
        reasons = [result for result in results if isinstance(result, Away) and not isinstance(result, NotYet)]
        if reasons and len(reasons) == len(results):
            self.away = reasons[0]
            _away_since = monotonic() if _away_since is None else _away_since
        elif results:
            _away_since = None

    def fail(self, message_id: str, delivery_id: str, cause: str | Exception, since: int = 0) -> None:
        """It is not stored; where that is not its own fault, this was no try. `since`: its way began (epoch ms)."""
        if isinstance(cause, Away):
            # Of several documents of one webhook one may have failed by itself: then this was a try.
            if message_id not in self.failed_messages:
                self.waiting[message_id] = Waiting(delivery_id, since, cause)
            return
        self.waiting.pop(message_id, None)
        reason = reason_of(cause) if isinstance(cause, Exception) else cause
        if self._keep_errors and isinstance(cause, Exception):
            self.errors.setdefault(reason, cause)
        self.failed.append({"id": delivery_id or message_id, "reason": reason})
        self.failed_messages.append(message_id)
        if isinstance(cause, Later) and cause.seconds:
            self.later[message_id] = cause.seconds

    def is_open(self, message_id: str) -> bool:
        """Whether nothing of it was put off or has failed so far."""
        return message_id not in self.waiting and message_id not in self.failed_messages

    def quarantine(self, message_id: str, delivery_id: str, reason: str) -> None:
        """This one is not genuine."""
        self.quarantined[message_id] = {"id": delivery_id, "reason": reason}

    def settled(
        self,
        quarantined: Container[str] = (),
        dead: Container[str] = (),
        gone: Container[str] = (),
        waiting: Container[str] = (),
    ) -> None:
        """By message id, what the queues have: what is in quarantine, a dead letter, sent anew, and what may wait."""
        for message_id in [each for each in self.quarantined if each not in quarantined]:
            self.fail(message_id, self.quarantined.pop(message_id)["id"], "the quarantine did not take it")
        for message_id in [each for each in self.waiting if each in dead or each not in waiting]:
            delivery_id, _, reason = self.waiting.pop(message_id)
            self.fail(message_id, delivery_id, Later(reason, reason.seconds))
        for message_id in [each for each in self.held_back if each in dead]:
            self.fail(message_id, message_id, "not reached before the queue would have deleted it")
        waits = [each for each in self.waiting if each not in gone]
        self.staying = [each for each in [*self.failed_messages, *waits, *self.held_back] if each not in dead]

    def patience(self, deadline: float) -> float:
        """Until when a destination may be waited for (time.monotonic())."""
        return deadline if _away_since is None else min(deadline, monotonic() + _PROBE_SECONDS)

    def pause(self, longest: int) -> int:
        """Seconds until those that wait are tried again."""
        asked = max((each.reason.seconds for each in self.waiting.values()), default=0)
        gone = 0.0 if _away_since is None else monotonic() - _away_since
        return int(min(max(_FIRST_PAUSE_SECONDS, gone, asked), longest))

    def log(self, started: float) -> None:
        """One line for the batch that began at `started` (time.monotonic()), and more where it does not fit in one.

        Of those that wait for the destination there is their number and one reason.
        """
        subscription = os.environ.get("NAMI_METRICS_NAME") or os.environ.get("NAMI_SUBSCRIPTION", "")
        of: dict[str, Any] = {"subscription": subscription}
        if name := os.environ.get("DESTINATION_NAME"):
            of["destination"] = name
        counts = {
            "Stored": len(self.stored),
            "Duplicates": len(self.duplicates),
            "SameId": len(self.same_id),
            "Dropped": len(self.dropped),
            "Failed": len(self.failed),
            "Away": len(self.waiting),
        }
        metrics: dict[str, log.Values] = {name: count for name, count in counts.items() if count}
        ages = [self.ages[start : start + log.MAX_VALUES] for start in range(0, len(self.ages), log.MAX_VALUES)]
        if ages:
            metrics["Age"] = ages[0]
        portion, *others = _portions(
            {
                "stored": self.stored,
                "duplicates": self.duplicates,
                "dropped": self.dropped,
                "failed": self.failed,
                "quarantined": list(self.quarantined.values()),
            }
        )
        waiting = self.away or next((each.reason for each in self.waiting.values()), None)
        level = "ERROR" if self.failed or waiting else "WARNING" if self.quarantined else "INFO"
        log.line(
            level,
            "batch",
            metrics,
            **of,
            stored=portion.pop("stored", []),
            duplicates=portion.pop("duplicates", []),
            failed=portion.pop("failed", []),
            **({"same_id": self.same_id} if self.same_id else {}),
            **portion,
            **({"away": {"reason": waiting, "webhooks": len(self.waiting)}} if waiting else {}),
            **({"held_back": len(self.held_back)} if self.held_back else {}),
            ms=round((monotonic() - started) * 1000, 1),
        )
        for portion in others:
            log.line(level, "batch, continued", **of, **portion)
        for more in ages[1:]:
            log.line("INFO", "ages", {"Age": more}, **of)

    def told(self) -> list[dict[str, str]]:
        """What went wrong, each with its reason; a destination that is away once."""
        return [*self.failed, *([{"id": "", "reason": self.away}] if self.away else [])]

    def response(self) -> dict[str, Any]:
        """The partial batch response: what stays in the queue."""
        return {"batchItemFailures": [{"itemIdentifier": message} for message in dict.fromkeys(self.staying)]}


def _written(documents: Sequence[Document], destination: Destination, deadline: float) -> list[str | Exception]:
    """As Destination.write; what that raises stands in the place of the document that it was raised for."""
    results: list[str | Exception] = []
    waiting = [documents]
    while waiting:
        together = waiting.pop(0)
        try:
            results.extend(destination.write(together, deadline))
        except Exception as error:
            if len(together) == 1:
                results.append(error)
            else:  # whichever of them it was, the others are written
                waiting = [[document] for document in together]
    return results


# CloudWatch takes lines of 1 MB, and took 256 KB before 2025; out of one that was cut it takes no metrics:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_LINE_BYTES = 200_000


def _portions(lists: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The lists' entries in portions that a line holds; at least one."""
    portions: list[dict[str, Any]] = [{}]
    size = 0
    for name, entries in lists.items():
        for entry in entries:
            length = len(log.encoded(entry)) + 1
            if size and size + length > _LINE_BYTES:
                portions.append({})
                size = 0
            portions[-1].setdefault(name, []).append(entry)
            size += length
    return portions


def reason_of(error: Exception) -> str:
    """Ours say what happened; of others only the type and the place, because their text could quote a body."""
    if isinstance(error, documents.Unusable):
        return str(error)
    if isinstance(error, envelope.Unreadable | aws.Unavailable | aws.Rejected):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}{log.place(error)}"
