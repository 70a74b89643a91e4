"""A run under way, as the code that does its work sees it: progress, waits, errors, stop wishes.

What is told here is written in short transactions of its own, so that pages show it at once. None
of these methods may be called inside a unit of work (only `fence` belongs there, as its last step).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError

from sfm import clock
from sfm.database import db
from sfm.models import Run, RunError
from sfm.runs import leases
from sfm.runs.errors import Abandoned, Cancelled, Interrupted, LeaseLost
from sfm.runs.group_commit import GroupCommit
from sfm.runs.jobs import job_of
from sfm.runs.shutdown import stop_requested
from sfm.runs.transactions import is_busy, short_write, trouble, write_alone

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
SHOWN_SECONDS = 1.0  # progress is written this often at most
WINDOW = "window"  # in the cursor
SLICE_SECONDS = 1.0  # a wait looks this often whether it shall stop

# Made once, for every page of tweets: making it takes longer than carrying it out.
_COUNT = (
    update(Run)
    .where(Run.id == bindparam("run"), Run.state == "running", Run.owner == bindparam("holder"))
    .values(added=Run.added + bindparam("gain"))
)


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
    """One run that this process holds the lease for. Its methods may be called by many threads.

    Threads of a run do their units of work with its `pen`: it is handed on at once, where the
    database would let each of them sleep and ask again, and writes for all that wait.
    """

    id: int
    kind: str
    params: dict[str, Any]
    cursor: dict[str, Any]
    held: leases.AcquiredLease
    progress: Progress = field(default_factory=Progress)
    errors: int = 0
    lost: bool = False
    cancelled: bool = False
    abandoned: bool = False  # one of its threads has met what ends it
    origin: str = "page"
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    pen: GroupCommit = field(init=False, repr=False)
    _unsaved_added: int = field(default=0, repr=False)
    _beat_at: float = field(default_factory=clock.monotonic, repr=False)

    def __post_init__(self) -> None:
        self.pen = GroupCommit(self.fence)

    def show(self, message: str | None = None, total: int | None = None) -> None:
        """Say what is being done, or of how many items this run consists."""
        with self._lock:
            self.progress.message = self.progress.message if message is None else message
            self.progress.total = self.progress.total if total is None else total
            self._beat_if_due(SHOWN_SECONDS)

    def advance(self, done: int = 1, added: int = 0, *, saved: bool = False) -> None:
        """Count items dealt with, and what they brought. `saved`: `fence` wrote it already."""
        with self._lock:
            self.progress.done += done
            self.progress.added += added
            self._unsaved_added += 0 if saved else added
            self._beat_if_due(SHOWN_SECONDS)

    def spend(self, calls: int = 0, posts: int = 0, users: int = 0) -> None:
        """Count what was asked of Twitter; written with the next heartbeat."""
        with self._lock:
            self.progress.api_calls += calls
            self.progress.api_posts += posts
            self.progress.api_users += users

    def foresee(self, limit: int, remaining: int, opens_at: datetime) -> None:
        """Tell of the window that this run's calls are taken from, for its expected end.

        `opens_at` is aware UTC. Written with the next heartbeat.
        """
        with self._lock:
            window = {"limit": limit, "remaining": remaining, "opens_at": clock.iso(opens_at)}
            self.cursor = {**self.cursor, WINDOW: window}

    def check(self) -> None:
        """To be called before each item. Raises Cancelled, Interrupted, LeaseLost, Abandoned."""
        with self._lock:
            self._beat_if_due(BEAT_SECONDS)
        if self.lost:
            raise LeaseLost
        if self.abandoned:
            raise Abandoned
        if self.cancelled:
            raise Cancelled
        if stop_requested():
            raise Interrupted

    def wait(self, until: datetime, why: str) -> None:
        """Sleep until then (aware UTC), shown on the run's page. Raises as `check` does."""
        with self._lock:
            self.progress.waiting_until = until
            self.progress.message = why
            self._beat()
        while (rest := (until - clock.now()).total_seconds()) > 0:
            self.check()
            clock.sleep(min(rest, SLICE_SECONDS))
        with self._lock:
            if self.progress.waiting_until == until:
                self.progress.waiting_until = None
                self.progress.message = ""
            self._beat_if_due(SHOWN_SECONDS)
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
        """Keep where to go on after a kill, for work whose place is in no row of its own."""
        self.cursor = cursor
        with self._lock:
            self._beat()

    def fence(self, added: int = 0) -> None:
        """Last step of each unit of work: raises LeaseLost where another run has taken over.

        It counts what was added and renews the lease in the same transaction: another holder
        can only come before all of it or after it.
        """
        connection = db.session.connection()
        mine = {"run": self.id, "holder": self.held.owner, "gain": added}
        counted = connection.execute(_COUNT, mine)
        if not counted.rowcount or not leases.renew(connection, self.held):
            self.lost = True
            raise LeaseLost

    def _beat_if_due(self, seconds: float) -> None:
        if clock.monotonic() - self._beat_at >= seconds:
            self._beat()

    def _beat(self) -> None:
        """Write progress and heartbeat, renew the lease, read the wish to cancel.

        A busy database costs one beat, not the run: the lease outlives many of them.
        """
        try:
            with short_write() as connection:
                self._write(connection)
            self._beat_at, self._unsaved_added = clock.monotonic(), 0
        except DBAPIError as exc:
            if not is_busy(exc):
                raise (trouble(exc) or exc) from exc
            logger.warning("heartbeat missed, database busy run=%d", self.id)

    def _write(self, connection: Connection) -> None:
        values = {**self._figures(), "heartbeat_at": clock.now()}
        done = connection.execute(update(Run).where(*self._mine()).values(values))
        if not done.rowcount or not leases.renew(connection, self.held):
            self.lost = True
            return
        wish = connection.execute(select(Run.cancel_requested).where(Run.id == self.id))
        self.cancelled = bool(wish.scalar())

    def _figures(self) -> dict[str, Any]:
        shown = vars(self.progress)
        return {**shown, "added": Run.added + self._unsaved_added, "cursor": self.cursor}

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (Run.id == self.id, Run.state == "running", Run.owner == self.held.owner)

    def end(
        self, state: str, message: str, not_before: datetime | None, result: dict[str, Any]
    ) -> None:
        """Write how the run ended, and give its lease back. For the journal."""
        now = clock.now()
        over = state not in ("queued", "paused")
        values = {
            **self._figures(), "message": message, "waiting_until": None, "state": state,
            "heartbeat_at": now, "not_before": not_before, "result": result,
            "finished_at": now if over else None,
        }  # fmt: skip
        write_alone(lambda c: c.execute(update(Run).where(*self._mine()).values(values)))
        (leases.release if job_of(self.kind).alone else leases.forget)(self.held)
