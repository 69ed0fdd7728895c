"""Webhooks that are stored are posted to a server of one's own as they come; nothing is taken from anybody for it."""

from collections.abc import Iterator

from nami_control import events
from nami_control.deployment import Deployment
from nami_control.errors import UsageError
from nami_control.posting import Posted, Poster
from nami_control.progress import Tell, silent
from nami_control.replaying import request_of
from nami_runtime import pattern, wanted


def listen(
    deployment: Deployment,
    to: str,
    *,
    filter: str | None = None,  # noqa: A002 (as the setting is called)
    last: int = 0,
    destination: str | None = None,
    listening: Tell = silent,
) -> Iterator[Posted]:
    """Post each webhook that is stored from now on, and tell how that went, without end.

    One after the other, as they were stored; a server that is slow or away keeps what comes waiting, or misses it.

    Args:
        to: a URL.
        filter: an event pattern, as that of a subscription.
        last: so many of those that are there come first.
        destination: whose store is read; the first that keeps webhooks where not given.
        listening: is told once nothing that comes is missed any more.

    Raises:
        UsageError: the URL or the filter is none, or the destination keeps no webhooks.
    """
    try:
        asked = wanted.Filter(filter) if filter else None
    except pattern.Wrong as wrong:
        raise UsageError(f"--filter: {wrong}") from None
    poster = Poster(to)
    store = events.destination_of(deployment, destination)
    with store.arriving() as coming:
        before = list(store.stored(query={}, ids=[], limit=last, follow=False)) if last else []
        listening(f"{deployment.name}: webhooks of {store.drain.destination} go to {to}")
        shown = {document["_id"] for document in before}
        for document in before:
            if asked is None or asked.wants(request_of(document)):
                yield poster.post(document)
        for document in coming:
            if document["_id"] not in shown and (asked is None or asked.wants(request_of(document))):
                yield poster.post(document)
