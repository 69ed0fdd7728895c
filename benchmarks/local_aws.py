"""A local AWS of the benchmark's own, with the stack as `nami local up` deploys it and a plain function beside it."""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pymongo

from benchmarks.bundles import FUNCTIONS
from benchmarks.parts import ROOT

NAME = "bench"
_LOOK = 0.02  # seconds between two looks at the queue
_WITHIN = 120  # seconds until a queue must be empty


@dataclass(frozen=True)
class Function:
    """A function with its queue, the mapping between them, and the collection that it writes to."""

    queue_url: str
    mapping: str
    collection: Any


class LocalAws:
    """Started in a folder; gone at the end."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._environment = {**os.environ, "NAMI_HOME": str(self._home), "PYTHONPATH": str(ROOT)}

    def __enter__(self) -> "LocalAws":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        try:
            self.nami("local", "up", NAME, "--detach", "--port", str(port))
            status = json.loads(self.nami("local", "status", "--json"))
        except BaseException:
            self.nami("local", "down")
            raise
        self.variables: dict[str, str] = status["environment"]
        keys = [self.variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
        session = boto3.Session(*keys, region_name=self.variables["AWS_REGION"])
        self.client = lambda service: session.client(service, endpoint_url=status["aws_endpoint_url"])
        self.sqs, self.lambda_ = self.client("sqs"), self.client("lambda")
        # As on the MongoDB host, each write is in the journal before it is acknowledged.
        self.uri = f"{status['mongo_uri']}?journal=true"
        self.database = pymongo.MongoClient[dict[str, Any]](self.uri)["nami"]
        self.process = psutil.Process(json.loads((self._home / "state.json").read_text())["aws"]["pid"])
        return self

    def __exit__(self, *_: object) -> None:
        self.database.client.close()
        self.nami("local", "down")

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
        """One insert for each invocation, with as many invocations at once as the stack's own."""
        bundle = io.BytesIO()
        with zipfile.ZipFile(bundle, "w") as archive:
            archive.write(FUNCTIONS / "store_one" / "handler.py", "handler.py")
        self.lambda_.create_function(
            FunctionName="store_one",
            Runtime="python3.13",
            Handler="handler.handler",
            Role="arn:aws:iam::123456789012:role/store-one",
            Code={"ZipFile": bundle.getvalue()},
            Timeout=30,
            Environment={"Variables": {"MONGO_URI": self.uri}},
        )
        url = self.sqs.create_queue(QueueName="store-one", Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
        queue = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        mapping = self.lambda_.create_event_source_mapping(
            EventSourceArn=queue,
            FunctionName="store_one",
            BatchSize=1,
            ScalingConfig={"MaximumConcurrency": 5},
            Enabled=False,
        )
        return Function(url, mapping["UUID"], self.database["shopify"])

    def fill(self, function: Function, messages: list[str]) -> None:
        """Put these into the function's queue, and forget what it stored before."""
        function.collection.delete_many({})
        for start in range(0, len(messages), 10):
            entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(messages[start : start + 10])]
            assert not self.sqs.send_message_batch(QueueUrl=function.queue_url, Entries=entries).get("Failed")

    def drain(self, function: Function) -> tuple[float, float]:
        """Let the function have its queue until that is empty; seconds by the clock, and of CPU with the database."""
        full, _ = self._depth(function)
        with self._enabled(function):
            while self._depth(function) == (full, 0):
                time.sleep(_LOOK)
            started, worked = time.monotonic(), self.children_cpu()
            while any(self._depth(function)):
                if time.monotonic() > started + _WITHIN:
                    raise SystemExit(f"the queue is not empty after {_WITHIN} seconds")
                time.sleep(_LOOK)
            return time.monotonic() - started, self.children_cpu() - worked

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

    def children_cpu(self) -> float:
        """Seconds of the functions and the database."""
        return sum(cpu(process) for process in self.process.children(recursive=True))

    def nami(self, *arguments: str) -> str:
        """What a command prints."""
        command = [sys.executable, "-m", "nami_cli.main", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"nami {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def console(self) -> Iterator[tuple[psutil.Process, str]]:
        """The page's process, and the URL that opens it once."""
        command = [sys.executable, "-m", "nami_cli.main", "--local", "console", "--no-open"]
        process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout
            yield psutil.Process(process.pid), process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait()


def cpu(process: psutil.Process) -> float:
    """Seconds that it has spent so far."""
    spent = process.cpu_times()
    return float(spent.user + spent.system)
