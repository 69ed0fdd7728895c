"""One HTTP/1.1 connection that is kept open, on sockets (RFC 9112)."""

from __future__ import annotations

import os
import socket
from select import POLLIN, poll
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEAD_BYTES = 8_192
_RECEIVE_BYTES = 65_536
_MAX_HEAD_BYTES = 65_536
MAX_ANSWER_BYTES = 32 * 1024 * 1024
# A connection that the other side dropped without a word is found out by waiting; after this long, a new one is tried.
_STALE_AFTER_SECONDS = 5.0
_STALE_WAIT_SECONDS = 0.75


class Connection:
    """One HTTP/1.1 connection that stays open between calls and is renewed once when it turns out to be stale."""

    _tls: Any = None  # the trusted certificates, read once for all connections

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self.secure = scheme == "https"
        self.host = rest.partition("/")[0]
        name, _, port = self.host.rpartition(":") if not self.host.endswith("]") else (self.host, "", "")
        if port.isdigit():
            self._name, self._port = name.strip("[]"), int(port)
        else:
            self._name, self._port = self.host.strip("[]"), 443 if self.secure else 80
        self._socket: socket.socket | None = None
        self._poller = poll()
        self._not_now: tuple[type[OSError], ...] = (BlockingIOError,)
        self._used_at = 0.0

    def exchange(self, head: str, body: bytes, deadline: float) -> tuple[int, bytes]:
        """Sends one request, returns status and body. Raises OSError; the connection is then closed."""
        request = head.encode("latin-1") + body
        if self._socket is not None and self._is_heard(self._socket):
            self.close()  # what is there already is no answer to what is sent now
        if self._socket is not None:
            now = monotonic()
            idle = now - self._used_at > _STALE_AFTER_SECONDS
            try:
                return self._attempt(
                    self._socket, request, min(deadline, now + _STALE_WAIT_SECONDS) if idle else deadline
                )
            except OSError:
                self.close()
                _remaining(deadline)
        return self._attempt(self._open(deadline), request, deadline)

    def connect(self, deadline: float) -> None:
        """Opens the connection unless it is open. Raises OSError."""
        if self._socket is None:
            self._open(deadline)
            self._used_at = monotonic()

    def close(self) -> None:
        """Drops the connection; the next call opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket, self._poller = None, poll()

    def _open(self, deadline: float) -> socket.socket:
        plain = self._reach(deadline)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._secured(plain, deadline) if self.secure else plain
        except BaseException:
            plain.close()
            raise
        self._poller.register(self._socket, POLLIN)
        return self._socket

    def _reach(self, deadline: float) -> socket.socket:
        """A connection to one of the name's addresses; those that are silent share the time with those that follow."""
        addresses = socket.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
        failed: OSError = TimeoutError("deadline")
        for at, (family, kind, protocol, _, address) in enumerate(addresses):
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(_remaining(deadline) / (len(addresses) - at))
                plain.connect(address)
            except OSError as error:
                plain.close()
                failed = error
            else:
                return plain
        raise failed

    def _is_heard(self, connected: socket.socket) -> bool:
        """Whether the other side has said something, or has gone, while nothing was asked."""
        if not self._poller.poll(0):
            return False
        connected.settimeout(0)
        try:
            connected.recv(1)
        except self._not_now:
            return False  # what TLS says to itself, such as a ticket
        except OSError:
            pass
        return True

    def _secured(self, plain: socket.socket, deadline: float) -> socket.socket:
        if Connection._tls is None:
            from ssl import create_default_context  # noqa: PLC0415 - tens of ms, only where the endpoint is https

            Connection._tls = create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        from ssl import SSLWantReadError, SSLWantWriteError  # noqa: PLC0415 - as above

        self._not_now = (SSLWantReadError, SSLWantWriteError)
        plain.settimeout(_remaining(deadline))
        secured: socket.socket = Connection._tls.wrap_socket(plain, server_hostname=self._name)
        return secured

    def _attempt(self, connected: socket.socket, request: bytes, deadline: float) -> tuple[int, bytes]:
        try:
            self._send(connected, request, deadline)
            status, body, reusable = _read_answer(connected, self._first(connected, deadline), deadline)
        except BaseException:
            self.close()
            raise
        if reusable:
            self._used_at = monotonic()
        else:
            self.close()
        return status, body

    # With a time-out, Python asks the kernel before each call whether it may. Nearly all requests go out at once and
    # nearly all answers come in at once, so one wait between the two is enough; what is left is done with time-outs.

    def _send(self, connected: socket.socket, request: bytes, deadline: float) -> None:
        if connected.gettimeout() != 0:
            connected.settimeout(0)
        try:
            sent = connected.send(request)
        except self._not_now:
            sent = 0
        if sent < len(request):
            connected.settimeout(_remaining(deadline))
            connected.sendall(request[sent:])

    def _first(self, connected: socket.socket, deadline: float) -> bytes:
        """What comes first of an answer."""
        if not self._poller.poll(1000 * _remaining(deadline)):
            raise TimeoutError("no answer in time")
        try:
            return connected.recv(_HEAD_BYTES)
        except self._not_now:
            connected.settimeout(_remaining(deadline))
            return connected.recv(_HEAD_BYTES)


