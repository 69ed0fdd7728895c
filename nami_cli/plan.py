"""`nami plan`: what a burst does to a subscription, on paper and without AWS."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from nami_cli import plan_chart, plan_report
from nami_cli.terminal import print_json, print_text
from nami_cli.typed import Settings
from nami_control.aws import Aws
from nami_control.destinations import kinds
from nami_control.errors import MissingToolError, NamiError, UsageError
from nami_control.planning import assumptions
from nami_control.planning.advice import advise
from nami_control.planning.arrivals import PROFILES, Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.outcome import as_dict
from nami_control.planning.plan import ASSUMED, Plan
from nami_control.planning.plan import plan as planned
from nami_control.stacks import Target
from nami_control.times import duration

LONGEST = 86_400.0
_BURST = 60.0
_PROFILE_NAMES = ", ".join(PROFILES)


OfName = Annotated[
    Target | None,
    typer.Argument(metavar="[NAME]", help="The subscription whose settings in cdk.json count."),
]
Rate = Annotated[float | None, typer.Option(min=0.01, max=1e6, help="Webhooks a second at the peak.", metavar="NUMBER")]
Burst = Annotated[
    str | None, typer.Option(metavar="TIME", help="How long they come, as in 60s, 5m or 2h.  [default: 60s]")
]
Profile = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=f"How they come: {_PROFILE_NAMES}. --rate and --burst change its size."),
]
HandlerMs = Annotated[
    float | None,
    typer.Option(min=0.1, metavar="NUMBER", help="Milliseconds of the pre-queue function, as you measured it."),
]
ColdStartMs = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="NUMBER",
        help=f"Milliseconds more in a new environment.  [default: {ASSUMED['cold start'].value:g}]",
    ),
]
WriteMs = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        metavar="NUMBER",
        help="Milliseconds of the destination for one webhook.  [default: "
        + ", ".join(f"{each.write.value:g} for {kind}" for kind, each in kinds().items())
        + "]",
    ),
]
BodyKb = Annotated[float, typer.Option(min=0.01, max=6000, metavar="NUMBER", help="Size of a body in KB.")]
Groups = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="NUMBER", help="order_by: how many values come at once.  [default: enough for all batches]"
    ),
]
AccountConcurrency = Annotated[
    int,
    typer.Option(min=2, metavar="NUMBER", help="The account's quota of concurrent executions."),
]
GatewayRate = Annotated[
    int,
    typer.Option(min=1, metavar="NUMBER", help="The account's quota of requests a second to API Gateway."),
]
Picture = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into a .png, .svg or .pdf as well.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, with the course of it.")]


def plan(  # noqa: PLR0913 - each is an option
    aws: Aws,
    given: Settings,
    target: OfName = None,
    *,
    rate: Rate = None,
    burst: Burst = None,
    profile: Profile = None,
    handler_ms: HandlerMs = None,
    cold_start_ms: ColdStartMs = None,
    write_ms: WriteMs = None,
    body_kb: BodyKb = 3.0,
    groups: Groups = None,
    account_concurrency: AccountConcurrency = assumptions.ACCOUNT_CONCURRENCY,
    gateway_rate: GatewayRate = assumptions.GATEWAY_RATE,
    picture: Picture = None,
    as_json: Json = False,
) -> None:
    """Show what a burst does, what it costs, and what to change first.

    A calculation, without AWS: the settings as `nami deploy` would take them, AWS's documented limits and list prices,
    and times that were measured or are assumed (docs/plan.md). Give your own where you know them.
    """
    arrivals = _arrivals(rate, burst, profile)
    file = _drawable(picture) if picture else None
    subscription = (target or Target("plan", aws, given)).subscription
    times = Times(handler_ms, cold_start_ms, write_ms, body_kb, groups, account_concurrency, gateway_rate)
    if groups and not subscription.order_by:
        raise UsageError(f"--groups {groups}: there are groups only with --order-by; give that too, or leave it out")
    found = planned(subscription, arrivals, times)
    advice = advise(found)
    if file:
        _draw(found, file)
    if as_json:
        print_json(as_dict(found, advice))
        return
    console = Console(highlight=False)
    with console.capture() as shown:
        console.print(plan_report.report(found, advice, target, min(console.width, 100)))
    for line in shown.get().splitlines():
        print_text(line.rstrip())


def _arrivals(rate: float | None, burst: str | None, profile: str | None) -> Arrivals:
    if rate is None and profile is None:
        raise UsageError(f"how do they come? Give --rate 5000 --burst 60s, or --profile ({_PROFILE_NAMES})")
    seconds = None if burst is None else duration(burst)
    if seconds is not None and not 1 <= seconds <= LONGEST:
        raise UsageError(f"--burst {burst}: must be from 1s to 24h")
    if profile is None:
        return Arrivals(rate or 0.0, seconds or _BURST)
    if profile not in PROFILES:
        raise UsageError(f"--profile {profile}: is not known; there are {_PROFILE_NAMES}")
    return PROFILES[profile].arrivals(rate, seconds)


def _drawable(picture: Path) -> Path:
    """The file, where it can be drawn; asked before anything is calculated.

    Raises:
        UsageError: nothing is drawn into a file of that name.
        MissingToolError: matplotlib is not installed.
    """
    if picture.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--picture {picture}: must end with .png, .svg or .pdf")
    if not picture.absolute().parent.is_dir():
        raise UsageError(f"--picture {picture}: there is no folder {picture.parent}; make it first")
    try:
        plan_chart.matplotlib()
    except ModuleNotFoundError:
        raise MissingToolError("--picture needs matplotlib: pip install 'nami-webhooks[plot]'") from None
    return picture


def _draw(found: Plan, picture: Path) -> None:
    try:
        plan_chart.draw(found, plan_report.title(found), picture)
    except OSError as error:
        raise NamiError(f"--picture {picture}: could not be written ({error.strerror or error})") from None
