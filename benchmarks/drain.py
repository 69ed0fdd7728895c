"""How fast a full queue drains into the database, beside a function that inserts one message per invocation.

All of it is there: local AWS with the stack as `nami local up` deploys it, its queue, its event source, workers for the
functions, and the database of a local run, which has each write in its journal before it acknowledges it (`journal`, as
on the MongoDB host). Ours takes a hundred messages at a time, as the stack sets it: envelope, document with the exact
bytes, one idempotent bulk, a log line. Theirs gets one at a time: parsed, `insert_one`, a log line. Both run five
invocations at once, the stack's own setting.

A mapping is switched on when its queue is full; the clock runs from the first message taken until the last is deleted.
The two take turns at going first, and what is stored is counted. A number is a median over the rounds, a ratio the
median of the rounds' ratios. CPU is what the functions and the database spend.

In the messages/s is also what local AWS does for an invocation, as Lambda's own work is on AWS: 1.5 to 2 ms of CPU, one
invocation after the other, and up to 5 ms in which it waits for more output, for each of the five at once.

Usage: python -m benchmarks.drain [--rounds N] [--messages N] [--json]
"""

import argparse
import contextlib
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pymongo

from benchmarks import parts

NAME = "drain"
LABELS = {"nami": "nami, batches of 100", "insert_one": "insert_one, one per invocation"}
_LOOK = 0.02  # seconds between two looks at the queue
_WITHIN = 120  # seconds for a round


@dataclass(frozen=True)
class Function:
    """A function with its queue, the mapping between them, and the collection that it writes to."""

    queue_url: str
    mapping: str
    collection: Any


@dataclass(frozen=True)
class Cost:
    """Of one message: seconds by the clock, and seconds of CPU in the functions and the database."""

    clock: float
    cpu: float


