"""Order within a group: which group a webhook belongs to, and how a batch keeps each group's order.

The queue is FIFO then: SQS hands out one group's messages in the order in which it took them, and no later one while an
earlier one is being tried. Across groups there is no order.
"""

from __future__ import annotations

import os
import re
from collections import deque
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from nami_runtime.outcome import Outcome
    from nami_runtime.request import Request

# What SQS takes as a message group and as a deduplication id: 1 to 128 of the printable ASCII characters but the space.
_takes = re.compile(r"[!-~]{1,128}").fullmatch
_steps = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]").findall


def send_parameters(request: Request, order_by: str) -> dict[str, str]:
    """What a message to a FIFO queue carries beside its body.

    A delivery that is sent twice within five minutes is one message: SQS itself drops the second. So where another body
    may come under the same id, it is told apart here too.
    """
    value = _value(request, order_by)
    content = f"~{request.body_hash()}" if request.id_may_repeat else ""
    return {
        # Without the field it waits for nothing and nothing waits for it.
        "MessageGroupId": _fitting(request.delivery_id if value is None else value),
        "MessageDeduplicationId": _fitting(request.delivery_id + content),
    }


def _value(request: Request, order_by: str) -> str | None:
    """The text at `order_by`: a header's name, or a path into the JSON body such as `$.order.id` or `$.items[0].id`."""
    if not order_by.startswith("$"):
        return request.headers.get(order_by.lower()) or None
    found: Any = request.json()
    for key, index in _steps(order_by):
        if key and isinstance(found, dict):
            found = found.get(key)
        elif index and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        else:
            return None
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) or None if isinstance(found, str | int | float) else None


def _fitting(text: str) -> str:
    return text if _takes(text) else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def waves(records: list[dict[str, Any]], outcome: Outcome) -> Iterator[list[dict[str, Any]]]:
    """The records in the order in which they may be written: each wave once the one before is.

    A standard queue's are one wave. Of a FIFO queue's each wave holds the next record of every group; once one has
    failed, the rest of its group fails with it untried. A record on its last try holds nobody back, since it goes to
    the dead letters next: the ones behind it would otherwise use up their own tries with it.
    """
    if not records or not records[0].get("eventSourceARN", "").endswith(".fifo"):
        yield records
        return
    tries = int(os.environ.get("MAX_RECEIVES", "0"))
    groups: dict[str, deque[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["attributes"]["MessageGroupId"], deque()).append(record)
    while groups:
        wave = {group: waiting.popleft() for group, waiting in groups.items()}
        yield list(wave.values())
        for group, record in wave.items():
            failed = record["messageId"] in outcome.failed_messages
            if failed and not 0 < tries <= int(record["attributes"]["ApproximateReceiveCount"]):
                for later in groups[group]:
                    outcome.fail(later["messageId"], "", "held back by an earlier one of its group")
                    # While these are hidden, SQS does not give out the one that they wait for either.
                    if record["messageId"] in outcome.later:
                        outcome.later[later["messageId"]] = outcome.later[record["messageId"]]
                groups[group].clear()
            if not groups[group]:
                del groups[group]
