"""The ledger of coverage: when streams should have collected, and which times are in files.

Rows are added and ended, never deleted, merged or reopened; they outlive their filter. Times are
aware UTC. `sfm/streams/completeness.py` reads gaps out of them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sfm import clock
from sfm.database import Base, SentenceList, SentenceText, WideId


class CoverageDue(Base):
    """A span in which a stream should collect, and who or what began and ended it.

    One that ends as it begins says that something else keeps the filter from being collected from
    then on; a new filter that is not active has such a row.
    """

    __tablename__ = "coverage_due"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    filter_id: Mapped[int | None] = mapped_column(
        ForeignKey("twitter_filter.id", ondelete="SET NULL"), index=True
    )
    prefix: Mapped[str] = mapped_column(String(40))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # None: it goes on
    begin_cause: Mapped[str] = mapped_column(String(30))
    # created, activated, started, restarted, carried_over (this record began)
    begun_by: Mapped[str] = mapped_column(String(150), default="")  # who, as the audit log names it
    end_cause: Mapped[str] = mapped_column(String(30), default="")
    # stopped, not_active, user_deactivated, deleted; restarted, where another begins with it
    ended_by: Mapped[str] = mapped_column(String(150), default="")


Index("ix_coverage_due_prefix_began_at", CoverageDue.prefix, CoverageDue.began_at)


class CoverageSaved(Base):
    """A span of which a process has saved all posts of a stream in files of the data folder, with
    its rules seen at the network. `saved_until` moves forward while that process goes on.
    """

    __tablename__ = "coverage_saved"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    filter_id: Mapped[int | None] = mapped_column(
        ForeignKey("twitter_filter.id", ondelete="SET NULL"), index=True
    )
    prefix: Mapped[str] = mapped_column(String(40))
    program: Mapped[str] = mapped_column(String(255))
    host: Mapped[str] = mapped_column(String(100), default="")
    pid: Mapped[int] = mapped_column(default=0)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    credential: Mapped[str] = mapped_column(SentenceText, default="")  # as pages name it
    began_at: Mapped[datetime]
    saved_until: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # when its process said so; None: it goes on, or died
    cause: Mapped[str] = mapped_column(String(30), default="")  # why it ended, or stands still
    detail: Mapped[str] = mapped_column(SentenceText, default="")
    posts_a_minute: Mapped[float] = mapped_column(default=0.0)  # in the minute before saved_until
    last_id: Mapped[int | None] = mapped_column(BigInteger)  # newest post of the connection


Index("ix_coverage_saved_prefix_saved_until", CoverageSaved.prefix, CoverageSaved.saved_until)


class FilterVersion(Base):
    """What a filter listened for, and with whose credential, from when to when."""

    __tablename__ = "filter_version"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    filter_id: Mapped[int | None] = mapped_column(
        ForeignKey("twitter_filter.id", ondelete="SET NULL"), index=True
    )
    prefix: Mapped[str] = mapped_column(String(40))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    changed_by: Mapped[str] = mapped_column(String(150), default="")
    name: Mapped[str] = mapped_column(String(255), default="")
    words: Mapped[str] = mapped_column(Text, default="")
    people: Mapped[str] = mapped_column(Text, default="")
    locations: Mapped[str] = mapped_column(Text, default="")
    rule_text: Mapped[str] = mapped_column(Text, default="")
    uids: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    people_not_found: Mapped[list[str]] = mapped_column(JSON, default=list)
    rules: Mapped[list[str]] = mapped_column(JSON, default=list)  # what X is told
    username: Mapped[str] = mapped_column(String(150), default="")  # whose credential connects
    credential_id: Mapped[int | None] = mapped_column(BigInteger)  # chosen; it may be gone by now
    uses_installation_token: Mapped[bool] = mapped_column(default=False)
    notes: Mapped[str] = mapped_column(Text, default="")


Index("ix_filter_version_prefix_began_at", FilterVersion.prefix, FilterVersion.began_at)


class GapFill(Base):
    """A span of a stream that search was asked for, with which queries, and what came of it."""

    __tablename__ = "gap_fill"

    id: Mapped[int] = mapped_column(WideId, primary_key=True)
    gap_id: Mapped[int | None] = mapped_column(
        ForeignKey("gap.id", ondelete="SET NULL"), index=True
    )
    filter_id: Mapped[int | None] = mapped_column(
        ForeignKey("twitter_filter.id", ondelete="SET NULL"), index=True
    )
    prefix: Mapped[str] = mapped_column(String(40))
    began_at: Mapped[datetime]  # what was asked for: from, to
    ended_at: Mapped[datetime]
    queries: Mapped[list[str]] = mapped_column(JSON, default=list)
    posts: Mapped[int] = mapped_column(BigInteger, default=0)  # new in files
    state: Mapped[str] = mapped_column(String(12))  # filled, in part, broken off
    method: Mapped[str] = mapped_column(String(10), default="search")  # search, replay
    not_searched: Mapped[list[str] | None] = mapped_column(SentenceList)
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("run.id", ondelete="SET NULL"), index=True
    )
    at: Mapped[datetime] = mapped_column(default=clock.now)


Index("ix_gap_fill_prefix_began_at", GapFill.prefix, GapFill.began_at)
