"""Messages that go on to a queue, as they are: back to their own, to the dead letters, to quarantine."""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING, Any

from nami_runtime import aws, log
from nami_runtime.envelope import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AT_ONCE = 10
"""Messages that SQS takes in one call."""
MAX_DELAY_SECONDS = 900
"""The longest that SQS takes before it gives out a message for the first time."""

Record = dict[str, Any]


def send_on(records: Sequence[Record], queue_url: str, deadline: float, *, delay: int = 0) -> set[str]:
    """Sends each message's body to a queue; returns the ids of the messages that the queue has for certain.

    `delay` is in seconds, and a FIFO queue takes none. What a kill leaves in two queues is stored once, by its id.
    """
    taken: set[str] = set()
    for group in _groups(records):
        entries = [_entry(str(at), record, delay) for at, record in enumerate(group)]
        parameters: dict[str, object] = {"QueueUrl": queue_url, "Entries": entries}
        try:
            answer = aws.client("sqs").call("AmazonSQS.SendMessageBatch", parameters, deadline)
        except (aws.Unavailable, aws.Rejected) as error:
            log.line("WARNING", "a queue does not take what is sent on", queue=queue_url, reason=str(error))
            break
        for said in answer.get("Successful", ()):
            record = group[int(said["Id"])]
            if said.get("MD5OfMessageBody") == md5(record["body"].encode(), usedforsecurity=False).hexdigest():
                taken.add(record["messageId"])
    return taken


def hide(seconds: dict[str, int], records: Sequence[Record], queue_url: str, deadline: float) -> None:
    """Has the queue give these out again after so many seconds from now, by message id; else its own time serves."""
    entries = [
        {"Id": str(at), "ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": seconds[record["messageId"]]}
        for at, record in enumerate(records if seconds else ())
        if record["messageId"] in seconds
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


def _entry(entry_id: str, record: Record, delay: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": entry_id, "MessageBody": record["body"]}
    if group := record["attributes"].get("MessageGroupId"):
        # The message's own id: what is sent on twice within five minutes is one message there.
        return {**entry, "MessageGroupId": group, "MessageDeduplicationId": record["messageId"]}
    return {**entry, "DelaySeconds": delay} if delay else entry


def _groups(records: Sequence[Record]) -> Iterator[list[Record]]:
    """As many as SQS takes at once, by number and by bytes."""
    group: list[Record] = []
    size = 0
    for record in records:
        length = len(record["body"].encode())
        if group and (len(group) == AT_ONCE or size + length > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(record)
        size += length
    if group:
        yield group
