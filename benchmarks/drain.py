"""How fast the post-queue function drains the queue, beside a function that inserts one message per invocation.

Both write the same webhooks into the same database, the one that a local run takes, over a connection that is kept, and
have each write in its journal before it is acknowledged (`journal=true`, as on the MongoDB host): what is not is lost
with the host, and the queue has no copy any more. Ours takes them by the hundred, as the stack sets it: envelope,
document with the exact bytes, one idempotent bulk, a log line. Theirs gets one at a time: parsed, `insert_one`.

Both are invoked by the same loop, see `invocations`. Each round begins with an empty collection, the two take turns at
going first, and what is stored is counted. A number is a median over the rounds, a ratio the median of the rounds'
ratios. Messages/s are by the clock, so other work on the machine is in them, and slows the batches more than single
messages, whose processes mostly sleep: look at them where nothing else runs. CPU is what the function and the database
spend; it knows neither the disk nor the waiting for another process.

Not measured, and there on AWS: Lambda's own work for an invocation, which theirs needs a hundred times as often;
receiving and deleting on SQS; the network to the database. Nor that Lambda runs several at once, of both alike.
nx-27017, where there is no mongod on PATH, parses and stores in Python: of a webhook of 3 KB that is some 0.35 ms in
either function's way, and ours takes 0.25 ms more, while theirs needs 1.4 to 1.8 ms. So the ratio there is 2 to 3.

Usage: python -m benchmarks.drain [--rounds N] [--messages N] [--json]
"""

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pymongo

from benchmarks import invocations, parts

BATCH = 100  # the stack's own setting
LABELS = {"nami": f"nami, batches of {BATCH}", "insert_one": "insert_one, one per invocation"}
Handler = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True)
class Cost:
    """Of one message: seconds by the clock, and seconds of CPU in the function and in the database."""

    clock: float
    cpu: float


def main() -> None:
    """Runs all rounds and prints a table for each size of webhook."""
    options = _options()
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        uri, pid = running.enter_context(parts.database(folder))
        uri += "?journal=true"
        port, _ = running.enter_context(parts.aws_server(folder, "http", json.dumps({"uri": uri})))
        handlers = _handlers(uri, port)
        served = psutil.Process(pid)
        tables = {size: _table(_measure(handlers, uri, served, body, options)) for size, body in parts.BODIES.items()}
    if options.json:
        print(json.dumps(tables, indent=2))
        return
    for size, table in tables.items():
        print(f"\n{f'drain, webhooks of {size}':<32}{'messages/s':>20}{'CPU/message':>24}")
        for name in reversed(LABELS):
            rate, cpu = table[name]["messages_per_second"], table[name]["cpu_us"]
            by_clock, by_cpu = table["ratio"]["messages_per_second"], table["ratio"]["cpu_us"]
            faster, cheaper = (f"{by_clock:.1f}", f"1/{by_cpu:.1f}") if name == "nami" else ("1", "1")
            print(f"{LABELS[name]:<32}{f'{rate:,.0f} ({faster})':>20}{f'{cpu:,.0f} µs ({cheaper})':>24}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, each with both functions (default 7)")
    parser.add_argument("--messages", type=int, default=1000, help="messages per round and function (default 1000)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def _table(costs: dict[str, list[Cost]]) -> dict[str, dict[str, float]]:
    ours, theirs = costs["nami"], costs["insert_one"]
    pairs = list(zip(ours, theirs, strict=True))
    return {
        **{
            name: {
                "messages_per_second": 1 / statistics.median(cost.clock for cost in found),
                "cpu_us": 1e6 * statistics.median(cost.cpu for cost in found),
            }
            for name, found in costs.items()
        },
        "ratio": {
            "messages_per_second": statistics.median(other.clock / own.clock for own, other in pairs),
            "cpu_us": statistics.median(other.cpu / own.cpu for own, other in pairs),
        },
    }


def _handlers(uri: str, port: int) -> dict[str, Handler]:
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "NAMI_SUBSCRIPTION": "shopify",
        "DESTINATION": "mongo",
        "MONGO_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nami-shopify",
        "MONGO_DATABASE": "nami",
        "MONGO_COLLECTION": "shopify",
        "MONGO_URI": uri,
    }
    sys.path.append(str(parts.ROOT / "lambdas"))
    return {
        "nami": _load("nami", parts.ROOT / "lambdas" / "post_queue" / "handler.py"),
        "insert_one": _load("insert_one", parts.ROOT / "benchmarks" / "functions" / "insert_one.py"),
    }


def _load(name: str, file: Path) -> Handler:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def _measure(
    handlers: dict[str, Handler], uri: str, served: psutil.Process, body: parts.Body, options: argparse.Namespace
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in LABELS}
    collection = pymongo.MongoClient[dict[str, Any]](uri)["nami"]["shopify"]
    for number in range(options.rounds + 1):
        for name in list(LABELS)[:: 1 if number % 2 else -1]:
            events = _events(number, options.messages, BATCH if name == "nami" else 1, body)
            collection.delete_many({})
            before = _cpu(served)
            # What is printed goes to the null device, as a log goes elsewhere.
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123 a device
                clock, cpu = invocations.invoke(handlers[name], events)
            cpu += _cpu(served) - before
            if (stored := collection.count_documents({})) != options.messages:
                raise SystemExit(f"{name} stored {stored} of {options.messages}")
            if number:  # the first round connects and fills caches
                costs[name].append(Cost(clock / options.messages, cpu / options.messages))
    return costs


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _events(number: int, messages: int, batch: int, body: parts.Body) -> list[dict[str, Any]]:
    """The queue's messages, each with a delivery and a body of its own, in batches."""
    record = json.loads((parts.ROOT / "tests" / "events" / "sqs_batch.json").read_text())["Records"][0]
    headers = json.loads((parts.ROOT / "tests" / "events" / "http_api_post.json").read_text())["headers"]
    headers["content-type"] = "application/json"
    records = []
    for index in range(messages):
        webhook = json.loads(record["body"])
        webhook |= {"id": f"{number}-{index}", "headers": headers, "body": body(index), "verified": "shopify"}
        message = json.dumps(webhook, separators=(",", ":"), ensure_ascii=False)
        records.append({**record, "messageId": f"m-{index}", "body": message})
    return [{"Records": records[start : start + batch]} for start in range(0, messages, batch)]


if __name__ == "__main__":
    main()
