"""Runs: everything the system does in the background or by command, and what went wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm import clock
from sfm.database import Base, SentenceText, WideId

RUN_STATES = ("queued", "running", "paused", "finished", "failed", "cancelled")
OPEN_STATES = ("queued", "running", "paused")


class Run(Base):
    """One run of a job. A run of kind `user_timeline` is shown as a TwitterUserTimelineJob."""

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    state: Mapped[str] = mapped_column(String(12), default="queued")
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    slot: Mapped[str | None] = mapped_column(String(80), unique=True)  # kind and due time
    origin: Mapped[str] = mapped_column(String(10), default="command")  # command, schedule, page
    requested_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("user_account.id", ondelete="SET NULL")
    )
    queued_at: Mapped[datetime] = mapped_column(default=clock.now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]  # a postponed or paused run goes on then
    attempts: Mapped[int] = mapped_column(default=0)  # how often it was begun, resumed ones too
    crashes: Mapped[int] = mapped_column(default=0, server_default="0")  # ends without a word
    owner: Mapped[str] = mapped_column(String(100), default="")  # host, process and a random word
    cancel_requested: Mapped[bool] = mapped_column(default=False)

    # Live progress, and where to go on after a kill.
    message: Mapped[str] = mapped_column(SentenceText, default="")
    waiting_until: Mapped[datetime | None]
    total: Mapped[int | None] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    added: Mapped[int] = mapped_column(BigInteger, default=0)
    cursor: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    # What it cost.
    api_calls: Mapped[int] = mapped_column(BigInteger, default=0)
    api_posts: Mapped[int] = mapped_column(BigInteger, default=0)
    api_users: Mapped[int] = mapped_column(BigInteger, default=0)

    errors: Mapped[list[RunError]] = relationship(
        back_populates="run", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def is_open(self) -> bool:
        """Whether it is still to end: it waits, runs or is paused."""
        return self.state in OPEN_STATES

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to end, and nothing is being done for it at present."""
        return self.is_open and self.state != "running"


Index("ix_run_kind_queued_at", Run.kind, Run.queued_at)
Index("ix_run_state", Run.state)


class RunError(Base):
    """One item that a run could not do, with the reason in words; the run went on."""

    __tablename__ = "run_error"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    twitter_user_id: Mapped[int | None] = mapped_column(
        ForeignKey("twitter_user.id", ondelete="CASCADE"), index=True
    )
    subject: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(SentenceText)
    detail: Mapped[str] = mapped_column(Text, default="")
    permanent: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(default=clock.now)

    run: Mapped[Run] = relationship(back_populates="errors")


class Lease(Base):
    """The right to be the only one doing something, for a time. An older `epoch` may not write."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    owner: Mapped[str] = mapped_column(String(100))
    epoch: Mapped[int] = mapped_column(BigInteger, default=1)
    since: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]


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
