"""What happened, to what, how bad, over since when: the one table that notices are made from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sfm import clock
from sfm.database import Base, WideId


class Event(Base):
    """One happening. While it lasts, `open_key` keeps a second one of its kind from opening."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)
    kind: Mapped[str] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(10))  # notice, warning, trouble
    subject_type: Mapped[str] = mapped_column(String(30), default="")
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    subject: Mapped[str] = mapped_column(Text, default="")  # as a person would call it
    message: Mapped[str] = mapped_column(Text)
    over_at: Mapped[datetime | None]
    open_key: Mapped[str | None] = mapped_column(String(120), unique=True)


Index("ix_event_at", Event.at)
Index("ix_event_kind_subject_id", Event.kind, Event.subject_id)
