"""The end of Lambda's runtime API that the platform has: hands out events, takes the answers.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. It runs in a thread of the measuring process, so that it
costs the function nothing.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any

_NEXT = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: %d\r\n"
    b"lambda-runtime-deadline-ms: %d\r\n"
    b"lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:bench\r\n"
    b"content-length: %d\r\n\r\n%s"
)
_TAKEN = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def runtime_api(events: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Its address, for one process that asks for one event after the other."""
    encoded = [json.dumps(event).encode() for event in events]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, encoded), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _serve(listener: socket.socket, events: list[bytes]) -> None:
    with suppress(OSError), listener.accept()[0] as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received, each = connected.makefile("rb"), enumerate(cycle(events), start=1)
        while line := received.readline():
            length, expects = 0, False
            while (field := received.readline().strip().lower()) != b"":
                name, _, value = field.partition(b":")
                length = int(value) if name == b"content-length" else length
                expects = expects or name == b"expect"
            if expects:
                connected.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            received.read(length)
            if line.startswith(b"POST"):
                connected.sendall(_TAKEN)
                continue
            number, event = next(each)
            connected.sendall(_NEXT % (number, int(time.time() * 1000) + 60_000, len(event), event))
