"""The bounded queue between socket and disk: the reader never waits for a disk."""

from __future__ import annotations

import threading
from collections import deque

MOST_LINES = 10_000
MOST_BYTES = 64 * 1024 * 1024


class LineQueue:
    """Lines in the order they came. What does not fit is refused and counted, never silent."""

    def __init__(self, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self.most_lines, self.most_bytes = most_lines, most_bytes
        self.dropped = 0
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def has_room(self) -> bool:
        """Whether at least half of it is free."""
        return len(self._lines) < self.most_lines // 2 and self._bytes < self.most_bytes // 2

    def put(self, line: bytes) -> bool:
        """Take a line at once; False (and counted in `dropped`) where there is no room."""
        with self._changed:
            full = len(self._lines) >= self.most_lines or self._bytes + len(line) > self.most_bytes
            if full:
                self.dropped += 1
                return False
            self._lines.append(line)
            self._bytes += len(line)
            self._changed.notify()
        return True

    def take(self, most: int, wait_seconds: float) -> list[bytes]:
        """Up to so many lines; none if nothing came for so long."""
        with self._changed:
            if not self._lines:
                self._changed.wait(wait_seconds)
            count = min(most, len(self._lines))
            taken = [self._lines.popleft() for _ in range(count)]
            self._bytes -= sum(map(len, taken))
        return taken
