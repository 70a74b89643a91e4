"""Reads the rows of the ledger of coverage, all that is needed to find and explain gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from sfm.filters.coverage_due import DELETED
from sfm.models import CoverageDue, CoverageSaved, FilterVersion, Gap, GapFill
from sfm.streams.spans import Span

ASKED_FOR = "asked_for"  # a gap that was written down to be filled; it explains nothing
LOSSES = frozenset({"too_slow", "not_saved", "rules_removed", "changed"})  # within saved spans

_VERSION = (
    FilterVersion.prefix, FilterVersion.began_at, FilterVersion.changed_by, FilterVersion.rules,
    FilterVersion.username, FilterVersion.credential_id, FilterVersion.uses_installation_token,
)  # fmt: skip


@dataclass
class StreamRows:
    """The rows of one stream, earliest first. `notes` are of Gap: what collectors saw of a gap,
    and the gaps of the time before there was a ledger."""

    due: list[Any] = field(default_factory=list)
    saved: list[Any] = field(default_factory=list)
    notes: list[Any] = field(default_factory=list)
    fills: list[Any] = field(default_factory=list)
    versions: list[Any] = field(default_factory=list)

    @property
    def losses(self) -> list[Span]:
        """Times within saved spans of which posts were lost all the same."""
        return [(n.began_at, n.ended_at) for n in self.notes if n.cause in LOSSES and n.ended_at]

    @property
    def deleted_at(self) -> datetime | None:
        """When the stream's filter was deleted."""
        ends = [row.ended_at for row in self.due if row.end_cause == DELETED]
        return max(ends, default=None)


def due_since(connection: Connection, since: datetime) -> list[str]:
    """The streams that should have collected at some time since then."""
    due = or_(CoverageDue.ended_at.is_(None), CoverageDue.ended_at >= since)
    return sorted(connection.scalars(select(CoverageDue.prefix).where(due).distinct()))


def known_between(connection: Connection, first: datetime, behind: datetime) -> list[str]:
    """The streams of which something is recorded for this time, though it be that it was off."""
    deleted = (CoverageDue.end_cause == DELETED) & (CoverageDue.ended_at <= first)
    gone = select(CoverageDue.prefix).where(deleted)
    begun = select(CoverageDue.prefix).where(
        CoverageDue.began_at < behind, CoverageDue.prefix.not_in(gone)
    )
    noted = select(Gap.prefix).where(
        Gap.began_at < behind, or_(Gap.ended_at.is_(None), Gap.ended_at > first)
    )
    return sorted(connection.scalars(begun.union(noted)))


def read(
    connection: Connection, prefixes: Collection[str], since: datetime | None = None
) -> dict[str, StreamRows]:
    """The rows of these streams; `since` leaves out saved spans and notes that ended before."""
    found: defaultdict[str, StreamRows] = defaultdict(StreamRows)
    due = select(CoverageDue.__table__).where(CoverageDue.prefix.in_(prefixes))
    saved = select(CoverageSaved.__table__).where(CoverageSaved.prefix.in_(prefixes))
    notes = select(Gap.__table__).where(Gap.prefix.in_(prefixes))
    fills = select(GapFill.__table__).where(GapFill.prefix.in_(prefixes))
    versions = select(*_VERSION).where(FilterVersion.prefix.in_(prefixes))
    if since is not None:
        saved = saved.where(CoverageSaved.saved_until >= since)
        notes = notes.where(or_(Gap.ended_at.is_(None), Gap.ended_at >= since))
        fills = fills.where(GapFill.ended_at >= since)
        versions = versions.where(
            or_(FilterVersion.ended_at.is_(None), FilterVersion.ended_at >= since)
        )
    for row in connection.execute(due.order_by(CoverageDue.began_at, CoverageDue.id)):
        found[row.prefix].due.append(row)
    for row in connection.execute(saved.order_by(CoverageSaved.id)):
        found[row.prefix].saved.append(row)
    for row in connection.execute(notes.order_by(Gap.began_at, Gap.id)):
        found[row.prefix].notes.append(row)
    for row in connection.execute(fills.order_by(GapFill.at, GapFill.id)):
        found[row.prefix].fills.append(row)
    for row in connection.execute(versions.order_by(FilterVersion.began_at, FilterVersion.id)):
        found[row.prefix].versions.append(row)
    return {prefix: found[prefix] for prefix in prefixes}
