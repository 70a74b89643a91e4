"""Writing many rows at once, by statements of their own for SQLite and for PostgreSQL.

Measured (docs/decisions/0011): SQLAlchemy's own bulk insert is 1.4 times slower than the driver's
on SQLite, and 4 times slower than COPY on PostgreSQL. Values are bound or copied, never written
into SQL. Everything happens in the caller's transaction; nothing commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sfm.posts.tokenizer import Words

Stamp = Callable[[datetime], Any]

# How many lower bits of an id its buckets leave out: 2^50 ids are 3 days, 2^53 25, 2^56 200.
GRAINS = {"a": 50, "b": 53, "c": 56}
WRITERS_LOCK = 7_364_001  # of the advisory lock; any number that nothing else locks


class DaySum(NamedTuple):
    """What one day of one account gains."""

    user_id: int
    day: date
    items: int


class TotalSum(NamedTuple):
    """What one day of all accounts gains, and the bounds of the new ids."""

    day: date
    items: int
    lowest_id: int
    highest_id: int


class UserSum(NamedTuple):
    """What one account gains."""

    user_id: int
    items: int
    newest: datetime
    oldest: datetime


class IndexEntry(NamedTuple):
    """What one post is found by."""

    twitter_id: int
    words: Words


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def stamp_for(connection: Connection) -> Stamp:
    """How a moment in UTC is handed to the driver, as UtcDateTime would."""
    return _sqlite_moment if is_sqlite(connection) else _unchanged


def _sqlite_moment(moment: datetime) -> str:
    return moment.isoformat(" ", "microseconds")[:26]


def _unchanged(moment: datetime) -> datetime:
    return moment


def lock_writers(connection: Connection) -> None:
    """Let in one writer of posts at a time, until the end of the transaction.

    So who knows which ids are held knows it until the commit, and counts never wait for each
    other crosswise. SQLite's write transaction is that already.
    """
    if not is_sqlite(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")


def use_little_memory(connection: Connection) -> None:
    """Give this connection a small cache: long work by command need not hold what pages read."""
    if is_sqlite(connection):
        connection.exec_driver_sql("PRAGMA cache_size = -4000")


def insert(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Add rows to one of our tables; moments by `stamp_for`, JSON as text. Raises DBAPIError."""
    names = ", ".join(columns)
    if is_sqlite(connection):
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        _execute_many(connection, statement, list(rows))
    else:
        _copy(connection, f"COPY {table} ({names}) FROM STDIN", rows)


