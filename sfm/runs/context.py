"""The running run, for the code that does its work: progress, waits, errors, requests to stop.

Each method writes in a short transaction of its own, so that pages show it at once. None may be
called inside a unit of work, except `check_lease`, which is its last step.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from sfm import clock
from sfm.database import db
from sfm.models import Run, RunError
from sfm.runs import leases
from sfm.runs.errors import Abandoned, Cancelled, Interrupted, LeaseLost
from sfm.runs.group_commit import GroupCommit
from sfm.runs.jobs import job_of
from sfm.runs.shutdown import stop_requested
from sfm.runs.transactions import (
    DATABASE_ERRORS,
    error_of,
    is_busy,
    short_write,
    write_alone,
)

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
PROGRESS_SECONDS = 1.0  # progress is written this often at most
WINDOW = "window"  # the key of the rate limit window in the cursor
WAIT_CHECK_SECONDS = 1.0  # how often a wait checks whether the run has to stop

# Built once: for a page of posts, building it takes longer than executing it.
_ADD_COUNT = (
    update(Run)
    .where(Run.id == bindparam("run"), Run.state == "running", Run.owner == bindparam("holder"))
    .values(added=Run.added + bindparam("gain"))
)


def _tell_nobody(_until: datetime, _why: str) -> None:
    """Nobody sits at a console."""


@dataclass
class Progress:
    """What a run's row shows while it runs. Costs are in calls, posts and users read."""

    done: int = 0
    added: int = 0
    total: int | None = None
    message: str = ""
    waiting_until: datetime | None = None
    api_calls: int = 0
    api_posts: int = 0
    api_users: int = 0


