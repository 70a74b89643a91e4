"""How long to stay away from a stream after it broke. Pure: the caller hands in the time and waits.

Source: X, "Handling disconnections": network faults at once, then 250 ms more each time up to
16 s; HTTP errors 5 s doubling to 320 s; 429 and 420 one minute doubling. Beyond that never more
than ten connects a minute, whatever the reason: X allows 50 in 15 minutes.
"""

from __future__ import annotations

from collections import deque

from sfm.networks.stream import BackoffKind

NETWORK_STEP_SECONDS = 0.25
NETWORK_MAX_SECONDS = 16.0
HTTP_FIRST_SECONDS = 5.0
HTTP_MAX_SECONDS = 320.0
RATE_FIRST_SECONDS = 60.0
RATE_MAX_SECONDS = 900.0
ALIVE_SECONDS = 30.0  # a connection that lasted so long, or gave a post, was a good one
_MAX_CONNECTS = ((10, 60.0), (45, 900.0))  # so many within so many seconds


class Backoff:
    """Waits of one stream. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._failures: dict[BackoffKind, int] = {"network": 0, "http": 0, "rate": 0}
        self._connects: deque[float] = deque(maxlen=_MAX_CONNECTS[-1][0])

    def connected(self, now: float) -> None:
        """Note that a connection is being made, whatever comes of it."""
        self._connects.append(now)

    def failed(self, kind: BackoffKind, now: float, requested_seconds: float = 0.0) -> float:
        """Seconds to wait before the next connect. `requested_seconds`: what a refusal asks for."""
        count = self._failures[kind]
        self._failures[kind] = count + 1
        wait = max(_table(kind, count), min(requested_seconds, RATE_MAX_SECONDS))
        return max(wait, self._crowded_until(now + wait) - now)

    def alive(self, seconds: float, records: int) -> None:
        """After a connection ended: forget the failures before it if it was a good one."""
        if records > 0 or seconds >= ALIVE_SECONDS:
            self._failures = {"network": 0, "http": 0, "rate": 0}

    def _crowded_until(self, moment: float) -> float:
        """The first time from `moment` on at which one more connect is within bounds."""
        for most, span in _MAX_CONNECTS:
            if len(self._connects) >= most:
                moment = max(moment, self._connects[-most] + span)
        return moment


def _table(kind: BackoffKind, count: int) -> float:
    if kind == "network":
        return min(count * NETWORK_STEP_SECONDS, NETWORK_MAX_SECONDS)
    doublings = 2.0 ** min(count, 10)
    if kind == "http":
        return min(HTTP_FIRST_SECONDS * doublings, HTTP_MAX_SECONDS)
    return min(RATE_FIRST_SECONDS * doublings, RATE_MAX_SECONDS)
