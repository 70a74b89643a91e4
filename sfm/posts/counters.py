"""Kept counts of posts per day, account, and account and day, so that no page has to count.

Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection

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
