"""Keeps the connection: connects, reads, stays away for as long as it has to, connects again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sfm import clock
from sfm.adapters import NETWORK
from sfm.messages import Message
from sfm.networks.adapter import PostStream
from sfm.networks.errors import NetworkError, NoRules, OutOfCredits, Wait
from sfm.networks.stream import Disconnect, Skipped, StreamLine, backoff_kind
from sfm.streams.line_queue import LineQueue
from sfm.streams.status import Status

logger = logging.getLogger(__name__)

MAX_REFUSALS = 2
REFUSED_SECONDS = 5.0


class ReaderThread(threading.Thread):
    """One thread that owns the connection. It never waits for a disk.

    `connect` makes one try (rules first) and raises NetworkError. When a person has to act,
    `refusal` holds why, and the thread ends.
    """

    def __init__(self, connect: Callable[[], PostStream], queue: LineQueue, status: Status) -> None:
        super().__init__(name="reader", daemon=True)
        self.connect, self.queue, self.status = connect, queue, status
        self.stopping = threading.Event()
        self.refusal: NetworkError | None = None
        self.crash: BaseException | None = None
        self._connection: PostStream | None = None
        self._backoff = NETWORK.stream_backoff()
        self._refusals = 0
        self._drop_began: datetime | None = None
        self._dropped_before = 0

    def stop(self) -> None:
        """End the connection and the thread, now; may be called from a signal's handler."""
        self.stopping.set()
        connection = self._connection
        if connection is not None:
            connection.stop()

    def run(self) -> None:
        """Until stopped, or until only a person can help."""
        try:
            while not self.stopping.is_set():
                self._one_connection()
        except Exception as exc:  # whatever it is, the collector has to end and say so
            logger.exception("reader ended")
            self.crash = exc

    def _one_connection(self) -> None:
        self._wait_for_room()
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
        self._backoff.alive(clock.monotonic() - began, self.status.posts - before)
        if not self.stopping.is_set():
            self.status.lost(end.disconnect_type or end.kind, end.reason)
            seconds = self._backoff.failed(end.backoff, clock.monotonic())
            self._stay_away(seconds, end.reason)

    def _connect(self) -> PostStream:
        try:
            return self.connect()
        finally:  # by the time of the answer Twitter has counted it, so no minute has one too many
            self._backoff.connected(clock.monotonic())

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
                self.status.alive()
        self._drop_over()
        return end

    def _take(self, line: StreamLine, connection: PostStream) -> None:
        if self.queue.put(line.raw, line.received):
            self.status.alive(posts=1)
            self._drop_over()
            return
        if self._drop_began is None:
            self._drop_began, self._dropped_before = clock.now(), self.queue.dropped - 1
        if self.status.state == "storage":
            connection.stop()  # no room on the disk: let the search fill the gap later

    def _drop_over(self) -> None:
        if self._drop_began is not None:
            self.status.dropped(self.queue.dropped - self._dropped_before, self._drop_began)
            self._drop_began = None

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
        if kind is None:
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS or isinstance(trouble, OutOfCredits | NoRules):
                self.refusal = trouble
                self.stopping.set()
                return
            self._stay_away(REFUSED_SECONDS, trouble.message)
            return
        seconds = trouble.seconds if isinstance(trouble, Wait) else 0.0
        now = clock.monotonic()
        self._stay_away(self._backoff.failed(kind, now, requested_seconds=seconds), trouble.message)

    def _stay_away(self, seconds: float, why: str) -> None:
        if seconds > 0:
            until = clock.now() + timedelta(seconds=seconds)
            self.status.set_status("waiting", why, until)
            logger.warning("stream waits seconds=%.1f why=%s", seconds, why)
            self.stopping.wait(seconds)
