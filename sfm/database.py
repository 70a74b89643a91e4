"""The database: what all tables share, and how SQLite and PostgreSQL are opened."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    Integer,
    MetaData,
    Table,
    Text,
    any_,
    bindparam,
    event,
    make_url,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, TimeoutError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, registry
from sqlalchemy.types import TypeDecorator

from sfm import clock
from sfm.messages import pack, unpack

logger = logging.getLogger(__name__)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

WideId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only INTEGER keys


class SentenceText(TypeDecorator[str]):
    """A sentence for people; one with values keeps its msgid and values behind the English text
    and is read as a Message again (docs/decisions/0035)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else pack(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else unpack(value)


class SentenceList(TypeDecorator[list[str]]):
    """A JSON list of sentences, each kept as `SentenceText` keeps one."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return None if value is None else [pack(sentence) for sentence in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str] | None:
        return None if value is None else [unpack(sentence) for sentence in value]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; a naive one is refused, for its zone would be a guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)  # type: ignore[no-any-return]
        return value.astimezone(UTC)  # type: ignore[no-any-return]


class Base(DeclarativeBase):
    """The one registry of tables; `datetime` columns are UtcDateTime.

    No `id` is given out twice: SQLite gives a deleted row's to the next one, unless told not to.
    """

    registry = registry(
        metadata=MetaData(naming_convention=NAMING), type_annotation_map={datetime: UtcDateTime()}
    )

    @classmethod
    def __table_cls__(cls, *args: Any, **options: Any) -> Table:
        keys = [thing.name for thing in args if isinstance(thing, Column) and thing.primary_key]
        return Table(*args, sqlite_autoincrement=keys == ["id"], **options)


db = SQLAlchemy(model_class=Base)

OUTAGE_LOG_SECONDS = 60
CONNECT_SECONDS = 10  # for PostgreSQL to answer at all
POOL_WAIT_SECONDS = 10  # for a connection of the pool
KEPT_CONNECTIONS, SPARE_CONNECTIONS = 5, 8


def engine_options(address: str, threads: int) -> dict[str, Any]:
    """Options of an engine that so many threads of this process may use at the same time.

    A PostgreSQL host that vanishes is noticed within about a minute, not in hours.
    """
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_pre_ping": True,
        "pool_size": KEPT_CONNECTIONS,
        "max_overflow": max(threads + SPARE_CONNECTIONS - KEPT_CONNECTIONS, 0),
        "pool_timeout": POOL_WAIT_SECONDS,
    }
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        waits = {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        }
        own_words = {name: value for name, value in waits.items() if name not in url.query}
        options["connect_args"] = own_words
    return options


class OutageLog:
    """One line in the log a minute while the database is away: pages and the scheduler ask for it
    many times a second, and the history before would be rotated away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logged_at: float | None = None
        self._left_out = 0

    def record(self, error: Exception) -> None:
        """Log this error of the database, or count it where one was logged a moment ago."""
        now = clock.monotonic()
        with self._lock:
            if self._logged_at is not None and now - self._logged_at < OUTAGE_LOG_SECONDS:
                self._left_out += 1
                return
            left_out, self._left_out, self._logged_at = self._left_out, 0, now
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        logger.error(
            "database not available reason=%s cause=%s left_out=%d",
            type(error).__name__, cause, left_out,
        )  # fmt: skip


def outage_log() -> OutageLog:
    """The present app's."""
    log: OutageLog = current_app.extensions.setdefault("sfm_outage_log", OutageLog())
    return log


# What these errors have in common: nothing is wrong with the statement, the database is.
AWAY_ERRORS = (OperationalError, InterfaceError, InternalError, TimeoutError)


def check_connection() -> None:
    """Ask the database for a single value. Raises SQLAlchemyError where it does not answer."""
    db.session.execute(select(1))


def has_come(
    column: InstrumentedAttribute[datetime | None], period: timedelta
) -> ColumnElement[bool]:
    """Whether a stored moment has come, in SQL; false where there is none.

    One that lies further ahead than its own period was stored by a clock that was ahead: it is
    void, so it has come too.
    """
    now = clock.now()
    return or_(column <= now, column > now + period)


def begin_write() -> None:
    """Begin a transaction that will write; call it before the first read of a unit of work.

    SQLite lets one writer in at a time: who reads first and writes later is thrown out when
    another has written meanwhile (SQLITE_BUSY_SNAPSHOT, no waiting helps). So writers take
    their turn at the start. PostgreSQL needs nothing. Ends what the session had under way.
    """
    db.session.rollback()
    db.session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})


def hide_values_in_errors(engine: Engine) -> None:
    """Take out of PostgreSQL's errors the line that quotes the row: it would go into the log,
    with all that is in the row. (SQLAlchemy hides only what it sends itself.)"""

    @event.listens_for(engine, "handle_error")
    def _on_error(context: ExceptionContext) -> None:
        for error in (context.original_exception, context.sqlalchemy_exception):
            if error is not None:
                error.args = tuple(map(_without_detail, error.args))


def _without_detail(text: Any) -> Any:
    if not isinstance(text, str) or "DETAIL:" not in text:
        return text
    return "\n".join(line for line in text.split("\n") if not line.startswith("DETAIL:"))


SQLITE_PRAGMAS = (
    "journal_mode = WAL",
    "foreign_keys = ON",
    "busy_timeout = 10000",
    "synchronous = FULL",
    "temp_store = MEMORY",
    "cache_size = -32000",
)


def listen_to_sqlite(engine: Engine) -> None:
    """WAL, foreign keys, patience, and transactions that begin as `begin_write` says."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _on_connect(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # pysqlite's own BEGIN comes too late
        cursor = dbapi_connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        how = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {how}")


def among(column: InstrumentedAttribute[int], dialect: str) -> ColumnElement[bool]:
    """Whether the column is among the ids of `ids_parameter`."""
    if dialect == "sqlite":
        return column.in_(text("SELECT value FROM json_each(:ids)"))
    return column == any_(bindparam("ids", type_=ARRAY(BigInteger)))  # half the time of IN


def ids_parameter(connection: Connection, ids: Sequence[int]) -> dict[str, Any]:
    """These ids as the one parameter of a statement with `among`."""
    if connection.dialect.name == "sqlite":
        return {"ids": f"[{','.join(map(str, ids))}]"}
    return {"ids": list(ids)}
