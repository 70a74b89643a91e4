"""Which accounts a timeline run asks, and in which order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from sqlalchemy import select

from sfm import clock
from sfm.accounts import lifecycle
from sfm.database import db
from sfm.extensions import settings
from sfm.models import TwitterUser

logger = logging.getLogger(__name__)

MIN_POSTS_PER_DAY = 1.0  # those that post less are asked as if they posted this much


@dataclass(frozen=True)
class DueAccounts:
    """The accounts to ask, names by id in the order of the run; how many the run has asked before
    it was interrupted (`done`), and how many have their time later (`not_due`)."""

    names: dict[int, str]
    done: int = 0
    not_due: int = 0


def due_accounts(begun_at: datetime, chosen_ids: Sequence[int] | None = None) -> DueAccounts:
    """The active accounts that a run asks, or the chosen ones, due or not.

    Left out: those asked since `begun_at` (aware UTC), when the run was begun for the first time,
    and until their time accounts that are asked less often (quiet, suspended, protected, gone).
    Never-asked ones come first, then those longest not asked, weighed by the root of how much
    they post: so little is lost to X's limit of 3,200, and the end of the list has its turn though
    each run is ended before it. A time further ahead than any account is left out for is void.
    """
    now = clock.now()
    waiting: list[Any] = []
    done = not_due = void = 0
    longest = max(lifecycle.ASK_AGAIN_AFTER, timedelta(hours=settings().quiet_every_hours))
    for row in db.session.execute(_candidates(chosen_ids)):
        if row.polled_at is not None and begun_at < row.polled_at <= now:
            done += 1
        elif chosen_ids is None and _is_within(row.ask_again_at, now, now + longest):
            not_due += 1
        else:
            waiting.append(row)
            void += row.ask_again_at is not None and row.ask_again_at > now + longest
    if void:
        logger.warning("accounts were put aside by a clock that was ahead count=%d", void)
    waiting.sort(key=lambda row: (-_urgency(row, now), row.id))
    return DueAccounts({row.id: row.name for row in waiting}, done, not_due)


def _is_within(moment: datetime | None, after: datetime, until: datetime) -> bool:
    return moment is not None and after < moment <= until


def _candidates(chosen_ids: Sequence[int] | None) -> Any:
    query = select(
        TwitterUser.id, TwitterUser.name, TwitterUser.polled_at, TwitterUser.ask_again_at,
        TwitterUser.tweets_per_day,
    )  # fmt: skip
    if chosen_ids is not None:
        return query.where(TwitterUser.id.in_(chosen_ids))
    return query.where(TwitterUser.is_active, TwitterUser.uid.is_not(None))


def _urgency(row: Any, now: datetime) -> float:
    """A time ahead of the clock is void, as if the account had never been asked."""
    if row.polled_at is None or row.polled_at > now:
        return float("inf")
    pace = max(row.tweets_per_day or 0.0, MIN_POSTS_PER_DAY)
    return float((now - row.polled_at).total_seconds() * sqrt(pace))
