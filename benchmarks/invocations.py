"""Invokes a handler as Lambda does: its process asks the runtime API for each event, and posts the answer there.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. What answers is a process of its own, as there. Both
ends are bare sockets, which is less than Lambda's own runtime spends.

Usage, of the answering side: python -m benchmarks.invocations EVENTS_FILE, a JSON event a line; it prints its port.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_PATH = b"/2018-06-01/runtime/invocation/"
_NEXT = b"GET " + _PATH + b"next HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


class Context:
    """Lambda's, as far as it is used."""

    def __init__(self) -> None:
        self._end = time.monotonic() + 30

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""
        return int((self._end - time.monotonic()) * 1000)


def invoke(handler: Callable[[dict[str, Any], Any], Any], events: list[dict[str, Any]]) -> tuple[float, float]:
    """Seconds from asking for the first event until the answer to the last was taken, and seconds of CPU here."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.invocations", file.name]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            with _Connection(socket.create_connection(("127.0.0.1", int(server.stdout.readline())))) as api:
                started, worked = time.perf_counter(), time.process_time()
                for _ in events:
                    api.send(_NEXT)
                    answer = json.dumps(handler(json.loads(api.receive()), Context())).encode()
                    api.send(
                        b"POST %b1/response HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (_PATH, len(answer), answer)
                    )
                    api.receive()
                return time.perf_counter() - started, time.process_time() - worked


class _Connection:
    """Whole HTTP messages over a socket."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self.send = connected.sendall

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def receive(self) -> bytes:
        """The body of the next message; raises EOFError at the end."""
        head, found, body = self._read().partition(b"\r\n\r\n")
        assert found
        length = int(head.lower().rpartition(b"content-length: ")[2].split(b"\r\n")[0]) if b"ontent-" in head else 0
        parts, missing = [body], length - len(body)
        while missing > 0:
            parts.append(self._read())
            missing -= len(parts[-1])
        return b"".join(parts)

    def _read(self) -> bytes:
        data = self._socket.recv(1 << 20)
        if not data:
            raise EOFError
        return data


def main() -> None:
    """Answers one client with each event in turn, and takes its answers."""
    events = [line.strip() for line in Path(sys.argv[1]).read_bytes().splitlines()]
    ready = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(event), event) for event in events]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        with _Connection(listener.accept()[0]) as client:
            for event in ready:
                client.receive()
                client.send(event)
                client.receive()
                client.send(_ACCEPTED)


if __name__ == "__main__":
    main()
