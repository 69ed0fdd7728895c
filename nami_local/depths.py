"""How many messages wait in each queue over time, as SQS tells CloudWatch; ministack's SQS tells nobody."""

import threading
import time
from itertools import count

_EVERY = 10  # seconds, where nothing waits; else each second, so that a short peak is seen
_NAMESPACE, _METRIC = "AWS/SQS", "ApproximateNumberOfMessagesVisible"


def sample() -> None:
    """Write them down from now on, until the process ends."""
    from ministack.services import cloudwatch  # noqa: PLC0415 (as in aws.py)

    # Alarms do not fire here. ministack would judge a new one by the metrics of all queues together.
    assert callable(cloudwatch._evaluate_alarm)  # noqa: S101 (else a patch of nothing)
    cloudwatch._evaluate_alarm = lambda _alarm: None
    threading.Thread(target=_go_on, daemon=True).start()


def _go_on() -> None:
    for second in count():
        look(always=second % _EVERY == 0)
        time.sleep(1)


def look(*, always: bool) -> None:
    """Write down what waits now; always: also of queues in which nothing does."""
    from ministack.core.responses import request_scope  # noqa: PLC0415
    from ministack.services import cloudwatch, sqs  # noqa: PLC0415

    now = time.time()
    with sqs._queues_lock:
        depths = [
            (account, region, url, sum(message["visible_at"] <= now for message in queue["messages"]))
            for (account, region, url), queue in sqs._queues.all_items()
        ]
    for account, region, url, waiting in depths:
        if waiting or always:
            with request_scope(account, region):
                name = {"QueueName": url.rsplit("/", 1)[-1]}
                cloudwatch.record_metric(_NAMESPACE, _METRIC, waiting, dimensions=name)
