"""Exports: files made for somebody, saved ways to make them, and those made again and again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm import clock
from sfm.database import Base, SentenceList, SentenceText, WideId
from sfm.models.run import Run
from sfm.models.user import User


class ExportFile(Base):
    """One export that somebody asked for. The file is kept until it expires; this row stays."""

    __tablename__ = "export_file"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))
    title: Mapped[str] = mapped_column(SentenceText)
    criteria: Mapped[dict[str, Any]] = mapped_column(JSON)
    layout: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10), default="queued")
    # asked (a superuser must agree), refused, queued, ready, failed, expired
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    restarts: Mapped[int] = mapped_column(default=0)  # begun again after a kill
    message: Mapped[str] = mapped_column(SentenceText, default="")

    # Set when it is ready.
    file_name: Mapped[str] = mapped_column(String(200), default="")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    rows_read: Mapped[int | None] = mapped_column(BigInteger)
    rows_written: Mapped[int | None] = mapped_column(BigInteger)
    left_out: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    changes: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    warnings: Mapped[list[str]] = mapped_column(SentenceList, default=list)
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    downloads: Mapped[int] = mapped_column(default=0)

    # Over the daily number of whole posts a superuser decides.
    rows_expected: Mapped[int | None] = mapped_column(BigInteger)
    decided_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
    decided_at: Mapped[datetime | None]

    owner: Mapped[User] = relationship(foreign_keys=[owner_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])
    run: Mapped[Run | None] = relationship()


Index("ix_export_file_owner_created_at", ExportFile.owner_id, ExportFile.created_at)
Index("ix_export_file_state", ExportFile.state)


class ExportProfile(Base):
    """A layout saved under a name: format, columns, packing and the rest."""

    __tablename__ = "export_profile"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    layout: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class RecurringExport(Base):
    """An export made again each day, week or month, into a folder of its own."""

    __tablename__ = "recurring_export"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(SentenceText)
    criteria: Mapped[dict[str, Any]] = mapped_column(JSON)
    layout: Mapped[dict[str, Any]] = mapped_column(JSON)
    every: Mapped[str] = mapped_column(String(5))  # day, week, month
    is_active: Mapped[bool] = mapped_column(default=True)
    next_at: Mapped[datetime]
    last_file: Mapped[str] = mapped_column(String(200), default="")
    last_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(SentenceText, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    owner: Mapped[User] = relationship()


Index("ix_recurring_export_next_at", RecurringExport.next_at)
