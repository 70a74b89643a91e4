"""Collected tweets, and the counts that are kept beside them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm import clock
from sfm.database import Base, WideId
from sfm.models.tracked import TwitterUser


class TwitterUserItem(Base):
    """One collected tweet: the JSON as received, and what pages and exports show of it.

    Everything but `item_json` and the capture columns can be made anew from `item_json`.
    Figures of the author are those of the moment of the fetch.
    """

    __tablename__ = "twitter_user_item"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    twitter_user_id: Mapped[int] = mapped_column(ForeignKey("twitter_user.id", ondelete="CASCADE"))
    twitter_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    date_published: Mapped[datetime]
    item_text: Mapped[str] = mapped_column(Text)
    item_json: Mapped[str] = mapped_column(Text)

    # How it came to us.
    captured_at: Mapped[datetime] = mapped_column(default=clock.now)
    captured_by: Mapped[str] = mapped_column(String(20))  # timeline, import, stream, lookup, search
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))

    # The author as of the fetch.
    author_uid: Mapped[int | None] = mapped_column(BigInteger)
    screen_name: Mapped[str] = mapped_column(String(50), default="")
    author_name: Mapped[str] = mapped_column(Text, default="")
    followers_count: Mapped[int | None] = mapped_column(BigInteger)
    friends_count: Mapped[int | None] = mapped_column(BigInteger)
    statuses_count: Mapped[int | None] = mapped_column(BigInteger)

    # What it is.
    kind: Mapped[str] = mapped_column(String(10))  # post, retweet, reply, quote
    is_retweet_strict: Mapped[bool]
    is_retweet: Mapped[bool]
    lang: Mapped[str] = mapped_column(String(10), default="")
    source: Mapped[str] = mapped_column(Text, default="")
    possibly_sensitive: Mapped[bool | None]
    retweet_count: Mapped[int | None] = mapped_column(BigInteger)
    like_count: Mapped[int | None] = mapped_column(BigInteger)
    reply_count: Mapped[int | None] = mapped_column(BigInteger)
    quote_count: Mapped[int | None] = mapped_column(BigInteger)

    # What it answers, passes on or belongs to.
    conversation_id: Mapped[int | None] = mapped_column(BigInteger)
    in_reply_to_id: Mapped[int | None] = mapped_column(BigInteger)
    in_reply_to_uid: Mapped[int | None] = mapped_column(BigInteger)
    in_reply_to_screen_name: Mapped[str] = mapped_column(String(50), default="")
    retweeted_id: Mapped[int | None] = mapped_column(BigInteger)
    quoted_id: Mapped[int | None] = mapped_column(BigInteger)

    # What it holds.
    hashtags: Mapped[list[str]] = mapped_column(JSON, default=list)
    mentions: Mapped[list[str]] = mapped_column(JSON, default=list)
    urls: Mapped[list[list[str]]] = mapped_column(JSON, default=list)  # [url, expanded] each
    media: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    edit_history: Mapped[list[str]] = mapped_column(JSON, default=list)
    has_link: Mapped[bool]
    has_media: Mapped[bool]
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    place: Mapped[str] = mapped_column(Text, default="")

    # Links: None until looked at by fetch_urls.
    links_checked_at: Mapped[datetime | None]

    twitter_user: Mapped[TwitterUser] = relationship()


# A tweet's id grows with its time, so "newest first" is the id downwards (keyset paging).
Index(
    "ix_twitter_user_item_user_tweet", TwitterUserItem.twitter_user_id, TwitterUserItem.twitter_id
)
Index("ix_twitter_user_item_date_published", TwitterUserItem.date_published)


class DayCount(Base):
    """Tweets of one account on one UTC day, kept true by whoever writes tweets."""

    __tablename__ = "day_count"

    twitter_user_id: Mapped[int] = mapped_column(
        ForeignKey("twitter_user.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    items: Mapped[int] = mapped_column(BigInteger, default=0)


class DayTotal(Base):
    """Tweets of all accounts on one UTC day, kept true by whoever writes tweets."""

    __tablename__ = "day_total"

    day: Mapped[date] = mapped_column(primary_key=True)
    items: Mapped[int] = mapped_column(BigInteger, default=0)
