"""A meter that keeps its counts in memory."""

from __future__ import annotations

import threading
from collections import Counter

from sfm.networks.meter import Meter


class MemoryMeter(Meter):
    """Counts for as long as the process lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.posts: Counter[tuple[str, str]] = Counter()
        self.users: Counter[tuple[str, str]] = Counter()

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        key = (fingerprint, endpoint)
        with self._lock:
            self.calls[key] += calls
            self.posts[key] += posts
            self.users[key] += users
