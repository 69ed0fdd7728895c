"""The two functions beside others' ways to write them: each in processes of its own that take turns."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import bundles, parts, tables
from benchmarks.processes import Cost, Run, measure, write
from benchmarks.servers import servers
from benchmarks.tables import Table, cell, ratio, times

SEND = {
    "send_nami": "**nami**, signature verified",
    "send_boto3": "boto3",
    "send_powertools": "Powertools and boto3",
    "send_node_sdk2": "Node, aws-sdk v2",
    "send_node_sdk3": "Node, aws-sdk v3",
    "socket": "a bare socket",
}
STORE = {
    "store_nami_mongo": ("**nami**, 100 a batch", 100),
    "store_one": ("pymongo, one a batch", 1),
    "store_powertools": ("Powertools and pymongo, 100 a batch", 100),
    "store_node": ("Node, mongodb, 10 a batch", 10),
}
KINDS = {
    "mongo": "store_one",
    "dynamodb": "store_dynamodb",
    "postgres": "store_postgres",
    "http": "store_http",
    "eventbridge": "store_eventbridge",
}
PLAIN = {
    "mongo": "pymongo, insert_one",
    "dynamodb": "boto3, put_item",
    "postgres": "psycopg, INSERT",
    "http": "urllib3, POST",
    "eventbridge": "boto3, put_events",
}

Costs = Mapping[str, Sequence[Cost]]


def send(folder: Path, rounds: int, calls: int, names: Sequence[str] = (*SEND,)) -> list[Table]:
    """The function before the queue, with a webhook of 3 KB: over plain HTTP, and a shorter table over TLS."""
    made = bundles.lay_out(folder, list(names))
    events = write(folder / "request.json", [parts.request(parts.order(820982911946154508))])
    runs = {name: Run(each, events, calls) for name, each in made.items()}
    runs |= {f"{name} cold": Run(each, events) for name, each in made.items()}
    runs |= {f"{name} compiled": Run(each, events, compiled=True) for name, each in made.items()}
    with servers(folder) as aws:
        costs = measure(runs, aws.environment(), rounds)
    table = Table("send", ["warm CPU, a webhook", "cold CPU", "cold CPU, compiled", "peak memory", "to upload"])
    ours = made["send_nami"].zipped
    for name, each in made.items():
        table.rows[SEND[name]] = [
            _call(costs, name, "send_nami"),
            _process(costs, f"{name} cold", "send_nami cold"),
            _process(costs, f"{name} compiled", "send_nami compiled"),
            _memory(costs, name, "send_nami"),
            f"{times(each.zipped / ours)} ({tables.kilobytes(each.zipped)})",
        ]
    return [table, _over_tls(folder, runs, rounds), _goals_before(costs)]


def _goals_before(costs: Costs) -> Table:
    """Ours in parts of the others', and the cold start in bare starts of the interpreter."""
    table = Table("goals before the queue", ["wanted", "seen"])
    for name, part in (("send_boto3", 7), ("send_node_sdk2", 5), ("send_node_sdk3", 5)):
        if name in costs:
            seen = times(_calls(costs, name, "send_nami"))
            table.rows[f"warm CPU, of that of {SEND[name]}"] = [f"1/{part} at the most", f"1/{seen}"]
    for kind, label in (("cold", "uploaded as source"), ("compiled", "uploaded compiled")):
        started, ours = ([cost.process for cost in costs[f"{name} {kind}"]] for name in ("socket", "send_nami"))
        seen = f"{times(ratio(ours, started))} times"
        table.rows[f"cold CPU, of the start of Python with a socket: {label}"] = ["1.5 times at the most", seen]
    return table


def _over_tls(folder: Path, runs: Mapping[str, Run], rounds: int) -> Table:
    """Without the bare socket, which speaks none."""
    runs = {name: run for name, run in runs.items() if "socket" not in name and "compiled" not in name}
    with servers(folder, secure=True) as aws:
        costs = measure(runs, aws.environment(), rounds)
    table = Table("send over TLS", ["warm CPU, a webhook", "cold CPU"])
    for name in (name for name in runs if " " not in name):
        cold = _process(costs, f"{name} cold", "send_nami cold")
        table.rows[SEND[name]] = [_call(costs, name, "send_nami"), cold]
    return table


