"""`nami plan`: what a burst does to a subscription, on paper and without AWS."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nami_cli import plan_chart
from nami_cli.plan_chart import counted
from nami_cli.terminal import print_json, print_text
from nami_cli.typed import Settings
from nami_control import capacity, prices, settings
from nami_control.aws import Aws
from nami_control.capacity import ASSUMED, LATE, PROFILES, Advice, Change, Plan, Times
from nami_control.errors import MissingToolError, NamiError, UsageError, as_flags
from nami_control.simulation import Arrivals, Drain, Drained
from nami_control.stacks import Target
from nami_control.times import duration, spell

LONGEST = 86_400.0
_BURST = 60.0
_WIDTH = 64
_TRIED = 5
_POINTS = 200
_PROFILE_NAMES = ", ".join(PROFILES)

_LIMITS = {
    "database": "the database's limit",
    "concurrency": "more batches would be faster",
    "groups": "a batch for each group of order_by",
    "scaling": "more batches are still being added, 300 a minute",
}


def plan(  # noqa: PLR0913 - each is an option
    aws: Aws,
    given: Settings,
    target: Annotated[
        Target | None,
        typer.Argument(metavar="[NAME]", help="The subscription whose settings in cdk.json count."),
    ] = None,
    *,
    rate: Annotated[
        float | None, typer.Option(min=0.01, max=1e6, help="Webhooks a second at the peak.", metavar="NUMBER")
    ] = None,
    burst: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long they come, as in 60s, 5m or 2h.  [default: 60s]")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"How they come: {_PROFILE_NAMES}. --rate and --burst change its size."),
    ] = None,
    handler_ms: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="NUMBER", help="Milliseconds of the pre-queue function, as you measured it."),
    ] = None,
    cold_start_ms: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="NUMBER",
            help=f"Milliseconds more in a new environment.  [default: {ASSUMED['cold start'].value:g}]",
        ),
    ] = None,
    write_ms: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            metavar="NUMBER",
            help="Milliseconds of the destination for one webhook.  [default: "
            + ", ".join(f"{ASSUMED[f'{kind} write'].value:g} for {kind}" for kind in ("mongo", "dynamodb", "http"))
            + "]",
        ),
    ] = None,
    body_kb: Annotated[float, typer.Option(min=0.01, max=6000, metavar="NUMBER", help="Size of a body in KB.")] = 3.0,
    groups: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="NUMBER", help="order_by: how many values come at once.  [default: enough for all batches]"
        ),
    ] = None,
    account_concurrency: Annotated[
        int,
        typer.Option(min=2, metavar="NUMBER", help="The account's quota of concurrent executions."),
    ] = capacity.ACCOUNT_CONCURRENCY,
    gateway_rate: Annotated[
        int,
        typer.Option(min=1, metavar="NUMBER", help="The account's quota of requests a second to API Gateway."),
    ] = capacity.GATEWAY_RATE,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it into a .png, .svg or .pdf as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the course of it.")] = False,
) -> None:
    """Show what a burst does, what it costs, and what to change first.

    A calculation, without AWS: the settings as `nami deploy` would take them, AWS's documented limits and list prices,
    and times that were measured or are assumed (docs/plan.md). Give your own where you know them.
    """
    arrivals = _arrivals(rate, burst, profile)
    file = _drawable(picture) if picture else None
    subscription = settings.read_subscription(target or Target("plan", aws), given)
    times = Times(handler_ms, cold_start_ms, write_ms, body_kb, groups, account_concurrency, gateway_rate)
    if groups and not subscription.order_by:
        raise UsageError(f"--groups {groups}: there are groups only with --order-by; give that too, or leave it out")
    found = capacity.plan(subscription, arrivals, times)
    advice = capacity.advise(found)
    if file:
        _draw(found, file)
    if as_json:
        print_json(_as_json(found, advice))
        return
    console = Console(highlight=False)
    with console.capture() as shown:
        console.print(_report(found, advice, target, min(console.width, 100)))
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


# ---- what people read


def _report(found: Plan, advice: Advice, target: Target | None, width: int) -> Group:
    parts: list[Any] = [_heading(found, target), "", _facts(found), ""]
    parts += [Padding(panel, (0, 0, 0, 2)) for panel in plan_chart.panels(found, min(width - 14, _WIDTH))]
    if advice.tried:
        parts += ["", Padding(_tried(found, advice), (0, 0, 0, 2))]
    parts += ["", _advice(found, advice)]
    if target and advice.needed and advice.best and advice.best.settings:
        parts.append(Text(f"  {target.aws.nami} deploy {target.name} {as_flags(advice.best.settings)}", style="cyan"))
    parts += [Text(note, style="yellow") for note in _notes(found)]
    return Group(*parts, "", Text(_basis(found), style="dim"))


def _heading(found: Plan, target: Target | None) -> Text:
    return Text(f"{target.name}: {_title(found)}" if target else _title(found), style="bold")


def _facts(found: Plan) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    several = len(found.drains) > 1
    for label, value in [*_intake_facts(found), *_drain_facts(found, several), *_cost_facts(found)]:
        table.add_row(f"  {label}", value)
    return table


def _intake_facts(found: Plan) -> list[tuple[str, str | Text]]:
    taken = found.taken
    rows: list[tuple[str, str | Text]] = [("arrive", counted(found.arrivals.total))]
    for count, answer in (
        (taken.throttled_by_gateway, f"429: over the gateway's {counted(found.intake.gateway_rate)} a second"),
        (taken.throttled_by_lambda, _lambda_throttle(found)),
    ):
        if count >= 0.5:
            part = _percent(count / found.arrivals.total)
            rows.append(("refused", Text(f"{counted(count)} ({part}) get {answer}", style="red")))
    if found.refused < 0.5:
        rows.append(("refused", Text("none", style="green")))
    if found.intake.handler_seconds is None:
        rows.append(("before the queue", "no function (ingest=direct)"))
    else:
        peak, warm = _up(taken.peak_concurrency), _up(taken.warm_concurrency)
        cold = f", {warm} once warm" if warm < peak else ""
        rows.append(("before the queue", f"{counted(peak)} concurrent executions at the peak{cold}"))
    return rows


def _lambda_throttle(found: Plan) -> str:
    taken, limit = found.taken, counted(found.intake.concurrency)
    causes = {
        f"all {limit} environments that the account leaves are busy": taken.throttled_by_concurrency,
        f"over ten a second for each of {limit} concurrent executions": taken.throttled_by_requests,
        "Lambda starts 1,000 environments at once, then 100 a second": taken.throttled_by_scaling,
    }
    return f"503: {max(causes, key=lambda cause: causes[cause])}"


def _drain_facts(found: Plan, several: bool) -> list[tuple[str, str | Text]]:
    rows: list[tuple[str, str | Text]] = []
    for name, (model, drained) in found.drains.items():
        label = f" {name}" if several else ""
        rows.append((f"stored{label}", _stored(model, drained)))
        rows.append((f"waiting{label}", _waiting(found, drained)))
    return rows


def _stored(model: Drain, drained: Drained) -> str:
    batches = _up(drained.peak_batches)
    at_once = "one batch at a time" if batches == 1 else f"{batches} batches at once"
    limit = f"; {_LIMITS[drained.limited_by]}" if drained.limited_by else ", as they come"
    return f"{counted(drained.peak_rate)} a second, {at_once} of up to {counted(model.batch_size)}{limit}"


def _waiting(found: Plan, drained: Drained) -> Text:
    if drained.peak_backlog < 1:
        return Text("none for longer than a batch takes", style="green")
    text = f"{counted(drained.peak_backlog)} at the most, the oldest {spell(drained.oldest)}; "
    if drained.drain_seconds is None:
        days = found.subscription.queue_retention_days
        return Text(f"{text}{counted(drained.left)} expire after {days} d (queue_retention_days)", style="red")
    text += f"all stored {spell(drained.drain_seconds)} after the last came"
    if drained.oldest > 0.5 * (retention := found.subscription.queue_retention_days * 86_400.0):
        return Text(f"{text}; the queue keeps them {spell(retention)}", style="red")
    return Text(text, style="yellow" if drained.oldest > LATE else "")


def _cost_facts(found: Plan) -> list[tuple[str, str | Text]]:
    largest = sorted(found.burst_lines, key=lambda line: -line.dollars)[:3]
    parts = ", ".join(f"{line.what} {_dollars(line.dollars)}" for line in largest)
    idle = ", ".join(
        f"{line.what} {_dollars(line.dollars)}" for line in sorted(found.idle_lines, key=lambda line: -line.dollars)[:2]
    )
    return [
        ("cost", f"{_dollars(found.burst_dollars)} for this burst ({parts}, …)"),
        ("", f"{_dollars(found.idle_dollars)} a month in which nothing comes ({idle}, …)"),
    ]


def _tried(found: Plan, advice: Advice) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in ("tried", "refused", "oldest", "drained in", "burst", "idle month"):
        table.add_column(column, justify="left" if column == "tried" else "right", no_wrap=column != "tried")
    table.add_row("as it is", *_row(found), style="dim")
    shown = [*([advice.best] if advice.best else []), *(change for change in advice.tried if change is not advice.best)]
    for change in shown[:_TRIED]:
        table.add_row(change.label, *_row(change.plan), style="bold" if change is advice.best else "")
    return table


def _row(of: Plan) -> tuple[str, ...]:
    drained = "never" if of.drain_seconds is None else spell(of.drain_seconds)
    return (counted(of.refused), spell(of.oldest), drained, _dollars(of.burst_dollars), _dollars(of.idle_dollars))


def _advice(found: Plan, advice: Advice) -> Text:
    best = advice.best
    if not advice.needed:
        text = Text("Nothing needs to change", style="bold green")
        text.append(": none is refused, and " + _oldest(found) + ".")
        if best:
            text.append(f" Faster: {best.label}, {_effect(found, best, advice.goal)}.")
        return text
    if best is None:
        text = Text("No setting alone helps", style="bold red")
        return text.append(f": {_trouble(found, advice.goal)}.")
    text = Text("Change first: ", style="bold")
    text.append(best.label, style="bold cyan")
    text.append(f", {_effect(found, best, advice.goal)}.")
    if advice.goal == "refused":
        text.append(" Producers send what was refused again.")
    if "ingest" in best.settings:
        text.append(" What goes with it: docs/gateways.md.")
    return text


def _oldest(found: Plan) -> str:
    return "none waits" if found.oldest < 1 else f"the oldest waits {spell(found.oldest)}"


def _trouble(found: Plan, goal: str) -> str:
    return {
        "refused": f"{counted(found.refused)} are refused; let them come more slowly, or have quotas raised",
        "expired": f"{counted(found.left)} expire in the queue; give them a destination that is faster",
        "too long": f"a batch takes {spell(_longest(found))}, longer than it may",
        "waiting": f"the oldest waits {spell(found.oldest)}; give them a destination that is faster",
    }[goal]


def _effect(found: Plan, change: Change, goal: str) -> str:
    now, then = found, change.plan
    told = {
        "refused": f"refuses {_none(then.refused)} rather than {counted(now.refused)}",
        "expired": f"lets {_none(then.left)} expire rather than {counted(now.left)}",
        "too long": f"a batch takes {spell(_longest(then))} rather than {spell(_longest(now))}",
        "waiting": f"the oldest waits {spell(then.oldest)} rather than {spell(now.oldest)}",
    }[goal]
    more = {
        "a month": then.idle_dollars - now.idle_dollars,
        "for such a burst": then.burst_dollars - now.burst_dollars,
    }
    costs = [f"{_dollars(amount)} more {when}" for when, amount in more.items() if amount >= 0.005]
    return f"{told}, for {' and '.join(costs)}" if costs else f"{told}, at no further cost"


def _none(number: float) -> str:
    return counted(number) if number >= 0.5 else "none"


def _longest(found: Plan) -> float:
    return max(drained.longest_batch for _, drained in found.drains.values())


def _notes(found: Plan) -> list[str]:
    notes = []
    if found.reserves_too_much:
        notes.append(
            f"AWS keeps {capacity.UNRESERVED} executions unreserved and this account has "
            f"{found.times.account_concurrency}: it refuses the deployment; give --reserved-concurrency 0"
        )
    if found.too_long:
        limit = min(found.batch_limit(name) for name in found.drains)
        notes.append(
            f"A batch takes up to {spell(_longest(found))} and may take {spell(limit)}: what is not written by then is "
            "tried again, and at last a dead letter"
        )
    if unknown := prices.unpriced(found.subscription):
        notes.append(f"The price of {unknown} is not known here; the month's cost is without it")
    return notes


def _basis(found: Plan) -> str:
    intake, times = found.intake, found.times
    parts = []
    if intake.handler_seconds is not None:
        parts.append(
            f"{_known(times.handler_ms)}{intake.handler_seconds * 1000:.3g} ms before the queue (--handler-ms)"
        )
        parts.append(f"{_known(times.cold_start_ms)}{intake.cold_seconds * 1000:.3g} ms to start (--cold-start-ms)")
    for name in found.drains:
        kind = capacity.kind_of(name)
        write = ASSUMED[f"{kind} write"].value if times.write_ms is None else times.write_ms
        parts.append(f"{_known(times.write_ms)}{write:g} ms a write to {name} (--write-ms)")
    prices_of = f"list prices of {prices.REGION}, {prices.AS_OF:%B %Y}"
    return (
        f"With {', '.join(parts)}, bodies of {times.body_kb:g} KB, {counted(times.account_concurrency)} concurrent "
        f"executions in the account; {prices_of}. Not measured on AWS: docs/plan.md."
    )


def _known(given: float | None) -> str:
    return "an assumed " if given is None else "your "


def _up(number: float) -> int:
    """Of executions there are whole ones."""
    return int(-(-round(number, 3) // 1))


def _percent(part: float) -> str:
    return f"{part:.0%}" if part >= 0.1 else f"{part:.1%}" if part >= 0.001 else "< 0.1%"


def _dollars(amount: float) -> str:
    if 0 < amount < 0.005:
        return "<$0.01"
    return f"${amount:,.2f}"


# ---- what programs and picture frames get


def _as_json(found: Plan, advice: Advice) -> dict[str, Any]:
    course = plan_chart.course(found, _POINTS)
    return {
        "arrivals": {
            "webhooks": found.arrivals.total,
            "peak_per_second": found.arrivals.peak,
            "seconds": found.arrivals.seconds,
        },
        **_outcome(found),
        "cost": {
            "currency": "USD",
            "region": prices.REGION,
            "as_of": f"{prices.AS_OF:%Y-%m}",
            "burst": {line.what: line.dollars for line in found.burst_lines},
            "idle_month": {line.what: line.dollars for line in found.idle_lines},
        },
        "advice": {
            "about": advice.goal,
            "needed": advice.needed,
            "first": _told(advice.best) if advice.best else None,
            "tried": [_told(change) for change in advice.tried],
        },
        "course": {
            "seconds_per_point": course.seconds / _POINTS,
            "arriving": course.arriving,
            "taken": course.taken,
            "stored": course.stored,
            "waiting": course.waiting,
            "concurrent_executions": course.executions,
        },
        "notes": _notes(found),
    }


def _told(change: Change) -> dict[str, Any]:
    return {"settings": change.settings, "quotas": change.quotas, **_outcome(change.plan)}


def _outcome(found: Plan) -> dict[str, Any]:
    return {
        "taken": found.taken.total,
        "throttled": {"gateway_429": found.taken.throttled_by_gateway, "lambda_503": found.taken.throttled_by_lambda},
        "concurrency": {
            "peak": found.taken.peak_concurrency,
            "warm": found.taken.warm_concurrency,
            "limit": found.intake.concurrency,
        },
        "destinations": {
            name: {
                "stored": drained.total,
                "expired": drained.left,
                "peak_per_second": drained.peak_rate,
                "limited_by": drained.limited_by,
                "peak_batches": drained.peak_batches,
                "longest_batch_seconds": drained.longest_batch,
                "peak_backlog": drained.peak_backlog,
                "oldest_seconds": drained.oldest,
                "drain_seconds": drained.drain_seconds,
            }
            for name, (_, drained) in found.drains.items()
        },
        "burst_dollars": found.burst_dollars,
        "idle_month_dollars": found.idle_dollars,
    }


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
        raise MissingToolError("--picture needs matplotlib; install it with: pip install 'nami[plot]'") from None
    return picture


def _draw(found: Plan, picture: Path) -> None:
    try:
        plan_chart.draw(found, _title(found), picture)
    except OSError as error:
        raise NamiError(f"--picture {picture}: could not be written ({error.strerror or error})") from None


def _title(found: Plan) -> str:
    shaped = "up to " if len(found.arrivals.shape) > 2 else ""
    return f"{shaped}{counted(found.arrivals.peak)} webhooks a second for {spell(found.arrivals.seconds)}"
