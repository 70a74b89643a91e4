"""The kept counts held against a full count, some accounts at a time, and put right.

Each slice is a short transaction, so that others may write in between, and what is held in memory
grows with the days of a slice's accounts, not with the posts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Row,
    cast,
    delete,
    func,
    insert,
    null,
    select,
    union_all,
    update,
)

from sfm.database import db
from sfm.models import DayCount, DayTotal, TwitterUser, TwitterUserItem
from sfm.posts import bulk_sql
from sfm.runs.context import RunContext
from sfm.runs.transactions import unit_of_work

logger = logging.getLogger(__name__)

SLICE_POSTS, SLICE_ACCOUNTS = 20_000, 200  # of a slice at most; an account is never split

_item = TwitterUserItem


@dataclass(frozen=True)
class Difference:
    """A kept count that was wrong: where, what it was, what a full count gives."""

    where: str
    kept: int
    counted: int


Slice = Callable[[], list[Difference]]
Bounds = tuple[int, int]  # the lowest and the highest id of a day


def verify_counts(*, repair: bool = True) -> list[Difference]:
    """The kept counts that were wrong; with `repair` they are corrected. Commits nothing.

    All in the caller's transaction, which `begin_write` has begun: for small collections.
    """
    bulk_sql.lock_writers(db.session.connection())
    with db.session.begin_nested() as corrections:
        differences = [difference for work in CountCheck().slices() for difference in work()]
        if not repair:
            corrections.rollback()
    return differences


def verify_in_slices(run: RunContext, tell: Callable[[Difference], None]) -> int:
    """Correct the kept counts that were wrong, telling of each; how many. Commits slice by slice.

    Raises what `run.check` and `unit_of_work` raise.
    """

    def in_transaction(work: Slice) -> list[Difference]:
        def step() -> list[Difference]:
            bulk_sql.lock_writers(db.session.connection())
            differences = work()
            run.check_lease()
            return differences

        return unit_of_work(step)

    corrected = 0
    for work in CountCheck().slices():
        run.check()
        for difference in in_transaction(work):
            tell(difference)
            corrected += 1
    db.session.rollback()
    return corrected


@dataclass
class CountCheck:
    """One check of all counts. `bounds` are the ids of each day, as far as they were counted."""

    bounds: dict[date, Bounds] = field(default_factory=dict)

    def slices(self) -> Iterator[Slice]:
        """The parts of the check, in order; the second half is known once the first is done."""
        last = 0
        while ids := _next_accounts(last):
            yield _part(self._check_accounts, ids)
            last = ids[-1]
        for day in self._days_in_doubt():
            yield _part(self._check_total, day)

    def _check_accounts(self, ids: Sequence[int]) -> list[Difference]:
        """The counts of these accounts, by day and as a whole."""
        connection = db.session.connection()
        counted = _count_days(connection, ids)
        for (_, day), row in counted.items():
            low, high = self.bounds.get(day, (row.low, row.high))
            self.bounds[day] = (min(low, row.low), max(high, row.high))
        differences = self._check_days(connection, ids, counted)
        differences += self._check_whole(connection, ids, counted)
        return _logged(differences)

    def _check_days(
        self, connection: Connection, ids: Sequence[int], counted: dict[tuple[int, date], Row[Any]]
    ) -> list[Difference]:
        rows = connection.execute(
            select(DayCount.__table__).where(DayCount.twitter_user_id.in_(ids))
        )
        kept = {(row.twitter_user_id, row.day): row.items for row in rows}
        differences = []
        for key in sorted(counted.keys() | kept.keys()):
            items = counted[key].items_counted if key in counted else 0
            if kept.get(key, 0) == items and (key in kept) == (key in counted):
                continue
            where = f"account {key[0]} on {key[1]}"
            differences.append(Difference(where, kept.get(key, 0), items))
            here = (DayCount.twitter_user_id == key[0]) & (DayCount.day == key[1])
            row = {"twitter_user_id": key[0], "day": key[1], "items": items}
            _put(connection, DayCount, here, row if key in counted else None)
        return differences

    def _check_whole(
        self, connection: Connection, ids: Sequence[int], counted: dict[tuple[int, date], Row[Any]]
    ) -> list[Difference]:
        columns = (TwitterUser.items_count, TwitterUser.newest_item_at, TwitterUser.oldest_item_at)
        accounts: Any = connection.execute(
            select(TwitterUser.id, *columns).where(TwitterUser.id.in_(ids))
        ).all()
        sums = _sums(counted)
        differences = []
        for user, *kept in accounts:
            right = sums.get(user, (0, None, None))
            if tuple(kept) != right:
                differences.append(Difference(f"account {user}", kept[0], right[0]))
                values = dict(zip((column.key for column in columns), right, strict=True))
                connection.execute(update(TwitterUser).filter_by(id=user).values(values))
        return differences

    def _days_in_doubt(self) -> list[date]:
        """Days whose total is not the sum of the accounts' counts, or whose bounds are too narrow.

        Read in one statement, so at one moment: whoever writes posts changes both together.
        """
        sums: dict[date, int] = {}
        kept: dict[date, tuple[int, int, int]] = {}
        for day, items, low, high in db.session.connection().execute(_SUMS_AND_TOTALS):
            if low is None:
                sums[day] = int(items)
            else:
                kept[day] = (int(items), low, high)
        return [
            day
            for day in sorted(sums.keys() | kept.keys())
            if self._is_in_doubt(day, sums.get(day), kept.get(day))
        ]

    def _is_in_doubt(self, day: date, items: int | None, kept: tuple[int, int, int] | None) -> bool:
        if items is None or kept is None or kept[0] != items:
            return True
        low, high = self.bounds.get(day, kept[1:])
        return low < kept[1] or high > kept[2]

    def _check_total(self, day: date) -> list[Difference]:
        """One day of all accounts. Its bounds are only ever widened, to ids that are kept."""
        connection = db.session.connection()
        of_day = select(func.sum(DayCount.items)).where(DayCount.day == day)
        items = int(connection.scalar(of_day) or 0)
        row = connection.execute(select(DayTotal.__table__).where(DayTotal.day == day)).first()
        kept = row.items if row is not None else 0
        ends = [number for number in self.bounds.get(day, ()) if _is_kept(connection, number)]
        ends += [row.lowest_id, row.highest_id] if row is not None else []
        if items and not ends:  # all that was counted went, and others came: no id is known here
            return []
        right = None
        if items:
            right = {
                "day": day, "items": items, "lowest_id": min(ends), "highest_id": max(ends)
            }  # fmt: skip
        if right == (dict(row._mapping) if row is not None else None):
            return []
        _put(connection, DayTotal, DayTotal.day == day, right)
        return _logged([Difference(f"all on {day}", kept, items)])


# A row without bounds is a sum of the accounts' counts, one with bounds is a kept total.
_SUMS_AND_TOTALS: Any = union_all(
    select(DayCount.day, func.sum(DayCount.items), null(), null()).group_by(DayCount.day),
    select(DayTotal.day, DayTotal.items, DayTotal.lowest_id, DayTotal.highest_id),
)


def _part(check: Callable[..., list[Difference]], what: object) -> Slice:
    return lambda: check(what)


def _next_accounts(after_id: int) -> list[int]:
    """The next accounts by id: some that have few posts, or one that has many."""
    query = select(TwitterUser.id, TwitterUser.items_count).where(TwitterUser.id > after_id)
    ids: list[int] = []
    posts = 0
    for row in db.session.execute(query.order_by(TwitterUser.id).limit(SLICE_ACCOUNTS)):
        posts += row.items_count
        if ids and posts > SLICE_POSTS:
            break
        ids.append(row.id)
    return ids


def _count_days(connection: Connection, ids: Sequence[int]) -> dict[tuple[int, date], Row[Any]]:
    """The posts of these accounts by account and UTC day, with their ids and times."""
    day = _day_of(connection)
    rows: Any = connection.execute(
        select(
            _item.twitter_user_id,
            day.label("day"),
            func.count().label("items_counted"),
            func.min(_item.twitter_id).label("low"),
            func.max(_item.twitter_id).label("high"),
            func.max(_item.date_published).label("newest"),
            func.min(_item.date_published).label("oldest"),
        )
        .where(_item.twitter_user_id.in_(ids))
        .group_by(_item.twitter_user_id, day)
    )
    return {(row.twitter_user_id, row.day): row for row in rows}


def _day_of(connection: Connection) -> ColumnElement[date]:
    """The UTC day of a post, in SQL."""
    if bulk_sql.is_sqlite(connection):
        return func.date(_item.date_published, type_=Date)
    return cast(func.timezone("UTC", _item.date_published), Date)


def _sums(counted: dict[tuple[int, date], Row[Any]]) -> dict[int, tuple[Any, ...]]:
    """The number, the newest and the oldest moment of each account's posts."""
    sums: dict[int, tuple[Any, ...]] = {}
    for (user, _), row in counted.items():
        items, newest, oldest = sums.get(user, (0, row.newest, row.oldest))
        sums[user] = (items + row.items_counted, max(newest, row.newest), min(oldest, row.oldest))
    return sums


def _is_kept(connection: Connection, twitter_id: int) -> bool:
    query = select(_item.id).where(_item.twitter_id == twitter_id)
    return connection.scalar(query) is not None


def _put(connection: Connection, table: Any, here: Any, row: dict[str, Any] | None) -> None:
    connection.execute(delete(table).where(here))
    if row is not None:
        connection.execute(insert(table).values(row))


def _logged(differences: list[Difference]) -> list[Difference]:
    for difference in differences:
        logger.warning("count was wrong where=%s kept=%d counted=%d", *vars(difference).values())
    return differences
