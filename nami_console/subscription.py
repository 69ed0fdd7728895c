"""One subscription: its parts as a webhook travels them, and what went through them over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from nami_console import charts
from nami_console.pages import live, page, piece, site
from nami_control import health, pausing
from nami_control.aws import Aws
from nami_control.deployment import Deployment, Drain
from nami_control.figures import Figures, Window
from nami_control.queues import depth

SPANS = {"15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400, "3d": 259_200, "14d": 1_209_600}
"""How far a chart may go back, in seconds."""
_FIRST = "15m"


@dataclass(frozen=True)
class Part:
    """One part of the pipeline.

    Args:
        key: names it in the page.
        lines: its numbers, as (number, what it counts).
        unwell: bad or warn, where something is to be looked at.
        link: where that is.
    """

    key: str
    name: str
    kind: str
    lines: Sequence[tuple[str, str]]
    unwell: str = ""
    link: str = ""


def show(request: Request) -> Response:
    """The page; `span` is how far the charts go back."""
    return page(request, "subscription.html", **_context(request, numbers=True))


async def follow(request: Request) -> Response:
    """Its pipeline and charts, as they change."""
    here = site(request)

    def look() -> str:
        return piece(request, "subscription_live.html", **_context(request, numbers=False))

    return live(request, look, here.pause)


def check(request: Request) -> Response:
    """What `nami doctor` finds."""
    label = request.path_params["label"]
    checks = health.of_subscription(site(request).deployment(label).target)
    return page(request, "health.html", label=label, checks=checks)


def _context(request: Request, *, numbers: bool) -> dict[str, Any]:
    here, label = site(request), request.path_params["label"]
    asked = request.query_params.get("span", _FIRST)
    span = asked if asked in SPANS else _FIRST
    found = here.deployment(label)
    window = Window.until_now(SPANS[span], shortest=here.figures.shortest)
    figures, off = here.figures.read(found, window), pausing.paused(found)
    return {
        "label": label,
        "endpoint": found.endpoint,
        "span": span,
        "spans": SPANS,
        "branches": [_branch(here.aws, found, each, figures, paused=each.destination in off) for each in found.drains],
        "before": _before(found, figures),
        "charts": charts.of_subscription(figures),
        "times": times_of(window),
        "figures": figures if numbers else None,
    }


def times_of(window: Window) -> list[str]:
    """When each period of a window begins, by the clock of this machine."""
    form = "%H:%M:%S" if window.period < 60 else "%H:%M" if window.period * window.count <= 86_400 else "%b %d %H:%M"
    return [
        datetime.fromtimestamp(window.start + at * window.period).astimezone().strftime(form)
        for at in range(window.count)
    ]


def _before(found: Deployment, figures: Figures) -> list[Part]:
    """What all webhooks go through."""
    received, refused = sum(figures.counts["Received"]), sum(figures.refused_in_all)
    gateway = Part("gateway", "Gateway", "takes in", [(f"{received:,.0f}", "received")])
    if found.pre_queue is None:
        return [Part("gateway", "Gateway", "takes in and queues", [])]
    signer = str(found.signature["scheme"])
    checks = "asks for no signature" if signer == "none" else f"checks {signer}'s signature"
    lines = [(f"{sum(figures.counts['Enqueued']):,.0f}", "queued"), (f"{refused:,.0f}", "refused")]
    return [gateway, Part("pre-queue", "Pre-queue", checks, lines, "warn" if refused else "")]


def _branch(aws: Aws, found: Deployment, drain: Drain, figures: Figures, *, paused: bool) -> list[Part]:
    """The way to one destination. The functions count for all of them together, and for each that has a name."""
    own = figures.of.get(drain.destination)
    alone = len(found.drains) == 1 or own is not None
    waiting, dead = depth(aws, drain.queue_url), depth(aws, drain.dead_letter_url)
    counts = {name: sum(values) for name, values in (own or figures.counts).items()}
    failed = [(f"{counts['Failed']:,.0f}", "failed tries")] if alone else []
    stored = [(f"{counts['Stored']:,.0f}", "stored")] if alone else []
    median = [age for age in figures.ages["p50"] if age is not None]
    took = [(f"{median[-1]:,.0f} ms", "median of late")] if len(found.drains) == 1 and median else []
    stuck = "warn" if waiting and (counts["Away"] or counts["Failed"]) else ""
    letters = f"/s/{found.target.label}/dead?to={drain.destination}"
    # Which of several without names is away, the functions do not count; it is where webhooks wait.
    queue = Part(f"queue-{drain.destination}", "Queue", "keeps", [(f"{waiting:,}", "waiting")], stuck)
    last = Part(
        f"dead-{drain.destination}", "Dead letters", "", [(f"{dead:,}", "dead")], "bad" if dead else "", letters
    )
    if not drain.has_function:
        return [queue, Part(f"to-{drain.destination}", "Your consumer", "takes them", []), last]
    return [
        queue,
        Part(
            f"post-{drain.destination}",
            "Post-queue",
            "is paused" if paused else "writes",
            failed,
            "warn" if paused else ("bad" if counts["Away"] else "warn" if counts["Failed"] else "") if alone else "",
        ),
        Part(f"to-{drain.destination}", drain.destination, "receives", [*stored, *took]),
        last,
    ]
