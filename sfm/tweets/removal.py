"""Deleting an account with its tweets: the tweets, their words in the index, and all counts."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.orm import undefer

from sfm import audit
from sfm.database import db
from sfm.models import DayCount, DayTotal, TwitterUser, TwitterUserItem
from sfm.tweets import bulk
from sfm.tweets.store import entry_of
from sfm.twitter.pages import Record
from sfm.twitter.payload import parse_line
from sfm.twitter.record import Unreadable

logger = logging.getLogger(__name__)

AT_ONCE = 500


def remove_account(twitter_user: TwitterUser) -> int:
    """Delete an account and its tweets; how many tweets went. Flushes; the caller commits.

    Call `begin_write` first. On PostgreSQL writers of tweets wait until the caller commits.
    """
    user_id, name = twitter_user.id, twitter_user.name
    connection = db.session.connection()
    bulk.one_writer(connection)
    gone = 0
    while ids := _some(user_id):
        _take_words(connection, user_id, ids)
        db.session.execute(delete(TwitterUserItem).where(TwitterUserItem.id.in_(ids)))
        db.session.expunge_all()
        gone += len(ids)
    _lower_totals(user_id)
    audit.record(
        "twitter_user.deleted", kind="twitter_user", subject_id=user_id, subject=name,
        before={"tweets": gone},
    )  # fmt: skip
    db.session.execute(delete(TwitterUser).where(TwitterUser.id == user_id))
    db.session.flush()
    return gone


def _some(user_id: int) -> list[int]:
    wanted = select(TwitterUserItem.id).where(TwitterUserItem.twitter_user_id == user_id)
    return list(db.session.scalars(wanted.limit(AT_ONCE)))


def _take_words(connection: Connection, user_id: int, ids: list[int]) -> None:
    """SQLite's index wants the words told that went in; they follow from the tweet as received."""
    entries = []
    wanted = select(TwitterUserItem).where(TwitterUserItem.id.in_(ids))
    for item in db.session.scalars(wanted.options(undefer(TwitterUserItem.item_json))):
        raw = item.item_json.encode()
        try:
            entries.append(entry_of(user_id, Record(raw, parse_line(raw))))
        except Unreadable:
            logger.warning("tweet without words in the index id=%d", item.twitter_id)
    bulk.unindex(connection, entries)


def _lower_totals(user_id: int) -> None:
    """Take the account's days out of the days of all."""
    days = db.session.execute(
        select(DayCount.day, DayCount.items).where(DayCount.twitter_user_id == user_id)
    ).all()
    for day, items in days:
        lower = update(DayTotal).where(DayTotal.day == day)
        db.session.execute(lower.values(items=DayTotal.items - items))
    db.session.execute(delete(DayTotal).where(DayTotal.items <= 0))
    db.session.execute(delete(DayCount).where(DayCount.twitter_user_id == user_id))
