"""Order within a group: which group a webhook belongs to.

The queue is FIFO then: SQS hands out one group's messages in the order in which it took them, and no later one while an
earlier one is being tried. Across groups there is no order.
"""

from __future__ import annotations

import re
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
