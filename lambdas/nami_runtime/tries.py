"""How often an ordered webhook was tried, and how it is given up so that its group goes on.

SQS counts each time that it gives a message out: also with an earlier one of its group, which it then waits for, and
while the destination is away. So what was really tried is kept in the bucket of large bodies, once for each failed try,
and the queue's own count is there for what gets past this.
"""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING

from nami_runtime import aws, log, queue

if TYPE_CHECKING:
    from nami_runtime.queue import Message

_PREFIX = "tries/"
# Before SQS deletes what is too old, a group that can't be stored becomes dead letters, one after the other.
_AT_MOST_BEFORE_THE_END = 86_400


class Tries:
    """Of the messages of one batch, within `deadline` (time.monotonic())."""

    def __init__(self, deadline: float) -> None:
        self._limit = int(os.environ.get("MAX_RECEIVES", "0"))
        self._deadline = deadline
        self._begun: dict[str, int] = {}

    def may_begin(self, message: Message) -> bool:
        """Whether it may be tried again.

        Once SQS has given it out often, a try is counted before it begins: it may be what ends the function.
        """
        if self._limit and message.receives > self._limit:
            before = self._read(message)
            if before >= self._limit:
                return False
            self._begun[message.id] = before
            self._write(message, before + 1)
        return True

    def failed(self, message: Message) -> bool:
        """Counts a try; whether it was the last."""
        if not self._limit:
            return False
        before = self._begun.get(message.id)
        if before is None:
            before = self._read(message) if message.receives > 1 else 0
            if before + 1 < self._limit:
                self._write(message, before + 1)
        return before + 1 >= self._limit

    def take_back(self, message: Message) -> None:
        """It was not the webhook that failed."""
        if message.id in self._begun:
            self._write(message, self._begun[message.id])

    def give_up(self, message: Message) -> bool:
        """Makes it a dead letter; whether it is one, so that it can leave the queue."""
        url = os.environ.get("DEAD_LETTERS_URL")
        return bool(url) and bool(queue.send_on([message], url or "", self._deadline))

    def _read(self, message: Message) -> int:
        try:
            return int(self._store().get_object(_PREFIX + message.id, self._deadline))
        except (aws.Unavailable, aws.Rejected, ValueError):  # S3 says 403 for what is not there
            return 0

    def _write(self, message: Message, count: int) -> None:
        try:
            self._store().put_object(_PREFIX + message.id, str(count).encode(), self._deadline)
        except (aws.Unavailable, aws.Rejected) as error:
            log.line("WARNING", "a try is not counted", id=message.id, reason=str(error))

    def _store(self) -> aws.Client:
        return aws.client("s3", bucket=os.environ["CLAIM_CHECK_BUCKET"])


def is_near_its_end(message: Message) -> bool:
    """Whether SQS deletes it soon, because it has kept it for as long as the queue keeps anything."""
    kept = int(os.environ.get("QUEUE_SECONDS") or 0)
    age = time() - message.sent_at / 1000
    return kept > 0 and age > kept - min(_AT_MOST_BEFORE_THE_END, kept / 8)
