"""Kept counts of posts per day, account, and account and day, so that no page has to count.

Nothing here commits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Date, cast, delete, func, insert, select, update

from sfm.database import db
from sfm.models import DayCount, DayTotal, TwitterUser, TwitterUserItem
from sfm.posts import bulk_sql
from sfm.posts.bulk_sql import DaySum, TotalSum, UserSum


class PostCounts(NamedTuple):
    """What the counts need of a post."""

    user_id: int
    twitter_id: int
    published: datetime


def add(connection: Connection, posts: Iterable[PostCounts]) -> None:
    """Count posts that have just been stored. Call `lock_writers` before."""
    ids: dict[tuple[int, date], list[int]] = {}
    times: dict[int, list[datetime]] = {}
    for user_id, twitter_id, published in posts:
        ids.setdefault((user_id, published.date()), []).append(twitter_id)
        times.setdefault(user_id, []).append(published)
    bulk_sql.add_to_days(connection, [DaySum(*key, len(post_ids)) for key, post_ids in ids.items()])
    bulk_sql.add_to_totals(connection, _totals(ids))
    users = [
        UserSum(user_id, len(dates), max(dates), min(dates)) for user_id, dates in times.items()
    ]
    bulk_sql.add_to_users(connection, users)


def _totals(ids: Mapping[tuple[int, date], list[int]]) -> list[TotalSum]:
    """What each day gains of all accounts, and the bounds of its ids."""
    of_day: dict[date, list[int]] = {}
    for (_, day), post_ids in ids.items():
        of_day.setdefault(day, []).extend(post_ids)
    return [
        TotalSum(day, len(post_ids), min(post_ids), max(post_ids))
        for day, post_ids in of_day.items()
    ]


logger = logging.getLogger(__name__)

_item = TwitterUserItem


@dataclass(frozen=True)
class Difference:
    """A kept count that was wrong: where, what it was, what a full count gives."""

    where: str
    kept: int
    counted: int


def verify_counts(*, repair: bool = True) -> list[Difference]:
    """The kept counts that were wrong; with `repair` they are corrected. Commits nothing.

    On SQLite the transaction must have been begun by `begin_write`; no posts can be saved until
    its end.
    """
    connection = db.session.connection()
    bulk_sql.lock_writers(connection)
    differences = [
        *_days(connection, repair),
        *_full_totals(connection, repair),
        *_users(connection, repair),
    ]
    for difference in differences:
        logger.warning("count was wrong where=%s kept=%d counted=%d", *vars(difference).values())
    return differences


def _day_of(connection: Connection) -> ColumnElement[date]:
    """The UTC day of a post, in SQL."""
    if bulk_sql.is_sqlite(connection):
        return func.date(_item.date_published, type_=Date)
    return cast(func.timezone("UTC", _item.date_published), Date)


def _days(connection: Connection, repair: bool) -> Iterator[Difference]:
    day = _day_of(connection)
    counting = select(_item.twitter_user_id, day, func.count()).group_by(_item.twitter_user_id, day)
    true = {(user, when): items for user, when, items in connection.execute(counting)}
    kept = {
        (row.twitter_user_id, row.day): row.items
        for row in connection.execute(select(DayCount.__table__))
    }
    for key in sorted(true.keys() | kept.keys()):
        if true.get(key) != kept.get(key):
            yield Difference(f"account {key[0]} on {key[1]}", kept.get(key, 0), true.get(key, 0))
            if repair:
                here = (DayCount.twitter_user_id == key[0]) & (DayCount.day == key[1])
                row = {"twitter_user_id": key[0], "day": key[1], "items": true.get(key)}
                _put(connection, DayCount, here, row if key in true else None)


def _full_totals(connection: Connection, repair: bool) -> Iterator[Difference]:
    day = _day_of(connection)
    ends = (func.min(_item.twitter_id), func.max(_item.twitter_id))
    counting = select(day, func.count(), *ends).group_by(day)
    true = {when: (items, low, high) for when, items, low, high in connection.execute(counting)}
    kept = {
        row.day: (row.items, row.lowest_id, row.highest_id)
        for row in connection.execute(select(DayTotal.__table__))
    }
    for key in sorted(true.keys() | kept.keys()):
        if not _agrees(kept.get(key), true.get(key)):
            yield Difference(f"all on {key}", kept.get(key, (0,))[0], true.get(key, (0,))[0])
            if repair:
                items, low, high = true.get(key, (0, 0, 0))
                row = {"day": key, "items": items, "lowest_id": low, "highest_id": high}
                _put(connection, DayTotal, DayTotal.day == key, row if key in true else None)


def _agrees(kept: tuple[int, int, int] | None, true: tuple[int, int, int] | None) -> bool:
    """Whether the count is true and the bounds are wide enough."""
    if kept is None or true is None:
        return kept is true
    return kept[0] == true[0] and kept[1] <= true[1] and kept[2] >= true[2]


def _users(connection: Connection, repair: bool) -> Iterator[Difference]:
    newest, oldest = func.max(_item.date_published), func.min(_item.date_published)
    counting = select(_item.twitter_user_id, func.count(), newest, oldest)
    true: dict[int, tuple[Any, ...]] = {
        user: tuple(rest)
        for user, *rest in connection.execute(counting.group_by(_item.twitter_user_id))
    }
    columns = (TwitterUser.items_count, TwitterUser.newest_item_at, TwitterUser.oldest_item_at)
    accounts: Any = connection.execute(select(TwitterUser.id, *columns)).all()
    for user, *kept in accounts:
        counted = true.get(user, (0, None, None))
        if tuple(kept) != counted:
            yield Difference(f"account {user}", kept[0], counted[0])
            if repair:
                values = dict(zip((column.key for column in columns), counted, strict=True))
                connection.execute(update(TwitterUser).filter_by(id=user).values(values))


def _put(connection: Connection, table: Any, here: Any, row: dict[str, Any] | None) -> None:
    connection.execute(delete(table).where(here))
    if row is not None:
        connection.execute(insert(table).values(row))