@dataclass
class RunContext:
    """One run whose lease this process holds. Its methods may be called by several threads.

    Threads of a run do their units of work with its `group_commit`: one thread commits the writes
    of all, where the database would let each of them sleep and try again.
    """

    id: int
    kind: str
    params: dict[str, Any]
    cursor: dict[str, Any]
    lease: leases.AcquiredLease
    progress: Progress = field(default_factory=Progress)
    errors: int = 0
    lost: bool = False
    cancelled: bool = False
    abandoned: bool = False  # an error in one of its threads ends it
    origin: str = "page"
    begun_at: datetime = field(default_factory=clock.now)  # for the first time, however often since
    tell_wait: Callable[[datetime, str], None] = field(default=_tell_nobody, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    group_commit: GroupCommit = field(init=False, repr=False)
    _unsaved_added: int = field(default=0, repr=False)
    _written_at: float = field(default_factory=clock.monotonic, repr=False)

    def __post_init__(self) -> None:
        self.group_commit = GroupCommit(self.check_lease)

    def set_status(self, message: str | None = None, total: int | None = None) -> None:
        """Set the message and the number of items that the run's page shows."""
        with self._lock:
            self.progress.message = self.progress.message if message is None else message
            self.progress.total = self.progress.total if total is None else total
            self._write_if_due(PROGRESS_SECONDS)

    def advance(self, done: int = 1, added: int = 0, *, saved: bool = False) -> None:
        """Count items done, and what they added. `saved`: `check_lease` has counted it already."""
        with self._lock:
            self.progress.done += done
            self.progress.added += added
            self._unsaved_added += 0 if saved else added
            self._write_if_due(PROGRESS_SECONDS)

    def count_usage(self, calls: int = 0, posts: int = 0, users: int = 0) -> None:
        """Add calls made, posts read and users read; written with the next heartbeat."""
        with self._lock:
            self.progress.api_calls += calls
            self.progress.api_posts += posts
            self.progress.api_users += users

    def set_rate_window(self, limit: int, remaining: int, opens_at: datetime) -> None:
        """Set the rate limit window of this run's calls, for its expected end.

        `opens_at` is aware UTC. Written with the next heartbeat.
        """
        with self._lock:
            window = {"limit": limit, "remaining": remaining, "opens_at": clock.iso(opens_at)}
            self.cursor = {**self.cursor, WINDOW: window}

    def beat(self) -> None:
        """Renew heartbeat and lease, apart from progress; read the request to cancel.

        In the thread of `heartbeats`. Commits on its own. Raises SQLAlchemyError.
        """
        with short_write() as connection:
            self._renew(connection, {})

    def check(self) -> None:
        """Call this before each item. Raises Cancelled, Interrupted, LeaseLost, Abandoned."""
        with self._lock:
            self._write_if_due(HEARTBEAT_SECONDS)
        if self.lost:
            raise LeaseLost
        if self.abandoned:
            raise Abandoned
        if self.cancelled:
            raise Cancelled
        if stop_requested():
            raise Interrupted

    def wait(self, until: datetime, why: str) -> None:
        """Sleep until then (aware UTC); the run's page shows `why`. Raises as `check`."""
        with self._lock:
            self.progress.waiting_until = until
            self.progress.message = why
            self._write_heartbeat()
        self.tell_wait(until, why)
        # Not longer than it was at first, though the clock be set back meanwhile.
        ends_at = clock.monotonic() + (until - clock.now()).total_seconds()
        while (rest := min((until - clock.now()).total_seconds(), ends_at - clock.monotonic())) > 0:
            self.check()
            clock.sleep(min(rest, WAIT_CHECK_SECONDS))
        with self._lock:
            if self.progress.waiting_until == until:
                self.progress.waiting_until = None
                self.progress.message = ""
            self._write_if_due(PROGRESS_SECONDS)
        self.check()

    def error(
        self,
        subject: str,
        reason: str,
        *,
        detail: str = "",
        permanent: bool = False,
        twitter_user_id: int | None = None,
    ) -> None:
        """Record one item that could not be done; the run goes on. Commits on its own."""
        logger.warning("run item failed run=%d kind=%s reason=%s", self.id, self.kind, reason)
        row = insert(RunError).values(
            run_id=self.id,
            twitter_user_id=twitter_user_id,
            subject=subject,
            reason=reason,
            detail=detail,
            permanent=permanent,
        )
        write_alone(lambda connection: connection.execute(row))
        with self._lock:
            self.errors += 1

    def save_cursor(self, cursor: dict[str, Any]) -> None:
        """Write where to go on after a kill, for work that has no row of its own for it."""
        self.cursor = cursor
        with self._lock:
            self._write_heartbeat()

    def check_lease(self, added: int = 0) -> None:
        """The last step of each unit of work. Raises LeaseLost where another process has the lease.

        Counts what was added and renews the lease in the same transaction, so that another
        process can take the lease only before or after all of it.
        """
        connection = db.session.connection()
        mine = {"run": self.id, "holder": self.lease.owner, "gain": added}
        counted = connection.execute(_ADD_COUNT, mine)
        if not counted.rowcount or not leases.renew(connection, self.lease):
            self.lost = True
            raise LeaseLost

    def _write_if_due(self, seconds: float) -> None:
        if clock.monotonic() - self._written_at >= seconds:
            self._write_heartbeat()

    def _write_heartbeat(self) -> None:
        """Write progress and heartbeat, renew the lease, read the request to cancel.

        With a busy database one heartbeat is left out: the lease lasts longer than many of them.
        """
        try:
            with short_write() as connection:
                self._renew(connection, self._progress_values())
            self._written_at, self._unsaved_added = clock.monotonic(), 0
        except DATABASE_ERRORS as exc:
            if not is_busy(exc):
                raise error_of(exc) from exc
            logger.warning("heartbeat missed, database busy run=%d", self.id)

    def _renew(self, connection: Connection, progress: dict[str, Any]) -> None:
        values = {**progress, "heartbeat_at": clock.now()}
        done = connection.execute(update(Run).where(*self._mine()).values(values))
        if not done.rowcount or not leases.renew(connection, self.lease):
            self.lost = True
            return
        request = connection.execute(select(Run.cancel_requested).where(Run.id == self.id))
        self.cancelled = bool(request.scalar())

    def _progress_values(self) -> dict[str, Any]:
        progress = vars(self.progress)
        return {**progress, "added": Run.added + self._unsaved_added, "cursor": self.cursor}

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (Run.id == self.id, Run.state == "running", Run.owner == self.lease.owner)

    def end(
        self, state: str, message: str, not_before: datetime | None, result: dict[str, Any]
    ) -> None:
        """Write how the run ended and release its lease. Only `queue.finish` calls it."""
        now = clock.now()
        over = state not in ("queued", "paused")
        values = {
            **self._progress_values(), "message": message, "waiting_until": None, "state": state,
            "heartbeat_at": now, "not_before": not_before, "result": result,
            "finished_at": now if over else None,
        }  # fmt: skip
        write_alone(lambda c: c.execute(update(Run).where(*self._mine()).values(values)))
        (leases.release if job_of(self.kind).alone else leases.forget)(self.lease)
