"""What comes out of local AWS's queues: batches as full as AWS's, and at the same pace however much waits.

ministack's event source stops at ten messages, and for each batch it looks five times through all that is in the queue,
which may be a burst of ten thousands.
"""

import json
import sys
import time
from itertools import islice
from typing import Any

# https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
_BATCH_BYTES = 6 * 1024 * 1024
_SWEEPING = 20  # times as long as a sweep took, until the next one

_Queue = dict[str, Any]
_Message = dict[str, Any]


def register() -> None:
    """Put this in ministack's place.

    Raises:
        AttributeError: ministack's internals have moved.
    """
    from ministack.services import sqs  # noqa: PLC0415 (the CLI runs without ministack)

    taking = _Taking(sqs)
    sqs._receive_messages_for_esm, sqs._delete_messages_for_esm = taking.batch, taking.delete
    sqs._collect_msgs = taking.first


class _Taking:
    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs
        self._collect = sqs._collect_msgs
        self._swept_until: dict[str, float] = {}

    def batch(self, queue_url: str, batch_size: int) -> list[_Message]:
        """Receives for an event source: up to BatchSize messages, or 6 MB."""
        with self._sqs._queues_lock:
            queue = self._sqs._get_q(queue_url)
            policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
            tries = int(policy.get("maxReceiveCount", sys.maxsize))
            self._sweep(queue_url, queue, tries)
            fitting: list[_Message] = []
            size, now = 0, time.time()
            for message in queue["messages"]:
                if message["visible_at"] <= now and message["receive_count"] < tries:
                    size += len(message["body"].encode())
                    if len(fitting) == batch_size or (fitting and size > _BATCH_BYTES):
                        break
                    fitting.append(message)
            # Of a FIFO queue it takes all of them to tell which groups are under way.
            among = queue if queue["is_fifo"] else {"is_fifo": False, "messages": fitting}
            return list(self._collect(among, len(fitting), int(queue["attributes"]["VisibilityTimeout"])))

    def first(self, queue: _Queue, most: int, visibility_timeout: int) -> Any:
        """Receives by hand: looks at no more than it takes, but in a FIFO queue."""
        if not queue["is_fifo"]:
            now = time.time()
            visible = (message for message in queue["messages"] if message["visible_at"] <= now)
            queue = {"is_fifo": False, "messages": [*islice(visible, most)]}
        return self._collect(queue, most, visibility_timeout)

    def delete(self, queue_url: str, handles: set[str]) -> None:
        """Deletes what a batch is done with, which is mostly at the head."""
        with self._sqs._queues_lock:
            messages = self._sqs._get_q(queue_url)["messages"]
            left, kept, seen = set(handles), [], 0
            while left and seen < len(messages):
                if (handle := messages[seen].get("receipt_handle")) in left:
                    left.discard(handle)
                else:
                    kept.append(messages[seen])
                seen += 1
            messages[:seen] = kept

    def _sweep(self, queue_url: str, queue: _Queue, tries: int) -> None:
        """Takes out what is too old, and dead letters."""
        if (started := time.monotonic()) < self._swept_until.get(queue_url, 0) and not queue["is_fifo"]:
            return
        self._sqs._expire_retained(queue)
        former, now = queue["messages"], time.time()
        if any(each["receive_count"] >= tries and each["visible_at"] <= now for each in [*former]):
            self._sqs._dlq_sweep(queue)
            # The server takes no lock: what it was sent meanwhile is in the former list alone.
            there = {id(each) for each in queue["messages"]}
            queue["messages"] += [each for each in former if id(each) not in there and not each["receive_count"]]
        ended = time.monotonic()
        self._swept_until[queue_url] = ended + _SWEEPING * (ended - started)
