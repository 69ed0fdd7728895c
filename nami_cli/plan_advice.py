"""What `nami plan` advises."""

from rich.table import Table
from rich.text import Text

from nami_cli.plan_words import counted, dollars
from nami_control.planning.advice import Advice, Change
from nami_control.planning.plan import Plan
from nami_control.times import spell

_TRIED = 5


def tried(found: Plan, advice: Advice) -> Table:
    """What was tried, the best first, beside what is."""
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
    return (counted(of.refused), spell(of.oldest), drained, dollars(of.burst_dollars), dollars(of.idle_dollars))


def advised(found: Plan, advice: Advice) -> Text:
    """What to change first, and what that does."""
    best = advice.best
    if not advice.needed:
        text = Text("Nothing needs to change", style="bold green")
        oldest = "none waits" if found.oldest < 1 else f"the oldest waits {spell(found.oldest)}"
        text.append(f": none is refused, and {oldest}.")
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


def _trouble(found: Plan, goal: str) -> str:
    return {
        "refused": f"{counted(found.refused)} are refused; let them come more slowly, or have quotas raised",
        "expired": f"{counted(found.left)} expire in the queue; give them a destination that is faster",
        "too long": f"a batch takes {spell(found.longest_batch)}, longer than it may",
        "waiting": f"the oldest waits {spell(found.oldest)}; give them a destination that is faster",
    }[goal]


def _effect(found: Plan, change: Change, goal: str) -> str:
    now, then = found, change.plan
    told = {
        "refused": f"refuses {_none(then.refused)} rather than {counted(now.refused)}",
        "expired": f"lets {_none(then.left)} expire rather than {counted(now.left)}",
        "too long": f"a batch takes {spell(then.longest_batch)} rather than {spell(now.longest_batch)}",
        "waiting": f"the oldest waits {spell(then.oldest)} rather than {spell(now.oldest)}",
    }[goal]
    more = {
        "a month": then.idle_dollars - now.idle_dollars,
        "for such a burst": then.burst_dollars - now.burst_dollars,
    }
    costs = [f"{dollars(amount)} more {when}" for when, amount in more.items() if amount >= 0.005]
    return f"{told}, for {' and '.join(costs)}" if costs else f"{told}, at no further cost"


def _none(number: float) -> str:
    return counted(number) if number >= 0.5 else "none"
