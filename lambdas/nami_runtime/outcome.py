"""What became of a batch, message by message, and who is told of it: the queue and the log."""

from __future__ import annotations

import os
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_runtime import aws, envelope, log, queue
from nami_runtime.destinations import Away, Later

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nami_runtime.documents import Document
    from nami_runtime.queue import Message

MARGIN_SECONDS = 2.0
"""What is left of the invocation for logging and for answering after the last try."""

# A destination that is away is asked again after so many seconds at first, and then as long as it has been away.
_FIRST_PAUSE_SECONDS = 15
# Of an ordered queue, where each costs one of the receives that SQS allows: a thousand of them outlast its 14 days.
_LONGEST_ORDERED_PAUSE_SECONDS = 1800
# Once it is known to be away, this long is enough to see that it is back.
_PROBE_SECONDS = 5.0
# What sending one message on takes of a batch's time, at ten in a call.
_SEND_SECONDS = 0.002


class Item(NamedTuple):
    """A message on its way to the destination; `received_at` is in epoch ms."""

    message_id: str
    received_at: int
    document: Document


_away_since: float | None = None  # time.monotonic(); kept between the invocations of one process


class Outcome:
    """What became of each message of a batch; `ages` are the ms from a webhook's arrival to its storage.

    Attributes:
        away: why the destination takes nothing now; empty as long as it does.
        waiting: message id → why, of those that failed for a reason that is not their own.
    """

    def __init__(self, messages: Sequence[Message], *, keep_errors: bool = False) -> None:
        self._messages = messages
        self.ages: list[float] = []
        self.stored: list[str] = []
        self.duplicates: list[str] = []
        self.failed: list[dict[str, str]] = []
        self.failed_messages: list[str] = []
        self.quarantined: dict[str, dict[str, str]] = {}
        self.away: Away | None = None
        self.waiting: dict[str, Away] = {}
        self.later: dict[str, int] = {}
        self.errors: dict[str, Exception] = {}
        # An error's traceback holds the documents that were being written, so only who reports it keeps it.
        self._keep_errors = keep_errors

    def add(self, items: Sequence[Item], results: Sequence[str | Exception]) -> None:
        """What the destination says of each."""
        now = int(time() * 1000)
        for (message_id, received_at, document), result in zip(items, results, strict=True):
            delivery_id = str(document["_id"])
            if result == "stored":
                self.stored.append(delivery_id)
                self.ages.append(max(now - received_at, 0))
            elif result == "duplicate":
                self.duplicates.append(delivery_id)
            elif isinstance(result, Away):
                self.put_off(message_id, result)
            else:
                self.fail(message_id, delivery_id, result)
                if isinstance(result, Later):
                    self.later[message_id] = result.seconds
        self._note_whether_away(results)

    def _note_whether_away(self, results: Sequence[str | Exception]) -> None:
        global _away_since  # noqa: PLW0603 - of the process, which meets the same destination again
        reasons = [result for result in results if isinstance(result, Away)]
        if reasons and len(reasons) == len(results):
            self.away = reasons[0]
            _away_since = monotonic() if _away_since is None else _away_since
        elif results:
            _away_since = None

    def fail(self, message_id: str, delivery_id: str, cause: str | Exception) -> None:
        """The queue delivers this message again, and it alone; a try of its own is gone."""
        reason = reason_of(cause) if isinstance(cause, Exception) else cause
        if self._keep_errors and isinstance(cause, Exception):
            self.errors.setdefault(reason, cause)
        self.failed.append({"id": delivery_id or message_id, "reason": reason})
        self.failed_messages.append(message_id)

    def put_off(self, message_id: str, reason: Away) -> None:
        """Nothing is wrong with this one: it is tried again, and this was no try."""
        self.waiting[message_id] = reason

    def quarantine(self, message_id: str, delivery_id: str, reason: str) -> None:
        """This one is not genuine."""
        self.quarantined[message_id] = {"id": delivery_id, "reason": reason}

    def hold_back(self, message_ids: Iterable[str], *, behind: str) -> None:
        """These of an ordered group wait for one that failed, or is put off, and are given out no sooner.

        While one of a group is hidden, SQS gives out none of the others.
        """
        for message_id in message_ids:
            if behind in self.waiting:
                self.put_off(message_id, self.waiting[behind])
                continue
            self.fail(message_id, "", "held back by an earlier one of its group")
            if behind in self.later:
                self.later[message_id] = self.later[behind]

    def gave_up(self, message: Message) -> None:
        """It is a dead letter by now, and leaves the queue."""
        if reason := self.waiting.pop(message.id, None):
            why = f"not stored before the queue would have deleted it: {reason}"
            self.fail(message.id, delivery_id(message), why)
        self.failed_messages.remove(message.id)

    def patience(self, deadline: float) -> float:
        """Until when a destination may be waited for (time.monotonic()).

        What is left is enough to send the batch on.
        """
        now = monotonic()
        if _away_since is not None:
            return min(deadline, now + _PROBE_SECONDS)
        return max(deadline - len(self._messages) * _SEND_SECONDS, (now + deadline) / 2)

    def settle(self, deadline: float) -> None:
        """Has the queue do what it is to do with those that are neither stored nor a failure of their own.

        Those that wait for the destination go back to their queue as new messages, which have all their tries, until
        they are as old as the queue keeps any: from then on each time counts. An ordered group's can't be sent anew
        without losing their place, and are hidden.
        """
        limit = max(deadline, monotonic()) + MARGIN_SECONDS / 2
        if self.quarantined:
            refused = [message for message in self._messages if message.id in self.quarantined]
            taken = queue.send_on(refused, os.environ["QUARANTINE_URL"], limit)
            for message_id in [each for each in self.quarantined if each not in taken]:
                self.fail(message_id, self.quarantined.pop(message_id)["id"], "the quarantine did not take it")
        waiting = [message for message in self._messages if message.id in self.waiting]
        if self._is_ordered():
            self.later |= dict.fromkeys(self.waiting, self._pause(_LONGEST_ORDERED_PAUSE_SECONDS))
        elif waiting:
            young = [message for message in waiting if _is_young(message)]
            pause = self._pause(queue.MAX_DELAY_SECONDS)
            taken = queue.send_on(young, os.environ["QUEUE_URL"], limit, delay=pause)
            for message in waiting:
                if message.id not in taken:
                    reason = self.waiting.pop(message.id)
                    self.fail(message.id, delivery_id(message), reason)
                    self.later |= {message.id: reason.seconds} if reason.seconds else {}
        if self.later:
            queue.hide(self.later, self._messages, os.environ["QUEUE_URL"], limit)

    def _pause(self, longest: int) -> int:
        """Seconds until those that wait are tried again."""
        asked = max((reason.seconds for reason in self.waiting.values()), default=0)
        gone = 0.0 if _away_since is None else monotonic() - _away_since
        return int(min(max(_FIRST_PAUSE_SECONDS, gone, asked), longest))

    def _is_ordered(self) -> bool:
        return bool(self._messages) and self._messages[0].group is not None

    def log(self, started: float) -> None:
        """One line for the batch that began at `started` (time.monotonic()), and more where it does not fit in one.

        Of those that wait for the destination there is their number and one reason.
        """
        subscription = os.environ.get("NAMI_METRICS_NAME") or os.environ.get("NAMI_SUBSCRIPTION", "")
        counts = {
            "Stored": len(self.stored),
            "Duplicates": len(self.duplicates),
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
                "failed": self.failed,
                "quarantined": list(self.quarantined.values()),
            }
        )
        waiting = self.away or next(iter(self.waiting.values()), None)
        level = "ERROR" if self.failed or waiting else "WARNING" if self.quarantined else "INFO"
        log.line(
            level,
            "batch",
            metrics,
            subscription=subscription,
            stored=portion.pop("stored", []),
            duplicates=portion.pop("duplicates", []),
            failed=portion.pop("failed", []),
            **portion,
            **({"away": {"reason": waiting, "webhooks": len(self.waiting)}} if waiting else {}),
            ms=round((monotonic() - started) * 1000, 1),
        )
        for portion in others:
            log.line(level, "batch, continued", subscription=subscription, **portion)
        for more in ages[1:]:
            log.line("INFO", "ages", {"Age": more}, subscription=subscription)

    def told(self) -> list[dict[str, str]]:
        """What went wrong, each with its reason; a destination that is away once."""
        waiting = self.away or next(iter(self.waiting.values()), None)
        return [*self.failed, *([{"id": "", "reason": waiting}] if waiting else [])]

    def response(self) -> dict[str, Any]:
        """The partial batch response: those that wait stay in an ordered queue, and are in another one anew."""
        staying = self.waiting if self._is_ordered() else ()
        return {"batchItemFailures": [{"itemIdentifier": message} for message in [*self.failed_messages, *staying]]}


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


def _is_young(message: Message) -> bool:
    """Whether it came in less long ago than the queue keeps a message."""
    kept = int(os.environ.get("QUEUE_SECONDS") or 0)
    try:
        return time() - envelope.read(message.body).received_at / 1000 < kept
    except envelope.Unreadable:
        return False


def delivery_id(message: Message) -> str:
    """Of the webhook in it, by which a dead letter's reason is found; the message's where it can't be read."""
    try:
        return envelope.read(message.body).delivery_id
    except envelope.Unreadable:
        return message.id


def reason_of(error: Exception) -> str:
    """Ours say what happened; of others only the type and the place, because their text could quote a body."""
    if isinstance(error, envelope.Unreadable | aws.Unavailable | aws.Rejected):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}{log.place(error)}"
