"""What the queue is told of a batch's messages: sent back, given up, hidden for a while.

SQS counts each time that it gives a message out. Of an ordered queue it counts also those in which one only waits
behind another, so what was really tried is kept in the bucket of large bodies, once for each failed try.
"""

from __future__ import annotations

import os
from collections import deque
from hashlib import md5
from operator import attrgetter
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nami_runtime import aws, log
from nami_runtime.envelope import MAX_BYTES
from nami_runtime.outcome import MARGIN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Self

    from nami_runtime.outcome import Outcome

_T = TypeVar("_T")
AT_ONCE = 10
"""Messages that SQS takes in one call."""
# The longest that SQS takes before it gives out a message for the first time.
_LONGEST_DELAY_SECONDS = 900
# Each costs one of the thousand receives that SQS allows at the most: they outlast the 14 days that it keeps a message.
_LONGEST_ORDERED_PAUSE_SECONDS = 1800
# Before SQS deletes what is too old, a group that can't be stored becomes dead letters, one after the other.
_AT_MOST_BEFORE_THE_END = 86_400
_TRIES = "tries/"


class Message(NamedTuple):
    """One that SQS gave out: how often so far, when it was sent (epoch ms), and its group where the queue is FIFO."""

    id: str
    receipt: str
    body: str
    group: str | None
    receives: int
    sent_at: int

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        """A record of the event: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
        attributes = record.get("attributes", {})
        ordered = record.get("eventSourceARN", "").endswith(".fifo")
        return cls(
            record["messageId"],
            record.get("receiptHandle", ""),
            record["body"],
            attributes["MessageGroupId"] if ordered else None,
            int(attributes.get("ApproximateReceiveCount", 1)),
            int(attributes.get("SentTimestamp", time() * 1000)),
        )


def waves(messages: Sequence[Message], outcome: Outcome, deadline: float) -> Iterator[Sequence[Message]]:
    """The messages in the order in which they may be written: each wave once the one before is.

    Before the first wave, an ordered queue's tries are counted; after the last one, the queue is told what to do with
    those that were not stored.
    """
    _begin(messages, outcome, deadline)
    if not messages or messages[0].group is None:
        yield messages
    else:
        yield from _ordered(messages, outcome)
    _settle(messages, outcome, deadline)


def _begin(messages: Sequence[Message], outcome: Outcome, limit: float) -> None:
    """Counts a try before it begins, once SQS has given an ordered group's first one out often.

    It may be what ends the function. One that was counted too often fails here, and is not tried.
    """
    most = int(os.environ.get("MAX_RECEIVES") or 0)
    seen: set[str] = set()
    for message in messages:
        if message.group is None or message.group in seen:
            continue
        seen.add(message.group)
        if 0 < most < message.receives:
            outcome.begun[message.id] = tries = _count(message, 1, limit)
            if tries > most:
                outcome.fail(message.id, message.id, "tried too often: the function was ended each time")


def _ordered(messages: Sequence[Message], outcome: Outcome) -> Iterator[Sequence[Message]]:
    """Each wave holds the next message of every group; once one is not stored, the rest of its group stays untried."""
    groups: dict[str | None, deque[Message]] = {}
    for message in messages:
        groups.setdefault(message.group, deque()).append(message)
    while groups:
        wave = {group: waiting.popleft() for group, waiting in groups.items()}
        yield [message for message in wave.values() if message.id not in outcome.failed_messages]
        for group, message in wave.items():
            if message.id in outcome.waiting or message.id in outcome.failed_messages:
                outcome.held_back += [later.id for later in groups[group]]
                groups[group].clear()
            if not groups[group]:
                del groups[group]


def _settle(messages: Sequence[Message], outcome: Outcome, deadline: float) -> None:
    """Has the queue do what it is to do with those that were not stored.

    Those that wait for the destination go back as new messages, which have all their tries, until they are as old as
    the queue keeps any: from then on each time counts. An ordered queue's would lose their place, and are hidden.
    """
    limit = max(deadline, monotonic()) + MARGIN_SECONDS / 2
    moved: dict[str, set[str]] = {}
    if outcome.quarantined:
        moved["quarantined"] = send_on([m for m in messages if m.id in outcome.quarantined], "QUARANTINE_URL", limit)
    if messages and messages[0].group is not None:
        moved["dead"], moved["waiting"] = _settle_ordered(messages, outcome, limit), set(outcome.waiting)
    elif outcome.waiting:
        oldest = (time() - int(os.environ.get("QUEUE_SECONDS") or 0)) * 1000
        young = [m for m in messages if m.id in outcome.waiting and outcome.waiting[m.id].since > oldest]
        pause = outcome.pause(_LONGEST_DELAY_SECONDS)
        moved["gone"] = moved["waiting"] = send_on(young, "QUEUE_URL", limit, delay=pause)
    outcome.settled(**moved)
    _hide(messages, outcome.later, limit)


def _settle_ordered(messages: Sequence[Message], outcome: Outcome, limit: float) -> set[str]:
    """The first of each group that is not stored decides for those behind it, which were not tried.

    Returns the ids of those that are dead letters by now.
    """
    pause = outcome.pause(_LONGEST_ORDERED_PAUSE_SECONDS)
    dead: set[str] = set()
    seconds: dict[str | None, int | None] = {}  # that a group is hidden for; None: the queue's own time
    for message in messages:
        if message.group in seconds:
            # Behind a dead letter: the group goes on at once, unless the destination is away for all of it.
            last = seconds[message.group] == 0 and outcome.away is not None and _is_near_its_end(message)
        elif message.id in outcome.waiting:
            seconds[message.group], last = pause, _is_near_its_end(message)
            if message.id in outcome.begun:
                _count(message, -1, limit)  # it was not the webhook that failed
        elif message.id in outcome.failed_messages:
            tries = outcome.begun.get(message.id) or _count(message, 1, limit)
            last = 0 < int(os.environ.get("MAX_RECEIVES") or 0) <= tries or _is_near_its_end(message)
            seconds[message.group] = outcome.later.get(message.id)
        else:
            continue
        if last and send_on([message], "DEAD_LETTERS_URL", limit):
            dead.add(message.id)
            seconds[message.group] = 0
        elif (hidden := seconds[message.group]) is not None:
            outcome.later[message.id] = hidden
    return dead


def send_on(messages: Sequence[Message], queue: str, deadline: float, *, delay: int = 0) -> set[str]:
    """Sends each message's body to the queue whose URL is in the environment; the ids of those that it has for certain.

    `delay` is in seconds, and a FIFO queue takes none. What a kill leaves in two queues is stored once, by its id.
    """
    taken: set[str] = set()
    for group in together(messages if os.environ.get(queue) else (), attrgetter("body")):
        entries = [_entry(str(at), message, delay) for at, message in enumerate(group)]
        parameters: dict[str, object] = {"QueueUrl": os.environ[queue], "Entries": entries}
        try:
            answer = aws.client("sqs").call("AmazonSQS.SendMessageBatch", parameters, deadline)
        except (aws.Unavailable, aws.Rejected) as error:
            log.line("WARNING", "a queue does not take what is sent on", queue=os.environ[queue], reason=str(error))
            break
        for said in answer.get("Successful", ()):
            message = group[int(said["Id"])]
            if said.get("MD5OfMessageBody") == md5(message.body.encode(), usedforsecurity=False).hexdigest():
                taken.add(message.id)
    return taken


def _entry(entry_id: str, message: Message, delay: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": entry_id, "MessageBody": message.body}
    if message.group is not None:
        # The message's own id: what is sent on twice within five minutes is one message there.
        return {**entry, "MessageGroupId": message.group, "MessageDeduplicationId": message.id}
    return {**entry, "DelaySeconds": delay} if delay else entry


def together(items: Iterable[_T], text: Callable[[_T], str]) -> Iterator[list[_T]]:
    """As many at once as SQS takes, by number and by the bytes of each one's text."""
    group: list[_T] = []
    size = 0
    for item in items:
        length = len(text(item).encode())
        if group and (len(group) == AT_ONCE or size + length > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(item)
        size += length
    if group:
        yield group


def _hide(messages: Sequence[Message], seconds: dict[str, int], deadline: float) -> None:
    """Has the queue give these out again after so many seconds from now, by message id; else its own time serves."""
    entries = [
        {"Id": str(at), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds[message.id]}
        for at, message in enumerate(messages)
        if message.id in seconds
    ]
    for start in range(0, len(entries), AT_ONCE):
        some = entries[start : start + AT_ONCE]
        parameters: dict[str, object] = {"QueueUrl": os.environ["QUEUE_URL"], "Entries": some}
        try:
            answer = aws.client("sqs").call("AmazonSQS.ChangeMessageVisibilityBatch", parameters, deadline)
            reason = answer["Failed"][0]["Code"] if answer.get("Failed") else ""
        except (aws.Unavailable, aws.Rejected) as error:
            reason = f"{type(error).__name__}: {error}"
        if reason:
            log.line("WARNING", "the queue keeps its own time for the next try", reason=reason)
            return


def _is_near_its_end(message: Message) -> bool:
    """Whether SQS deletes it soon, because it has kept it for as long as the queue keeps anything."""
    kept = int(os.environ.get("QUEUE_SECONDS") or 0)
    return kept > 0 and time() - message.sent_at / 1000 > kept - min(_AT_MOST_BEFORE_THE_END, kept / 8)


def _count(message: Message, more: int, deadline: float) -> int:
    """How many tries were counted with these; what is not counted is tried once more."""
    if "MAX_RECEIVES" not in os.environ:
        return 0
    store, key = aws.client("s3", bucket=os.environ["CLAIM_CHECK_BUCKET"]), f"{_TRIES}{message.id}"
    try:
        before = int(store.get_object(key, deadline)) if message.receives > 1 else 0
    except (aws.Unavailable, aws.Rejected, ValueError):  # S3 says 403 for what is not there
        before = 0
    try:
        store.put_object(key, str(before + more).encode(), deadline)
    except (aws.Unavailable, aws.Rejected) as error:
        log.line("WARNING", "a try is not counted", reason=str(error))
    return before + more
