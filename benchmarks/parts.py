"""What the benchmarks stand on: bodies of webhooks, and a server in a process of its own."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
def aws_server(folder: Path, transport: str) -> Iterator[tuple[int, str]]:
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
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        yield int(server.stdout.readline()), files[0] if files else ""
    finally:
        server.kill()
        server.wait()
