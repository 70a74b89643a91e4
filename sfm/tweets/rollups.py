"""Counts kept beside the tweets, so that no page counts: of days, of accounts, of accounts' days.

Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sfm.tweets import bulk
from sfm.tweets.bulk import DaySum, UserSum


class Counted(NamedTuple):
    """What the counts want to know of a tweet."""

    user_id: int
    twitter_id: int
    published: datetime


def add(connection: Connection, tweets: Iterable[Counted]) -> None:
    """Count tweets that have just been stored. The caller's transaction has `one_writer`."""
    days: dict[tuple[int, date], DaySum] = {}
    totals: dict[date, DaySum] = {}
    users: dict[int, UserSum] = {}
    for tweet in tweets:
        user_id, twitter_id, published = tweet
        day = published.date()
        days[user_id, day] = _with_day(days.get((user_id, day)), user_id, day, twitter_id)
        totals[day] = _with_day(totals.get(day), 0, day, twitter_id)
        users[user_id] = _with_user(users.get(user_id), user_id, published)
    bulk.add_to_days(connection, days.values())
    bulk.add_to_totals(connection, totals.values())
    bulk.add_to_users(connection, users.values())


def _with_day(known: DaySum | None, user_id: int, day: date, twitter_id: int) -> DaySum:
    if known is None:
        return DaySum(user_id, day, 1, twitter_id, twitter_id)
    low, high = known.lowest_id, known.highest_id
    return DaySum(user_id, day, known.items + 1, min(low, twitter_id), max(high, twitter_id))


def _with_user(known: UserSum | None, user_id: int, published: datetime) -> UserSum:
    if known is None:
        return UserSum(user_id, 1, published, published)
    newest, oldest = max(known.newest, published), min(known.oldest, published)
    return UserSum(user_id, known.items + 1, newest, oldest)
