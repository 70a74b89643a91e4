"""Scheduled jobs: what an administrator changed of the plan, and when each was last due and done.

The jobs themselves are code (sfm/runs/jobs.py); a row appears when there is something to keep.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sfm.database import Base


class ScheduledJob(Base):
    """One job of the plan: its overrides and its last slot."""

    __tablename__ = "scheduled_job"

    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    paused: Mapped[bool] = mapped_column(default=False)
    schedule: Mapped[str | None] = mapped_column(String(80))  # None: as the settings say
    changed_at: Mapped[datetime | None]
    changed_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )

    last_slot_at: Mapped[datetime | None]  # the latest moment it was due and taken up
    last_started_at: Mapped[datetime | None]
    last_finished_at: Mapped[datetime | None]
    last_outcome: Mapped[str] = mapped_column(Text, default="")
