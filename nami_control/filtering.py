"""Would a filter want this webhook, and which of its conditions do not fit? Asked as before the queue."""

import json
import re
from dataclasses import dataclass
from typing import Any

from nami_control.deployment import find
from nami_control.errors import UsageError
from nami_control.signature_check import read_request
from nami_control.stacks import Target
from nami_runtime import pattern, wanted
from nami_runtime.request import Request

_MOST_SHOWN = 60  # characters of a value
_request_line = re.compile(rb"[A-Za-z]+ \S*/\S*(?: HTTP/\d\S*)?\r?\n").match


@dataclass(frozen=True)
class Condition:
    """One field that a filter asks for: how it is written, what the webhook has there, and whether that fits."""

    field: str
    written: str
    found: str
    fits: bool


@dataclass(frozen=True)
class Answer:
    """Whether the webhook is wanted, and why: for each alternative that `$or` makes its conditions."""

    wanted: bool
    why: str
    alternatives: list[list[Condition]]


Filters = dict[str, wanted.Filter | None]
"""By destination; that of all of them, where they have no names, by an empty one."""


def filters_of(target: Target, given: str | None) -> Filters:
    """The filter that was given, those that the cdk.json here has, or those that are deployed.

    Raises:
        UsageError: there are none, or one is wrong.
    """
    if given:
        text = Target(target.name, target.aws, {"filter": given}).subscription.filter
        return {"": wanted.Filter(text or "")}
    found = _kept(target)
    if not any(found.values()):
        found = _deployed(target)
    if not any(found.values()):
        raise UsageError(f"{target.name} has no filter, so it wants everything; give one to try as --filter")
    return found


def _kept(target: Target) -> Filters:
    subscription = target.subscription
    if subscription.destinations is None:
        return {"": wanted.Filter(subscription.filter) if subscription.filter else None}
    each = subscription.each.items()
    return {name: wanted.Filter(settings.filter) if settings.filter else None for name, settings in each}


def _deployed(target: Target) -> Filters:
    deployed = find(target)
    environment = deployed.pre_queue.environment if deployed.pre_queue else {}
    if "FILTER" not in environment and "FILTERS" not in environment:
        return {}
    return {name: asked for _, name, asked in wanted.routes(environment).ways}


def webhook(content: bytes, verified: str | None) -> Request:
    """A request as it came, or the body of one alone, which is JSON then.

    Raises:
        UsageError: it begins as a request does, and is none.
    """
    if _request_line(content):
        request = read_request(content)
    else:
        headers = {"content-type": "application/json"}
        request = Request("POST", headers=headers, body=content, request_id="-")
    request.verified = verified
    return request


def ask(asked: wanted.Filter | None, request: Request) -> Answer:
    """What the filter says of the webhook; without one everything is wanted."""
    if asked is None:
        return Answer(True, "there is no filter", [])
    try:
        event = asked.event(request)
    except wanted.Unreadable:
        return Answer(True, "its body can't be read before the queue, so it is let through", [])
    alternatives = [[_condition(leaf, event) for leaf in pattern.leaves(tree)] for tree in asked.alternatives]
    if pattern.fits(asked.alternatives, event):
        return Answer(True, "it fits", alternatives)
    if any(all(condition.fits for condition in each) for each in alternatives):
        return Answer(False, "each condition fits by itself, but no element of a list fits all of them", alternatives)
    return Answer(False, "it does not fit", alternatives)


def _condition(leaf: pattern.Leaf, event: dict[str, Any]) -> Condition:
    values = pattern.values_at(event, leaf.path)
    shown = ", ".join(json.dumps(each, ensure_ascii=False, default=str)[:_MOST_SHOWN] for each in values[:3])
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    return Condition(
        ".".join(leaf.path),
        json.dumps(leaf.written, ensure_ascii=False),
        shown + more if values else "nothing",
        leaf.fits(values, event),
    )
