"""What is stored of a subscription, whichever destination keeps it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nami_control import destinations, searching
from nami_control.deployment import Deployment
from nami_control.destinations.base import Destination
from nami_control.progress import Tell, silent


@dataclass(frozen=True)
class Summary:
    """One event in short; `at` is when it was received, or of a forwarded one last tried, `size` that of its body."""

    at: datetime | None
    id: str
    type: str
    size: int | None
    state: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Summary":
        """Of what a destination has of it."""
        raw, elsewhere = document.get("raw"), document.get("body_ref")
        return cls(
            at=document.get("received_at") or document.get("at"),
            id=str(document["_id"]),
            type=searching.event_type(dict(document)),
            size=len(raw) if isinstance(raw, bytes) else elsewhere["size"] if isinstance(elsewhere, Mapping) else None,
            state=state_of(document),
        )


def state_of(document: Mapping[str, Any]) -> str:
    """What a destination says of a webhook: it keeps it, or how the last try to forward it went."""
    if "delivered" not in document:
        return "stored"
    return "delivered" if document["delivered"] else f"failed: {document.get('reason') or 'no reason'}"


def destination_of(deployment: Deployment, name: str | None, tell: Tell = silent) -> Destination:
    """The destination of that name; else the first that keeps webhooks, since a backend's log tells only of tries.

    Where none does, one with such a log goes before a queue, into which nobody may look.
    """
    if name is not None:
        return destinations.of(deployment, deployment.drain(name), tell)
    there = [destinations.of(deployment, each, tell) for each in deployment.drains]
    telling = [each for each in there if each.has_function] or there
    return next((each for each in telling if each.keeps_webhooks), telling[0])


def wait_for(
    deployment: Deployment, delivery_ids: list[str], timeout: float, *, tell: Tell = silent
) -> list[dict[str, Any]]:
    """The documents of these deliveries, as far as they are stored in time; `timeout` in seconds."""
    deadline = time.monotonic() + timeout
    with destination_of(deployment, None, tell).opened() as find_them:
        while True:
            found = find_them(delivery_ids)
            if len(found) == len(set(delivery_ids)) or time.monotonic() > deadline:
                return found
            time.sleep(0.1)
