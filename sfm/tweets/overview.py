"""What the whole collection holds, read from the counts that the writer keeps beside the tweets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, select

from sfm import clock
from sfm.database import db
from sfm.models import DayTotal, TwitterUser


@dataclass(frozen=True)
class Held:
    """What is held: tweets, accounts, those of them that are active, and up to when."""

    items: int
    accounts: int
    active_accounts: int
    newest_at: datetime | None


def held() -> Held:
    """What the whole collection holds. Counts no tweets."""
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
