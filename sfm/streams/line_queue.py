"""The bounded queue between socket and disk: the reader never waits for a disk."""

from __future__ import annotations

import threading
from collections import deque
from itertools import chain

from sfm import clock

MAX_LINES = 10_000
MAX_BYTES = 64 * 1024 * 1024


class LineQueue:
    """Lines in the order they came. What does not fit is refused and counted, never silent.

    A line that was taken stays known as unfinished until `done` is called for it.
    """

    def __init__(self, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self.max_lines, self.max_bytes = max_lines, max_bytes
        self.dropped = 0
        self._lines: deque[tuple[bytes, float]] = deque()
        self._taken: deque[tuple[bytes, float]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def is_half_empty(self) -> bool:
        """Whether at least half of it is free."""
        return len(self._lines) < self.max_lines // 2 and self._bytes < self.max_bytes // 2

    def put(self, line: bytes, received: float | None = None) -> bool:
        """Take a line at once; False (and counted in `dropped`) where there is no room.

        `received` is seconds on the monotonic clock; now, if not given.
        """
        received = clock.monotonic() if received is None else received
        with self._changed:
            full = len(self._lines) >= self.max_lines or self._bytes + len(line) > self.max_bytes
            if full:
                self.dropped += 1
                return False
            self._lines.append((line, received))
            self._bytes += len(line)
            self._changed.notify()
        return True

    def take(self, most: int, wait_seconds: float) -> list[tuple[bytes, float]]:
        """Up to so many lines, each with the time of its receipt; none if nothing came for so
        long. Call `done` after each of them."""
        with self._changed:
            if not self._lines:
                self._changed.wait(wait_seconds)
            count = min(most, len(self._lines))
            taken = [self._lines.popleft() for _ in range(count)]
            self._bytes -= sum(len(line) for line, _ in taken)
            self._taken.extend(taken)
        return taken

    def done(self) -> None:
        """Mark the oldest line that was taken as finished."""
        with self._changed:
            if self._taken:
                self._taken.popleft()

    @property
    def oldest_received(self) -> float | None:
        """When the oldest unfinished line was received, on the monotonic clock."""
        with self._changed:
            first = next(chain(self._taken, self._lines), None)
        return first[1] if first else None

    def clear(self) -> list[tuple[bytes, float]]:
        """Give up all unfinished lines; these, oldest first."""
        with self._changed:
            left = [*self._taken, *self._lines]
            self._taken.clear()
            self._lines.clear()
            self._bytes = 0
        return left
