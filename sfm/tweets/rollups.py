"""Counts kept beside the tweets, so that no page counts: of days, of accounts, of accounts' days.

Nothing here commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection

from sfm.tweets import bulk
from sfm.tweets.bulk import DaySum, TotalSum, UserSum


class Counted(NamedTuple):
    """What the counts want to know of a tweet."""

    user_id: int
    twitter_id: int
    published: datetime


def add(connection: Connection, tweets: Sequence[Counted]) -> None:
    """Count tweets that have just been stored. The caller's transaction has `one_writer`."""
    items = Counter([(user_id, published.date()) for user_id, _, published in tweets])
    days = [DaySum(user_id, day, count) for (user_id, day), count in items.items()]
    bulk.add_to_days(connection, days)
    bulk.add_to_totals(connection, _totals(tweets))
    bulk.add_to_users(connection, _users(tweets))


def _totals(tweets: Sequence[Counted]) -> list[TotalSum]:
    """What each day gains, and the bounds of its ids."""
    ids: dict[date, list[int]] = {}
    for _, twitter_id, published in tweets:
        ids.setdefault(published.date(), []).append(twitter_id)
    return [TotalSum(day, len(of_day), min(of_day), max(of_day)) for day, of_day in ids.items()]


def _users(tweets: Sequence[Counted]) -> list[UserSum]:
    """What each account gains, and the time it spans."""
    times: dict[int, list[datetime]] = {}
    for user_id, _, published in tweets:
        times.setdefault(user_id, []).append(published)
    return [UserSum(user, len(all_of), max(all_of), min(all_of)) for user, all_of in times.items()]
