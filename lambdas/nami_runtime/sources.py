"""The source addresses that may send, where the subscription names any."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address, ip_network

from nami_runtime.request import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network


def check(source_ip: str, allowed: str) -> None:
    """Raises Refused (403) unless the address is in one of the networks, which are in CIDR form with commas between."""
    try:
        address = ip_address(source_ip)
    except ValueError:
        raise Refused(403, "source address unreadable") from None
    if not any(address in network for network in _networks(allowed)):
        raise Refused(403, f"source address {address} is not allowed")


@cache
def _networks(allowed: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in allowed.split(","))
