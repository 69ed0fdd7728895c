"""How fast the post-queue function drains the queue, beside a function that inserts one message per invocation.

Both write the same webhooks into the same database, the one of a local run, over a connection that is kept, and have
each write in its journal before it is acknowledged (`journal=true`, as on the MongoDB host): what is not is lost with
the host, and the queue has no copy any more. Ours takes them by the hundred, as the stack sets it: envelope, document
with the exact bytes, one idempotent bulk, a log line. Theirs gets one at a time: parsed, `insert_one`, nothing else.

Each handler is called with ready events, one after the other, in one process. Each round begins with an empty
collection, the two take turns at going first, and what is stored is counted. A number is a median over the rounds, and
the ratio the median of the rounds' ratios, with the lowest and the highest.

Not measured, and there on AWS: what an invocation itself costs, which theirs pays a hundred times as often; receiving
and deleting on SQS; the network to the database. Nor that Lambda runs several at once, of both alike.

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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo

from benchmarks import parts

BATCH = 100  # the stack's own setting
LABELS = {"nami": f"nami, batches of {BATCH}", "insert_one": "insert_one, one per invocation"}
Handler = Callable[[dict[str, Any], Any], Any]


class Context:
    """Lambda's, as far as it is used."""

    def get_remaining_time_in_millis(self) -> int:
        """The whole timeout of the function, in milliseconds."""
        return 30_000


def main() -> None:
    """Runs all rounds and prints a table."""
    options = _options()
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        uri = running.enter_context(parts.database(folder)) + "?journal=true"
        port, _ = running.enter_context(parts.aws_server(folder, "http", json.dumps({"uri": uri})))
        rates = _measure(_handlers(uri, port), uri, options)
    ratios = [ours / theirs for ours, theirs in zip(rates["nami"], rates["insert_one"], strict=True)]
    table = {name: statistics.median(values) for name, values in rates.items()}
    ratio, lowest, highest = statistics.median(ratios), min(ratios), max(ratios)
    if options.json:
        print(
            json.dumps({"messages_per_second": table, "ratio": ratio, "lowest": lowest, "highest": highest}, indent=2)
        )
        return
    print(f"\n{'drain':<32}{'messages/s':>14}{'ratio':>22}")
    print(f"{LABELS['insert_one']:<32}{table['insert_one']:>14,.0f}{'1':>22}")
    print(f"{LABELS['nami']:<32}{table['nami']:>14,.0f}{f'{ratio:.1f} ({lowest:.1f} to {highest:.1f})':>22}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, each with both functions (default 9)")
    parser.add_argument("--messages", type=int, default=2000, help="messages per round and function (default 2000)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


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


def _measure(handlers: dict[str, Handler], uri: str, options: argparse.Namespace) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in LABELS}
    collection = pymongo.MongoClient[dict[str, Any]](uri)["nami"]["shopify"]
    for number in range(options.rounds + 1):
        for name in list(LABELS)[:: 1 if number % 2 else -1]:
            events = _events(number, options.messages, BATCH if name == "nami" else 1)
            collection.delete_many({})
            rate = options.messages / _seconds(handlers[name], events)
            if (stored := collection.count_documents({})) != options.messages:
                raise SystemExit(f"{name} stored {stored} of {options.messages}")
            if number:  # the first round connects and fills caches
                rates[name].append(rate)
    return rates


def _seconds(handler: Handler, events: list[dict[str, Any]]) -> float:
    """What all of them take, one after the other; what is printed goes to the null device, as a log goes elsewhere."""
    context = Context()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123 a device
        started = time.perf_counter()
        for event in events:
            handler(event, context)
        return time.perf_counter() - started


def _events(number: int, messages: int, batch: int) -> list[dict[str, Any]]:
    """The queue's messages, each with a delivery and a body of its own, in batches."""
    record = json.loads((parts.ROOT / "tests" / "events" / "sqs_batch.json").read_text())["Records"][0]
    headers = json.loads((parts.ROOT / "tests" / "events" / "http_api_post.json").read_text())["headers"]
    headers["content-type"] = "application/json"
    records = []
    for index in range(messages):
        webhook = json.loads(record["body"])
        webhook |= {"id": f"{number}-{index}", "headers": headers, "body": parts.order(index), "verified": "shopify"}
        body = json.dumps(webhook, separators=(",", ":"), ensure_ascii=False)
        records.append({**record, "messageId": f"m-{index}", "body": body})
    return [{"Records": records[start : start + batch]} for start in range(0, messages, batch)]


if __name__ == "__main__":
    main()
