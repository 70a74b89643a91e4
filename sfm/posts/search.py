"""Searching: the ids of a selection's posts, in order, without reading what is not shown.

SQL in the words of each database, chosen so that no page depends on a planner's guess; see the
decision on full-text search and on lists. The ways, by what is asked:

- words or a language: the full-text index. FTS5 gives hits in the order of ids; PostgreSQL's GIN
  cannot, so its hits are fetched from one stretch of ids after the other, a few days first.
- up to 100 accounts: each account's own index, newest few of each.
- else: along the ids, by the index that holds all that is filtered by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, column, false, select, text

from sfm.models import TwitterUserItem
from sfm.networks.record import MAX_ID
from sfm.posts import bulk_sql
from sfm.posts.search_query import Node, to_fts5, to_tsquery
from sfm.posts.search_scope import Scope

Rows = list[tuple[Any, ...]]

INDEX = "INDEXED BY ix_twitter_user_item_tweet"
STEPS = "abbbbbcccc"  # grains of the buckets of ids that PostgreSQL looks through, one by one
ID = "item.twitter_id"


@dataclass(frozen=True)
class IdRange:
    """Which part of the ids, both ends included, and from which end."""

    low: int
    high: int
    limit: int
    ascending: bool = False

    @property
    def way(self) -> str:
        return "ASC" if self.ascending else "DESC"


def find(
    connection: Connection,
    scope: Scope,
    limit: int,
    *,
    columns: str = ID,
    low: int = 0,
    high: int | None = None,
    ascending: bool = False,
) -> Rows:
    """Columns of the newest (or, ascending, oldest) so many posts between two ids, included.

    `columns` names columns of `item`, its id first; out of the index's own for speed.
    """
    top = min(scope.high, MAX_ID if high is None else high)
    stretch = IdRange(max(scope.low, low), top, limit, ascending)
    if scope.is_empty or stretch.low > stretch.high:
        return []
    if scope.node is not None:
        return _in_full_text(connection, scope, columns, stretch)
    if scope.accounts is not None and not scope.has_many_accounts:
        return _run(connection, scope, _each_account(scope, columns, stretch), stretch)
    return _run(connection, scope, _along(connection, scope, columns, stretch), stretch)


def _in_full_text(connection: Connection, scope: Scope, columns: str, stretch: IdRange) -> Rows:
    if bulk_sql.is_sqlite(connection):
        return _run(connection, scope, _fts5(scope, columns, stretch), stretch)
    return _by_buckets(connection, scope, columns, stretch)


def _run(
    connection: Connection, scope: Scope, statement: str, stretch: IdRange, **more: Any
) -> Rows:
    params: dict[str, Any] = {"low": stretch.low, "high": stretch.high, "limit": stretch.limit}
    params |= scope.params | more
    if scope.node is not None and "match" not in params:
        params["match"] = to_fts5(scope.node)
    # Plain tuples as the driver gives them: ten thousand rows for facets cost half as much.
    result: Any = connection.execute(text(statement), params)
    return list(result.cursor.fetchall())


def _where(scope: Scope, *more: str) -> str:
    return " AND ".join([*more, *scope.conditions])


def _many_accounts(scope: Scope) -> list[str]:
    """A condition for more accounts than are looked through one by one.

    `+ 0` keeps the planner from going through the accounts' own index, and sorting.
    """
    if scope.accounts is None:
        return []
    listed = ", ".join(map(str, scope.accounts))  # integers of our own
    return [f"(item.twitter_user_id + 0) IN ({listed})"]


def _fts5(scope: Scope, columns: str, stretch: IdRange) -> str:
    between = "tweet_search.rowid BETWEEN :low AND :high"
    match = "tweet_search MATCH :match"
    more = _many_accounts(scope) if scope.has_many_accounts else []
    end = f"ORDER BY tweet_search.rowid {stretch.way} LIMIT :limit"
    if columns == ID and not more and not scope.conditions:
        return (
            "SELECT tweet_search.rowid AS twitter_id FROM tweet_search "  # noqa: S608
            f"WHERE {match} AND {between} {end}"
        )
    index = "" if scope.reads_rows else INDEX
    where = _where(scope, match, between, *more)
    return (
        f"SELECT {columns} FROM tweet_search CROSS JOIN twitter_user_item AS item {index} "  # noqa: S608
        f"ON item.twitter_id = tweet_search.rowid WHERE {where} {end}"
    )


def _along(connection: Connection, scope: Scope, columns: str, stretch: IdRange) -> str:
    index = INDEX if bulk_sql.is_sqlite(connection) else ""
    between = "item.twitter_id BETWEEN :low AND :high"
    return (
        f"SELECT {columns} FROM twitter_user_item AS item {index} "  # noqa: S608
        f"WHERE {_where(scope, between, *_many_accounts(scope))} "
        f"ORDER BY item.twitter_id {stretch.way} LIMIT :limit"
    )


def _each_account(scope: Scope, columns: str, stretch: IdRange) -> str:
    accounts = scope.accounts or ()
    where = _where(scope, "item.twitter_id BETWEEN :low AND :high")
    parts = [
        f"SELECT * FROM (SELECT {columns} FROM twitter_user_item AS item "  # noqa: S608
        f"WHERE item.twitter_user_id = {account:d} AND {where} "
        f"ORDER BY item.twitter_id {stretch.way} LIMIT :limit) AS one{account:d}"
        for account in accounts
    ]
    together = " UNION ALL ".join(parts)
    return (
        f"SELECT * FROM ({together}) AS every "  # noqa: S608
        f"ORDER BY twitter_id {stretch.way} LIMIT :limit"
    )


def _by_buckets(connection: Connection, scope: Scope, columns: str, stretch: IdRange) -> Rows:
    """PostgreSQL: hits of one stretch of ids after the other, until there are enough.

    A GIN index knows no order: all hits of a common word would have to be fetched to find the
    newest. The bucket of its id stands as a mark in each tsvector, so the index itself narrows
    the hits down to a few days. The hits are materialised first: left to itself, the planner may
    walk along the ids and read millions of rows for a rare word.
    """
    node = to_tsquery(scope.node)  # type: ignore[arg-type]
    rows: Rows = []
    for part, mark in _bucket_ranges(connection, stretch):
        match = f"{node} & '{mark}'" if mark else node
        rest = IdRange(part.low, part.high, stretch.limit - len(rows), stretch.ascending)
        rows += _run(connection, scope, _gin(scope, columns, rest), rest, match=match)
        if len(rows) >= stretch.limit:
            break
    return rows


def _gin(scope: Scope, columns: str, stretch: IdRange) -> str:
    """Hits in order, and of each its row by the index, until there are enough.

    LATERAL with a LIMIT of its own: a join might read the whole table to hash it. `+ 0` keeps the
    planner from fetching all ids of the stretch as well, to see which are among the hits.
    """
    more = _many_accounts(scope) if scope.has_many_accounts else []
    hits = (
        "WITH hits AS MATERIALIZED (SELECT twitter_id FROM tweet_search "
        "WHERE words @@ CAST(:match AS tsquery) AND twitter_id + 0 BETWEEN :low AND :high) "
    )
    ordered = f"SELECT twitter_id FROM hits ORDER BY twitter_id {stretch.way}"  # noqa: S608
    if columns == ID and not more and not scope.conditions:
        return f"{hits} {ordered} LIMIT :limit"
    where = _where(scope, "item.twitter_id = hit.twitter_id", *more)
    return (
        f"{hits} SELECT {columns.replace('item.', 'found.')} FROM ({ordered}) AS hit "  # noqa: S608
        f"CROSS JOIN LATERAL (SELECT {columns} FROM twitter_user_item AS item "
        f"WHERE {where} LIMIT 1) AS found ORDER BY hit.twitter_id {stretch.way} LIMIT :limit"
    )


def _bucket_ranges(connection: Connection, stretch: IdRange) -> Iterator[tuple[IdRange, str]]:
    """The stretch cut up, small parts first, each with the mark of its bucket; the rest without."""
    low, high = _clip_to_index(connection, stretch)
    for grain in STEPS:
        if low > high:
            return
        bits = bulk_sql.GRAINS[grain]
        if stretch.ascending:
            end = min(high, (((low >> bits) + 1) << bits) - 1)
            yield IdRange(low, end, stretch.limit, ascending=True), bulk_sql.bucket_mark(grain, low)
            low = end + 1
        else:
            start = max(low, (high >> bits) << bits)
            yield IdRange(start, high, stretch.limit), bulk_sql.bucket_mark(grain, high)
            high = start - 1
    if low <= high:
        yield IdRange(low, high, stretch.limit, stretch.ascending), ""


def _clip_to_index(connection: Connection, stretch: IdRange) -> tuple[int, int]:
    """The ends of the stretch, pulled in to the ids that there are."""
    ends = "SELECT min(twitter_id), max(twitter_id) FROM tweet_search"
    lowest, highest = connection.execute(text(ends)).one()
    if lowest is None:
        return 1, 0
    return max(stretch.low, lowest), min(stretch.high, highest)


def restrict(connection: Connection, statement: Select[Any], scope: Scope) -> Select[Any]:
    """A statement over TwitterUserItem, narrowed to a scope: for whoever reads all of it."""
    item = TwitterUserItem
    if scope.is_empty:
        return statement.where(false())
    conditions: list[Any] = [item.twitter_id.between(max(scope.low, 0), scope.high)]
    if scope.accounts is not None:
        conditions.append(item.twitter_user_id.in_(scope.accounts))
    if scope.node is not None:
        conditions.append(item.twitter_id.in_(_hits(connection, scope.node)))
    for condition in scope.conditions:
        named = set(re.findall(r":(\w+)", condition))
        bound = {name: value for name, value in scope.params.items() if name in named}
        conditions.append(
            text(condition.replace("item.", "twitter_user_item.")).bindparams(**bound)
        )
    return statement.where(*conditions)


def _hits(connection: Connection, node: Node) -> Select[Any]:
    """All ids that the full-text index has for these words."""
    if bulk_sql.is_sqlite(connection):
        hits = text("SELECT rowid AS twitter_id FROM tweet_search WHERE tweet_search MATCH :match")
        words = to_fts5(node)
    else:
        hits = text(
            "SELECT twitter_id FROM tweet_search WHERE words @@ CAST(:match AS tsquery) OFFSET 0"
        )
        words = to_tsquery(node)
    return select(hits.bindparams(match=words).columns(column("twitter_id", BigInteger)).subquery())
