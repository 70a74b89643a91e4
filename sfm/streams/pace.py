"""How many posts a minute a connection brings, also where it is younger than a minute."""

from __future__ import annotations

from collections import deque

from sfm import clock

WINDOW_SECONDS = 60
LEAST_SECONDS = 3  # of a shorter connection too little is known: its first posts make no flood


class PostPace:
    """The posts of the last minute, and for how much of it there was a connection.

    Moments are seconds on the monotonic clock. One thread at a time may call it.
    """

    def __init__(self) -> None:
        self._posts: deque[list[int]] = deque()  # second, posts in it
        self._connections: deque[tuple[float, float]] = deque()  # that have ended
        self._connected_at: float | None = None

    def connected(self) -> None:
        """There is a connection from now on."""
        if self._connected_at is None:
            self._connected_at = clock.monotonic()

    def disconnected(self, moment: float) -> None:
        """The last byte of the connection came at this moment; nothing where there was none."""
        if self._connected_at is not None:
            self._connections.append((self._connected_at, moment))
            self._connected_at = None

    def add(self, posts: int) -> None:
        """So many posts came now."""
        second = int(clock.monotonic())
        if self._posts and self._posts[-1][0] == second:
            self._posts[-1][1] += posts
        else:
            self._posts.append([second, posts])
            self._forget_old(clock.monotonic() - WINDOW_SECONDS)

    @property
    def posts_a_minute(self) -> float:
        """What the connected part of the last minute brought, as if it had been a whole one."""
        now = clock.monotonic()
        self._forget_old(now - WINDOW_SECONDS)
        posts = sum(count for _, count in self._posts)
        seconds = max(LEAST_SECONDS, round(self._connected_seconds(now)))
        return posts * WINDOW_SECONDS / seconds

    def _connected_seconds(self, now: float) -> float:
        times = [*self._connections]
        if self._connected_at is not None:
            times.append((self._connected_at, now))
        return sum(max(0.0, end - max(begin, now - WINDOW_SECONDS)) for begin, end in times)

    def _forget_old(self, before: float) -> None:
        while self._posts and self._posts[0][0] < before:
            self._posts.popleft()
        while self._connections and self._connections[0][1] < before:
            self._connections.popleft()
