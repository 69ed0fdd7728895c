"""The smoke test of a deployed subscription: does a webhook go all the way, and does what should not get in stay out?

`nami smoke` and tests/smoke run the same checks.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from nami_control import logs
from nami_control.dead_letters import DeadLetters
from nami_control.errors import NamiError, UsageError, WebhookError
from nami_control.sending import Sender
from nami_runtime import signatures

# Seconds: a cold post-queue function in a VPC, its batch window, and the logs' own delay, with room to spare.
STORED_WITHIN = 120
FOUND_WITHIN = 60  # seconds of looking through a full quarantine
_JSON = {"content-type": "application/json"}


class Skipped(Exception):
    """This check does not fit the subscription; the text says why."""


def webhook_is_stored(sender: Sender) -> str:
    """A webhook is accepted, and the post-queue function of each destination that wants it says that it stored it."""
    body, kind = _marked(sender)
    since = _now()
    try:
        answer = sender.send(body, {"content-type": kind})
    except UsageError as error:
        raise Skipped(str(error)) from None
    if not answer.ok or not answer.delivery_id:
        raise WebhookError(f"answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    missing = logs.post_queue_groups(sender.deployment)
    if not missing:
        return f"{answer.delivery_id}, which waits for your consumer"
    last = "nothing"
    for step in _steps(sender, answer.delivery_id, since):
        last = step.what
        if last == "stored":
            missing.pop(step.function, None)
        elif last.startswith(logs.UNWANTED):
            missing.pop(f"to {last.removeprefix(logs.UNWANTED)}", None)
        elif logs.FILTERED in last:
            raise Skipped("no destination wants the sample, by its filter")
        if not missing:
            return answer.delivery_id
    raise WebhookError(f"{answer.delivery_id} was accepted and not stored within {STORED_WITHIN} s; its log: {last}")


def unsigned_webhook_is_refused(sender: Sender) -> str:
    """A webhook without a signature gets 401, or what is set in its place; or it ends in quarantine."""
    if not sender.is_signed:
        raise Skipped("no signature is set")
    body, kind = _marked(sender)
    return _is_kept_out(sender, sender.deployment.endpoint, {"content-type": kind}, body)


def forged_webhook_is_refused(sender: Sender) -> str:
    """A webhook that is signed with another secret gets 401, or what is set in its place; or it ends in quarantine."""
    if not sender.is_signed:
        raise Skipped("no signature is set")
    body, kind = _marked(sender)
    try:
        url, headers, body = sender.signed(body, {"content-type": kind}, forged=True)
    except UsageError as error:
        raise Skipped(str(error)) from None
    return _is_kept_out(sender, url, headers, body)


def another_path_is_not_found(sender: Sender) -> str:
    """A path beside the subscription's gets 404."""
    return _expect(sender, 404, "POST", f"{sender.deployment.endpoint}-no-such-subscription", _JSON, b"{}")


def another_method_is_not_found(sender: Sender) -> str:
    """A method that no subscription can be set to take gets 404."""
    setting = sender.deployment.signature
    if any(form.handshake_method == "HEAD" for form in signatures.configured(setting)):
        raise Skipped(f"{setting['scheme']} asks with HEAD before it sends")
    return _expect(sender, 404, "HEAD", sender.deployment.endpoint, {}, b"")


CHECKS: tuple[Callable[[Sender], str], ...] = (
    webhook_is_stored,
    unsigned_webhook_is_refused,
    forged_webhook_is_refused,
    another_path_is_not_found,
    another_method_is_not_found,
)


@dataclass(frozen=True)
class Result:
    """How one check went: ok, failed or skipped, with the reason or what was seen."""

    check: str
    outcome: str
    detail: str
    seconds: float


def run(sender: Sender) -> Iterator[Result]:
    """Each check's result, as it comes."""
    for check in CHECKS:
        started = time.monotonic()
        outcome = "ok"
        try:
            detail = check(sender)
        except Skipped as skipped:
            outcome, detail = "skipped", str(skipped)
        except NamiError as error:
            outcome, detail = "failed", str(error)
        yield Result(check.__name__.replace("_", " "), outcome, detail, round(time.monotonic() - started, 2))


def _marked(sender: Sender) -> tuple[bytes, str]:
    """(body, content type) of a sample that can be told from others."""
    body, kind = sender.sample()
    if kind == "application/json" and isinstance(document := json.loads(body), dict):
        body = json.dumps(document | {"nami_smoke_test": str(uuid4())}).encode()
    return body, kind


def _now() -> float:
    return time.time() - 60  # clocks differ


def _steps(sender: Sender, delivery_id: str, since: float) -> Iterator[logs.Step]:
    """What happens to a webhook, as it happens, for STORED_WITHIN seconds at the most."""
    groups = logs.groups(sender.deployment)
    deadline = time.monotonic() + STORED_WITHIN
    seen: set[logs.Step] = set()
    while time.monotonic() < deadline:
        for line in logs.read(sender.deployment.aws, groups, since=since, pattern=logs.naming(delivery_id)):
            fresh = [step for step in logs.steps(line, delivery_id) if step not in seen]
            seen.update(fresh)
            yield from fresh
        time.sleep(1)


def _is_kept_out(sender: Sender, url: str, headers: dict[str, str], body: bytes) -> str:
    """The endpoint refuses it; where nothing looks at it before the queue, it ends in quarantine and is not stored."""
    if sender.deployment.pre_queue:
        return _expect(sender, sender.deployment.unauthorized_status, "POST", url, headers, body)
    since = _now()
    answer = sender.request("POST", url, headers, body)
    if not answer.ok or not answer.delivery_id:
        raise WebhookError(f"answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    last = "nothing"
    for step in _steps(sender, answer.delivery_id, since):
        last = step.what
        if last == "stored":
            raise WebhookError(f"{answer.delivery_id} is not genuine and was stored")
        if last.startswith("in quarantine"):
            return f"{last}; {_taken_out(sender, answer.delivery_id)}"
    raise WebhookError(
        f"{answer.delivery_id} is not genuine, and not in quarantine within {STORED_WITHIN} s; its log: {last}"
    )


def _taken_out(sender: Sender, delivery_id: str) -> str:
    """Leave the quarantine as it was."""
    letters = DeadLetters(sender.deployment, quarantine=True)
    deadline = time.monotonic() + FOUND_WITHIN
    with letters.opened() as found:
        for letter in found:
            if letter.id == delivery_id:
                letters.delete([letter])
                return "taken out again"
            if time.monotonic() > deadline:
                return "left there, among many others"
    raise WebhookError(f"{delivery_id} is said to be in quarantine, and is not there")


def _expect(sender: Sender, status: int, method: str, url: str, headers: dict[str, str], body: bytes) -> str:
    answer = sender.request(method, url, headers, body)
    if answer.status != status:
        raise WebhookError(f"{method} {url} answered {answer.status} instead of {status}")
    return f"{method} answered {status}"
