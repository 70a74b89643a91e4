"""Small writes in transactions of their own, which stay also if the session is rolled back.

SQLite lets one writer in at a time. While the present session is that writer, these writes wait in
memory until its transaction has ended; otherwise the thread would wait for itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import has_app_context
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from sfm.database import db

logger = logging.getLogger(__name__)

Work = Callable[[Connection], object]


class DeferredWrites:
    """A queue of small writes. Raises nothing: what cannot be written now stays in the queue,
    whatever the database's trouble is called; only a write that is refused for what it says is
    dropped, and logged."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[Work] = []
        self._lock = threading.Lock()
        self._is_delayed = False

    def write(self, work: Work) -> None:
        """Do `work` in a transaction of its own, at once or after the session's transaction."""
        with self._lock:
            self._waiting.append(work)
        session = writing_session(self._engine)
        if session is None:
            self.flush()
        else:
            _flush_after(session, self)

    def flush(self) -> None:
        """Do all queued writes. Those that cannot be done stay queued."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self._write(waiting)
        except SQLAlchemyError as exc:
            with self._lock:
                self._waiting = waiting + self._waiting
            self._log_delay(exc)
        else:
            self._is_delayed = False

    def _write(self, waiting: list[Work]) -> None:
        try:
            with self._engine.begin() as connection:
                for work in waiting:
                    work(connection)
        except (IntegrityError, DataError) as exc:
            if len(waiting) > 1:
                self._write_singly(waiting)
                return
            logger.error("not written, refused by the database cause=%s", type(exc.orig).__name__)

    def _write_singly(self, waiting: list[Work]) -> None:
        """Each in a transaction of its own, so that one that is refused does not delay others."""
        while waiting:
            self._write(waiting[:1])
            del waiting[0]

    def _log_delay(self, exc: SQLAlchemyError) -> None:
        """Once until a write passes again, not at each call of a long outage."""
        level = logging.DEBUG if self._is_delayed else logging.WARNING
        self._is_delayed = True
        cause = getattr(exc, "orig", exc)
        logger.log(level, "not written yet count=%d cause=%s", len(self._waiting), cause)


def writing_session(engine: Engine) -> Session | None:
    """The present session, if it holds SQLite's only write lock; else None."""
    if engine.dialect.name != "sqlite" or not has_app_context():
        return None
    session = db.session()
    if not session.in_transaction():
        return None
    how = session.connection().get_execution_options().get("sqlite_begin")
    return session if how == "IMMEDIATE" else None


def _flush_after(session: Session, writes: DeferredWrites) -> None:
    """Flush `writes` when the session's transaction has ended, committed or not."""
    waiting: list[DeferredWrites] | None = session.info.get("sfm_deferred_writes")
    if waiting is not None:
        if writes not in waiting:
            waiting.append(writes)
        return
    waiting = session.info["sfm_deferred_writes"] = [writes]

    @event.listens_for(session, "after_transaction_end")
    def _write(_session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            while waiting:
                waiting.pop().flush()
