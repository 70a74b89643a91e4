"""What the record proves of a stream's completeness, in one sentence or a few. Nothing more is said
anywhere: not on a filter's page, nor in a package."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from sfm import clock
from sfm.database import db
from sfm.filters.gaps import RECORDED_HERE
from sfm.messages import Message, join_messages
from sfm.models import Gap, Heartbeat, TwitterFilter
from sfm.streams import file_names

SILENT = timedelta(seconds=60)  # a collector beats every two seconds
SECOND = timedelta(seconds=1)

Times = tuple[datetime, datetime]


@dataclass(frozen=True)
class StreamRecord:
    """What the database holds on one stream. Times are aware UTC.

    `gaps` are from and to, earliest first; one that goes on ends now. `recorded_from` is since when
    every time without collecting is a gap; None for a stream without such a record.
    `known_until` is the end of the record: now where a gap goes on, else the last time up to which
    a collector said that posts are saved.
    """

    gaps: tuple[Times, ...] = ()
    recorded_from: datetime | None = None
    known_until: datetime | None = None


def records(connection: Connection, prefixes: Collection[str]) -> dict[str, StreamRecord]:
    """What is known of each of these streams. Reads on the transaction of the connection."""
    now = clock.now()
    columns = (Gap.prefix, Gap.began_at, Gap.ended_at, Gap.cause)
    rows = list(
        connection.execute(
            select(*columns).where(Gap.prefix.in_(prefixes)).order_by(Gap.began_at, Gap.id)
        )
    )
    columns_of_beats = (
        Heartbeat.program, Heartbeat.filter_ids, Heartbeat.saved_until, Heartbeat.alive_at
    )  # fmt: skip
    beats = list(connection.execute(select(*columns_of_beats)))
    return {
        prefix: _record([row for row in rows if row.prefix == prefix], prefix, beats, now)
        for prefix in prefixes
    }


def describe(record: StreamRecord, first: datetime, behind: datetime) -> str:
    """From when to when in this time posts were collected, and what is unknown. English."""
    end = min(behind, clock.now())
    known_from = max(record.recorded_from, first) if record.recorded_from else end
    known_until = min(record.known_until, end) if record.known_until else known_from
    if known_from >= known_until:
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
    sentences.append(_proved(_collected(record.gaps, known_from, known_until), known_from))
    if end - known_until > SILENT:
        sentences.append(
            Message(
                "It is unknown whether it was connected after %(known_until)s.",
                known_until=_at(known_until),
            )
        )
    return join_messages(sentences)


def of_filter(twitter_filter: TwitterFilter) -> str:
    """What is known of a saved filter from its first day until now, as `describe` says it."""
    prefix = file_names.filter_prefix(twitter_filter.id)
    record = records(db.session.connection(), [prefix])[prefix]
    return describe(record, twitter_filter.created_at, clock.now())


def is_unknown_in(record: StreamRecord, first: datetime, behind: datetime) -> bool:
    """Whether the record leaves a part of this time open."""
    return "unknown" in describe(record, first, behind)


def _proved(collected: list[Times], known_from: datetime) -> str:
    if not collected:
        return Message(
            "It has collected nothing since %(known_from)s: it was not connected.",
            known_from=_at(known_from),
        )
    first, last = collected[0][0], collected[-1][1]
    if len(collected) == 1:
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


def _collected(gaps: Collection[Times], first: datetime, behind: datetime) -> list[Times]:
    """The times between gaps."""
    times: list[Times] = []
    at = first
    for began_at, ended_at in gaps:
        if began_at - at > SECOND:
            times.append((at, min(began_at, behind)))
        at = max(at, ended_at)
        if at >= behind:
            return times
    return [*times, (at, behind)] if behind - at > SECOND else times


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _record(rows: list[Any], prefix: str, beats: list[Any], now: datetime) -> StreamRecord:
    number = file_names.filter_of(prefix)
    saved = [
        beat.saved_until or beat.alive_at
        for beat in beats
        if (number in beat.filter_ids if number else beat.program == prefix)
    ]
    goes_on = any(row.ended_at is None for row in rows)
    return StreamRecord(
        gaps=tuple((row.began_at, row.ended_at or now) for row in rows),
        recorded_from=min(
            (row.began_at for row in rows if row.cause in RECORDED_HERE), default=None
        ),
        known_until=now if goes_on else max((at for at in saved if at), default=None),
    )
