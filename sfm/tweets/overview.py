"""Figures and latest tweets for first pages, read from what the writer keeps beside the tweets.

Nothing here counts tweets: all figures come from the roll-ups, so that none of these slows down
as the collection grows. Days are UTC days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import joinedload

from sfm import clock
from sfm.database import db
from sfm.models import DayCount, DayTotal, TwitterUser, TwitterUserItem, set_member


@dataclass(frozen=True)
class Held:
    """What is held: tweets, accounts, those of them that are active, and up to when."""

    items: int
    accounts: int
    active_accounts: int
    newest_at: datetime | None


def held() -> Held:
    """What the whole collection holds."""
    items = db.session.scalar(select(func.coalesce(func.sum(DayTotal.items), 0)))
    accounts, active, newest = db.session.execute(
        select(
            func.count(),
            func.count().filter(TwitterUser.is_active),
            func.max(TwitterUser.newest_item_at),
        )
    ).one()
    return Held(int(items or 0), accounts, active, newest)


def today() -> date:
    """The present UTC day."""
    return clock.now().astimezone(UTC).date()


def per_day(days: int, last: date | None = None) -> dict[date, int]:
    """Tweets on each of so many days up to the last one (today); days without any are missing."""
    first, last = _span(days, last)
    rows = db.session.execute(
        select(DayTotal.day, DayTotal.items).where(DayTotal.day.between(first, last))
    )
    return {row[0]: row[1] for row in rows}


def per_day_of_account(
    twitter_user_id: int, days: int, last: date | None = None
) -> dict[date, int]:
    """The same for one account."""
    first, last = _span(days, last)
    rows = db.session.execute(
        select(DayCount.day, DayCount.items).where(
            DayCount.twitter_user_id == twitter_user_id, DayCount.day.between(first, last)
        )
    )
    return {row[0]: row[1] for row in rows}


def per_day_of_set(set_id: int, days: int, last: date | None = None) -> dict[date, int]:
    """The same for all members of a set together."""
    first, last = _span(days, last)
    rows = db.session.execute(
        select(DayCount.day, func.sum(DayCount.items))
        .join(set_member, set_member.c.twitter_user_id == DayCount.twitter_user_id)
        .where(set_member.c.set_id == set_id, DayCount.day.between(first, last))
        .group_by(DayCount.day)
    )
    return {row[0]: int(row[1]) for row in rows}


def _span(days: int, last: date | None) -> tuple[date, date]:
    last = last or today()
    return last - timedelta(days=days - 1), last


def latest(limit: int) -> Sequence[TwitterUserItem]:
    """The newest tweets of all, with their accounts."""
    ids = select(TwitterUserItem.id).order_by(TwitterUserItem.twitter_id.desc()).limit(limit)
    return _whole(ids, limit)


def latest_of_account(twitter_user_id: int, limit: int) -> Sequence[TwitterUserItem]:
    """The newest tweets of one account."""
    return _whole(_ids_of(twitter_user_id, limit), limit)


def latest_of_set(set_id: int, limit: int) -> Sequence[TwitterUserItem]:
    """The newest tweets of a set's members.

    The n newest tweets are all by the n members who tweeted last, so only these are looked at,
    each by the index: asking for all members at once reads the whole table for a quiet set.
    """
    members = db.session.scalars(
        select(TwitterUser.id)
        .join(set_member, set_member.c.twitter_user_id == TwitterUser.id)
        .where(set_member.c.set_id == set_id, TwitterUser.newest_item_at.is_not(None))
        .order_by(TwitterUser.newest_item_at.desc())
        .limit(limit)
    ).all()
    if not members:
        return []
    each = [select(_ids_of(member, limit).subquery().c.id) for member in members]
    return _whole(select(union_all(*each).subquery().c.id), limit)


def _ids_of(twitter_user_id: int, limit: int) -> Select[Any]:
    return (
        select(TwitterUserItem.id)
        .where(TwitterUserItem.twitter_user_id == twitter_user_id)
        .order_by(TwitterUserItem.twitter_id.desc())
        .limit(limit)
    )


def _whole(ids: Select[Any], limit: int) -> Sequence[TwitterUserItem]:
    found = db.session.scalars(ids).all()
    return db.session.scalars(
        select(TwitterUserItem)
        .where(TwitterUserItem.id.in_(found))
        .options(joinedload(TwitterUserItem.twitter_user))
        .order_by(TwitterUserItem.twitter_id.desc())
        .limit(limit)
    ).all()
