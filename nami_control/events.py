"""What is stored of a subscription, whichever destination keeps it."""

import time
from collections.abc import Generator
from typing import Any

from nami_control import destinations
from nami_control.deployment import Deployment, Drain
from nami_control.progress import Tell, silent


def drain_of(deployment: Deployment, destination: str | None) -> Drain:
    """The destination of that name; else the first that keeps webhooks, since a backend's log tells only of tries."""
    if destination is not None:
        return deployment.drain(destination)
    there = deployment.drains
    return next((each for each in there if destinations.of(deployment, each).keeps_webhooks), there[0])


def stored(
    deployment: Deployment,
    drain: Drain,
    *,
    query: dict[str, Any],
    ids: list[str],
    limit: int,
    follow: bool,
    tell: Tell = silent,
) -> Generator[dict[str, Any]]:
    """The documents that are there, the newest last, and with `follow` those that come.

    Raises:
        UsageError: the destination takes no query.
    """
    return destinations.of(deployment, drain, tell).stored(query=query, ids=ids, limit=limit, follow=follow)


def wait_for(
    deployment: Deployment, delivery_ids: list[str], timeout: float, *, tell: Tell = silent
) -> list[dict[str, Any]]:
    """The documents of these deliveries, as far as they are stored in time; `timeout` in seconds."""
    deadline = time.monotonic() + timeout
    with destinations.of(deployment, drain_of(deployment, None), tell).opened() as find_them:
        while True:
            found = find_them(delivery_ids)
            if len(found) == len(set(delivery_ids)) or time.monotonic() > deadline:
                return found
            time.sleep(0.1)