def store(folder: Path, rounds: int, messages: int) -> list[Table]:
    """The function after the queue, which stores webhooks of 3 KB in MongoDB."""
    made = bundles.lay_out(folder, [*STORE])
    runs = {}
    one = write(folder / "one.json", parts.batches(1))
    for name, (_, size) in STORE.items():
        events, calls = write(folder / f"{size}.json", parts.batches(size)), max(messages // size, 2)
        runs[name] = Run(made[name], events, calls)
        if not made[name].in_node:
            runs[f"{name} client"] = Run(made[name], events, calls, through_client=True)
        runs[f"{name} cold"] = Run(made[name], one)
        runs[f"{name} compiled"] = Run(made[name], one, compiled=True)
    with servers(folder, databases=True) as others:
        costs = _a_message(measure(runs, others.environment(), rounds))
    head = ["CPU, a message", "with Lambda's client", "cold CPU", "cold CPU, compiled", "peak memory", "to upload"]
    table, ours = Table("store", head), made["store_nami_mongo"].zipped
    for name, (label, _) in STORE.items():
        client = f"{name} client"
        table.rows[label] = [
            _call(costs, name, "store_nami_mongo"),
            _call(costs, client, "store_nami_mongo client") if client in costs else "not there for Node",
            _process(costs, f"{name} cold", "store_nami_mongo cold"),
            _process(costs, f"{name} compiled", "store_nami_mongo compiled"),
            _memory(costs, name, "store_nami_mongo"),
            f"{times(made[name].zipped / ours)} ({tables.kilobytes(made[name].zipped)})",
        ]
    goals = Table("goals behind the queue", ["wanted", "seen", "with Lambda's client"])
    for name, part in (("store_one", 6), ("store_powertools", 3)):
        seen = [f"1/{times(_calls(costs, name + way, 'store_nami_mongo' + way))}" for way in ("", " client")]
        goals.rows[f"CPU, of that of {STORE[name][0]}"] = [f"1/{part} at the most", *seen]
    return [table, goals]


def _calls(costs: Costs, theirs: str, ours: str) -> float:
    return ratio(*([cost.call for cost in costs[name]] for name in (theirs, ours)))


def drain(folder: Path, rounds: int, messages: int) -> list[Table]:
    """Every kind of destination, 100 webhooks of 3 KB a batch, beside the plain way with one a batch."""
    made = bundles.lay_out(folder, [*(f"store_nami_{kind}" for kind in KINDS), *KINDS.values()])
    many, one = write(folder / "100.json", parts.batches(100)), write(folder / "1.json", parts.batches(1))
    runs = {}
    for name, each in made.items():
        events, size = (many, 100) if "nami" in name else (one, 1)
        runs[name] = Run(each, events, max(messages // size, 2), through_client=True)
    with servers(folder, databases=True) as others:
        costs = _a_message(measure(runs, others.environment(), rounds))
    table = Table("drain", ["nami, CPU a message", "the plain way", "which is"])
    for kind, plain in KINDS.items():
        ours = f"store_nami_{kind}"
        table.rows[kind] = [_call(costs, ours, ours), _call(costs, plain, ours), PLAIN[kind]]
    return [table]


def _a_message(costs: Costs) -> Costs:
    """What a call costs, by the messages that it brings."""
    sizes = {name: size for name, (_, size) in STORE.items()}
    sizes |= {f"store_nami_{kind}": 100 for kind in KINDS}
    found = {}
    for name, each in costs.items():
        size = sizes.get(name.partition(" ")[0], 1)
        found[name] = [Cost(cost.process, cost.call / size, cost.memory) for cost in each]
    return found


def _cells(of: Callable[[Cost], float], show: Callable[[float], str]) -> Callable[[Costs, str, str], str]:
    def one(costs: Costs, name: str, ours: str) -> str:
        return cell([of(cost) for cost in costs[name]], [of(cost) for cost in costs[ours]], show)

    return one


_call = _cells(lambda cost: cost.call, tables.microseconds)
_process = _cells(lambda cost: cost.process, tables.milliseconds)
_memory = _cells(lambda cost: cost.memory, lambda size: f"{size:.0f} MiB")
