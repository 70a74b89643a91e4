"""The audit log: who did what, to what, when, from where. Written by `sfm.audit` only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sfm import clock
from sfm.database import Base, SentenceText, WideId


class AuditEntry(Base):
    """One thing done. Names are kept as text, so that the entry outlives what it tells of."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=clock.now)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(150), default="")
    address: Mapped[str] = mapped_column(String(60), default="")
    action: Mapped[str] = mapped_column(String(60))  # such as user.deactivated
    subject_kind: Mapped[str] = mapped_column(String(30), default="")
    subject_id: Mapped[str] = mapped_column(String(40), default="")
    subject: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


Index("ix_audit_entry_at", AuditEntry.at, AuditEntry.id)
Index("ix_audit_entry_subject", AuditEntry.subject_kind, AuditEntry.subject_id, AuditEntry.at)
Index("ix_audit_entry_actor", AuditEntry.actor_id, AuditEntry.at)


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
    message: Mapped[str] = mapped_column(SentenceText)
    over_at: Mapped[datetime | None]
    open_key: Mapped[str | None] = mapped_column(String(120), unique=True)


Index("ix_event_at", Event.at)
Index("ix_event_kind_subject_id", Event.kind, Event.subject_id)
