"""Messages that go on to a queue, as they are: back to their own, to the dead letters, to quarantine."""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_runtime import aws, log
from nami_runtime.envelope import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

AT_ONCE = 10
"""Messages that SQS takes in one call."""
MAX_DELAY_SECONDS = 900
"""The longest that SQS takes before it gives out a message for the first time."""


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
        attributes = record["attributes"]
        ordered = record.get("eventSourceARN", "").endswith(".fifo")
        return cls(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            attributes["MessageGroupId"] if ordered else None,
            int(attributes["ApproximateReceiveCount"]),
            int(attributes["SentTimestamp"]),
        )


def send_on(messages: Sequence[Message], queue_url: str, deadline: float, *, delay: int = 0) -> set[str]:
    """Sends each message's body to a queue; returns the ids of the messages that the queue has for certain.

    `delay` is in seconds, and a FIFO queue takes none. What a kill leaves in two queues is stored once, by its id.
    """
    taken: set[str] = set()
    for group in _groups(messages):
        entries = [_entry(str(at), message, delay) for at, message in enumerate(group)]
        parameters: dict[str, object] = {"QueueUrl": queue_url, "Entries": entries}
        try:
            answer = aws.client("sqs").call("AmazonSQS.SendMessageBatch", parameters, deadline)
        except (aws.Unavailable, aws.Rejected) as error:
            log.line("WARNING", "a queue does not take what is sent on", queue=queue_url, reason=str(error))
            break
        for said in answer.get("Successful", ()):
            message = group[int(said["Id"])]
            if said.get("MD5OfMessageBody") == md5(message.body.encode(), usedforsecurity=False).hexdigest():
                taken.add(message.id)
    return taken


def hide(seconds: dict[str, int], messages: Sequence[Message], queue_url: str, deadline: float) -> None:
    """Has the queue give these out again after so many seconds from now, by message id; else its own time serves."""
    entries = [
        {"Id": str(at), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds[message.id]}
        for at, message in enumerate(messages)
        if message.id in seconds
    ]
    for start in range(0, len(entries), AT_ONCE):
        parameters: dict[str, object] = {"QueueUrl": queue_url, "Entries": entries[start : start + AT_ONCE]}
        try:
            answer = aws.client("sqs").call("AmazonSQS.ChangeMessageVisibilityBatch", parameters, deadline)
            reason = answer["Failed"][0]["Code"] if answer.get("Failed") else ""
        except (aws.Unavailable, aws.Rejected) as error:
            reason = f"{type(error).__name__}: {error}"
        if reason:
            log.line("WARNING", "the queue keeps its own time for the next try", reason=reason)
            return


def _entry(entry_id: str, message: Message, delay: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": entry_id, "MessageBody": message.body}
    if message.group:
        # The message's own id: what is sent on twice within five minutes is one message there.
        return {**entry, "MessageGroupId": message.group, "MessageDeduplicationId": message.id}
    return {**entry, "DelaySeconds": delay} if delay else entry


def _groups(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """As many as SQS takes at once, by number and by bytes."""
    group: list[Message] = []
    size = 0
    for message in messages:
        length = len(message.body.encode())
        if group and (len(group) == AT_ONCE or size + length > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(message)
        size += length
    if group:
        yield group
