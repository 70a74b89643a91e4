"""What a stream has missed, and what the record proves of its completeness.

A gap is a time in which the stream should have collected or was kept from it, minus the times that
are saved in files. `records` finds the gaps, `describe` says in a few sentences what is proved;
nothing else is said of it anywhere: not on pages, nor in a package.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from sfm import clock
from sfm.database import db
from sfm.filters.coverage_due import RESTARTED
from sfm.messages import Message, join_messages
from sfm.models import TwitterFilter
from sfm.streams import coverage_rows, file_names, spans
from sfm.streams.coverage_rows import StreamRows
from sfm.streams.gap_causes import CoverageGap, GapExplainer, from_row, saved_times
from sfm.streams.spans import Span

SILENT = timedelta(seconds=60)  # a collector writes each second
SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)  # nearer than this are two readings of one moment


@dataclass(frozen=True)
class StreamRecord:
    """What the database holds on one stream. Times are aware UTC.

    `gaps` are earliest first; the last one may go on. `due` and `saved` are spans as merged;
    `recorded_from` is since when they are kept, None for a stream without such a record. Gaps that
    ended before are those that were written down then: there may have been others.
    """

    gaps: tuple[CoverageGap, ...] = ()
    due: tuple[Span, ...] = ()
    saved: tuple[Span, ...] = ()
    recorded_from: datetime | None = None


def records(
    connection: Connection, prefixes: Collection[str], since: datetime | None = None
) -> dict[str, StreamRecord]:
    """What is known of each of these streams; `since`: rows that ended before may be left out.

    Reads on the transaction of the connection.
    """
    now = clock.now()
    rows = coverage_rows.read(connection, prefixes, since)
    return {prefix: record_of(rows[prefix], now, since) for prefix in prefixes}


def of_prefix(prefix: str, since: datetime | None = None) -> StreamRecord:
    """As `records`, of one stream, in the session's transaction."""
    return records(db.session.connection(), [prefix], since)[prefix]


def of_filter(twitter_filter: TwitterFilter, record: StreamRecord | None = None) -> str:
    """What is known of a saved filter from its first day until now, as `describe` says it."""
    record = record or of_prefix(file_names.filter_prefix(twitter_filter.id))
    return describe(record, twitter_filter.created_at, clock.now())


def describe(record: StreamRecord, first: datetime, behind: datetime) -> str:
    """From when to when in this time posts were saved, and what is unknown. English."""
    end = min(behind, clock.now())
    known_from = max(record.recorded_from, first) if record.recorded_from else end
    if known_from >= end:
        return Message(
            "It is unknown whether it was connected between %(first)s and %(last)s.",
            first=_at(first),
            last=_at(end),
        )
    sentences: list[str] = []
    if known_from - first > SECOND:
        sentences.append(
            Message(
                "It is unknown whether it was connected before %(known_from)s.",
                known_from=_at(known_from),
            )
        )
    saved = spans.merged(spans.within(record.saved, known_from, end), SECOND)
    sentences.append(_proved(saved, known_from))
    if saved and end - saved[-1][1] > SILENT:
        sentences.append(
            Message("After %(saved_until)s nothing is saved.", saved_until=_at(saved[-1][1]))
        )
    return join_messages(sentences)


def is_unknown_in(record: StreamRecord, first: datetime, behind: datetime) -> bool:
    """Whether the record leaves a part of this time open."""
    return "unknown" in describe(record, first, behind)


def _proved(saved: list[Span], known_from: datetime) -> str:
    if not saved:
        return Message(
            "It has collected nothing since %(known_from)s: it was not connected.",
            known_from=_at(known_from),
        )
    first, last = saved[0][0], saved[-1][1]
    if len(saved) == 1:
        return Message(
            "Its posts were saved without a gap of a second from %(first)s to %(last)s.",
            first=_at(first),
            last=_at(last),
        )
    return Message(
        "Its posts were saved from %(first)s to %(last)s, but for its gaps.",
        first=_at(first),
        last=_at(last),
    )


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def of_last_days(twitter_filters: Iterable[TwitterFilter], days: int) -> dict[int, str]:
    """By number of each filter, what is known of so many days until now, as `describe` says it."""
    now = clock.now()
    since = now - timedelta(days=days)
    prefixes = {file_names.filter_prefix(each.id): each for each in twitter_filters}
    found = records(db.session.connection(), list(prefixes), since)
    return {
        each.id: describe(found[prefix], max(each.created_at, since), now)
        for prefix, each in prefixes.items()
    }


def count_gaps(since: datetime) -> int:
    """How many gaps of all streams began since then, in times in which they should collect."""
    connection = db.session.connection()
    found = records(connection, coverage_rows.due_since(connection, since), since)
    gaps = (gap for record in found.values() for gap in record.gaps)
    return sum(gap.is_due and gap.began_at >= since for gap in gaps)


def record_of(rows: StreamRows, now: datetime, since: datetime | None = None) -> StreamRecord:
    """What these rows of one stream say at this moment; of the time since then, if given. Pure."""
    if not rows.due:
        return StreamRecord(gaps=tuple(from_row(row, now, rows.fills) for row in _old(rows, now)))
    recorded_from = min(row.began_at for row in rows.due)
    end = rows.deleted_at or now
    due = spans.merged((row.began_at, row.ended_at or now) for row in rows.due)
    saved = spans.without(saved_times(rows, now), rows.losses)
    first = max(recorded_from, since) if since else recorded_from
    since_written = _not_written_yet(rows, now)
    not_lost = spans.without([*saved, *since_written], rows.losses)
    missing = spans.without([(first, end)], not_lost)
    borders = {row.began_at for row in rows.due if row.begin_cause != RESTARTED}
    borders |= {row.ended_at for row in rows.due if row.ended_at and row.end_cause != RESTARTED}
    borders |= {row.began_at for row in rows.saved}  # one may have been over at once
    borders |= {moment for lost in rows.losses for moment in lost}
    gaps = GapExplainer(rows, now).explain(
        spans.split_at(missing, borders, MILLISECOND),
        goes_on=rows.deleted_at is None and not since_written,
    )
    old = [from_row(row, now, rows.fills) for row in _old(rows, recorded_from)]
    return StreamRecord((*old, *gaps), tuple(due), tuple(saved), recorded_from)


def _old(rows: StreamRows, recorded_from: datetime) -> list[Any]:
    """Gaps that were written down before there was a ledger."""
    return [row for row in rows.notes if row.began_at < recorded_from]


def _not_written_yet(rows: StreamRows, now: datetime) -> list[Span]:
    """The seconds since a process that goes on wrote last, while the stream is due."""
    last = max(rows.saved, key=lambda row: row.id, default=None)
    is_due = any(row.ended_at is None for row in rows.due)
    if last is None or last.ended_at is not None or not is_due:
        return []
    return [(last.saved_until, now)] if now - last.saved_until <= SILENT else []
