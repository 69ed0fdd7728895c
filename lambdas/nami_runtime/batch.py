"""What the post-queue function does with a batch: each message on its own, written a group at a time."""

from __future__ import annotations

import gc
import os
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from nami_runtime import queue, reading
from nami_runtime.outcome import MARGIN_SECONDS, Outcome, reason_of
from nami_runtime.queue import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from nami_runtime.documents import Document, Processed
    from nami_runtime.results import Destination


class Context(Protocol):
    """The part of Lambda's context that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends the invocation."""


def drain(
    event: dict[str, Any], context: Context, process: Callable[[Document], Processed], destination: Destination
) -> dict[str, Any]:
    """Writes a batch of SQS messages; what one message raises fails that one alone."""
    started = monotonic()
    deadline = started + context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
    outcome = Outcome(keep_errors=_SENTRY)
    try:
        messages = [Message.of(record) for record in event["Records"]]
        for wave in queue.waves(messages, outcome, deadline):
            for group in reading.groups(wave, process, outcome, deadline):
                outcome.store(group, destination, outcome.patience(deadline))
    except Exception as error:
        reason = reason_of(error)
        _tell([{"id": "", "reason": reason}], {reason: error}, deadline)
        raise
    outcome.log(started)
    _tell(outcome.told(), outcome.errors, deadline)
    return outcome.response()


def _tell(failed: list[dict[str, str]], errors: dict[str, Exception], deadline: float) -> None:
    if _SENTRY and failed:
        from nami_runtime import sentry  # noqa: PLC0415 - loaded below, where it is set up

        sentry.report_failed(failed, errors, min(MARGIN_SECONDS / 2, deadline + MARGIN_SECONDS / 2 - monotonic()))


# A full batch of 3 KB each makes thirty thousand objects, and Python would look through them for cycles, of which there
# are none, forty times: a fifth of the function's CPU.
gc.set_threshold(100_000, 10, 10)

_SENTRY = bool(os.environ.get("SENTRY_DSN"))
if _SENTRY:
    from nami_runtime import sentry as _  # noqa: F401 - while the function starts, when it has a whole core
