"""Deleting posts, with counts and search kept true. Deletes in the session; the caller commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from sfm import audit
from sfm.database import db
from sfm.models import DayCount, DayTotal, Link, TwitterUser, TwitterUserItem, TwitterUserItemUrl
from sfm.posts import bulk_sql
from sfm.posts.bulk_sql import IndexEntry
from sfm.posts.search_index import is_indexed, state, words_of_row

POSTS_PER_STATEMENT = 1_000

_item = TwitterUserItem
_place = TwitterUserItemUrl
# What has to be known of a post to take it out of everything.
COLUMNS = (
    _item.id, _item.twitter_id, _item.twitter_user_id, _item.date_published,
    _item.item_text, _item.hashtags, _item.mentions, _item.lang,
)  # fmt: skip


def delete_posts_of(twitter_user_id: int) -> int:
    """Delete all posts of one account, for whoever deletes the account; returns how many."""
    connection = db.session.connection()
    bulk_sql.lock_writers(connection)
    gone = 0
    while rows := connection.execute(
        select(*COLUMNS).where(_item.twitter_user_id == twitter_user_id).limit(POSTS_PER_STATEMENT)
    ).all():
        _delete(connection, rows)
        gone += len(rows)
    _update_spans(connection, {twitter_user_id})
    return gone


def delete_posts(twitter_ids: Sequence[int]) -> int:
    """Delete those of these posts that are kept; returns how many. Commits nothing."""
    connection = db.session.connection()
    bulk_sql.lock_writers(connection)
    gone, owners = 0, set()
    for at in range(0, len(twitter_ids), POSTS_PER_STATEMENT):
        batch = list(twitter_ids[at : at + POSTS_PER_STATEMENT])
        rows = connection.execute(select(*COLUMNS).where(_item.twitter_id.in_(batch))).all()
        _delete(connection, rows)
        _narrow_day_bounds(connection, [row.twitter_id for row in rows])
        gone += len(rows)
        owners |= {row.twitter_user_id for row in rows}
    _update_spans(connection, owners)
    return gone


def _delete(connection: Connection, rows: Sequence[Any]) -> None:
    index = state(connection)
    findable = [row for row in rows if is_indexed(index, row.id)]
    bulk_sql.unindex(
        connection, [IndexEntry(row.twitter_id, words_of_row(row)) for row in findable]
    )
    item_ids = [row.id for row in rows]
    links = connection.scalars(
        select(_place.link_id).where(_place.item_id.in_(item_ids)).distinct()
    ).all()
    connection.execute(delete(_item).where(_item.id.in_(item_ids)))
    _delete_orphaned_links(connection, links)
    _subtract_counts(connection, rows)


def _delete_orphaned_links(connection: Connection, link_ids: Sequence[int]) -> None:
    """What is known of links goes with the last post that holds them."""
    still = select(_place.id).where(_place.link_id == Link.id)
    for at in range(0, len(link_ids), POSTS_PER_STATEMENT):
        in_batch = Link.id.in_(link_ids[at : at + POSTS_PER_STATEMENT])
        connection.execute(delete(Link).where(in_batch, ~still.exists()))


def _subtract_counts(connection: Connection, rows: Sequence[Any]) -> None:
    days = Counter((row.twitter_user_id, row.date_published.date()) for row in rows)
    for (user_id, day), items in sorted(days.items()):
        here = (DayCount.twitter_user_id == user_id) & (DayCount.day == day)
        connection.execute(update(DayCount).where(here).values(items=DayCount.items - items))
        connection.execute(delete(DayCount).where(here, DayCount.items <= 0))
    totals = Counter(row.date_published.date() for row in rows)
    for day, items in sorted(totals.items()):
        there = DayTotal.day == day
        connection.execute(update(DayTotal).where(there).values(items=DayTotal.items - items))
        connection.execute(delete(DayTotal).where(there, DayTotal.items <= 0))
    users = Counter(row.twitter_user_id for row in rows)
    for user_id, items in sorted(users.items()):
        count = {"items_count": TwitterUser.items_count - items}
        connection.execute(update(TwitterUser).where(TwitterUser.id == user_id).values(count))


def _narrow_day_bounds(connection: Connection, twitter_ids: Sequence[int]) -> None:
    """No deleted id stays as the bound of a day: the bound moves one inwards."""
    for number in sorted(twitter_ids):
        lowest = update(DayTotal).where(DayTotal.lowest_id == number)
        connection.execute(lowest.values(lowest_id=number + 1))
    for number in sorted(twitter_ids, reverse=True):
        highest = update(DayTotal).where(DayTotal.highest_id == number)
        connection.execute(highest.values(highest_id=number - 1))


def _update_spans(connection: Connection, user_ids: set[int]) -> None:
    """The first and the last moment of what is left of accounts."""
    for user_id in sorted(user_ids):
        left = select(func.max(_item.date_published), func.min(_item.date_published))
        newest, oldest = connection.execute(left.where(_item.twitter_user_id == user_id)).one()
        span = {"newest_item_at": newest, "oldest_item_at": oldest}
        connection.execute(update(TwitterUser).where(TwitterUser.id == user_id).values(span))


def remove_account(twitter_user: TwitterUser) -> int:
    """Delete an account and its posts; returns how many posts. Flushes; the caller commits.

    Call `begin_write` first. On PostgreSQL writers of posts wait until the caller commits.
    """
    user_id, name = twitter_user.id, twitter_user.name
    gone = delete_posts_of(user_id)
    audit.record(
        "twitter_user.deleted", kind="twitter_user", subject_id=user_id, subject=name,
        before={"posts": gone},
    )  # fmt: skip
    db.session.execute(delete(TwitterUser).where(TwitterUser.id == user_id))
    db.session.flush()
    return gone
