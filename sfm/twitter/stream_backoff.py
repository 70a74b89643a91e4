"""How long to stay away from a stream after it broke. Pure: the caller hands in the time and waits.

Source: X, "Handling disconnections": network faults at once, then 250 ms more each time up to
16 s; HTTP errors 5 s doubling to 320 s; 429 and 420 one minute doubling. Never more than ten
connects a minute that X has counted (it allows 50 in 15 minutes); one that never reached X is not
counted. Where X refuses the key it is asked again after 5 s, 5, 15 and 60 minutes, then hourly:
that is free.
"""

from __future__ import annotations

from collections import Counter, deque

from sfm.networks.stream import BackoffKind

NETWORK_STEP_SECONDS = 0.25
NETWORK_MAX_SECONDS = 16.0
HTTP_FIRST_SECONDS = 5.0
HTTP_MAX_SECONDS = 320.0
RATE_FIRST_SECONDS = 60.0
RATE_MAX_SECONDS = 900.0
REFUSED_SECONDS = (5.0, 300.0, 900.0, 3600.0)  # after the last of them, again and again
ALIVE_SECONDS = 30.0  # a connection that lasted so long was a good one
_MAX_CONNECTS = ((10, 60.0), (45, 900.0))  # so many within so many seconds


class Backoff:
    """Waits of one stream. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._failures: Counter[BackoffKind] = Counter()
        self._connects: deque[float] = deque(maxlen=_MAX_CONNECTS[-1][0])

    def connected(self, now: float) -> None:
        """Note a connect that X has counted: it has answered."""
        self._connects.append(now)

    def crowded_seconds(self, now: float) -> float:
        """Seconds until one more connect is within bounds."""
        return self._next_connect_at(now) - now

    def failed(self, kind: BackoffKind, now: float, requested_seconds: float = 0.0) -> float:
        """Seconds to wait before the next connect. `requested_seconds`: what a refusal asks for."""
        count = self._failures[kind]
        self._failures[kind] = count + 1
        wait = max(_table(kind, count), min(requested_seconds, RATE_MAX_SECONDS))
        return max(wait, self._next_connect_at(now + wait) - now)

    def alive(self, seconds: float, records: int) -> None:
        """After a connection ended: forget the failures before it if it lasted.

        A few posts do not make it good: a stream that ends after each would be opened without end.
        """
        if seconds >= ALIVE_SECONDS:
            self._failures.clear()

    def _next_connect_at(self, moment: float) -> float:
        """The first time from `moment` on at which one more connect is within bounds."""
        for most, span in _MAX_CONNECTS:
            if len(self._connects) >= most:
                moment = max(moment, self._connects[-most] + span)
        return moment


def _table(kind: BackoffKind, count: int) -> float:
    if kind == "network":
        return min(count * NETWORK_STEP_SECONDS, NETWORK_MAX_SECONDS)
    if kind == "refused":
        return REFUSED_SECONDS[min(count, len(REFUSED_SECONDS) - 1)]
    doublings = 2.0 ** min(count, 10)
    if kind == "http":
        return min(HTTP_FIRST_SECONDS * doublings, HTTP_MAX_SECONDS)
    return min(RATE_FIRST_SECONDS * doublings, RATE_MAX_SECONDS)