def _copy(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    import psycopg

    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as exc:
        raise DBAPIError.instance(
            statement, None, exc, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from exc


def existing_ids(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Those of these Twitter ids that are kept already; any number of ids."""
    query = "SELECT twitter_id FROM twitter_user_item WHERE twitter_id "
    if is_sqlite(connection):
        rows = connection.exec_driver_sql(
            f"{query} IN (SELECT value FROM json_each(?))",  # noqa: S608
            (f"[{','.join(map(str, ids))}]",),
        )
    else:
        rows = connection.exec_driver_sql(f"{query} = ANY(%s::bigint[])", (_array(ids),))
    return {row[0] for row in rows}


def add_to_days(connection: Connection, sums: Sequence[DaySum]) -> None:
    """Add to the counts of accounts' days."""
    target = "INSERT INTO day_count (twitter_user_id, day, items)"
    grow = (
        "ON CONFLICT (twitter_user_id, day) DO UPDATE SET items = day_count.items + excluded.items"
    )
    if is_sqlite(connection):
        _execute_many(connection, f"{target} VALUES (?, ?, ?) {grow}", sums)
    else:
        source = "SELECT * FROM unnest(%s::bigint[], %s::date[], %s::bigint[])"
        _execute_arrays(connection, f"{target} {source} {grow}", sums)


def add_to_totals(connection: Connection, sums: Sequence[TotalSum]) -> None:
    """Add to the counts of days, and widen the bounds of their ids."""
    sqlite = is_sqlite(connection)
    low, high = ("min", "max") if sqlite else ("least", "greatest")
    grow = (
        "ON CONFLICT (day) DO UPDATE SET items = day_total.items + excluded.items, "
        f"lowest_id = {low}(day_total.lowest_id, excluded.lowest_id), "
        f"highest_id = {high}(day_total.highest_id, excluded.highest_id)"
    )
    target = "INSERT INTO day_total (day, items, lowest_id, highest_id)"
    if sqlite:
        _execute_many(connection, f"{target} VALUES (?, ?, ?, ?) {grow}", sums)
    else:
        source = "SELECT * FROM unnest(%s::date[], %s::bigint[], %s::bigint[], %s::bigint[])"
        _execute_arrays(connection, f"{target} {source} {grow}", sums)


def add_to_users(connection: Connection, sums: Sequence[UserSum]) -> None:
    """Add to the accounts' own counts, and widen the time they span."""
    if is_sqlite(connection):
        statement = (
            "UPDATE twitter_user SET items_count = items_count + ?2, "
            "newest_item_at = max(coalesce(newest_item_at, ?3), ?3), "
            "oldest_item_at = min(coalesce(oldest_item_at, ?4), ?4) WHERE id = ?1"
        )
        moments = [(who, n, _sqlite_moment(new), _sqlite_moment(old)) for who, n, new, old in sums]
        _execute_many(connection, statement, moments)
    else:
        statement = (
            "UPDATE twitter_user SET items_count = items_count + gain.items, "
            "newest_item_at = greatest(newest_item_at, gain.newest), "
            "oldest_item_at = least(oldest_item_at, gain.oldest) "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[]) "
            "AS gain (id, items, newest, oldest) WHERE twitter_user.id = gain.id"
        )
        _execute_arrays(connection, statement, sums)


def index(connection: Connection, entries: Iterable[IndexEntry]) -> None:
    """Make posts findable that the index does not hold yet."""
    ordered = sorted(entries)  # FTS5 writes out what it gathered whenever a rowid is a lower one
    if is_sqlite(connection):
        statement = "INSERT INTO tweet_search (rowid, words, marks) VALUES (?, ?, ?)"
        _execute_many(connection, statement, [_fts5_row(entry) for entry in ordered])
    elif ordered:
        rows = ((entry.twitter_id, tsvector(entry)) for entry in ordered)
        _copy(connection, "COPY tweet_search (twitter_id, words) FROM STDIN", rows)


def unindex(connection: Connection, entries: Iterable[IndexEntry]) -> None:
    """Take posts out of the index. FTS5 needs the words that were put in."""
    if is_sqlite(connection):
        statement = (
            "INSERT INTO tweet_search (tweet_search, rowid, words, marks) "
            "VALUES ('delete', ?, ?, ?)"
        )
        _execute_many(connection, statement, [_fts5_row(entry) for entry in sorted(entries)])
    else:
        ids = [entry.twitter_id for entry in entries]
        connection.exec_driver_sql("DELETE FROM tweet_search WHERE twitter_id = ANY(%s)", (ids,))


def empty_index(connection: Connection) -> None:
    """Take everything out of the index."""
    if is_sqlite(connection):
        connection.exec_driver_sql("INSERT INTO tweet_search (tweet_search) VALUES ('delete-all')")
    else:
        connection.exec_driver_sql("TRUNCATE tweet_search")


def tsvector(entry: IndexEntry) -> str:
    """A tsvector as text: words with their places, marks and the buckets of the id without.

    No word holds a blank, quote, colon or backslash: `words` lets none through.
    """
    words = entry.words.body.split()
    buckets = [bucket_mark(grain, entry.twitter_id) for grain in GRAINS]
    return " ".join([_with_places(len(words)) % tuple(words), entry.words.marks, *buckets])


@lru_cache(maxsize=256)
def _with_places(count: int) -> str:
    """So many words to be filled in, each with its place."""
    return " ".join([f"%s:{place}" for place in range(1, count + 1)])


def bucket_mark(grain: str, twitter_id: int) -> str:
    """The mark of all posts whose ids share their upper bits: made about the same time."""
    return f"~{grain}{twitter_id >> GRAINS[grain]}"


def _fts5_row(entry: IndexEntry) -> tuple[int, str, str]:
    return entry.twitter_id, *entry.words


def _execute_many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        connection.exec_driver_sql(statement, rows)


def _execute_arrays(
    connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    if rows:
        columns = tuple(_array(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(statement, columns)


def _array(values: Iterable[int | date]) -> str:
    """Numbers, days or moments as PostgreSQL writes an array: 4 times faster than psycopg's own."""
    return "{" + ",".join(map(str, values)) + "}"
