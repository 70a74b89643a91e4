"""Links found in tweets, and where they lead."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm.database import Base, WideId


class Link(Base):
    """One address, followed once for all the tweets that hold it: every hop and the outcome."""

    __tablename__ = "link"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    url_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of start_url
    start_url: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(30), default="")  # empty: not followed yet
    history: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    final_url: Mapped[str] = mapped_column(Text, default="")
    final_status: Mapped[int | None]
    final_headers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    final_domain: Mapped[str] = mapped_column(String(255), default="", index=True)
    title: Mapped[str] = mapped_column(Text, default="")
    canonical_url: Mapped[str] = mapped_column(Text, default="")
    duration_seconds: Mapped[float | None]
    attempts: Mapped[int] = mapped_column(default=0)
    checked_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]


Index("ix_link_retry_at", Link.retry_at)
Index("ix_link_outcome", Link.outcome)


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
