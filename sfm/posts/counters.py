"""Counts kept beside the tweets, so that no page counts: of days, of accounts, of accounts' days.

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
    """What the counts want to know of a tweet."""

    user_id: int
    twitter_id: int
    published: datetime


def add(connection: Connection, tweets: Iterable[PostCounts]) -> None:
    """Count tweets that have just been stored. The caller's transaction has `one_writer`."""
    ids: dict[tuple[int, date], list[int]] = {}
    times: dict[int, list[datetime]] = {}
    for user_id, twitter_id, published in tweets:
        ids.setdefault((user_id, published.date()), []).append(twitter_id)
        times.setdefault(user_id, []).append(published)
    bulk_sql.add_to_days(connection, [DaySum(*key, len(found)) for key, found in ids.items()])
    bulk_sql.add_to_totals(connection, _totals(ids))
    users = [UserSum(user, len(found), max(found), min(found)) for user, found in times.items()]
    bulk_sql.add_to_users(connection, users)


def _totals(ids: Mapping[tuple[int, date], list[int]]) -> list[TotalSum]:
    """What each day gains of all accounts, and the bounds of its ids."""
    of_day: dict[date, list[int]] = {}
    for (_, day), found in ids.items():
        of_day.setdefault(day, []).extend(found)
    return [TotalSum(day, len(found), min(found), max(found)) for day, found in of_day.items()]
