"""Collected posts, and the counts that are kept beside them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm import clock
from sfm.database import Base, WideId
from sfm.models.account import TwitterUser

# A post's id grows with its time, so "newest first" is the id downwards (keyset paging). What
# the lists are filtered and counted by stands in the index, so that neither reads the rows.
FILTERS = ("kind", "lang", "has_link", "has_media", "month")


class TwitterUserItem(Base):
    """One collected post: the JSON as received, and what pages and exports show of it.

    Everything but `item_json` and the capture columns can be made anew from `item_json`.
    Counts and figures of the author are those of the moment of the fetch. Texts are '' and
    figures None where the payload does not say. A row is written once, by `posts.store`.
    """

    __tablename__ = "twitter_user_item"
    __table_args__ = (
        Index("ix_twitter_user_item_user_tweet", "twitter_user_id", "twitter_id", *FILTERS),
        Index("ix_twitter_user_item_tweet", "twitter_id", "twitter_user_id", *FILTERS),
    )

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    twitter_user_id: Mapped[int] = mapped_column(ForeignKey("twitter_user.id", ondelete="CASCADE"))
    twitter_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    date_published: Mapped[datetime]
    date_is_guessed: Mapped[bool] = mapped_column(default=False)  # told by the id alone
    month: Mapped[int] = mapped_column(Integer)  # of date_published in UTC: 202611

    # How it came to us. A run may be tidied away; its number stays, so it is no foreign key.
    captured_at: Mapped[datetime] = mapped_column(default=clock.now)
    captured_by: Mapped[str] = mapped_column(String(20))  # timeline, import, stream, lookup, search
    run_id: Mapped[int | None] = mapped_column(BigInteger)

    # What it is.
    kind: Mapped[str] = mapped_column(String(10))  # post, retweet, reply, quote
    is_retweet_strict: Mapped[bool]
    is_retweet: Mapped[bool]
    lang: Mapped[str] = mapped_column(String(10), default="")
    has_link: Mapped[bool]
    has_media: Mapped[bool]
    possibly_sensitive: Mapped[bool | None]
    retweet_count: Mapped[int | None] = mapped_column(BigInteger)
    like_count: Mapped[int | None] = mapped_column(BigInteger)
    reply_count: Mapped[int | None] = mapped_column(BigInteger)
    quote_count: Mapped[int | None] = mapped_column(BigInteger)
    bookmark_count: Mapped[int | None] = mapped_column(BigInteger)
    impression_count: Mapped[int | None] = mapped_column(BigInteger)

    # What it answers, passes on or belongs to.
    conversation_id: Mapped[int | None] = mapped_column(BigInteger)
    in_reply_to_id: Mapped[int | None] = mapped_column(BigInteger)
    in_reply_to_uid: Mapped[int | None] = mapped_column(BigInteger)
    in_reply_to_screen_name: Mapped[str] = mapped_column(String(50), default="")
    retweeted_id: Mapped[int | None] = mapped_column(BigInteger)
    retweeted_uid: Mapped[int | None] = mapped_column(BigInteger)
    retweeted_screen_name: Mapped[str] = mapped_column(String(50), default="")
    quoted_id: Mapped[int | None] = mapped_column(BigInteger)
    quoted_screen_name: Mapped[str] = mapped_column(String(50), default="")

    # The author as of the fetch.
    author_uid: Mapped[int | None] = mapped_column(BigInteger)
    screen_name: Mapped[str] = mapped_column(String(50), default="")
    followers_count: Mapped[int | None] = mapped_column(BigInteger)
    friends_count: Mapped[int | None] = mapped_column(BigInteger)
    statuses_count: Mapped[int | None] = mapped_column(BigInteger)
    listed_count: Mapped[int | None] = mapped_column(BigInteger)
    author_verified: Mapped[bool | None]
    author_created_at: Mapped[datetime | None]

    # Links: None until looked at by fetch_urls.
    links_checked_at: Mapped[datetime | None]

    # What it holds.
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    text_is_cut: Mapped[bool] = mapped_column(default=False)  # Twitter gave only the beginning
    item_text: Mapped[str] = mapped_column(Text)  # in full; of a retweet "RT @name: " and all of it
    quoted_text: Mapped[str] = mapped_column(Text, default="")
    hashtags: Mapped[list[str]] = mapped_column(JSON, default=list)
    mentions: Mapped[list[str]] = mapped_column(JSON, default=list)
    # [url, expanded, shown as, final address as Twitter found it] each
    urls: Mapped[list[list[str]]] = mapped_column(JSON, default=list)
    media: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    edit_history: Mapped[list[str]] = mapped_column(JSON, default=list)
    place: Mapped[str] = mapped_column(Text, default="")
    place_country: Mapped[str] = mapped_column(String(10), default="")
    withheld_in: Mapped[str] = mapped_column(Text, default="")  # country codes, commas between
    source: Mapped[str] = mapped_column(Text, default="")
    author_name: Mapped[str] = mapped_column(Text, default="")
    author_location: Mapped[str] = mapped_column(Text, default="")
    author_description: Mapped[str] = mapped_column(Text, default="")

    # Last, and read only where it is asked for: in SQLite whatever stands before a long value is
    # read without it, on PostgreSQL it is kept apart anyway.
    item_json: Mapped[str] = mapped_column(Text, deferred=True)

    # What few posts have. Behind the JSON, since columns can only be added at the end without
    # writing the whole table anew; so read only where it is asked for, too.
    entities_from_text: Mapped[bool] = mapped_column(default=False, deferred=True)
    quoted_media: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, deferred=True)
    # [{options: [{label, votes}], ends_at, duration_minutes, status}]
    polls: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, deferred=True)
    article_title: Mapped[str] = mapped_column(Text, default="", deferred=True)
    article_text: Mapped[str] = mapped_column(Text, default="", deferred=True)

    twitter_user: Mapped[TwitterUser] = relationship()


class DayCount(Base):
    """Posts of one account on one UTC day, kept true by whoever writes posts."""

    __tablename__ = "day_count"

    twitter_user_id: Mapped[int] = mapped_column(
        ForeignKey("twitter_user.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    items: Mapped[int] = mapped_column(BigInteger, default=0)


class DayTotal(Base):
    """Posts of all accounts on one UTC day, kept true by whoever writes posts.

    All posts of the day have ids from `lowest_id` to `highest_id`: so a search by dates becomes
    one by ids. The bounds may be wider than the day needs (after deletions), never narrower.
    """

    __tablename__ = "day_total"

    day: Mapped[date] = mapped_column(primary_key=True)
    items: Mapped[int] = mapped_column(BigInteger, default=0)
    lowest_id: Mapped[int] = mapped_column(BigInteger)
    highest_id: Mapped[int] = mapped_column(BigInteger)
