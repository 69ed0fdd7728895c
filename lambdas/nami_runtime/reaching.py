"""A connection to a host by an address that may be connected to: one of the internet, unless others are allowed."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import select
import socket
import ssl
import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

# Node's servers close after 5 idle seconds; a request that crosses such an end would be a failed try.
IDLE_SECONDS = 4.0
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


class Way:
    """The way to a URL's host: a connection for each thread, kept for the next request."""

    def __init__(self, url: SplitResult, connect_seconds: float, allow_private: bool) -> None:
        self._url, self._connect_seconds, self._allow_private = url, connect_seconds, allow_private
        self._own = threading.local()

    def connected(self, deadline: float) -> http.client.HTTPConnection:
        """The thread's connection, opened where there is none or it was idle. Raises Forbidden or OSError."""
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection:
            fresh = monotonic() - self._own.used_at < IDLE_SECONDS
            if fresh and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            self.close()
        limit = min(deadline, monotonic() + self._connect_seconds)
        secure = self._url.scheme == "https"
        host = self._url.hostname or ""
        connection = http.client.HTTPConnection(host)
        connection.response_class = _Final
        connection.auto_open = 0  # only to the address that was checked
        connection.sock = reach(host, self._url.port or (443 if secure else 80), limit, self._allow_private)
        self._own.connection = connection
        if secure:
            # The handshake apart, since wrapping takes the descriptor away from the plain socket.
            secured = _tls().wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
            connection.sock = secured
            try:
                with cut_at(limit, secured):
                    secured.do_handshake()
            except BaseException:
                self.close()
                raise
        self.used()
        return connection

    def used(self) -> None:
        """Remember that the thread's connection has just been of use."""
        self._own.used_at = monotonic()

    def close(self) -> None:
        """End the thread's connection, if there is one."""
        connection = getattr(self._own, "connection", None)
        self._own.connection = None
        if connection:
            connection.close()


_context: ssl.SSLContext | None = None


def _tls() -> ssl.SSLContext:
    global _context  # noqa: PLW0603 - the certificates are read once
    if _context is None:
        _context = ssl.create_default_context()
    return _context


@contextlib.contextmanager
def cut_at(limit: float, connected: socket.socket) -> Iterator[None]:
    """Ends a socket's waiting at `limit`: a time-out is that of each read, and a slow sender makes many.

    Raises TimeoutError for whatever came of it.
    """

    def cut() -> None:
        with contextlib.suppress(OSError):
            # Not the TLS socket's own, which would take its state away under the other thread.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    connected.settimeout(max(0.001, limit - monotonic()))
    watch = threading.Timer(limit - monotonic(), cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if monotonic() >= limit:
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
