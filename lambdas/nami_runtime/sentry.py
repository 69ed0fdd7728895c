"""Tells Sentry of errors, where SENTRY_DSN is set; elsewhere nothing imports this module.

What leaves is put together from what is known to be harmless: types and places of errors, the texts of our own errors,
delivery ids. Never a body, a header, a local variable or another error's text, which could quote one.
"""

from __future__ import annotations

import os
import re
from time import monotonic
from typing import TYPE_CHECKING, Any

from nami_runtime import log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Each event takes time from a webhook, and a fault that all of them meet would be as many events.
REPEAT_SECONDS = 60.0
MAX_IDS = 20
MAX_KINDS = 10
_TRIES = 3
_EVENT_KEYS = ("event_id", "timestamp", "platform", "level", "environment", "message", "tags", "extra", "sdk")
_FRAME_KEYS = ("filename", "function", "module", "lineno", "in_app")
_OURS = "nami_runtime."  # the modules whose errors say what happened and quote nothing

_told: dict[str, float] = {}


def report(error: BaseException | None, reason: str, ids: Sequence[str] = ()) -> None:
    """Tells of an error, or of a failure without one, and of one kind once a minute; returns before it is sent.

    Args:
        error: as it was raised, where one was.
        reason: what the log line says of it.
        ids: of the deliveries that met it.
    """
    kind = f"{type(error).__name__} {re.sub('[0-9]+', '#', reason)}"
    now = monotonic()
    if _sdk is None or now - _told.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
        return
    if len(_told) >= 1000:
        _told.clear()
    _told[kind] = now
    try:
        with _sdk.new_scope() as scope:
            scope.set_extra("reason", reason)
            scope.set_extra("deliveries", [*ids[:MAX_IDS]])
            scope.set_extra("count", len(ids))
            if error is None:
                scope.capture_message(reason, level="error")
            else:
                scope.capture_exception(error)
    except Exception as fault:  # a webhook is worth more than the news of it
        _say(fault)


def report_failed(failed: Sequence[Mapping[str, str]], errors: Mapping[str, Exception], seconds: float) -> None:
    """Tells of the webhooks of a batch that failed, and waits so long until it is sent.

    Args:
        failed: id and reason of each.
        errors: what was raised, by its reason; some reasons have none.
    """
    kinds: dict[str, list[str]] = {}
    for each in failed:
        kinds.setdefault(each["reason"], []).append(each["id"])
    for reason, ids in [*kinds.items()][:MAX_KINDS]:
        report(errors.get(reason), reason, ids)
    flush(seconds)


def flush(seconds: float) -> None:
    """Returns when all is sent, or after so many seconds."""
    if _sdk is not None and seconds > 0:
        _sdk.flush(timeout=seconds)


def stripped(event: Mapping[str, Any], _hint: object = None) -> dict[str, Any]:
    """The parts of an event that may leave."""
    kept = {key: event[key] for key in _EVENT_KEYS if key in event}
    if "exception" in event:
        kept["exception"] = {"values": [_exception(each) for each in event["exception"].get("values", ())]}
    return kept


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    module = str(value.get("module") or "")
    frames = (value.get("stacktrace") or {}).get("frames") or ()
    return {
        "type": value.get("type"),
        "module": module,
        **({"value": value.get("value")} if module.startswith(_OURS) else {}),
        "stacktrace": {"frames": [{key: frame[key] for key in _FRAME_KEYS if key in frame} for frame in frames]},
    }


def start() -> Any:
    """Sentry's SDK, ready; None, and a line in the log, where it can't be had, since webhooks come first."""
    try:
        import sentry_sdk  # noqa: PLC0415 - what fails here must not fail the function
        from sentry_sdk.transport import HttpTransport  # noqa: PLC0415

        class Transport(HttpTransport):
            """Sends from a thread of its own, so that no answer waits for it.

            Lambda stops that thread once the answer is out, and lets it go on with the next invocation. A connection
            that did not outlast the pause is made anew; Sentry knows an event that comes twice by its id.
            """

            TIMEOUT = 5

            def _request(self, *arguments: Any, **options: Any) -> Any:
                for _ in range(_TRIES - 1):
                    try:
                        return super()._request(*arguments, **options)
                    except Exception:  # noqa: S112 - the last try's is the one that counts
                        continue
                return super()._request(*arguments, **options)

        # Integrations would attach requests, and wait for Sentry before each answer.
        sentry_sdk.init(
            dsn=os.environ["SENTRY_DSN"],
            transport=Transport,
            before_send=stripped,  # type: ignore[arg-type] # its event is a mapping of the same keys
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            auto_session_tracking=False,
            send_client_reports=False,
            transport_queue_size=20,
        )
        scope = sentry_sdk.get_global_scope()
        scope.set_tag("subscription", os.environ.get("NAMI_SUBSCRIPTION", ""))
        scope.set_tag("function", os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""))
    except Exception as fault:
        _say(fault)
        return None
    return sentry_sdk


def _say(fault: Exception) -> None:
    log.line("WARNING", "errors are not told to Sentry", reason=f"{type(fault).__name__}{log.place(fault)}")


_sdk = start()
