"""The fence around outgoing connections: names are resolved once, every answer is checked, and only
a checked address is ever dialled, checked again at the socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from sfm.links.addresses import Network, is_public, parse_address

DNS_SECONDS = 5.0
_THREADS = 32

Lookup = Callable[[str, int], list[Any]]


class NotPublic(OSError):
    """The address is not one of the open internet, so it is not connected to."""


@dataclass(frozen=True)
class Fence:
    """What may be connected to. `opened` networks are for tests and benchmarks alone."""

    ports: frozenset[int] | None = frozenset({80, 443})
    own_names: frozenset[str] = frozenset()
    opened: tuple[Network, ...] = ()

    def check(self, text: str) -> None:
        """Raises NotPublic for an address behind the fence."""
        if not _may_be_dialled(text, self.opened):
            raise NotPublic(f"{text} is not a public address")


@lru_cache(maxsize=4096)
def _may_be_dialled(text: str, opened: tuple[Network, ...]) -> bool:
    address = parse_address(text)
    if address is None:
        return False
    return is_public(address) or any(address in network for network in opened)


def look_up(host: str, port: int) -> list[Any]:
    """The system's answer for a name, IPv4 and IPv6."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class FencedResolver(AbstractResolver):
    """Resolves in threads. If one answer of a name is behind the fence, none of them is used."""

    def __init__(self, fence: Fence, lookup: Lookup = look_up) -> None:
        self._fence = fence
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await asyncio.wait_for(
            loop.run_in_executor(self._threads, self._lookup, host, port), DNS_SECONDS
        )
        addresses = list(dict.fromkeys((entry[0], entry[4][0]) for entry in found))
        if not addresses:
            raise OSError(f"no address for {host}")
        self._check(address for _family, address in addresses)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in addresses
        ]  # fmt: skip

    def _check(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            self._fence.check(address)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def socket_factory(fence: Fence) -> Callable[[Any], socket.socket]:
    """Makes sockets for checked addresses only: the last check, whichever way one was come by."""

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _name, address = info
        fence.check(str(address[0]))
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    return make
