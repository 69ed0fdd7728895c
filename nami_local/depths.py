"""How many messages wait in each queue and since when, as SQS tells CloudWatch; ministack's SQS tells nobody."""

import threading
import time
from itertools import count
from operator import itemgetter
from typing import Any

_EVERY = 10  # seconds, where nothing waits; else each second, so that a short peak is seen


def sample() -> None:
    """Write it down from now on, until the process ends."""
    from ministack.services import cloudwatch  # noqa: PLC0415 (as in aws.py)

    # Alarms do not fire here. ministack would judge a new one by the metrics of all queues together.
    assert callable(cloudwatch._evaluate_alarm)  # noqa: S101 (else a patch of nothing)
    cloudwatch._evaluate_alarm = lambda _alarm: None
    threading.Thread(target=_go_on, daemon=True).start()


def _go_on() -> None:
    for second in count():
        started = time.monotonic()
        look(always=second % _EVERY == 0)
        time.sleep(max(1, 20 * (time.monotonic() - started)))


def look(*, always: bool) -> None:
    """Write down what waits now; always: also of queues in which nothing does."""
    from ministack.core.responses import request_scope  # noqa: PLC0415
    from ministack.services import cloudwatch, sqs  # noqa: PLC0415

    now = time.time()
    with sqs._queues_lock:
        queues = [
            (account, region, url, _told(queue["messages"], now))
            for (account, region, url), queue in sqs._queues.all_items()
            if queue["messages"] or always
        ]
    for account, region, url, told in queues:
        with request_scope(account, region):
            for metric, value in told.items():
                name = {"QueueName": url.rsplit("/", 1)[-1]}
                cloudwatch.record_metric("AWS/SQS", metric, value, dimensions=name)


def _told(messages: list[dict[str, Any]], now: float) -> dict[str, float]:
    later = [each for each in messages if each["visible_at"] > now]
    return {
        "ApproximateNumberOfMessagesVisible": len(messages) - len(later),
        "ApproximateNumberOfMessagesDelayed": sum(not each["receive_count"] for each in later),
        "ApproximateAgeOfOldestMessage": now - min(map(itemgetter("sent_at"), messages), default=now),
    }
