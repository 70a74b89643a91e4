"""The Twitter accounts whose posts are collected, their events, and the sets they are in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from sfm import clock
from sfm.database import Base, SentenceText, WideId
from sfm.models.user import User

UNKNOWN_AUTHOR = "(unknown)"  # name of the row that holds posts whose author no one wrote down


class TwitterUser(Base):
    """A Twitter account that is collected. Its uid is its key for ever; its name may change.

    A name in brackets is none that Twitter gives: an account known by its uid alone, "(12)", or
    the one row without a uid for posts whose author is unknown, which is no account at all.
    """

    __tablename__ = "twitter_user"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    uid: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    name: Mapped[str] = mapped_column(String(50))
    lower_name: Mapped[str] = mapped_column(String(50), index=True)  # follows `name`
    is_active: Mapped[bool] = mapped_column(default=True)
    former_names: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)  # ISO time -> name
    notes: Mapped[str] = mapped_column(Text, default="")
    added_at: Mapped[datetime] = mapped_column(default=clock.now)
    added_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )

    # How the account stands with Twitter: ok, protected, suspended, not_found.
    state: Mapped[str] = mapped_column(String(20), default="ok")
    state_reason: Mapped[str] = mapped_column(SentenceText, default="")
    state_since: Mapped[datetime] = mapped_column(default=clock.now)
    checked_at: Mapped[datetime | None]
    # When Twitter first said that it is gone, while that is not confirmed (accounts/lifecycle.py).
    gone_unconfirmed_since: Mapped[datetime | None]

    # The profile as last seen.
    display_name: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
    location: Mapped[str] = mapped_column(Text, default="")
    url: Mapped[str] = mapped_column(Text, default="")
    verified: Mapped[bool] = mapped_column(default=False)
    created_on_twitter_at: Mapped[datetime | None]
    followers_count: Mapped[int | None] = mapped_column(BigInteger)
    friends_count: Mapped[int | None] = mapped_column(BigInteger)
    statuses_count: Mapped[int | None] = mapped_column(BigInteger)
    listed_count: Mapped[int | None] = mapped_column(BigInteger)

    # How far the timeline is collected. All up to `held_to_id` is held. A pass under way has
    # held everything from `pass_newest_id` down to `pass_oldest_id`; it goes on from there.
    held_to_id: Mapped[int | None] = mapped_column(BigInteger)
    pass_newest_id: Mapped[int | None] = mapped_column(BigInteger)
    pass_oldest_id: Mapped[int | None] = mapped_column(BigInteger)
    # The oldest post of the first pass; None where there was none, or it is not recorded.
    first_pass_oldest_id: Mapped[int | None] = mapped_column(BigInteger)
    collected_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]  # last asked by a run, read or not; not in an outage
    empty_polls: Mapped[int] = mapped_column(default=0)  # in a row, up to the latest
    failures: Mapped[int] = mapped_column(default=0)  # in a row, up to the latest
    ask_again_at: Mapped[datetime | None]  # None: with every run
    tweets_per_day: Mapped[float | None]  # by what the latest passes brought

    # Kept true by whoever writes posts, so that no page counts.
    items_count: Mapped[int] = mapped_column(BigInteger, default=0)
    newest_item_at: Mapped[datetime | None]
    oldest_item_at: Mapped[datetime | None]

    @validates("name")
    def _follow_name(self, _key: str, name: str) -> str:
        self.lower_name = name.lower()
        return name

    sets: Mapped[list[TwitterUserSet]] = relationship(
        secondary=lambda: set_member, back_populates="members"
    )
    events: Mapped[list[AccountEvent]] = relationship(
        back_populates="twitter_user",
        order_by=lambda: AccountEvent.at.desc(),
        cascade="all, delete-orphan",
        passive_deletes=True,
    )

    @property
    def is_unknown_author(self) -> bool:
        """Whether this is no account, but the row of posts whose author is unknown."""
        return self.uid is None and self.name == UNKNOWN_AUTHOR


class AccountEvent(Base):
    """One event of an account, with its date: its history is made of these."""

    __tablename__ = "account_event"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    twitter_user_id: Mapped[int] = mapped_column(
        ForeignKey("twitter_user.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime] = mapped_column(default=clock.now)
    kind: Mapped[str] = mapped_column(String(20))
    # added, renamed, name_reused, protected, suspended, not_found, back, activated, deactivated
    before: Mapped[str] = mapped_column(Text, default="")
    after: Mapped[str] = mapped_column(Text, default="")

    twitter_user: Mapped[TwitterUser] = relationship(back_populates="events")


class TimelineHole(Base):
    """Posts of an account that could not be had, between those kept before and those that came.

    Rows are added, and neither changed nor deleted while the account is here.
    """

    __tablename__ = "timeline_hole"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    twitter_user_id: Mapped[int] = mapped_column(
        ForeignKey("twitter_user.id", ondelete="CASCADE"), index=True
    )
    after_id: Mapped[int | None] = mapped_column(BigInteger)  # None: from the first post on
    before_id: Mapped[int] = mapped_column(BigInteger)  # neither of these two is missing
    cause: Mapped[str] = mapped_column(String(20))  # limit, refused, broken_paging
    noted_at: Mapped[datetime] = mapped_column(default=clock.now)
    run_id: Mapped[int | None] = mapped_column(BigInteger)  # a run may be deleted, its id stays


class FormerName(Base):
    """A name an account once had, so that old addresses find it. Lower case for look-ups."""

    __tablename__ = "former_name"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    twitter_user_id: Mapped[int] = mapped_column(
        ForeignKey("twitter_user.id", ondelete="CASCADE"), index=True
    )
    lower_name: Mapped[str] = mapped_column(String(50), index=True)
    until: Mapped[datetime]


set_member: Table = Table(
    "twitter_user_set_member",
    Base.metadata,
    Column("set_id", ForeignKey("twitter_user_set.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "twitter_user_id",
        ForeignKey("twitter_user.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)


class TwitterUserSet(Base):
    """A named group of TwitterUsers that belongs to a User."""

    __tablename__ = "twitter_user_set"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    notes: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    owner: Mapped[User] = relationship()
    members: Mapped[list[TwitterUser]] = relationship(
        secondary=set_member, back_populates="sets", order_by=TwitterUser.name
    )
