"""A connection to a host by an address that may be connected to: one of the internet, unless others are allowed."""

from __future__ import annotations

import http.client
import io
import ipaddress
import re
import select
import socket
import ssl
import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any
    from urllib.parse import SplitResult

# Node's servers close after 5 idle seconds; a request that crosses such an end would be a failed try.
IDLE_SECONDS = 4.0
_TOGETHER_BYTES = 65_536
# RFC 9110, section 7.6.1, and what belongs to this hop: the connection's own, and what is computed anew.
HOP_BY_HOP = frozenset(
    {
        *("connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "content-length", "expect", "accept-encoding"),
    }
)
token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch


class Forbidden(Exception):
    """The backend's address is none of the internet, and no other is allowed."""


def reach(host: str, port: int, limit: float, allow_private: bool) -> socket.socket:
    """A connection to the host. The address that is judged is the one that is connected to: names are not asked twice.

    Raises:
        Forbidden: it has none but private addresses.
        OSError: none of them answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [entry for entry in found if allow_private or is_public(str(entry[4][0]))]
    if not allowed:
        raise Forbidden(f"{host} has only addresses that are private, and these are not allowed")
    failed: OSError = TimeoutError()
    for family, kind, protocol, _, address in allowed:
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(max(0.001, limit - monotonic()))
            plain.connect(address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return plain
        except OSError as error:
            plain.close()
            failed = error
    raise failed


# https://www.iana.org/assignments/ipv6-address-space says that all of the internet is in the first; through the second
# a network without IPv4 reaches it (RFC 6052); the third is for protocols between a host and its provider.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PROTOCOLS = ipaddress.IPv4Network("192.0.0.0/24")


def is_public(text: str) -> bool:
    """Whether an address is one of the internet; of one that carries another in it, whether that one is."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved or address in _PROTOCOLS)
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner is not None and not is_public(str(inner)):
        return False
    return address.ipv4_mapped is not None or address in _NAT64 or (address in _UNICAST and address.is_global)


class _Final(http.client.HTTPResponse):
    """The answer that counts: of those below 200, which come on the way to it, http.client itself skips 100 alone.

    RFC 9110, section 15.2. 101 is one that counts: what follows it is no HTTP.
    """

    def begin(self) -> None:
        super().begin()
        while self.status < 200 and self.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment] # as long as there are some, nothing more is read
            super().begin()


class _Reading(io.RawIOBase):
    """What comes on a connection, until a moment of time.monotonic()."""

    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket, self._until = connected, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wait_until(self._until, self._socket)
        return self._socket.recv_into(buffer)


def wait_until(moment: float, connected: socket.socket) -> None:
    """Ends the socket's next wait at that moment of time.monotonic(). Raises TimeoutError where it is past."""
    left = moment - monotonic()
    if left <= 0:
        raise TimeoutError
    connected.settimeout(left)


class Line:
    """A connection to a host, for one request after the other.

    All of an exchange ends in time: a time-out is that of each read, and a slow sender makes many, so each gets what is
    left.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket, self._until = connected, 0.0

    def exchange(self, head: bytes, body: bytes, method: str, until: float) -> http.client.HTTPResponse:
        """Sends a request; the answer's head is read. Raises OSError or http.client.HTTPException."""
        self._until = until
        # One packet where both fit; a long body is not copied, since several are sent at once.
        for part in (head + body,) if len(body) <= _TOGETHER_BYTES else (head, body):
            rest = memoryview(part)
            while rest:
                wait_until(until, self._socket)
                rest = rest[self._socket.send(rest) :]
        response = _Final(self, method=method)  # type: ignore[arg-type] # it only asks for a file to read from
        response.begin()
        return response

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What the answer is read from."""
        return io.BufferedReader(_Reading(self._socket, self._until))

    def is_quiet(self) -> bool:
        """Whether nothing was said, and nobody has gone, while nothing was asked."""
        return not select.select([self._socket], [], [], 0)[0]

    def close(self) -> None:
        """Ends it."""
        self._socket.close()


class Way:
    """The way to a URL's host: a connection for each thread, kept for the next request."""

    def __init__(self, url: SplitResult, connect_seconds: float, allow_private: bool) -> None:
        self._url, self._connect_seconds, self._allow_private = url, connect_seconds, allow_private
        self._own = threading.local()

    def connected(self, deadline: float) -> Line:
        """The thread's connection, opened where there is none or it was idle. Raises Forbidden or OSError."""
        line: Line | None = getattr(self._own, "line", None)
        if line:
            if monotonic() - self._own.used_at < IDLE_SECONDS and line.is_quiet():
                return line
            self.close()
        limit = min(deadline, monotonic() + self._connect_seconds)
        secure = self._url.scheme == "https"
        host = self._url.hostname or ""
        connected = reach(host, self._url.port or (443 if secure else 80), limit, self._allow_private)
        if secure:
            connected = _secured(connected, host, limit)
        self._own.line = line = Line(connected)
        self.used()
        return line

    def used(self) -> None:
        """Remember that the thread's connection has just been of use."""
        self._own.used_at = monotonic()

    def close(self) -> None:
        """End the thread's connection, if there is one."""
        line = getattr(self._own, "line", None)
        self._own.line = None
        if line:
            line.close()


_context: ssl.SSLContext | None = None


def _tls() -> ssl.SSLContext:
    global _context  # noqa: PLW0603 - the certificates are read once
    if _context is None:
        _context = ssl.create_default_context()
    return _context


def _secured(plain: socket.socket, host: str, limit: float) -> ssl.SSLSocket:
    # The handshake apart, since wrapping takes the descriptor away from the plain socket.
    secured = _tls().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        # Of a handshake the time-out is that of all its reads together: CPython, Modules/_ssl.c, do_handshake.
        wait_until(limit, secured)
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured
