"""What a collector is doing at this moment: set by its threads, read by its heartbeat."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from sfm import clock
from sfm.messages import Message
from sfm.streams.coverage import Cause, SavedSpans
from sfm.streams.pace import PostPace


@dataclass
class Outage:
    """A time of which posts are missing. `ended_at` is None while it lasts; seconds are monotonic.

    It is written as a row that explains a gap; if it has ended, no post of it counts as saved.
    `prefixes` are set for what single streams alone have missed.
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
        self.started_at = clock.now()
        self.alive_at: datetime | None = None
        self.alive_seconds: float | None = None  # the same, on the monotonic clock
        self.dropping_since: float | None = None  # posts are let go since then, likewise
        self.spans = SavedSpans()
        self.shares: dict[str, float] = {}  # of the posts, by stream
        self.post_at: datetime | None = None
        self.posts = 0
        self.unmatched = 0
        self.skipped = 0
        self.last_id: int | None = None
        self.outages: deque[Outage] = deque()  # to be written, oldest first
        self._lock = threading.Lock()
        self._pace = PostPace()
        self._outage: Outage | None = None
        self._changes: dict[str, Outage] = {}  # of filters whose new rules are not there yet
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
        self.alive_at, self.alive_seconds = now, clock.monotonic()
        if posts:
            with self._lock:
                self.post_at = now
                self.posts += posts
                self._pace.add(posts)
                if last_id is not None:
                    self.last_id = max(self.last_id or 0, last_id)

    @property
    def posts_a_minute(self) -> float:
        """By the posts of the last sixty seconds, or of the part of them with a connection."""
        with self._lock:
            return self._pace.posts_a_minute

    def share_of(self, prefix: str) -> float:
        """Which part of the posts of the connection has been of this stream; 1 for a single one."""
        return self.shares.get(prefix, 0.0) if len(self.shares) > 1 else 1.0

    def lost(self, cause: str, detail: str = "") -> None:
        """The connection ended, or there is none yet; where that was known, why by now."""
        with self._lock:
            self.spans.disconnected(self._last_byte(), (cause, detail))
            self._pace.disconnected(self._last_byte())
            if self._outage is None:
                began_at = self.alive_at or self.started_at
                self._outage = Outage(
                    began_at, cause, detail, last_id=self.last_id, lost_at=_monotonic(began_at)
                )
            self._outage.detail = detail or self._outage.detail

    def connection_restored(self) -> None:
        """Connected again, with the rules of all streams: what was missed until now has ended."""
        with self._lock:
            outage, self._outage = self._outage, None
            self.spans.connected()
            self._pace.connected()
            if outage is None:
                return
            self._update(outage)
            outage.ended_at = clock.now()
            if outage.seconds >= 1 or outage.row_ids:
                self.outages.append(outage)

    def ended(self, cause: str, detail: str) -> None:
        """The process ends: nothing is saved from the last byte on."""
        with self._lock:
            self.spans.disconnected(self._last_byte(), (cause, detail))
            self._pace.disconnected(self._last_byte())

    def _last_byte(self) -> float:
        return clock.monotonic() if self.alive_seconds is None else self.alive_seconds

    def open_outages(self) -> list[Outage]:
        """The outage of this moment, if it lasts a second."""
        with self._lock:
            if self._outage is None:
                return []
            self._update(self._outage)
            return [self._outage] if self._outage.seconds >= 1 else []

    def _update(self, outage: Outage) -> None:
        outage.set_duration(clock.monotonic() - outage.lost_at)
        outage.last_id = self.last_id or outage.last_id  # filed meanwhile

    def rules_changed(self, prefix: str, changed_at: datetime) -> None:
        """A filter listens for something else since then; its rules are not at Twitter yet."""
        why = ("changed", Message("What the filter listens for was changed."))
        with self._lock:
            self.spans.remove_rules(prefix, why)
            if prefix not in self._changes:
                self._changes[prefix] = Outage(
                    changed_at, *why, last_id=self.last_id, prefixes=(prefix,),
                    lost_at=_monotonic(changed_at),
                )  # fmt: skip

    def rules_in_force(self, prefixes: Collection[str], why: Cause = ("", "")) -> None:
        """The streams whose rules are all at Twitter, as was just seen."""
        with self._lock:
            self.spans.set_rules(prefixes, why)
            for prefix in self._changes.keys() & set(prefixes):
                outage = self._changes.pop(prefix)
                self._update(outage)
                outage.ended_at = max(clock.now(), outage.began_at)
                self.outages.append(outage)

    def stream_removed(self, prefix: str, since: datetime, cause: str, detail: str) -> None:
        """Note why a stream is not saved on this connection since then."""
        with self._lock:
            self.outages.append(Outage(since, cause, detail, prefixes=(prefix,)))

    def not_saved(self, prefix: str, lines: int, began_at: datetime) -> None:
        """So many posts of a stream, the oldest received then, are in no file and lost."""
        self._lost_here(
            prefix, lines, began_at, "not_saved",
            Message("Posts had come, but could not be saved before the end."),
        )  # fmt: skip

    def dropped(self, prefix: str, lines: int, began_at: datetime) -> None:
        """Posts of a stream that the queue had no room for, since then and until now."""
        self._lost_here(
            prefix, lines, began_at, "too_slow",
            Message("The disk did not keep up; posts were left out."),
        )  # fmt: skip

    def _lost_here(
        self, prefix: str, lines: int, began_at: datetime, cause: str, detail: str
    ) -> None:
        now = max(clock.now(), began_at)
        outage = Outage(
            began_at, cause, detail, now, (now - began_at).total_seconds(),
            lost_estimate=lines, lost_counted=lines, prefixes=(prefix,),
        )  # fmt: skip
        with self._lock:
            self.outages.append(outage)


def _monotonic(moment: datetime) -> float:
    """A time that has been, on the monotonic clock; now for one that is to come."""
    return clock.monotonic() - max(0.0, (clock.now() - moment).total_seconds())
