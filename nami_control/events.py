"""What is stored of a subscription, whichever destination keeps it."""

import time
from typing import Any

from nami_control import destinations
from nami_control.deployment import Deployment
from nami_control.destinations.base import Destination
from nami_control.progress import Tell, silent


def destination_of(deployment: Deployment, name: str | None, tell: Tell = silent) -> Destination:
    """The destination of that name; else the first that keeps webhooks, since a backend's log tells only of tries."""
    if name is not None:
        return destinations.of(deployment, deployment.drain(name), tell)
    there = [destinations.of(deployment, each, tell) for each in deployment.drains]
    return next((each for each in there if each.keeps_webhooks), there[0])


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
