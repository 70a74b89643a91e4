"""Which posts a run looks at, batch by batch, and how many they are. Nothing here writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, or_, select

from sfm.database import db
from sfm.links.store import is_due
from sfm.models import DayTotal, Link, TwitterUserItem, TwitterUserItemUrl


@dataclass(frozen=True)
class LinkSelection:
    """Which posts: all conditions hold together, and None is no condition.

    Days are UTC and both included. Without `refetch` only posts not looked at yet, and with
    `or_due` those that hold a link to be asked for now. `only_linking` leaves out those that surely
    hold no link.
    """

    start: date | None = None
    end: date | None = None
    twitter_user_ids: Sequence[int] | None = None
    item_ids: Sequence[int] | None = None
    refetch: bool = False
    or_due: bool = False
    only_linking: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions in SQL; all of them have to hold."""
        conditions: list[ColumnElement[bool]] = []
        if not self.refetch:
            unchecked = TwitterUserItem.links_checked_at.is_(None)
            conditions.append(or_(unchecked, _holds_due_link()) if self.or_due else unchecked)
        if self.only_linking:
            in_text = TwitterUserItem.item_text.contains("http")
            conditions.append(or_(TwitterUserItem.has_link, TwitterUserItem.has_media, in_text))
        if self.start is not None:
            conditions.append(TwitterUserItem.date_published >= _midnight(self.start))
        if self.end is not None:
            behind = _midnight(self.end + timedelta(days=1))
            conditions.append(TwitterUserItem.date_published < behind)
        if self.twitter_user_ids is not None:
            conditions.append(TwitterUserItem.twitter_user_id.in_(self.twitter_user_ids))
        if self.item_ids is not None:
            conditions.append(TwitterUserItem.id.in_(self.item_ids))
        return conditions


def count(choice: LinkSelection, most: int | None = None) -> int:
    """How many posts the choice holds now, counted up to `most`. Reads as many rows as it must."""
    items = select(TwitterUserItem.id).where(*choice.conditions()).limit(most).subquery()
    return db.session.scalar(select(func.count()).select_from(items)) or 0


def selected_post_ids(
    choice: LinkSelection, *, before: int | None = None, most: int = 500
) -> list[int]:
    """Row ids of posts to look at, those collected last first, below the row id `before`."""
    query = select(TwitterUserItem.id).where(*choice.conditions())
    if before is not None:
        query = query.where(TwitterUserItem.id < before)
    return list(db.session.scalars(query.order_by(TwitterUserItem.id.desc()).limit(most)))


def new_post_ids(since: date, most: int = 500) -> list[int]:
    """Row ids of posts of this UTC day and later not looked at yet, newest first."""
    # Ids bound the search, for they have an index and dates have none.
    lowest = select(func.min(DayTotal.lowest_id)).where(DayTotal.day >= since).scalar_subquery()
    query = select(TwitterUserItem.id).where(
        TwitterUserItem.twitter_id >= lowest, *LinkSelection(start=since).conditions()
    )
    return list(db.session.scalars(query.order_by(TwitterUserItem.twitter_id.desc()).limit(most)))


def _holds_due_link() -> ColumnElement[bool]:
    query = select(TwitterUserItemUrl.id).join(Link, Link.id == TwitterUserItemUrl.link_id)
    return query.where(TwitterUserItemUrl.item_id == TwitterUserItem.id, is_due()).exists()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
