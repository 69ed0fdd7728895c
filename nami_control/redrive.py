"""Dead letters are looked through, and sent back to their queue."""

import time
from typing import Any

from nami_control.aws import Ignoring
from nami_control.dead_letters import DeadLetters
from nami_control.errors import AwsError
from nami_control.letters import Filter, Letter
from nami_control.progress import Progress, unshown
from nami_runtime.queue import AT_ONCE

# What an SQS without the move task says, or SQS where the task does not serve this queue.
_NO_TASK = ("InvalidAction", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")


class Count:
    """How many it is so far, also for whoever interrupts."""

    value = 0


def look(
    letters: DeadLetters, wanted: Filter, limit: int | None, progress: Progress = unshown
) -> tuple[list[Letter], bool]:
    """Letters that match, and whether there may be more."""
    chosen: list[Letter] = []
    with letters.opened() as found, progress("looking through the dead letters", None) as advance:
        for letter in found:
            advance(1)
            if limit is not None and len(chosen) == limit:
                return chosen, True
            if wanted.takes(letter):
                chosen.append(letter)
            if wanted.ids and len(chosen) == len(wanted.ids) and not (wanted.text or wanted.since or wanted.until):
                return chosen, False
    # A FIFO queue gives no more of a group while some of it are being looked at.
    return chosen, letters.is_fifo and letters.count() > len(chosen)


def redrive(
    letters: DeadLetters,
    wanted: Filter = Filter(),  # noqa: B008 (frozen)
    *,
    limit: int | None = None,
    rate: int | None = None,
    redriven: Count | None = None,
    progress: Progress = unshown,
) -> int:
    """Send letters back to their queue, all of them or those that match; returns how many.

    Each is on the queue before it is no longer a dead letter, so nothing is lost when this is interrupted.

    Args:
        limit: at most so many.
        rate: so many a second.
        redriven: counts along, for whoever interrupts.

    Raises:
        AwsError: the queue did not take all of them.
    """
    counted = redriven or Count()
    # SQS's own task spares the way through this machine. It has no filter, and FIFO queues may drop what it moves.
    by_itself = wanted.takes_all and limit is None and letters.has_move_task
    if not (by_itself and move(letters, rate, counted, progress)):
        send_back(letters, wanted, limit, rate, counted, progress)
    return counted.value


def purge(letters: DeadLetters, chosen: list[Letter], progress: Progress = unshown) -> None:
    """Delete letters that `opened` gave for good."""
    with progress("deleting", len(chosen)) as advance:
        for start in range(0, len(chosen), AT_ONCE):
            letters.delete(chosen[start : start + AT_ONCE])
            advance(len(chosen[start : start + AT_ONCE]))


def move(letters: DeadLetters, rate: int | None, redriven: Count, progress: Progress = unshown) -> bool:
    """Let SQS move all letters by itself; False where it can't."""
    said = letters.sqs.get_queue_attributes(QueueUrl=letters.url, AttributeNames=["QueueArn"])
    arn = said["Attributes"]["QueueArn"]
    options: Any = {"MaxNumberOfMessagesPerSecond": rate} if rate else {}
    total = letters.count()
    letters.keep_bodies()
    handle = ""
    with Ignoring(*_NO_TASK):
        handle = letters.sqs.start_message_move_task(SourceArn=arn, **options)["TaskHandle"]
    if not handle:
        return False
    with progress("SQS is moving the dead letters", total) as advance:
        try:
            while True:
                task = letters.sqs.list_message_move_tasks(SourceArn=arn, MaxResults=1)["Results"][0]
                moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
                advance(moved - redriven.value)
                redriven.value = moved
                if task["Status"] not in ("RUNNING", "CANCELLING"):
                    break
                time.sleep(1)
        except KeyboardInterrupt:
            letters.sqs.cancel_message_move_task(TaskHandle=handle)
            raise
    if task["Status"] != "COMPLETED":
        reason = task.get("FailureReason", task["Status"].lower())
        raise AwsError(f"SQS moved {redriven.value} of {total} and stopped: {reason}; run it again for the rest")
    return True


def send_back(
    letters: DeadLetters,
    wanted: Filter,
    limit: int | None,
    rate: int | None,
    redriven: Count,
    progress: Progress = unshown,
) -> None:
    """Send the letters that are meant back, one batch after the other, at most `rate` a second.

    Raises:
        AwsError: the queue did not take all of them.
    """
    pace = Pace(rate)
    sent: set[str] = set()
    total = letters.count()
    with letters.opened() as found, progress("sending back", min(limit or total, total)) as advance:
        waiting: list[Letter] = []

        def flush() -> None:
            taken, messages = letters.send_back(waiting)
            letters.delete(taken)
            # Dead letters that fail again stay the messages that they are; the quarantine gets a new one each time.
            sent.update((letter.id for letter in taken) if letters.in_quarantine else messages)
            redriven.value += len(taken)
            advance(len(taken))
            if len(taken) < len(waiting):
                raise AwsError(
                    f"the queue did not take {len(waiting) - len(taken)} of {len(waiting)}; they stay dead letters, "
                    f"{redriven.value} were sent back; run it again for the rest"
                )
            waiting.clear()

        for letter in found:
            # One that this run sent back and that failed again already is not sent a second time.
            if {letter.id, letter.message_id} & sent or not wanted.takes(letter):
                continue
            waiting.append(letter)
            due = limit is not None and redriven.value + len(waiting) >= limit
            # A FIFO queue gives no more of a group before those that it gave are deleted, and keeps its order.
            if due or letters.is_fifo or len(waiting) >= pace.batch:
                pace.wait(len(waiting))
                flush()
            if due:
                break
        if waiting:
            flush()
    if letters.is_fifo and not wanted.takes_all:
        letters.tell("an ordered queue shows the first of each group; what lies behind others was not looked at")


class Pace:
    """At most so many a second."""

    def __init__(self, rate: int | None) -> None:
        self.batch = min(rate or AT_ONCE, AT_ONCE)
        self._rate = rate
        self._next = time.monotonic()

    def wait(self, count: int) -> None:
        """Return when so many may go."""
        if not self._rate:
            return
        now = time.monotonic()
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + count / self._rate
