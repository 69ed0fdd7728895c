"""A backend that answers as the request tells it, and remembers what it got. `python -m tests.backend.server 8080`.

Without a word it answers 200 `ok`. Headers of the webhook, or fields of its query, change that:

    backend-status   the status, or several for one try after the other: `500,200`; the last one stays
    backend-interim  statuses below 200 that come first, as in `102,103`
    backend-delay    seconds before the answer
    backend-answer   its body; `backend-retry-after` and `backend-location` become headers
    backend-hang-up  the connection ends after the answer, which says nothing of it
    backend-fault    drop: the connection ends without an answer; garbage: what is no HTTP; drip: a byte each 0.2 s;
                     endless: 102 each 0.05 s and no answer

Webhooks go to any path. `GET /received` lists what came as JSON lines: method, target, headers, body (base64), at.
It listens on the loopback alone; for a deployed backend to be tried from AWS, put it behind a proxy with TLS.
"""

import base64
import contextlib
import json
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.serving import Server


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.time)

    @property
    def delivery_id(self) -> str:
        return self.headers.get("nami-delivery-id", "")

    def told(self, name: str) -> str:
        query = dict(parse_qsl(urlsplit(self.target).query))
        return self.headers.get(f"backend-{name}") or query.get(f"backend-{name}", "")


class Backend:
    """Listens from its making until `close`; usable as a context manager.

    Args:
        port: 0: a free one.
        certificate: a PEM file with key and certificate, for TLS.
    """

    def __init__(self, port: int = 0, *, certificate: Path | None = None) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.hung_up = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self, port, certificate)
        self.port: int = self._server.server_port
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/hooks"

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.end()

    def of(self, delivery_id: str | None) -> list[Received]:
        """The tries of one delivery, in the order in which they came."""
        with self._lock:
            return [request for request in self.received if request.delivery_id == delivery_id]

    def take(self, request: Received) -> int:
        """Remember a request; how many of its delivery came before."""
        with self._lock:
            before = [r for r in self.received if request.delivery_id and r.delivery_id == request.delivery_id]
            self.received.append(request)
            return len(before)


class _Server(Server):
    def __init__(self, backend: Backend, port: int, certificate: Path | None) -> None:
        self.backend, self.certificate = backend, certificate
        super().__init__(_handler(backend), port)

    def server_activate(self) -> None:
        super().server_activate()
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.backend.hung_up.set()


def _handler(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            backend.connections += 1

        def _respond(self) -> None:
            if self.command == "GET" and self.path == "/received":
                self._answer(200, "".join(map(_line, backend.received)).encode())
                return
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.command, self.path, headers, body)
            before = backend.take(request)
            for status in filter(None, request.told("interim").split(",")):
                self.send_response_only(int(status))
                self.end_headers()
            time.sleep(float(request.told("delay") or 0))
            with contextlib.suppress(OSError):  # the other side had enough
                self._answer_as_told(request, before)

        def _answer_as_told(self, request: Received, before: int) -> None:
            statuses = (request.told("status") or "200").split(",")
            status = int(statuses[min(before, len(statuses) - 1)])
            if fault := request.told("fault"):
                self._fail(fault)
                return
            also = {name: value for name in ("retry-after", "location") if (value := request.told(name))}
            self._answer(status, (request.told("answer") or "ok").encode(), **also)
            self.close_connection = self.close_connection or bool(request.told("hang-up"))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - http.server names them so

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        def _fail(self, fault: str) -> None:
            self.close_connection = True
            if fault == "garbage":
                self.wfile.write(b"\x00\xff no HTTP\r\n\r\n")
            while fault == "endless":
                self.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n")
                time.sleep(0.05)
            if fault == "drip":
                for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-long: " + b"y" * 200 + b"\r\n\r\nok":
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.2)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _line(request: Received) -> str:
    fields = {**vars(request), "body": base64.b64encode(request.body).decode()}
    return json.dumps(fields) + "\n"


if __name__ == "__main__":
    with Backend(int(sys.argv[1]) if len(sys.argv) > 1 else 8080) as running:
        print(f"{running.url} answers; GET http://127.0.0.1:{running.port}/received tells what came", flush=True)
        threading.Event().wait()
