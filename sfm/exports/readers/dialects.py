"""What an export asks of SQLite and of PostgreSQL in different words; each has its twin here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    Text,
    any_,
    bindparam,
    cast,
    func,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from sfm.models import TwitterUserItem

MOMENT_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


def freeze(connection: Connection) -> Connection:
    """The connection, in a transaction that sees one state of the database to its end.

    SQLite in WAL mode keeps the state of the transaction's first read, so one is made at once. Its
    page cache is kept small, for each row is read once: close such a connection for good.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size = -4000")
    else:
        connection = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    connection.execute(select(TwitterUserItem.id).limit(1)).all()
    return connection


def iso_moment(column: InstrumentedAttribute[Any], dialect: str) -> ColumnElement[Any]:
    """A time as ISO 8601 text with Z and whole seconds, made by the database: that is faster."""
    if dialect == "sqlite":  # kept as `2026-11-22 08:15:00.000000`, in UTC
        return func.replace(func.substr(type_coerce(column, String), 1, 19), " ", "T") + "Z"
    return func.to_char(func.timezone("UTC", column), MOMENT_FORMAT)


def json_text(column: InstrumentedAttribute[Any], dialect: str) -> ColumnElement[Any]:
    """A JSON value as its text."""
    return type_coerce(column, String) if dialect == "sqlite" else cast(column, Text)


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
