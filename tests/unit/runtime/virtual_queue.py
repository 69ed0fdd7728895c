"""SQS, its event source, and one destination in virtual time: days of waiting take no time to look at.

What is modelled is what AWS documents: a message is hidden while it is being processed and given out again when that
time is up; each time it is given out counts, and once it has been given out often enough it is a dead letter; what is
older than the queue keeps is gone without a word; of a FIFO queue's group nothing is given out while one is hidden.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

import pytest

from nami_runtime import aws, batch, outcome, queue, reading
from nami_runtime.results import Away

VISIBILITY = 181
TIMEOUT = 30
DAY = 86_400
HOUR = 3600


class Ended(BaseException):
    """The platform ends the function: nothing is reported."""


@dataclass
class Message:
    """One in the queue."""

    id: str
    body: str
    group: str | None
    sent: float
    visible: float
    count: int = 0


@dataclass
class World:
    """Everything, at the time `now` (epoch seconds).

    Args:
        away: from when to when the destination is, in seconds after the beginning.
        fails: ids of webhooks that fail by themselves.
        ends: ids of those that end the function.
    """

    patch: pytest.MonkeyPatch
    ordered: bool = False
    away: tuple[float, float] = (0, 0)
    fails: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    retention: float = 4 * DAY
    max_receives: int = 5
    now: float = 1_800_000_000.0
    waiting: list[Message] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    dead_at: dict[str, float] = field(default_factory=dict)
    expired: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    stored_at: dict[str, float] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    invocations: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.start, self._ids = self.now, itertools.count()
        name = "https://sqs/queue" + (".fifo" if self.ordered else "")
        self.patch.setenv("QUEUE_URL", name)
        self.patch.setenv("QUEUE_SECONDS", str(int(self.retention)))
        self.patch.setenv("CLAIM_CHECK_BUCKET", "bodies")
        if self.ordered:
            self.patch.setenv("MAX_RECEIVES", str(self.max_receives))
            self.patch.setenv("DEAD_LETTERS_URL", "https://sqs/dead.fifo")
        self.patch.setattr(aws, "client", lambda *_, **__: self)
        for module in (outcome, queue):
            self.patch.setattr(module, "time", lambda: self.now)
        for module in (outcome, batch, reading, queue):
            self.patch.setattr(module, "monotonic", lambda: self.now)

    # What the functions call.

    def call(self, action: str, given: dict[str, Any], deadline: float) -> dict[str, Any]:
        if action == "AmazonSQS.ChangeMessageVisibilityBatch":
            for entry in given["Entries"]:
                (message,) = (each for each in self.waiting if each.id == entry["ReceiptHandle"])
                message.visible = self.now + entry["VisibilityTimeout"]
            return {"Successful": given["Entries"]}
        assert action == "AmazonSQS.SendMessageBatch"
        said = []
        for entry in given["Entries"]:
            if "dead" in given["QueueUrl"]:
                self._dies(entry["MessageBody"])
            else:
                self.send(entry["MessageBody"], entry.get("MessageGroupId"), entry.get("DelaySeconds", 0))
            said.append({"Id": entry["Id"], "MD5OfMessageBody": md5(entry["MessageBody"].encode()).hexdigest()})
        return {"Successful": said}

    def get_object(self, key: str, deadline: float) -> bytes:
        if key not in self.objects:
            raise aws.Rejected(403, "AccessDenied")
        return self.objects[key]

    def put_object(self, key: str, body: bytes, deadline: float) -> None:
        self.objects[key] = body

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        """As a destination: waits for itself until the deadline, as the real ones do."""
        begin, end = (self.start + each for each in self.away)
        if begin <= self.now < end and deadline < end:
            self.now = deadline
            return [Away("it is away")] * len(documents)
        self.now = max(self.now, end) if begin <= self.now else self.now
        self.tried += [document["_id"] for document in documents]
        if any(document["_id"] in self.ends for document in documents):
            raise Ended
        return [self._store(document["_id"]) for document in documents]

    def _store(self, key: str) -> str:
        if key in self.fails:
            return "no such product"
        if key in self.stored:
            return "duplicate"
        self.stored.append(key)
        self.stored_at[key] = self.now - self.start
        return "stored"

    # What happens by itself.

    def post(self, *ids: str) -> None:
        """The webhooks' arrival; an ordered one's group is the first letter of its id."""
        for key in ids:
            envelope = {
                **{"v": 1, "id": key, "subscription": "s", "received_at": int(self.now * 1000), "method": "POST"},
                **{"path": "/", "query": "", "headers": {}, "source_ip": "", "verified": None, "body": ""},
            }
            self.send(json.dumps(envelope), key[0] if self.ordered else None)

    def send(self, body: str, group: str | None, delay: float = 0) -> None:
        self.waiting.append(Message(f"m{next(self._ids)}", body, group, self.now, self.now + delay))

    def run(self, until: float, *, before: Callable[[], None] = lambda: None) -> None:
        """Until so many seconds after the beginning, or until the queue is empty."""
        while self.waiting and self.now < self.start + until:
            self._expire()
            before()
            if given := self._receive():
                self._invoke(given)
            elif self.waiting:
                self.now = max(self.now + 1, min(message.visible for message in self.waiting))

    def _expire(self) -> None:
        for message in [each for each in self.waiting if self.now - each.sent >= self.retention]:
            self.waiting.remove(message)
            self.expired.append(_id(message.body))

    def _receive(self) -> list[Message]:
        given: list[Message] = []
        hidden = {message.group for message in self.waiting if message.count and message.visible > self.now}
        for message in list(self.waiting):  # in the order in which they were sent
            if message.visible > self.now or (self.ordered and message.group in hidden):
                continue
            message.count += 1
            if message.count > (1000 if self.ordered else self.max_receives):
                self.waiting.remove(message)
                self._dies(message.body)
                continue
            message.visible = self.now + VISIBILITY
            given.append(message)
            if len(given) == (10 if self.ordered else 100):
                break
        return given

    def _invoke(self, given: list[Message]) -> None:
        self.invocations += 1
        began = self.now
        source = "arn:aws:sqs:eu-west-1:123456789012:queue" + (".fifo" if self.ordered else "")
        records = [
            {
                **{"messageId": message.id, "receiptHandle": message.id, "body": message.body},
                **{"eventSourceARN": source, "attributes": _attributes(message)},
            }
            for message in given
        ]
        try:
            said = batch.drain({"Records": records}, self, lambda document: document, self)
        except Ended:
            self.now = began + TIMEOUT
            self.seconds += TIMEOUT
            return
        done = {each.id for each in given} - {item["itemIdentifier"] for item in said["batchItemFailures"]}
        self.waiting = [each for each in self.waiting if each.id not in done]
        self.seconds += self.now - began

    def get_remaining_time_in_millis(self) -> int:
        return TIMEOUT * 1000

    def _dies(self, body: str) -> None:
        self.dead.append(_id(body))
        self.dead_at[_id(body)] = self.now - self.start


def _attributes(message: Message) -> dict[str, str]:
    return {
        "ApproximateReceiveCount": str(message.count),
        "SentTimestamp": str(int(message.sent * 1000)),
        **({"MessageGroupId": message.group} if message.group else {}),
    }


def _id(body: str) -> str:
    return str(json.loads(body)["id"])
