"""Posts out of the database, in one unchanging view of it, a batch at a time."""

from __future__ import annotations

import random
from array import array
from collections import namedtuple
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Text,
    cast,
    func,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute

from sfm.database import among, db, ids_parameter
from sfm.exports.columns.column import items
from sfm.exports.request import Criteria
from sfm.exports.result import Tally
from sfm.messages import Message
from sfm.models import Link, LinkLook, TwitterUserItem, TwitterUserItemUrl
from sfm.posts.search import find
from sfm.posts.search_scope import scope_of
from sfm.posts.selection import Selection

BATCH = 250
IDS_PER_PAGE = 10_000

NOT_STORED = Message("not held here")
NOT_MATCHING = Message("not as the criteria ask")
NOT_IN_SAMPLE = Message("not drawn for the sample")


@contextmanager
def snapshot() -> Iterator[Connection]:
    """A connection of its own that sees one state of the database, whatever others write."""
    with db.engine.connect() as connection:
        try:
            yield freeze(connection)
        finally:
            connection.rollback()
            connection.invalidate()


class DatabasePosts:
    """The posts that the criteria ask for, oldest first.

    All ids are read first (8 bytes each), so that the number is known before the first row, a
    sample is fair, and no database has to sort whole rows.
    """

    def __init__(self, connection: Connection, criteria: Criteria, fields: Sequence[str]) -> None:
        self.tally = Tally()
        self._reader = StoredPosts(connection, fields)
        ids = _all_ids(connection, criteria.selection)
        self.tally.read = len(ids)
        if criteria.sample is not None and criteria.sample < len(ids):
            self.tally.leave_out(NOT_IN_SAMPLE, len(ids) - criteria.sample)
            ids = draw_sample(ids, criteria)
        self._ids = ids
        self.total = len(ids)

    def batches(self) -> Iterator[list[Any]]:
        """The stored posts, a few hundred at a time."""
        for start in range(0, len(self._ids), BATCH):
            yield self._reader.read(self._ids[start : start + BATCH].tolist())


class ListedPosts:
    """The posts of a list of ids that are held here, oldest first; each once."""

    def __init__(
        self,
        connection: Connection,
        criteria: Criteria,
        fields: Sequence[str],
        listed: array[int],
    ) -> None:
        self.tally = Tally(read=len(listed))
        self._reader = StoredPosts(connection, fields)
        once = array("q", sorted(set(listed)))
        self.tally.leave_out(Message("listed before"), len(listed) - len(once))
        ids = self._matching(connection, criteria, once)
        if criteria.sample is not None and criteria.sample < len(ids):
            self.tally.leave_out(NOT_IN_SAMPLE, len(ids) - criteria.sample)
            ids = draw_sample(ids, criteria)
        self._ids = ids
        self.total = len(ids)

    batches = DatabasePosts.batches

    def _matching(self, connection: Connection, criteria: Criteria, ids: array[int]) -> array[int]:
        matching_ids = array("q")
        is_listed = among(TwitterUserItem.twitter_id, connection.dialect.name)
        query = select(TwitterUserItem.twitter_id).where(is_listed)
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH].tolist()
            stored = sorted(connection.execute(query, ids_parameter(connection, batch)).scalars())
            matching = stored
            if stored and not criteria.selection.is_everything:
                scope = scope_of(connection, replace(criteria.selection, ids=tuple(stored)))
                matching = [row[0] for row in find(connection, scope, BATCH, ascending=True)]
            self.tally.leave_out(NOT_STORED, len(batch) - len(stored))
            self.tally.leave_out(NOT_MATCHING, len(stored) - len(matching))
            matching_ids.extend(matching)
        return matching_ids


def count_matching(criteria: Criteria, at_most: int | None = None) -> int:
    """How many posts of the database the criteria ask for, counted no further than `at_most`."""
    with snapshot() as connection:
        return len(_all_ids(connection, criteria.selection, at_most))


def draw_sample(ids: array[int], criteria: Criteria) -> array[int]:
    """So many of the ids, drawn by chance from the seed, in their order."""
    return array("q", [ids[place] for place in sample_positions(len(ids), criteria)])


def sample_positions(count: int, criteria: Criteria) -> list[int]:
    """Which of `count` posts are drawn for the sample, ascending; all where they are fewer."""
    dice = random.Random(criteria.seed)  # noqa: S311  (fair, not secret)
    return sorted(dice.sample(range(count), min(criteria.sample or 0, count)))


def _all_ids(
    connection: Connection, selection: Selection, at_most: int | None = None
) -> array[int]:
    """All ids of a selection, ascending, a page at a time: the ways that lists are found by."""
    ids = array("q")
    scope = scope_of(connection, selection)
    low = 0
    while True:
        page = find(connection, scope, IDS_PER_PAGE, low=low, ascending=True)
        ids.extend([row[0] for row in page])
        if len(page) < IDS_PER_PAGE or (at_most is not None and len(ids) >= at_most):
            return ids[:at_most]
        low = ids[-1] + 1


