"""How often each credential may call each endpoint, as X counts it: windows of 15 minutes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sfm.sandbox import problems
from sfm.sandbox.clock import SandboxClock

WINDOW_SECONDS = 900
_UNLIMITED = 1_000_000

# Calls per window for an app token and for a user token.
# Source: docs.x.com, X API rate limits, pay-per-use plan, 2026.
X_LIMITS: dict[str, tuple[int, int]] = {
    "users/by": (300, 900),
    "users/by/username": (300, 900),
    "users": (300, 900),
    "users/:id": (300, 900),
    "users/me": (75, 75),
    "users/:id/tweets": (10_000, 900),
    "tweets": (3_500, 5_000),
    "tweets/:id": (450, 900),
    "tweets/search/recent": (450, 300),
    "tweets/counts/recent": (300, 300),
    "usage/tweets": (50, 50),
    "tweets/search/stream": (50, 50),
    "tweets/sample/stream": (50, 50),
    "rules:get": (450, 450),
    "rules:post": (100, 100),
    "rules/counts": (450, 450),
    "connections": (450, 450),
    "connections:delete": (25, 25),
}


@dataclass
class _Window:
    start_ms: int
    used: int = 0


class Limits:
    """Counts calls. With `enabled` False nothing is refused, but the headers are there as ever."""

    def __init__(self, clock: SandboxClock, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._clock = clock
        self._own: dict[str, int] = {}
        self._windows: dict[tuple[str, str], _Window] = {}
        self._lock = threading.Lock()

    def set(self, endpoint: str, calls: int) -> None:
        """Another limit for one endpoint, whoever calls. Raises KeyError for an unknown one."""
        if endpoint not in X_LIMITS:
            raise KeyError(endpoint)
        self._own[endpoint] = calls

    def reset(self) -> None:
        """X's own limits again, and every window empty."""
        with self._lock:
            self._own.clear()
            self._windows.clear()

    def spend(self, endpoint: str, key: str, *, by_user: bool) -> dict[str, str]:
        """Count one call; gives the headers. Raises Refused (429) with them when none is left."""
        limit = self._own.get(endpoint, X_LIMITS[endpoint][1 if by_user else 0])
        if not self.enabled:
            limit = _UNLIMITED
        now = self._clock.now_ms()
        with self._lock:
            window = self._windows.get((key, endpoint))
            if window is None or now >= window.start_ms + WINDOW_SECONDS * 1000:
                window = self._windows[key, endpoint] = _Window(now)
            window.used += 1
            over = self.enabled and window.used > limit
            headers = {
                "x-rate-limit-limit": str(limit),
                "x-rate-limit-remaining": str(max(0, limit - window.used)),
                "x-rate-limit-reset": str(window.start_ms // 1000 + WINDOW_SECONDS),
            }
        if over:
            raise problems.RefusedRequest(429, problems.generic(429, "Too Many Requests"), headers)
        return headers
