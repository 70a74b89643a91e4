"""Live streams as pages see them: files, what each collector is doing, and where data misses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, String, select, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sfm import clock
from sfm.database import Base, SentenceList, SentenceText, WideId
from sfm.models.filter import CRITERIA, TwitterFilter
from sfm.models.user import User


class StreamFile(Base):
    """The manifest: one sealed stream file, and what is in it. Written after the file is safe."""

    __tablename__ = "stream_file"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    filter_id: Mapped[int | None] = mapped_column(
        ForeignKey("twitter_filter.id", ondelete="SET NULL")
    )
    prefix: Mapped[str] = mapped_column(String(40))
    path: Mapped[str] = mapped_column(String(500), unique=True)  # below the data folder
    origin: Mapped[str] = mapped_column(String(10), default="stream")  # stream, gap_fill
    begun_at: Mapped[datetime]
    sealed_at: Mapped[datetime] = mapped_column(default=clock.now)
    lines: Mapped[int] = mapped_column(BigInteger)
    duplicates: Mapped[int] = mapped_column(BigInteger, default=0)
    first_id: Mapped[int | None] = mapped_column(BigInteger)
    last_id: Mapped[int | None] = mapped_column(BigInteger)
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    checked_at: Mapped[datetime | None]
    damage: Mapped[str] = mapped_column(SentenceText, default="")  # what a check found wrong

    twitter_filter: Mapped[TwitterFilter | None] = relationship()

    @classmethod
    def visible_to(cls, reader: User | None) -> ColumnElement[bool]:
        """The condition for files of the reader's own filters; all files for a superuser, and
        for the command line (None)."""
        if reader is None or reader.is_superuser:
            return true()
        own_filters = select(TwitterFilter.id).where(reader.may_see(TwitterFilter.user_id))
        return cls.filter_id.in_(own_filters)


Index("ix_stream_file_begun_at", StreamFile.begun_at, StreamFile.id)
Index("ix_stream_file_filter_begun", StreamFile.filter_id, StreamFile.begun_at)


class Heartbeat(Base):
    """What one collector said last, every few seconds; a row for each program."""

    __tablename__ = "heartbeat"

    program: Mapped[str] = mapped_column(String(255), primary_key=True)
    filter_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    host: Mapped[str] = mapped_column(String(100), default="")
    pid: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(default=clock.now)
    beat_at: Mapped[datetime] = mapped_column(default=clock.now)
    state: Mapped[str] = mapped_column(String(20), default="starting")
    # starting, connecting, connected, waiting, refused (waits), storage, needs_person, stopped
    since: Mapped[datetime] = mapped_column(default=clock.now)
    reason: Mapped[str] = mapped_column(SentenceText, default="")
    wait_until: Mapped[datetime | None]
    alive_at: Mapped[datetime | None]  # last byte, keep-alives too
    saved_until: Mapped[datetime | None]  # all that was received before is on the disk
    post_at: Mapped[datetime | None]
    posts: Mapped[int] = mapped_column(BigInteger, default=0)  # since it started
    posts_a_minute: Mapped[float] = mapped_column(default=0.0)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)  # of the filters as last read


def _criteria_of_filter(context: Any) -> dict[str, Any] | None:
    """What the filter of a new row listens for at this moment, whoever writes the row."""
    filter_id = context.get_current_parameters().get("filter_id")
    columns = [getattr(TwitterFilter, name) for name in CRITERIA]
    matches = context.connection.execute(select(*columns).where(TwitterFilter.id == filter_id))
    row = matches.mappings().first()
    return dict(row) if row is not None else None


class Gap(Base):
    """A time in which posts were, or may have been, missed: of one filter, or of the sample."""

    __tablename__ = "gap"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    filter_id: Mapped[int | None] = mapped_column(
        ForeignKey("twitter_filter.id", ondelete="SET NULL")
    )
    prefix: Mapped[str] = mapped_column(String(40))
    began_at: Mapped[datetime]  # up to then all that came was saved
    ended_at: Mapped[datetime | None]  # connected again; None: it goes on
    seconds: Mapped[float | None]  # by the clock that nobody sets, where one process saw both ends
    cause: Mapped[str] = mapped_column(String(30))
    detail: Mapped[str] = mapped_column(SentenceText, default="")
    last_id: Mapped[int | None] = mapped_column(BigInteger)  # newest post before
    lost_estimate: Mapped[int] = mapped_column(BigInteger, default=0)  # 0: nobody knows
    lost_counted: Mapped[int] = mapped_column(BigInteger, default=0)  # dropped by ourselves
    # What the filter listens for when the row is written: see filters/criteria.py.
    criteria: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), default=_criteria_of_filter
    )
    filled: Mapped[str] = mapped_column(String(12), default="")
    # "", filled, in part (search has no more), broken off (it can be asked for again)
    filled_posts: Mapped[int] = mapped_column(BigInteger, default=0)
    filled_note: Mapped[str] = mapped_column(SentenceText, default="")
    searched_from: Mapped[datetime | None]
    searched_to: Mapped[datetime | None]
    searched_queries: Mapped[list[str] | None] = mapped_column(JSON)
    not_searched: Mapped[list[str] | None] = mapped_column(
        SentenceList
    )  # sentences: what, and why not
    # Of the run that is to fill it: asked for is a gap while that one is open.
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))

    twitter_filter: Mapped[TwitterFilter | None] = relationship()


Index("ix_gap_filter_began", Gap.filter_id, Gap.began_at)
Index("ix_gap_prefix_began", Gap.prefix, Gap.began_at)


class ProgramRetry(Base):
    """A collector that supervisord gave up on: how often it was tried again, and when next."""

    __tablename__ = "program_retry"

    program: Mapped[str] = mapped_column(String(255), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(SentenceText, default="")
