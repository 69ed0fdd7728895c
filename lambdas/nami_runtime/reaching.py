"""A connection to a host by an address that may be connected to: one of the internet, unless others are allowed."""

from __future__ import annotations

import ipaddress
import socket
from time import monotonic


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