def _remaining(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("deadline")
    return left


def _read_answer(connected: socket.socket, data: bytes, deadline: float) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection can serve again. `data` is what came first."""
    if not data:
        raise ConnectionResetError("connection closed before the answer")
    while True:
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _MAX_HEAD_BYTES:
                raise OSError("answer's head too long")
            data = _more(connected, data, deadline)
        if not data.startswith(b"HTTP/1.") or not data[9:12].isdigit():
            raise OSError("not an HTTP answer")
        status = int(data[9:12])
        head, data = data[: end + 2].lower(), data[end + 4 :]
        if status >= 200:
            break
    reusable = head.startswith(b"http/1.1 ") and b"close" not in _field(head, b"\r\nconnection:")
    announced = _field(head, b"\r\ncontent-length:")
    if announced.isdigit() and len(announced) < 20 and b"\r\ntransfer-encoding:" not in head:
        if (length := int(announced)) > MAX_ANSWER_BYTES:
            raise OSError("answer's length out of range")
        # What is over belongs to no request.
        return status, _read_exactly(connected, data, length, deadline), reusable and len(data) <= length
    from nami_runtime import framing  # noqa: PLC0415 - the calls on the hot path are answered with a length

    def receive() -> bytes:
        connected.settimeout(_remaining(deadline))
        return connected.recv(_RECEIVE_BYTES)

    chunked = _field(head, b"\r\ntransfer-encoding:") == b"chunked"
    if announced and not chunked:
        raise OSError("answer's length is not a number")
    body, complete = framing.read(status, data, receive, chunked=chunked, limit=MAX_ANSWER_BYTES)
    return status, body, reusable and complete


def _field(head: bytes, name: bytes) -> bytes:
    """A header's value; empty where there is none. All is in lower case, `name` from the line's beginning on."""
    start = head.find(name)
    return head[start + len(name) : head.find(b"\r\n", start + 2)].strip() if start >= 0 else b""


def _more(connected: socket.socket, data: bytes, deadline: float) -> bytes:
    connected.settimeout(_remaining(deadline))
    received = connected.recv(_HEAD_BYTES)
    if not received:
        raise ConnectionResetError("connection closed before the answer was complete")
    return data + received


def _read_exactly(connected: socket.socket, data: bytes, length: int, deadline: float) -> bytes:
    if len(data) < length:
        parts, have = [data], len(data)
        while have < length:
            connected.settimeout(_remaining(deadline))
            received = connected.recv(_RECEIVE_BYTES)
            if not received:
                raise ConnectionResetError("connection closed before the answer was complete")
            parts.append(received)
            have += len(received)
        data = b"".join(parts)
    return data[:length]
