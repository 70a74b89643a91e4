"""Counting what is read, because it is paid for."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import Any


class Meter:
    """Takes every call with what it read, for the present UTC day. Must not raise.

    Posts and users are those asked for (`data`), not those that come along (`includes`): X does
    not say whether the latter are billed. A meter may gather counts until what they brought is
    stored, and write them with that; the others have nothing to do in `write` and `settle`.
    """

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        """Add to today's count."""
        raise NotImplementedError

    def joined(self) -> AbstractContextManager[None]:
        """Around a transaction that calls `write`, up to its commit."""
        return nullcontext()

    def write(self, connection: Any) -> None:
        """Write what was gathered, in the caller's transaction."""

    def settle(self) -> None:
        """Write what was gathered now: nothing is stored for it, or not soon."""


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
