"""The rate limit of each host: two requests at once and one a second. Waits by the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_PRUNE_AT = 20_000


@dataclass(frozen=True)
class HostLimits:
    """How many requests one host gets at once, and the seconds between two starts."""

    at_once: int = 2
    gap_seconds: float = 1.0


@dataclass
class _Host:
    slots: asyncio.Semaphore
    next_at: float = 0.0
    requests: int = field(default=0)  # waiting or under way


class HostRateLimiter:
    """The rate limits of all hosts, within one event loop."""

    def __init__(self, limits: HostLimits) -> None:
        self._limits = limits
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """One request to this host; waits until its limits allow it."""
        loop = asyncio.get_running_loop()
        entry = self._hosts.get(host)
        if entry is None:
            self._prune(loop.time())
            entry = self._hosts[host] = _Host(asyncio.Semaphore(self._limits.at_once))
        entry.requests += 1
        try:
            async with entry.slots:
                start = max(loop.time(), entry.next_at)
                entry.next_at = start + self._limits.gap_seconds
                if start > loop.time():
                    await asyncio.sleep(start - loop.time())
                yield
        finally:
            entry.requests -= 1

    def _prune(self, now: float) -> None:
        if len(self._hosts) >= _PRUNE_AT:
            kept = {h: e for h, e in self._hosts.items() if e.requests or e.next_at > now}
            self._hosts = kept