MOMENTS = frozenset({"date_published", "captured_at", "author_created_at"})
LISTS = frozenset(  # as JSON text
    {"hashtags", "mentions", "urls", "media", "edit_history", "quoted_media", "polls"}
)
IDS = frozenset(
    {
        "twitter_id", "author_uid", "in_reply_to_id", "in_reply_to_uid", "conversation_id",
        "retweeted_id", "quoted_id",
    }
)  # fmt: skip
FINAL_URLS = "final_urls"  # from the links followed, not from the post's own row


class FinalUrl(NamedTuple):
    """Where a link was found to end, when, and what the latest look at it came to; "?" unknown."""

    url: str
    checked_at: str
    outcome: str


NOT_FOLLOWED = FinalUrl("?", "?", "?")


def stored_class(fields: Sequence[str]) -> Any:
    """A named tuple with these fields, the shape in which columns meet a post.

    Moments are ISO texts, ids and lists texts too; booleans may be 0 and 1.
    """
    return namedtuple("Stored", fields)  # type: ignore[misc]


class StoredPosts:
    """Reads posts by their ids through one connection."""

    def __init__(self, connection: Connection, fields: Sequence[str]) -> None:
        self._connection = connection
        self._fields = tuple(fields)
        self._make = stored_class(fields)._make
        self._final = self._fields.index(FINAL_URLS) if FINAL_URLS in fields else None
        self._statement = self._select(connection.dialect.name)

    def _select(self, dialect: str) -> Select[Any]:
        columns = [_expression(name, dialect).label(name) for name in self._fields]
        # By these the links that were followed are found.
        link_columns = [
            TwitterUserItem.id.label("_id"),
            _expression("urls", dialect).label("_urls"),
        ]
        return (
            select(*columns, *(link_columns if self._final is not None else ()))
            .where(among(TwitterUserItem.twitter_id, dialect))
            .order_by(TwitterUserItem.twitter_id)
        )

    def read(self, ids: Sequence[int]) -> list[Any]:
        """The posts with these Twitter ids, in the order of the ids; some hundreds at a time."""
        result = self._connection.execute(self._statement, ids_parameter(self._connection, ids))
        # The driver's own rows: all values are of plain types, and a million Rows take seconds.
        rows = result.cursor.fetchall()
        if self._final is None:
            return list(map(self._make, rows))
        finals = self._final_urls([row[-2] for row in rows])
        return [self._with_finals(list(row), finals) for row in rows]

    def _with_finals(self, cells: list[Any], finals: dict[int, dict[str, FinalUrl]]) -> Any:
        urls, item_id = items(cells.pop()), cells.pop()
        final_urls = finals.get(item_id, {})
        cells[self._final or 0] = [
            final_urls.get(url[0]) or final_urls.get(url[1]) or NOT_FOLLOWED for url in urls
        ]
        return self._make(cells)

    def _final_urls(self, item_ids: list[int]) -> dict[int, dict[str, FinalUrl]]:
        """For each item its links, as written and as expanded, and where each was found to end."""
        looks: dict[tuple[int, str, str], list[Any]] = {}
        for look in (LinkLook, Link):  # the latest look comes last
            for row in self._looks(look, item_ids):
                place = (row.item_id, row.expanded_url, row.start_url)
                looks.setdefault(place, []).append(row)
        final_urls: dict[int, dict[str, FinalUrl]] = {}
        for (item_id, *names), rows in looks.items():
            final = final_url_of(rows)
            final_urls.setdefault(item_id, {}).update({name: final for name in names if name})
        return final_urls

    def _looks(self, look: type[Link | LinkLook], item_ids: list[int]) -> Sequence[Any]:
        dialect = self._connection.dialect.name
        query = (
            select(
                TwitterUserItemUrl.item_id,
                TwitterUserItemUrl.expanded_url,
                Link.start_url,
                look.outcome,
                look.final_url,
                iso_moment(look.checked_at, dialect).label("checked_at"),
            )
            .join(Link, Link.id == TwitterUserItemUrl.link_id)
            .where(among(TwitterUserItemUrl.item_id, dialect))
            .order_by(look.id)
        )
        if look is LinkLook:
            query = query.join(LinkLook, LinkLook.link_id == Link.id).where(Link.outcome != "ok")
        return self._connection.execute(query, ids_parameter(self._connection, item_ids)).all()


def final_url_of(looks: Sequence[Any]) -> FinalUrl:
    """Of looks at one link, the oldest first: where the last good one ended, and its date.

    Where none was good: where the last answer came from. The outcome is that of the latest look.
    """
    good = [look for look in looks if look.outcome == "ok"]
    answered = good or [look for look in looks if look.final_url]
    outcome = looks[-1].outcome or "?"
    if not answered:
        return FinalUrl("?", "?", outcome)
    return FinalUrl(answered[-1].final_url, answered[-1].checked_at or "?", outcome)


def _expression(name: str, dialect: str) -> ColumnElement[Any]:
    if name == FINAL_URLS:
        return TwitterUserItem.id.expression  # a place to put them
    column = getattr(TwitterUserItem, name)
    if name in MOMENTS:
        return iso_moment(column, dialect)
    if name in LISTS:
        return json_text(column, dialect)
    if name in IDS:
        return cast(column, String)
    return column.expression  # type: ignore[no-any-return]


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
