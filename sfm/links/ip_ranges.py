"""Which addresses are public: nothing else is ever connected to. Pure.

Python's own `is_private` lets carrier-grade NAT, multicast, 6to4, NAT64 and others pass, so this
is a table of our own. Source: IANA special-purpose address registries, IPv4 and IPv6.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CLOSED_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_OPEN_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20",
    )
)  # fmt: skip


@lru_cache(maxsize=4096)
def is_public(address: Address) -> bool:
    """Whether this is an address of the open internet, and of nobody's inside."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _CLOSED_4)
    if address.scope_id is not None or address not in _OPEN_6:
        return False
    return not any(address in block for block in _CLOSED_6)


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """The address in these words, in the one form that everybody reads alike; else None."""
    try:
        return ip_address(text)
    except ValueError:
        return None
