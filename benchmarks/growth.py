"""What a webhook costs as there are more of them and as they get larger, and what `nami plan` says of the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks import bundles, parts
from benchmarks.handlers import KINDS
from benchmarks.processes import Run, measure, write
from benchmarks.servers import Servers, servers
from benchmarks.tables import Table, cell, microseconds, times
from nami_control.destinations import kinds
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.models import ASSUMED
from nami_control.planning.plan import plan
from nami_stack.settings import Subscription

STEPS = (1, 10, 100)
_RATE = 2.0  # webhooks a second, of the smallest load
_SECONDS = 600.0
_MILLION = 1e6
_GRAVITON = 1.5  # what the plan adds to a measured CPU time


def growth(folder: Path, rounds: int, messages: int) -> list[Table]:
    """Sizes of 3, 30 and 300 KB, and batches as they fill at 1, 10 and 100 times the load."""
    ours, theirs = ("send_nami", "store_nami_mongo"), ("send_boto3", "store_one")
    made = bundles.lay_out(folder, [*ours, *theirs])
    with servers(folder, databases=True) as others:
        costs = measure(_runs(folder, made, messages), others.environment(), rounds)
    calls = {name: [cost.call for cost in each] for name, each in costs.items()}
    return [_sizes(calls), _loads(calls)]


def _runs(folder: Path, made: Mapping[str, bundles.Bundle], messages: int) -> dict[str, Run]:
    runs = {}
    for step in STEPS:
        count = max(messages // step, 4)
        request = write(folder / f"request-{step}.json", [parts.request(parts.order(1, step))])
        one = write(folder / f"one-{step}.json", parts.batches(1, step, 4))
        events = parts.batches(100, step, 4)
        many = write(folder / f"many-{step}.json", events)
        runs |= {f"{name} {step}": Run(made[name], request, count) for name in ("send_nami", "send_boto3")}
        runs[f"store_one {step}"] = Run(made["store_one"], one, count)
        runs[f"store_nami_mongo {step}"] = Run(made["store_nami_mongo"], many, max(count // _size(step), 2))
        batch = write(folder / f"batch-{step}.json", parts.batches(step))
        runs[f"batch {step}"] = Run(made["store_nami_mongo"], batch, max(messages // step, 2), through_client=True)
    return runs


def _size(step: int) -> int:
    """Webhooks of so many times 3 KB that fit into an event."""
    return len(parts.batches(100, step, 1)[0]["Records"])


def _sizes(calls: Mapping[str, Sequence[float]]) -> Table:
    head = [
        "before the queue, CPU a webhook",
        "of boto3's",
        "after the queue",
        "of pymongo's",
        "by `nami plan`, a million",
    ]
    table = Table("growth by size", head)
    first = {name: calls[f"{name} 1"] for name in ("send_nami", "store_nami_mongo")}
    a_message = {step: [each / _size(step) for each in calls[f"store_nami_mongo {step}"]] for step in STEPS}
    for step in STEPS:
        send, store = calls[f"send_nami {step}"], a_message[step]
        table.rows[f"{3 * step} KB"] = [
            cell(send, first["send_nami"], microseconds),
            _share(send, calls[f"send_boto3 {step}"]),
            cell(store, a_message[1], microseconds),
            _share(store, calls[f"store_one {step}"]),
            _dollars(_RATE * 10, 3.0 * step),
        ]
    return table


def _loads(calls: Mapping[str, Sequence[float]]) -> Table:
    head = ["in a batch", "after the queue, CPU a webhook", "invocations a webhook", "by `nami plan`, a million"]
    table = Table("growth by load", head)
    a_message = {step: [each / step for each in calls[f"batch {step}"]] for step in STEPS}
    for step in STEPS:
        cpu = cell(a_message[step], a_message[1], microseconds)
        table.rows[f"{_RATE * step:g} a second"] = [str(step), cpu, f"{1 / step:g}", _dollars(_RATE * step, 3.0)]
    return table


def _share(ours: Sequence[float], theirs: Sequence[float]) -> str:
    return f"1/{times(median(b / a for a, b in zip(ours, theirs, strict=True)))}"


def _dollars(rate: float, body_kb: float) -> str:
    """Of a million webhooks that come at this rate."""
    subscription = Subscription.from_context({"name": "shopify"})
    found = plan(subscription, Arrivals(rate, _SECONDS), Times(body_kb=body_kb))
    return f"${found.burst_dollars / found.arrivals.total * _MILLION:.2f}"


def planned(folder: Path, rounds: int, messages: int) -> list[Table]:
    """What `nami plan` assumes of the functions, beside what they take here and what they call."""
    names = {"handler": "send_nami", **{kind: f"store_nami_{kind}" for kind in KINDS}}
    made = bundles.lay_out(folder, [*names.values()])
    request = write(folder / "request.json", [parts.request(parts.order(1))])
    many = write(folder / "many.json", parts.batches(100))
    table = Table("plan", ["`nami plan` assumes", "measured", "too much by", "calls a webhook", "by `nami plan`"])
    with servers(folder, databases=True) as others:
        for what, name in names.items():
            size = 1 if what == "handler" else 100
            events, calls = (request, messages) if size == 1 else (many, max(messages // size, 2))
            others.calls()
            cost = measure({name: Run(made[name], events, calls, through_client=True)}, others.environment(), rounds)
            webhooks = 2 * calls * size * (rounds + 1)
            table.rows[what] = _row(what, [each.call / size for each in cost[name]], _called(others, webhooks))
    return [table]


def _row(what: str, found: Sequence[float], called: dict[str, float]) -> list[str]:
    assumed, took = ASSUMED[what].value / 1000, median(found)
    said = ", ".join(f"{count:.2f} {action}" for action, count in called.items()) or "none of AWS"
    return [
        microseconds(assumed),
        microseconds(took),
        f"{times(assumed / _GRAVITON / took)} times",
        said,
        _billed(what),
    ]


def _called(others: Servers, webhooks: int) -> dict[str, float]:
    """Calls a webhook of each action, less those that a process makes once."""
    shares = {action: count / webhooks for action, count in sorted(others.calls().items())}
    return {action: share for action, share in shares.items() if share >= 0.01}


def _billed(what: str) -> str:
    """The destination's own lines of the bill, for one webhook."""
    if what == "handler":
        return "1.00 SQS"
    plain = Subscription.from_context({"name": "growth"})
    lines = kinds()[what].burst_lines(plain, 1.0, Times(body_kb=3.0))
    return (
        ", ".join(f"{line.quantity:.2f} {line.price}" for line in lines if line.price != "internet-gb") or "none of AWS"
    )
