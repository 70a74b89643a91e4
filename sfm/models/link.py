"""Links found in posts, and where they lead."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm.database import Base, WideId


class Look:
    """What came of one look at a link.

    `final_url` and `final_status` are empty where no answer came at the end of it.
    """

    outcome: Mapped[str] = mapped_column(String(30), default="")  # empty: not followed yet
    history: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    final_url: Mapped[str] = mapped_column(Text, default="")
    final_status: Mapped[int | None]
    final_headers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    title: Mapped[str] = mapped_column(Text, default="")
    canonical_url: Mapped[str] = mapped_column(Text, default="")
    duration_seconds: Mapped[float | None]
    checked_at: Mapped[datetime | None]


LOOK = tuple(Look.__annotations__)  # the names of these columns


class Link(Look, Base):
    """One address, followed once for all the posts that hold it: the latest look at it."""

    __tablename__ = "link"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    url_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of start_url
    start_url: Mapped[str] = mapped_column(Text)
    # The host that was asked last, also where it gave no answer.
    final_domain: Mapped[str] = mapped_column(String(255), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]

    earlier_looks: Mapped[list[LinkLook]] = relationship(
        order_by="LinkLook.id.desc()", viewonly=True
    )

    @property
    def last_good(self) -> Look | None:
        """The newest look that led to a page."""
        looks: list[Look] = [self, *self.earlier_looks]
        return next((look for look in looks if look.outcome == "ok"), None)


Index("ix_link_retry_at", Link.retry_at)
Index("ix_link_outcome", Link.outcome)
Index("ix_link_final_domain", Link.final_domain, Link.final_status)


class LinkLook(Look, Base):
    """A look at a link before the latest one. Rows are added, and never changed."""

    __tablename__ = "link_look"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("link.id", ondelete="CASCADE"), index=True)


class TwitterUserItemUrl(Base):
    """One link of one item."""

    __tablename__ = "twitter_user_item_url"
    __table_args__ = (UniqueConstraint("item_id", "link_id"),)

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("twitter_user_item.id", ondelete="CASCADE"))
    link_id: Mapped[int] = mapped_column(ForeignKey("link.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    expanded_url: Mapped[str] = mapped_column(Text, default="")  # as Twitter itself says

    link: Mapped[Link] = relationship()
