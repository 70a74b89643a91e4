"""Keeps the connection: connects, reads, stays away for as long as it has to, connects again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sfm import clock
from sfm.adapters import NETWORK
from sfm.messages import Message
from sfm.networks.adapter import PostStream
from sfm.networks.errors import NetworkError, NoRules, OutOfCredits, Wait
from sfm.networks.stream import BackoffKind, Disconnect, Skipped, StreamLine, backoff_kind
from sfm.streams.line_queue import LineQueue
from sfm.streams.status import Status

logger = logging.getLogger(__name__)

MAX_REFUSALS = 2
TOLD_SECONDS = 1.0  # after a stream that the network itself ended with a word


class ReaderThread(threading.Thread):
    """One thread that owns the connection. It never waits for a disk.

    `connect` makes one try and raises NetworkError. A refusal is tried again, ever more slowly,
    until it ends or somebody acts. With `gives_up` (somebody waits at a terminal) the thread
    ends where a person has to act, and `refusal` holds why. `streams_of` says whose a line is.
    """

    def __init__(
        self,
        connect: Callable[[], PostStream],
        queue: LineQueue,
        status: Status,
        streams_of: Callable[[bytes], Iterable[str]],
        *,
        gives_up: bool = False,
    ) -> None:
        super().__init__(name="reader", daemon=True)
        self.gives_up = gives_up
        self._woken = threading.Event()
        self._is_counted = False
        self.connect, self.queue, self.status = connect, queue, status
        self.streams_of = streams_of
        self.stopping = threading.Event()
        self.refusal: NetworkError | None = None
        self.crash: BaseException | None = None
        self._connection: PostStream | None = None
        self._backoff = NETWORK.stream_backoff()
        self._refusals = 0
        self._drops: dict[str, tuple[datetime, int]] = {}  # by stream: since when, posts

    def stop(self) -> None:
        """End the connection and the thread, now; may be called from a signal's handler."""
        self.stopping.set()
        self._woken.set()
        connection = self._connection
        if connection is not None:
            connection.stop()

    def retry_now(self) -> None:
        """End a wait: what was changed may let it connect. Safe from any thread and signal."""
        self._woken.set()

    def count_connect(self) -> None:
        """Note that the network has counted a connect: it has answered. For the reader's thread."""
        self._is_counted = True
        self._backoff.connected(clock.monotonic())

    def run(self) -> None:
        """Until stopped; with `gives_up`, until only a person can help."""
        try:
            while not self.stopping.is_set():
                self._one_connection()
        except Exception as exc:  # whatever it is, the collector has to end and say so
            logger.exception("reader ended")
            self.crash = exc

    def _one_connection(self) -> None:
        self._wait_for_room()
        self._woken.clear()
        self.status.set_status("connecting", self.status.reason)
        try:
            connection = self._connection = self._connect()
        except NetworkError as trouble:
            self._refused(trouble)
            return
        self._refusals = 0
        self.status.alive()
        self.status.connection_restored()
        self.status.set_status("connected")
        logger.info("stream connected")
        began, before = clock.monotonic(), self.status.posts
        end = self._read(connection)
        self._connection = None
        self._woken.clear()
        self._backoff.alive(clock.monotonic() - began, self.status.posts - before)
        if not self.stopping.is_set():
            self.status.lost(end.disconnect_type or end.kind, end.reason)
            least = TOLD_SECONDS if end.kind == "told" else 0.0
            seconds = self._backoff.failed(end.backoff, clock.monotonic(), least)
            self._stay_away(seconds, end.reason)

    def _connect(self) -> PostStream:
        self._is_counted = False
        try:
            connection = self.connect()
        except NetworkError as trouble:
            if trouble.status is not None and not self._is_counted:
                self.count_connect()
            raise
        if not self._is_counted:
            self.count_connect()
        return connection

    def _read(self, connection: PostStream) -> Disconnect:
        end = Disconnect("closed", Message("Twitter closed the connection."))
        if self.stopping.is_set():
            connection.stop()
        for event in connection:
            if isinstance(event, StreamLine):
                self._take(event, connection)
            elif isinstance(event, Disconnect):
                end = event
            else:
                self.status.skipped += isinstance(event, Skipped)
                if self.queue.is_half_empty:
                    self._drop_over()
                self.status.alive()
        self._drop_over()
        return end

    def _take(self, line: StreamLine, connection: PostStream) -> None:
        if self.queue.put(line.raw, line.received):
            self._drop_over()
            self.status.alive(posts=1)
            return
        if self.status.dropping_since is None:
            self.status.dropping_since = line.received
        for prefix in self.streams_of(line.raw):
            began_at, posts = self._drops.get(prefix, (clock.time_of(line.received), 0))
            self._drops[prefix] = began_at, posts + 1
        if self.status.state == "storage":
            connection.stop()  # no room on the disk: let the search fill the gap later

    def _drop_over(self) -> None:
        if self.status.dropping_since is None:
            return
        for prefix, (began_at, posts) in self._drops.items():
            self.status.dropped(prefix, posts, began_at)
        self._drops.clear()
        self.status.dropping_since = None  # what was let go is noted: spans may go on over it

    def _wait_for_room(self) -> None:
        while not self.queue.is_half_empty and not self.stopping.is_set():
            self.status.lost(
                "storage", Message("The disk did not take what came; the stream was let go.")
            )
            self.stopping.wait(0.5)

    def _refused(self, trouble: NetworkError) -> None:
        cause = type(trouble).__name__ if trouble.status is None else str(trouble.status)
        self.status.lost(cause, trouble.message)
        kind = backoff_kind(trouble)
        if self.gives_up and self._is_final(trouble, kind):
            self.refusal = trouble
            self.stopping.set()
            return
        seconds = trouble.seconds if isinstance(trouble, Wait) else 0.0
        seconds = self._backoff.failed(kind, clock.monotonic(), requested_seconds=seconds)
        if isinstance(trouble, OutOfCredits):
            seconds = min(seconds, _seconds_to_next_day())
        if kind != "refused":
            self._stay_away(seconds, trouble.message)
            return
        why = Message(
            "%(reason)s It is tried again by itself, after a while once an hour, and at once "
            "when the filter is saved.",
            reason=trouble.message,
        )
        self._stay_away(seconds, why, "refused")

    def _is_final(self, trouble: NetworkError, kind: BackoffKind) -> bool:
        if kind != "refused" and not isinstance(trouble, NoRules):
            return False
        self._refusals += 1
        return self._refusals >= MAX_REFUSALS or isinstance(trouble, OutOfCredits)

    def _stay_away(self, seconds: float, why: str, state: str = "waiting") -> None:
        """Until the time is over, or somebody asks for a try; never beyond what is allowed."""
        if seconds <= 0 or self.stopping.is_set():
            return
        until = clock.now() + timedelta(seconds=seconds)
        self.status.set_status(state, why, until)
        logger.warning("stream waits seconds=%.1f why=%s", seconds, why)
        if self._woken.wait(seconds):
            self.stopping.wait(self._backoff.crowded_seconds(clock.monotonic()))


def _seconds_to_next_day() -> float:
    """Until a minute after the next UTC day begins: credits are counted by it."""
    now = clock.now().astimezone(UTC)
    midnight = now.replace(hour=0, minute=1, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()
