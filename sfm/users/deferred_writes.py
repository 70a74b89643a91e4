"""Writes beside the session: in short transactions of their own, which stand whatever becomes of
the work under way.

SQLite lets one writer in at a time. While the present session is that writer, what is written
beside it waits in memory until its transaction has ended, or it would wait for itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import has_app_context
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, SessionTransaction

from sfm.database import db

logger = logging.getLogger(__name__)

Work = Callable[[Connection], object]


class DeferredWrites:
    """A line of small writes. None is raised for: what cannot be written now waits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[Work] = []
        self._lock = threading.Lock()

    def write(self, work: Work) -> None:
        """Have `work` done in a transaction of its own, at once or as soon as it may be."""
        with self._lock:
            self._waiting.append(work)
        session = writing_session(self._engine)
        if session is None:
            self.flush()
        else:
            _flush_after(session, self)

    def flush(self) -> None:
        """Write what waits. What cannot be written goes on waiting."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            with self._engine.begin() as connection:
                for work in waiting:
                    work(connection)
        except OperationalError as exc:
            logger.warning("not written yet count=%d cause=%s", len(waiting), exc.orig)
            with self._lock:
                self._waiting = waiting + self._waiting


def writing_session(engine: Engine) -> Session | None:
    """The present session, if it keeps every other writer of this database out."""
    if engine.dialect.name != "sqlite" or not has_app_context():
        return None
    session = db.session()
    if not session.in_transaction():
        return None
    how = session.connection().get_execution_options().get("sqlite_begin")
    return session if how == "IMMEDIATE" else None


def _flush_after(session: Session, beside: DeferredWrites) -> None:
    """Once the session's transaction is over, whichever way, let the waiting be written."""
    waiting: list[DeferredWrites] | None = session.info.get("sfm_beside")
    if waiting is not None:
        if beside not in waiting:
            waiting.append(beside)
        return
    waiting = session.info["sfm_beside"] = [beside]

    @event.listens_for(session, "after_transaction_end")
    def _write(_session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            while waiting:
                waiting.pop().flush()
