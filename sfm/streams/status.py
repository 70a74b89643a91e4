"""What a collector is doing at this moment: set by its threads, read by its heartbeat."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sfm import clock


@dataclass
class Outage:
    """A time without a connection. `ended_at` is None while it lasts; seconds are monotonic."""

    began_at: datetime
    cause: str
    detail: str = ""
    ended_at: datetime | None = None
    seconds: float = 0.0
    last_id: int | None = None
    lost_estimate: int = 0
    lost_counted: int = 0
    row_ids: dict[str, int] = field(default_factory=dict)  # by prefix, once written
    prefixes: tuple[str, ...] | None = None  # None: all streams of the collector
    rate: float = 0.0  # posts a minute before it began; 0 where nobody knows

    def lasts(self, seconds: float) -> None:
        """So long by now; what it may have cost follows. Nothing known of its pace leaves it 0."""
        self.seconds = seconds
        if self.rate:
            self.lost_estimate = max(1, round(self.rate * seconds / 60))


Shown = tuple[str, str, datetime | None]  # state, reason, wait until


class Status:
    """State, figures and outages of one collector. Every method may be called by any thread."""

    def __init__(self, changed: Callable[[], None] | None = None) -> None:
        self._tell = changed
        self.state = "starting"
        self.since = clock.now()
        self.reason = ""
        self.wait_until: datetime | None = None
        self.alive_at: datetime | None = None
        self.post_at: datetime | None = None
        self.posts = 0
        self.unmatched = 0
        self.skipped = 0
        self.last_id: int | None = None
        self.outages: deque[Outage] = deque()  # to be written, oldest first
        self._lock = threading.Lock()
        self._minute: deque[list[int]] = deque()  # second, posts in it
        self._outage: Outage | None = None
        self._lost_at = 0.0
        self._behind: Shown | None = None  # what is to be shown when the disk is well again

    def show(self, state: str, reason: str = "", wait_until: datetime | None = None) -> None:
        """Say what is being done now, why, and until when it waits.

        While the disk takes nothing that is what counts, and this is shown afterwards.
        """
        with self._lock:
            if self._behind is not None:
                self._behind = (state, reason, wait_until)
                return
            is_new = self._put((state, reason, wait_until))
        self._wake(is_new)

    def disk_fails(self, reason: str) -> None:
        """What came cannot be saved at the moment, and why."""
        with self._lock:
            if self._behind is None:
                self._behind = (self.state, self.reason, self.wait_until)
            is_new = self._put(("storage", reason, None))
        self._wake(is_new)

    def disk_is_well(self) -> None:
        """Everything is saved again; what the connection does is what counts."""
        with self._lock:
            shown, self._behind = self._behind, None
            is_new = shown is not None and self._put(shown)
        self._wake(is_new)

    def _put(self, shown: Shown) -> bool:
        is_new = shown[0] != self.state
        if is_new:
            self.since = clock.now()
        self.state, self.reason, self.wait_until = shown
        return is_new

    def _wake(self, is_new: bool) -> None:
        if is_new and self._tell:
            self._tell()

    def alive(self, posts: int = 0, last_id: int | None = None) -> None:
        """Something came: a keep-alive, or so many posts."""
        now = clock.now()
        self.alive_at = now
        if posts:
            with self._lock:
                self.post_at = now
                self.posts += posts
                second = int(clock.monotonic())
                if self._minute and self._minute[-1][0] == second:
                    self._minute[-1][1] += posts
                else:
                    self._minute.append([second, posts])
                    self._forget_old()
                if last_id is not None:
                    self.last_id = max(self.last_id or 0, last_id)

    @property
    def posts_a_minute(self) -> float:
        """Posts of the last sixty seconds."""
        with self._lock:
            self._forget_old()
            return float(sum(posts for _, posts in self._minute))

    def _forget_old(self) -> None:
        while self._minute and self._minute[0][0] < clock.monotonic() - 60:
            self._minute.popleft()

    def lost(self, cause: str, detail: str = "") -> None:
        """The connection ended; nothing where it had ended before."""
        rate = self.posts_a_minute
        with self._lock:
            if self._outage is not None:
                self._outage.detail = detail or self._outage.detail
                return
            began_at = self.alive_at or clock.now()
            self._lost_at = clock.monotonic() - max(0.0, (clock.now() - began_at).total_seconds())
            self._outage = Outage(began_at, cause, detail, last_id=self.last_id, rate=rate)

    def missing_since(self, outage: Outage) -> None:
        """What the process before this one left: a time that began before we were there."""
        with self._lock:
            self._outage, self.alive_at = outage, outage.began_at
            gone = (clock.now() - outage.began_at).total_seconds()
            self._lost_at = clock.monotonic() - max(0.0, gone)

    def regained(self) -> None:
        """Connected again: an outage of a second or more is there to be written down."""
        with self._lock:
            outage, self._outage = self._outage, None
            if outage is None:
                return
            outage.lasts(clock.monotonic() - self._lost_at)
            outage.ended_at = clock.now()
            outage.last_id = self.last_id or outage.last_id  # filed meanwhile
            if outage.seconds >= 1:
                self.outages.append(outage)

    def going_on(self) -> Outage | None:
        """The outage of this moment, if it lasts a second already."""
        with self._lock:
            outage = self._outage
            if outage is None or clock.monotonic() - self._lost_at < 1:
                return None
            outage.lasts(clock.monotonic() - self._lost_at)
            outage.last_id = self.last_id or outage.last_id
            return outage

    def dropped(self, lines: int, began_at: datetime) -> None:
        """Lines that the queue had no room for: an outage of our own making."""
        now = clock.now()
        with self._lock:
            self.outages.append(
                Outage(
                    began_at, "too_slow", "The disk did not keep up; posts were left out.",
                    now, (now - began_at).total_seconds(), self.last_id, lines, lines,
                )
            )  # fmt: skip
