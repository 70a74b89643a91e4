"""Not more than two questions at once and one a second to any host. Waits by the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_PRUNE_AT = 20_000


@dataclass(frozen=True)
class HostLimits:
    """How much one host is asked. The gap is seconds between two starts."""

    at_once: int = 2
    gap_seconds: float = 1.0


@dataclass
class _Host:
    places: asyncio.Semaphore
    next_at: float = 0.0
    users: int = field(default=0)


class HostGate:
    """Turns of all hosts, within one event loop."""

    def __init__(self, manners: HostLimits) -> None:
        self._manners = manners
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """One question to this host; waits until it is polite."""
        loop = asyncio.get_running_loop()
        entry = self._hosts.get(host)
        if entry is None:
            self._prune(loop.time())
            entry = self._hosts[host] = _Host(asyncio.Semaphore(self._manners.at_once))
        entry.users += 1
        try:
            async with entry.places:
                start = max(loop.time(), entry.next_at)
                entry.next_at = start + self._manners.gap_seconds
                if start > loop.time():
                    await asyncio.sleep(start - loop.time())
                yield
        finally:
            entry.users -= 1

    def _prune(self, now: float) -> None:
        if len(self._hosts) >= _PRUNE_AT:
            kept = {h: e for h, e in self._hosts.items() if e.users or e.next_at > now}
            self._hosts = kept