def main() -> None:
    """Runs all rounds and prints a table for each size of webhook."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, LocalAws(Path(folder)) as aws:
        functions = {"nami": aws.ours(), "insert_one": aws.theirs()}
        tables = {size: _table(_measure(aws, functions, body, options)) for size, body in parts.BODIES.items()}
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
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each with both functions (default 5)")
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


class LocalAws:
    """A local AWS of its own in this folder, with the subscription deployed; gone at the end."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._environment = {**os.environ, "NAMI_HOME": str(self._home), "PYTHONPATH": str(parts.ROOT)}

    def __enter__(self) -> "LocalAws":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        try:
            self._nami("up", NAME, "--detach", "--port", str(port))
            status = json.loads(self._nami("status", "--json"))
        except BaseException:
            self._nami("down")
            raise
        variables = status["environment"]
        session = boto3.Session(
            variables["AWS_ACCESS_KEY_ID"],
            variables["AWS_SECRET_ACCESS_KEY"],
            variables["AWS_SESSION_TOKEN"],
            region_name=variables["AWS_REGION"],
        )
        self.client = lambda service: session.client(service, endpoint_url=status["aws_endpoint_url"])
        self.sqs, self.lambda_ = self.client("sqs"), self.client("lambda")
        self.uri = f"{status['mongo_uri']}?journal=true"
        self.database = pymongo.MongoClient[dict[str, Any]](self.uri)["nami"]
        self.process = psutil.Process(json.loads((self._home / "state.json").read_text())["aws"]["pid"])
        return self

    def __exit__(self, *_: object) -> None:
        self.database.client.close()
        self._nami("down")

    def ours(self) -> Function:
        """The deployed subscription's."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=f"nami-{NAME}")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.client("secretsmanager").put_secret_value(
            SecretId=outputs["DatabaseSecretArn"], SecretString=json.dumps({"uri": self.uri})
        )
        found = self.lambda_.list_event_source_mappings(FunctionName=outputs["PostQueueFunctionName"])
        (mapping,) = found["EventSourceMappings"]
        self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        return Function(outputs["QueueUrl"], mapping["UUID"], self.database[NAME])

    def theirs(self) -> Function:
        """The straightforward function, see functions/insert_one.py."""
        bundle = io.BytesIO()
        with zipfile.ZipFile(bundle, "w") as archive:
            archive.write(parts.ROOT / "benchmarks" / "functions" / "insert_one.py", "insert_one.py")
        self.lambda_.create_function(
            FunctionName="insert_one",
            Runtime="python3.13",
            Handler="insert_one.handler",
            Role="arn:aws:iam::123456789012:role/insert-one",
            Code={"ZipFile": bundle.getvalue()},
            Timeout=30,
            Environment={"Variables": {"MONGO_URI": self.uri}},
        )
        url = self.sqs.create_queue(QueueName="insert-one", Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
        queue = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        mapping = self.lambda_.create_event_source_mapping(
            EventSourceArn=queue,
            FunctionName="insert_one",
            BatchSize=1,
            ScalingConfig={"MaximumConcurrency": 5},
            Enabled=False,
        )
        return Function(url, mapping["UUID"], self.database["shopify"])

    def fill(self, function: Function, messages: list[str]) -> None:
        """Put these into the function's queue."""
        for start in range(0, len(messages), 10):
            entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(messages[start : start + 10])]
            assert not self.sqs.send_message_batch(QueueUrl=function.queue_url, Entries=entries).get("Failed")

    def drain(self, function: Function) -> tuple[float, float]:
        """Let the function have its queue until that is empty; returns seconds by the clock, and seconds of CPU."""
        full, _ = self._depth(function)
        with self._enabled(function):
            while self._depth(function) == (full, 0):
                time.sleep(_LOOK)
            started, worked = time.monotonic(), self._cpu()
            while any(self._depth(function)):
                if time.monotonic() > started + _WITHIN:
                    raise SystemExit(f"the queue is not empty after {_WITHIN} seconds")
                time.sleep(_LOOK)
            return time.monotonic() - started, self._cpu() - worked

    @contextlib.contextmanager
    def _enabled(self, function: Function) -> Iterator[None]:
        self.lambda_.update_event_source_mapping(UUID=function.mapping, Enabled=True)
        try:
            yield
        finally:
            self.lambda_.update_event_source_mapping(UUID=function.mapping, Enabled=False)

    def _depth(self, function: Function) -> tuple[int, int]:
        """Messages that wait, and messages that are taken and not yet deleted."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        said = self.sqs.get_queue_attributes(QueueUrl=function.queue_url, AttributeNames=names)["Attributes"]
        return int(said[names[0]]), int(said[names[1]])

    def _cpu(self) -> float:
        total = 0.0
        for process in self.process.children(recursive=True):
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def _nami(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "nami_cli.main", "local", *arguments]
        done = subprocess.run(
            command, cwd=parts.ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"nami local {arguments[0]}: {done.stderr}")
        return done.stdout


def _measure(
    aws: LocalAws, functions: dict[str, Function], body: parts.Body, options: argparse.Namespace
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in functions}
    for number in range(options.rounds + 1):
        messages = _messages(number, options.messages, body)
        for name in list(functions)[:: 1 if number % 2 else -1]:
            function = functions[name]
            function.collection.delete_many({})
            aws.fill(function, messages)
            clock, cpu = aws.drain(function)
            if (stored := function.collection.count_documents({})) != options.messages:
                raise SystemExit(f"{name} stored {stored} of {options.messages}")
            if number:  # in the first round the workers start, connect and fill caches
                costs[name].append(Cost(clock / options.messages, cpu / options.messages))
    return costs


def _messages(number: int, count: int, body: parts.Body) -> list[str]:
    """Envelopes, each with a delivery and a body of its own."""
    events = parts.ROOT / "tests" / "events"
    record = json.loads((events / "sqs_batch.json").read_text())["Records"][0]
    headers = json.loads((events / "http_api_post.json").read_text())["headers"] | {"content-type": "application/json"}
    messages = []
    for index in range(count):
        webhook = json.loads(record["body"])
        webhook |= {"id": f"{number}-{index}", "headers": headers, "body": body(index), "verified": "shopify"}
        messages.append(json.dumps(webhook, separators=(",", ":"), ensure_ascii=False))
    return messages


if __name__ == "__main__":
    main()
