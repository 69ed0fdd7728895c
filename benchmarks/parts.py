"""What the benchmarks stand on: a body, and servers in processes of their own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_READY_WITHIN = 30  # seconds; a database takes about one


def order(number: int) -> str:
    """A webhook's body of 3 KB, as a shop would send it."""
    item = {"id": 1071823172, "title": "Ächte Wolle", "quantity": 2, "price": "19.99", "properties": [None, True]}
    return json.dumps({"id": number, "line_items": [item] * 26}, ensure_ascii=False)


def notice(number: int) -> str:
    """A webhook's body of 100 bytes, as `nami send` makes one up."""
    return json.dumps({"event": "order.created", "order": {"id": number, "total": "19.90", "currency": "EUR"}})


Body = Callable[[int], str]
BODIES: dict[str, Body] = {"100 bytes": notice, "3 KB": order}


@contextlib.contextmanager
def aws_server(folder: Path, transport: str, secret: str | None = None) -> Iterator[tuple[int, str]]:
    """SQS and Secrets Manager: (port, certificate's file where the transport is https); see sqs_server."""
    files = []
    if transport == "https":
        files = [str(folder / "certificate.pem"), str(folder / "key.pem")]
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
                *("-out", files[0], "-keyout", files[1]),
            ],
            check=True,
            capture_output=True,
        )
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sqs_server", *files],
        cwd=ROOT,
        env={**os.environ, **({"BENCHMARK_SECRET": secret} if secret else {})},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        yield int(server.stdout.readline()), files[0] if files else ""
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def database(folder: Path) -> Iterator[tuple[str, int]]:
    """The database that a local run takes, a mongod on PATH or else nx-27017, its files in this folder: (URI, pid)."""
    # Here, because it would weigh on every process that the other benchmark starts.
    from nami_cli.local import database as local_database  # noqa: PLC0415
    from nami_cli.local.state import Home  # noqa: PLC0415

    home = Home(folder / "home")
    home.prepare()
    home.temporary.mkdir()
    found = local_database.choose(home, None)
    assert found.command
    server = subprocess.Popen(found.command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        local_database.ping(found.uri, timeout=_READY_WITHIN)
        yield found.uri, server.pid
    finally:
        server.kill()
        server.wait()
