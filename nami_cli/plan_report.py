"""What `nami plan` tells people."""

from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nami_cli import plan_chart
from nami_cli.plan_advice import advised, tried
from nami_cli.plan_words import counted, dollars, title
from nami_control.destinations import named
from nami_control.errors import as_flags
from nami_control.planning import bill
from nami_control.planning.advice import Advice
from nami_control.planning.drain import Drain, Drained
from nami_control.planning.outcome import notes
from nami_control.planning.plan import Plan
from nami_control.stacks import Target
from nami_control.times import spell
from nami_stack.watching.settings import OLDEST_SECONDS

_WIDTH = 64

_LIMITS = {
    "database": "the database's limit",
    "backend_rate": "as fast as backend_rate allows",
    "concurrency": "more batches would be faster",
    "groups": "a batch for each group of order_by",
    "scaling": "more batches are still being added, 300 a minute",
}


def report(found: Plan, advice: Advice, target: Target | None, width: int) -> Group:
    """All of it, in so many columns."""
    heading = f"{target.name}: {title(found)}" if target else title(found)
    parts: list[Any] = [Text(heading, style="bold"), "", _facts(found), ""]
    parts += [Padding(panel, (0, 0, 0, 2)) for panel in plan_chart.panels(found, min(width - 14, _WIDTH))]
    if advice.tried:
        parts += ["", Padding(tried(found, advice), (0, 0, 0, 2))]
    parts += ["", advised(found, advice)]
    if target and advice.needed and advice.best and advice.best.settings:
        parts.append(Text(f"  {target.aws.nami} deploy {target.name} {as_flags(advice.best.settings)}", style="cyan"))
    parts += [Text(note, style="yellow") for note in notes(found)]
    return Group(*parts, "", Text(_basis(found), style="dim"))


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
        rows.append((f"waiting{label}", _waiting(drained, found.ways[name].queue_retention_days)))
    for name in found.subscription.each:
        if name not in found.drains:
            rows.append((f"waiting {name}", "all, for your consumer, of which nothing is known here"))
    return rows


def _stored(model: Drain, drained: Drained) -> str:
    batches = _up(drained.peak_batches)
    at_once = "one batch at a time" if batches == 1 else f"{batches} batches at once"
    limit = f"; {_LIMITS[drained.limited_by]}" if drained.limited_by else ", as they come"
    return f"{counted(drained.peak_rate)} a second, {at_once} of up to {counted(model.batch_size)}{limit}"


def _waiting(drained: Drained, days: int) -> Text:
    if drained.peak_backlog < 1:
        return Text("none for longer than a batch takes", style="green")
    text = f"{counted(drained.peak_backlog)} at the most, the oldest {spell(drained.oldest)}; "
    if drained.drain_seconds is None:
        return Text(f"{text}{counted(drained.left)} expire after {days} d (queue_retention_days)", style="red")
    text += f"all stored {spell(drained.drain_seconds)} after the last came"
    if drained.oldest > 0.5 * (retention := days * 86_400.0):
        return Text(f"{text}; the queue keeps them {spell(retention)}", style="red")
    return Text(text, style="yellow" if drained.oldest > OLDEST_SECONDS else "")


def _cost_facts(found: Plan) -> list[tuple[str, str | Text]]:
    largest = sorted(found.burst_lines, key=lambda line: -line.dollars)[:3]
    parts = ", ".join(f"{line.what} {dollars(line.dollars)}" for line in largest)
    idle = ", ".join(
        f"{line.what} {dollars(line.dollars)}" for line in sorted(found.idle_lines, key=lambda line: -line.dollars)[:2]
    )
    return [
        ("cost", f"{dollars(found.burst_dollars)} for this burst ({parts}, …)"),
        ("", f"{dollars(found.idle_dollars)} a month in which nothing comes ({idle}, …)"),
    ]


def _basis(found: Plan) -> str:
    intake, times = found.intake, found.times
    parts = []
    if intake.handler_seconds is not None:
        parts.append(
            f"{_known(times.handler_ms)}{intake.handler_seconds * 1000:.3g} ms before the queue (--handler-ms)"
        )
        parts.append(f"{_known(times.cold_start_ms)}{intake.cold_seconds * 1000:.3g} ms to start (--cold-start-ms)")
    for name, way in found.ways.items():
        write = named(*way.destination).write_ms(times)
        parts.append(f"{_known(times.write_ms)}{write:g} ms a write to {name} (--write-ms)")
    prices_of = f"list prices of {bill.REGION}, {bill.AS_OF:%B %Y}"
    return (
        f"With {', '.join(parts)}, bodies of {times.body_kb:g} KB, {counted(times.account_concurrency)} concurrent "
        f"executions in the account; {prices_of}. Not measured on AWS: docs/plan.md."
    )


def _known(given: float | None) -> str:
    return "an assumed " if given is None else "your "


def _percent(part: float) -> str:
    return f"{part:.0%}" if part >= 0.1 else f"{part:.1%}" if part >= 0.001 else "< 0.1%"


def _up(number: float) -> int:
    """Of executions there are whole ones."""
    return int(-(-round(number, 3) // 1))
