"""One local AWS for the whole run: the real CDK CLI deploys this checkout's app into it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pymongo
import pytest

from tests import forked, loaded

ROOT = Path(__file__).parents[2]
QUICK = ["-c", "post_queue_timeout=6", "-c", "batch_window=0", "-c", "batch_size=10", "-c", "max_receives=3"]

# A shell's background job starts with interrupts ignored, and what it starts inherits that; these tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

POISON = '{"no": "envelope"}'

# Writes the cloud assembly by hand, in a tenth of the time that the CDK takes to load.
TINY_APP = """
import json, os, pathlib
folder, context = pathlib.Path(os.environ["CDK_OUTDIR"]), json.loads(os.environ["CDK_CONTEXT_JSON"])
name = "-".join(part for part in ("nami", context.get("env"), context["name"]) if part)
tagged = (("subscription", "name"), ("environment", "env"))
template = {
    "Resources": {"Resource": {"Type": context.get("kind", "AWS::SNS::Topic")}},
    "Outputs": {"EndpointUrl": {"Value": "https://none.execute-api.us-east-1.amazonaws.com/"}},
}
(folder / f"{name}.json").write_text(json.dumps(template))
stack = {
    "type": "aws:cloudformation:stack",
    "environment": "aws://unknown-account/unknown-region",
    "properties": {
        "templateFile": f"{name}.json",
        "tags": {f"nami:{kind}": context[key] for kind, key in tagged if key in context},
    },
}
(folder / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": {name: stack}}))
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@dataclass
class Nami:
    """The command, with a home and a port of its own, as a user in `folder` would type it."""

    home: Path
    folder: Path = ROOT
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        bin_folder = str(Path(sys.executable).parent)
        return {
            **os.environ,
            "NAMI_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "lambdas")]),
            "PATH": os.pathsep.join([bin_folder, os.environ["PATH"]]),
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "nami_cli.main", "local", *arguments]

    def __call__(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run `nami local …` to its end."""
        return self.typed("local", *arguments, stdin=stdin)

    def typed(
        self, *arguments: str, stdin: bytes = b"", timeout: float = forked.ENDS_WITHIN
    ) -> subprocess.CompletedProcess[str]:
        """Run `nami …` to its end."""
        environment = self.environment | loaded.variables()
        return forked.run(arguments, folder=self.folder, environment=environment, stdin=stdin, timeout=timeout)

    def up(self, name: str, *arguments: str) -> None:
        result = self("up", name, "--detach", "--port", str(self.port), *arguments)
        assert result.returncode == 0, result.stderr

    def foreground(self, name: str) -> subprocess.Popen[bytes]:
        """Start `nami local up` and wait until it stays up."""
        log = self.home.with_name(f"{self.home.name}-{name}.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command("up", name, "--port", str(self.port)),
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(lambda: "Ctrl-C takes it down" in log.read_text() or process.poll() is not None, 90)
        assert process.poll() is None, log.read_text()
        return process

    @contextlib.contextmanager
    def console(self, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        """A console of its own, and the URL that opens it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "nami_cli.main", "--local", "console", "--no-open", *options],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.terminate()
            assert process.wait(10) is not None

    def status(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self("status", "--json").stdout)
        return result

    @property
    def aws(self) -> psutil.Process:
        """The process that is local AWS."""
        return psutil.Process(json.loads((self.home / "state.json").read_text())["aws"]["pid"])

    def left_running(self) -> list[str]:
        """Command lines of processes that belong to this home and still run."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if process.pid != os.getpid() and (str(self.home) in line or self._has_home(process)):
                    found.append(line)
        return found

    def _has_home(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error, OSError):
            return process.environ().get("TMPDIR") == str(self.home / "tmp")
        return False


@contextlib.contextmanager
def listening(nami: Nami, *arguments: str) -> Iterator[list[str]]:
    """`nami listen` from when it hears until Ctrl-C; the list has what it has printed."""
    command = [sys.executable, "-m", "nami_cli.main", "--local", "listen", *arguments]
    pipe = subprocess.PIPE
    printed: list[str] = []
    with subprocess.Popen(command, cwd=nami.folder, env=nami.environment, stdout=pipe, stderr=pipe, text=True) as run:
        assert run.stdout
        assert run.stderr
        assert "go to" in run.stderr.readline()
        reader = threading.Thread(
            target=lambda lines: printed.extend(line.rstrip("\n") for line in lines), args=[run.stdout]
        )
        reader.start()
        try:
            yield printed
            run.send_signal(signal.SIGINT)
            assert run.wait(20) == 0, run.stderr.read()
        finally:
            run.kill()  # else the end of one that failed would be waited for
            reader.join()


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


@dataclass
class Pipeline:
    """One deployed subscription."""

    name: str
    endpoint: str
    documents: Any
    client: Callable[..., Any]

    def outputs(self) -> dict[str, str]:
        stack = self.client("cloudformation").describe_stacks(StackName=f"nami-{self.name}")["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def post(self, body: bytes, content_type: str = "application/json", **headers: str) -> tuple[int, str | None]:
        """Send one webhook; returns the status and the delivery id."""
        with contextlib.closing(self.connect()) as connection:
            return self.post_on(connection, body, content_type, **headers)

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.endpoint)
        assert parts.hostname == "127.0.0.1"
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def post_on(
        self,
        connection: http.client.HTTPConnection,
        body: bytes,
        content_type: str = "application/json",
        **headers: str,
    ) -> tuple[int, str | None]:
        sent = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request("POST", urlsplit(self.endpoint).path, body=body, headers=sent)
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("nami-delivery-id")

    def document(self, delivery_id: str | None, seconds: float = 30) -> dict[str, Any]:
        """Wait for one stored document."""
        wait_for(lambda: self.documents.find_one({"_id": delivery_id}), seconds)
        found: dict[str, Any] = self.documents.find_one({"_id": delivery_id})
        return found


@pytest.fixture(scope="session")
def nami(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nami]:
    """The command with subscription shopify up, all settings as they come."""
    base = tmp_path_factory.mktemp("nami")
    (folder := base / "folder").mkdir()
    command = Nami(base / "home", folder)
    command.up("shopify")
    yield command
    command("down")
    assert command.left_running() == []


def pipeline(command: Nami, name: str) -> Pipeline:
    status = command.status()
    database: Any = pymongo.MongoClient(status["mongo_uri"])[status["database"]]

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=status["aws_endpoint_url"],
            region_name=status["environment"]["AWS_REGION"],
            aws_access_key_id=status["environment"]["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=status["environment"]["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=status["environment"]["AWS_SESSION_TOKEN"],
        )

    return Pipeline(name, status["endpoints"][name], database[name], client)


@pytest.fixture(scope="session")
def shopify(nami: Nami) -> Pipeline:
    return pipeline(nami, "shopify")


@pytest.fixture(scope="session")
def jira(nami: Nami, shopify: Pipeline) -> Pipeline:
    """A second subscription in the same local AWS, which retries within seconds."""
    nami.up("jira", *QUICK)
    jira = pipeline(nami, "jira")
    # No setting makes it less than six times the function's timeout, and no test has that time.
    sqs, queue = jira.client("sqs"), jira.outputs()["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "7"})
    # Here already, so that it dies while other tests run.
    sqs.send_message(QueueUrl=queue, MessageBody=POISON)
    return jira


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Nami]:
    """The command over an app that deploys in a second: what starts and stops is the same."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "cdk.json").write_text('{"app": "python3 app.py"}')
    (folder / "app.py").write_text(TINY_APP)
    command = Nami(tmp_path / "home", folder)
    yield command
    command("down")
    assert command.left_running() == []
