"""Short transactions, and units of work that are tried again while the database is busy."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, TimeoutError

from sfm import clock
from sfm.database import begin_write, db
from sfm.messages import Message
from sfm.runs.errors import DatabaseTrouble, Postponed

logger = logging.getLogger(__name__)

T = TypeVar("T")
DATABASE_ERRORS = (DBAPIError, TimeoutError)  # the latter: the pool of connections is used up
PATIENCE_SECONDS = 30.0  # with a database that is busy or away, whichever it is
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
BUSY = Message("The database was busy with other work for too long; this is tried again soon.")
AWAY = Message("The database could not be reached for half a minute; this is tried again soon.")

# Sources: SQLite "Result and Error Codes"; PostgreSQL appendix A "Error Codes".
_BUSY_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED")
_AWAY_POSTGRES = ("57P01", "57P02", "57P03", "08")
_BUSY_POSTGRES = ("40001", "40P01", "55P03", *_AWAY_POSTGRES)
_UNUSABLE = {
    "SQLITE_FULL": Message("its disk is full"),
    "53100": Message("its disk is full"),
    "SQLITE_READONLY": Message("it may only be read"),
    "25006": Message("it may only be read"),
    "SQLITE_CANTOPEN": Message("its file cannot be opened"),
    "SQLITE_IOERR": Message("its disk reports errors"),
    "SQLITE_CORRUPT": Message("its file is damaged"),
    "SQLITE_NOTADB": Message("its file is damaged"),
}


@contextmanager
def short_write() -> Iterator[Connection]:
    """A transaction apart from the session's, committed at the end of the `with`.

    For what others see at once: states, heartbeats, leases. Raises RuntimeError while this
    thread's session is writing: on SQLite it would wait for itself.
    """
    if _session_writes():
        raise RuntimeError("a short write inside a unit of work would wait for itself")
    with db.engine.connect() as connection:
        connection = connection.execution_options(sqlite_begin="IMMEDIATE")
        with connection.begin():
            yield connection


def write_alone(work: Callable[[Connection], T]) -> T:
    """Do `work` in a short write, again where the database is busy. Raises as `unit_of_work`."""
    patience = _Patience()
    while True:
        try:
            with short_write() as connection:
                return work(connection)
        except DATABASE_ERRORS as exc:
            patience.wait_after(exc)


def unit_of_work(work: Callable[[], T]) -> T:
    """Do `work` in one transaction of the session, and commit it.

    Where the database is busy or away, everything is rolled back and done again with growing
    pauses, for half a minute in all; then Postponed is raised. A database that cannot be used
    raises DatabaseTrouble. Whatever is raised, the session is fit for the next unit.
    """
    patience = _Patience()
    while True:
        try:
            begin_write()
            result = work()
            db.session.commit()
            return result
        except DATABASE_ERRORS as exc:
            db.session.rollback()
            patience.wait_after(exc)
        except BaseException:
            db.session.rollback()
            raise


class _Patience:
    """How long one piece of work has been tried."""

    def __init__(self) -> None:
        self._ends_at = clock.monotonic() + PATIENCE_SECONDS
        self._attempt = 0

    def wait_after(self, exc: SQLAlchemyError) -> None:
        """Pause before the next try. Raises what `error_of` says where there is none."""
        self._attempt += 1
        pause = pause_seconds(self._attempt)
        if not is_busy(exc) or clock.monotonic() + pause >= self._ends_at:
            raise error_of(exc) from exc
        logger.warning("database busy attempt=%d cause=%s", self._attempt, _code(exc))
        clock.sleep(pause)


def error_of(exc: SQLAlchemyError) -> Exception:
    """The error with a sentence for people; the error itself where it is none of the database."""
    if is_busy(exc):
        return Postponed(AWAY if _is_away(exc) else BUSY)
    return unusable_error(exc) or exc


def pause_seconds(attempt: int) -> float:
    """The pause after the n-th try: doubling, half of it by chance so that waiters spread."""
    longest = min(FIRST_PAUSE_SECONDS * float(2**attempt), LONGEST_PAUSE_SECONDS)
    return longest / 2 + random.uniform(0, longest / 2)  # noqa: S311  (spreads, guards nothing)


def is_busy(exc: SQLAlchemyError) -> bool:
    """Whether the same work may pass a moment later."""
    if not isinstance(exc, DBAPIError):
        return isinstance(exc, TimeoutError)
    code = _code(exc)
    busy = code.startswith(_BUSY_SQLITE) or code.startswith(_BUSY_POSTGRES)
    return busy or exc.connection_invalidated


def _is_away(exc: SQLAlchemyError) -> bool:
    is_cut = isinstance(exc, DBAPIError) and exc.connection_invalidated
    return is_cut or _code(exc).startswith(_AWAY_POSTGRES)


def unusable_error(exc: SQLAlchemyError) -> DatabaseTrouble | None:
    """The sentence for a database that cannot be used; None for errors of another kind."""
    code = _code(exc)
    for start, why in _UNUSABLE.items():
        if code.startswith(start):
            return DatabaseTrouble(
                Message("Nothing can be saved: the database cannot be used, %(why)s.", why=why)
            )
    return None


def _code(exc: SQLAlchemyError) -> str:
    """SQLite's name or PostgreSQL's SQLSTATE of the error; 08000 for one without any contact."""
    cause = getattr(exc, "orig", None)
    name = getattr(cause, "sqlite_errorname", None)
    if name:
        return str(name)
    state = getattr(cause, "sqlstate", None)
    if state:
        return str(state)
    return "08000" if type(cause).__name__ == "OperationalError" else ""


def _session_writes() -> bool:
    if not db.session.registry.has() or not db.session().in_transaction():
        return False
    options = db.session.connection().get_execution_options()
    return options.get("sqlite_begin") == "IMMEDIATE"
