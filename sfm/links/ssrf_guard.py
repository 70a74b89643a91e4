"""The SSRF guard of outgoing connections to links that others wrote.

A name is resolved once, every answer is checked, and only a checked address is connected to; the
socket checks it again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sfm.links.ip_ranges import Network, is_public, parse_address
from sfm.links.urls import Target

DNS_SECONDS = 5.0
_THREADS = 32

Lookup = Callable[[str, int], list[Any]]


class NotPublic(OSError):
    """The address is not one of the open internet, so it is not connected to."""


@dataclass(frozen=True)
class SsrfGuard:
    """What may be connected to. `allowed_networks` are for tests and benchmarks alone."""

    ports: frozenset[int] | None = frozenset({80, 443})
    own_names: frozenset[str] = frozenset()
    allowed_networks: tuple[Network, ...] = ()

    def check(self, text: str) -> None:
        """Raises NotPublic for an address that is not public and not in `allowed_networks`."""
        if not _is_allowed(text, self.allowed_networks):
            raise NotPublic(f"{text} is not a public address")


@lru_cache(maxsize=4096)
def _is_allowed(text: str, allowed_networks: tuple[Network, ...]) -> bool:
    address = parse_address(text)
    if address is None:
        return False
    return is_public(address) or any(address in network for network in allowed_networks)


def look_up(host: str, port: int) -> list[Any]:
    """The system's answer for a name, IPv4 and IPv6."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@dataclass(frozen=True)
class ResolvedHost:
    """One checked address of a name."""

    family: socket.AddressFamily
    address: str


class GuardedResolver:
    """Resolves in threads. If one answer of a name is not public, none of them is used."""

    def __init__(self, guard: SsrfGuard, lookup: Lookup = look_up) -> None:
        self._guard = guard
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="dns")

    async def resolve(self, target: Target) -> list[ResolvedHost]:
        """The addresses to connect to, all checked. Raises NotPublic, gaierror, TimeoutError."""
        if target.literal is not None:
            kind = socket.AF_INET if target.literal.version == 4 else socket.AF_INET6
            hosts = [ResolvedHost(kind, target.host)]
        else:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(DNS_SECONDS):
                answers = await loop.run_in_executor(
                    self._threads, self._lookup, target.host, target.port
                )
            hosts = [ResolvedHost(entry[0], str(entry[4][0])) for entry in answers]
        for resolved in hosts:
            self._guard.check(resolved.address)
        return list(dict.fromkeys(hosts))

    def open_socket(self, host: ResolvedHost) -> socket.socket:
        """An unconnected socket for this address, checked once more. Raises NotPublic."""
        self._guard.check(host.address)
        sock = socket.socket(host.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        return sock

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
