"""What a burst would do to a subscription and what it would cost, as one moves its sliders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from nami_console import charts
from nami_console.pages import page, site
from nami_control.deployment import Deployment
from nami_control.errors import UsageError
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.course import course
from nami_control.planning.outcome import notes
from nami_control.planning.plan import Plan, plan
from nami_control.times import spell

_SLICES = 120
_DESTINATIONS = ("mongo-host", "dynamodb")  # that can be planned without another setting


@dataclass(frozen=True)
class Slider:
    """One number of a burst or of the settings; `value` is where it stands."""

    name: str
    label: str
    unit: str
    least: int
    most: int
    step: int
    value: int


def show(request: Request) -> Response:
    """The sliders, and what comes of them."""
    return page(request, "plan.html", **_context(request))


def show_outcome(request: Request) -> Response:
    """What comes of them alone."""
    return page(request, "plan_outcome.html", **_context(request))


def _context(request: Request) -> dict[str, Any]:
    label, asked = request.path_params["label"], request.query_params
    found = site(request).deployment(label)
    deployed = found.target.deployed_settings()
    given = replace(found.target, given=deployed).subscription
    now = ", ".join(given.each)
    destination = asked.get("destination", now)
    sliders = [
        _slider(asked, "rate", "Webhooks a second at the peak", "", 10, 10_000, 10, 1000),
        _slider(asked, "seconds", "For so long", "s", 10, 3600, 10, 60),
        _slider(asked, "body_kb", "Size of a body", "KB", 1, 256, 1, 3),
        _slider(asked, "pre_queue_memory", "Memory before the queue", "MB", 128, 2048, 64, given.pre_queue_memory),
        _slider(asked, "maximum_concurrency", "Batches at a time", "", 2, 200, 1, given.maximum_concurrency),
    ]
    context = {
        "label": label,
        "sliders": sliders,
        "destination": destination,
        "destinations": dict.fromkeys((now, *_DESTINATIONS)),
    }
    values = {each.name: each.value for each in sliders}
    try:
        made = _plan(found, deployed if destination == now else {"destination": destination}, values)
    except UsageError as error:
        return context | {"wrong": str(error), "plan": None}
    return context | {"wrong": "", "plan": made, "notes": notes(made), **_drawn(made)}


def _slider(
    asked: Mapping[str, str], name: str, label: str, unit: str, least: int, most: int, step: int, value: int
) -> Slider:
    given = asked.get(name, "")
    return Slider(
        name, label, unit, least, most, step, min(max(int(given), least), most) if _is_number(given) else value
    )


def _is_number(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 10


def _plan(found: Deployment, given: Mapping[str, Any], values: Mapping[str, int]) -> Plan:
    """With the deployed settings, changed by the sliders.

    Raises:
        UsageError: a setting does not go with the others.
    """
    changed: dict[str, Any] = {name: values[name] for name in ("pre_queue_memory", "maximum_concurrency")}
    # What was reserved for another number of batches does not go with this one.
    kept = {name: value for name, value in given.items() if name != "reserved_concurrency"}
    subscription = replace(found.target, given={**kept, **changed}).subscription
    return plan(subscription, Arrivals(values["rate"], values["seconds"]), Times(body_kb=values["body_kb"]))


def _drawn(made: Plan) -> dict[str, Any]:
    over = course(made, _SLICES)
    refused = [max(came - taken, 0.0) for came, taken in zip(over.arriving, over.taken, strict=True)]
    step = over.seconds / _SLICES
    return {
        "times": [spell(at * step) for at in range(_SLICES)],
        "charts": [
            charts.bars(
                "arriving",
                "Arriving",
                "a second",
                {"stored": ("taken in", over.taken), "refused": ("refused", refused)},
            ),
            charts.lines("stored", "Stored", "a second", {"p50": ("stored", over.stored)}),
            charts.lines("waiting", "Waiting in the queue", "webhooks", {"queue1": ("waiting", over.waiting)}),
        ],
    }
