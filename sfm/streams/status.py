"""What a collector is doing at this moment: set by its threads, read by its heartbeat."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sfm import clock
from sfm.messages import Message


@dataclass
class Outage:
    """A time of which posts are missing. `ended_at` is None while it lasts; seconds are monotonic.

    `prefixes` are set for what one stream alone has missed: what was lost at the end of a process,
    and what began before the process that notes it.
    """

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
    lost_at: float = 0.0  # its beginning on the monotonic clock

    def set_duration(self, seconds: float) -> None:
        """Set how long it has lasted, in seconds, and estimate the posts lost; 0 without a rate."""
        self.seconds = seconds
        if self.rate:
            self.lost_estimate = max(1, round(self.rate * seconds / 60))


DisplayedState = tuple[str, str, datetime | None]  # state, reason, wait until


class Status:
    """State, figures and outages of one collector. Every method may be called by any thread."""

    def __init__(self, changed: Callable[[], None] | None = None) -> None:
        self._on_change = changed
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
        self._inherited: list[Outage] = []  # of single streams, from before this collector
        self._behind: DisplayedState | None = None  # what is shown when the disk works again

    def set_status(self, state: str, reason: str = "", wait_until: datetime | None = None) -> None:
        """Say what is being done now, why, and until when it waits.

        While the disk takes nothing that is what counts, and this is shown afterwards.
        """
        with self._lock:
            if self._behind is not None:
                self._behind = (state, reason, wait_until)
                return
            is_new = self._set((state, reason, wait_until))
        self._wake(is_new)

    def disk_failed(self, reason: str) -> None:
        """What came cannot be saved at the moment, and why."""
        with self._lock:
            if self._behind is None:
                self._behind = (self.state, self.reason, self.wait_until)
            is_new = self._set(("storage", reason, None))
        self._wake(is_new)

    def disk_recovered(self) -> None:
        """Everything is saved again; what the connection does is what counts."""
        with self._lock:
            shown, self._behind = self._behind, None
            is_new = shown is not None and self._set(shown)
        self._wake(is_new)

    def _set(self, shown: DisplayedState) -> bool:
        is_new = shown[0] != self.state
        if is_new:
            self.since = clock.now()
        self.state, self.reason, self.wait_until = shown
        return is_new

    def _wake(self, is_new: bool) -> None:
        if is_new and self._on_change:
            self._on_change()

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
            never_connected = self._inherited if self.alive_at is None else []
            under_way = [self._outage] if self._outage is not None else never_connected
            for outage in under_way:
                outage.detail = detail or outage.detail
            if under_way:
                return
            began_at = self.alive_at or clock.now()
            self._outage = Outage(
                began_at, cause, detail, last_id=self.last_id, rate=rate,
                lost_at=_monotonic(began_at),
            )  # fmt: skip

    def add_outages(self, outages: Iterable[Outage]) -> None:
        """Add what streams have missed before they were collected here."""
        with self._lock:
            for outage in outages:
                outage.lost_at = _monotonic(outage.began_at)
                (self._inherited if outage.ended_at is None else self.outages).append(outage)

    def connection_restored(self) -> None:
        """Connected again, with the rules of all streams: what was missed until now has ended."""
        with self._lock:
            outage, self._outage = self._outage, None
            self._end_inherited()
            if outage is None:
                return
            self._update(outage)
            outage.ended_at = clock.now()
            if outage.seconds >= 1:
                self.outages.append(outage)

    def rules_added(self) -> None:
        """End the outages of streams whose rules were added to this connection."""
        with self._lock:
            self._end_inherited()

    def _end_inherited(self) -> None:
        inherited, self._inherited = self._inherited, []
        for outage in inherited:
            self._update(outage)
            outage.ended_at = clock.now()
            self.outages.append(outage)

    def stream_removed(self, prefix: str, saved_until: datetime, cause: str, detail: str) -> None:
        """Record the outage of a stream that is no longer collected here, from `saved_until` on."""
        with self._lock:
            self._inherited = [outage for outage in self._inherited if outage.prefixes != (prefix,)]
            self.outages.append(Outage(saved_until, cause, detail, prefixes=(prefix,)))

    def open_outages(self) -> list[Outage]:
        """The outages of this moment: inherited ones, and one of ours that lasts a second."""
        with self._lock:
            outages = [*([self._outage] if self._outage else []), *self._inherited]
            for outage in outages:
                self._update(outage)
            return [
                outage for outage in outages if outage.seconds >= 1 or outage is not self._outage
            ]

    def _update(self, outage: Outage) -> None:
        outage.set_duration(clock.monotonic() - outage.lost_at)
        outage.last_id = self.last_id or outage.last_id  # filed meanwhile

    def not_saved(self, prefix: str, lines: int, age_seconds: float) -> None:
        """So many posts of a stream, the oldest received so long ago, are in no file and lost."""
        now = clock.now()
        began_at = now - timedelta(seconds=age_seconds)
        with self._lock:
            self.outages.append(
                Outage(
                    began_at, "not_saved",
                    Message("Posts had come, but could not be saved before the end."),
                    now, age_seconds, None, lines, lines, prefixes=(prefix,),
                )
            )  # fmt: skip

    def dropped(self, lines: int, began_at: datetime) -> None:
        """Lines that the queue had no room for: an outage of our own making."""
        now = clock.now()
        with self._lock:
            self.outages.append(
                Outage(
                    began_at, "too_slow", Message("The disk did not keep up; posts were left out."),
                    now, (now - began_at).total_seconds(), self.last_id, lines, lines,
                )
            )  # fmt: skip


def _monotonic(moment: datetime) -> float:
    """A time that has been, on the monotonic clock; now for one that is to come."""
    return clock.monotonic() - max(0.0, (clock.now() - moment).total_seconds())
