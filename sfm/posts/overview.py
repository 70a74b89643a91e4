"""What the whole collection holds, read from the counts that the writer keeps beside the tweets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select

from sfm import clock
from sfm.database import db
from sfm.models import DayCount, DayTotal, TwitterUser


@dataclass(frozen=True)
class CollectionTotals:
    """What is held: tweets, accounts, those of them that are active, and up to when."""

    items: int
    accounts: int
    active_accounts: int
    newest_at: datetime | None


def collection_totals() -> CollectionTotals:
    """What the whole collection holds. Counts no tweets."""
    items = db.session.scalar(select(func.coalesce(func.sum(DayTotal.items), 0)))
    accounts, active, newest = db.session.execute(
        select(
            func.count(),
            func.count().filter(TwitterUser.is_active),
            func.max(TwitterUser.newest_item_at),
        )
    ).one()
    return CollectionTotals(int(items or 0), accounts, active, newest)


def posts_today() -> date:
    """The present UTC day."""
    return clock.now().astimezone(UTC).date()


def day_counts_of_each(
    user_ids: Sequence[int], last: date, days: int
) -> dict[int, dict[date, int]]:
    """Tweets per UTC day of each account that has any, of so many days up to the last one.

    One statement over the kept counts, however many accounts.
    """
    first = last - timedelta(days=days - 1)
    wanted = select(DayCount.twitter_user_id, DayCount.day, DayCount.items).where(
        DayCount.twitter_user_id.in_(user_ids), DayCount.day.between(first, last)
    )
    found: defaultdict[int, dict[date, int]] = defaultdict(dict)
    for user_id, day, items in db.session.execute(wanted) if user_ids else ():
        found[user_id][day] = items
    return dict(found)
