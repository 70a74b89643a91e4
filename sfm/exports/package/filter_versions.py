"""What the filters of an export's streams listened for, and when they should have collected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from sfm import clock
from sfm.exports.package.provenance import Span
from sfm.messages import Message, join_messages
from sfm.models import CoverageDue, FilterVersion
from sfm.streams import completeness

MAX_LINES = 200  # in the README; export.json names all
LABELS = {
    "words": Message("words"),
    "people": Message("people"),
    "people_not_found": Message("people not found"),
    "locations": Message("places"),
    "rule_text": Message("exact rules"),
    "rules": Message("rules as told to X"),
    "username": Message("User"),
    "notes": Message("notes"),
}


def streams_of(connection: Connection, spans: Mapping[str, Span]) -> tuple[dict[str, Any], ...]:
    """For each of these streams, what is recorded of its time; times are ISO, UTC."""
    records = completeness.records(connection, sorted(spans))
    return tuple(
        {
            "stream": prefix,
            "should_have_collected": _due(connection, prefix, spans[prefix]),
            "saved": [
                [_iso(first), _iso(behind)]
                for first, behind in record.saved
                if spans[prefix].meets(first, behind)
            ],
            "listened_for": _versions(connection, prefix, spans[prefix]),
        }
        for prefix, record in records.items()
    )


def _due(connection: Connection, prefix: str, span: Span) -> list[dict[str, Any]]:
    table = CoverageDue.__table__
    rows = connection.execute(select(table).where(table.c.prefix == prefix).order_by(table.c.id))
    return [
        {
            "from": _iso(row.began_at), "began": row.begin_cause, "begun_by": row.begun_by,
            "to": _iso(row.ended_at), "ended": row.end_cause, "ended_by": row.ended_by,
        }
        for row in rows
        if span.meets(row.began_at, row.ended_at)
    ]  # fmt: skip


def _versions(connection: Connection, prefix: str, span: Span) -> list[dict[str, Any]]:
    table = FilterVersion.__table__
    rows = connection.execute(select(table).where(table.c.prefix == prefix).order_by(table.c.id))
    return [
        {
            "from": _iso(row.began_at), "to": _iso(row.ended_at), "changed_by": row.changed_by,
            "name": row.name, **{name: getattr(row, name) for name in LABELS},
        }
        for row in rows
        if span.meets(row.began_at, row.ended_at)
    ]  # fmt: skip


def version_lines(streams: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each version of each filter, and for each time it should have collected."""
    lines = [
        line
        for stream in streams
        for line in [
            *map(_version_line, stream["listened_for"]),
            *(_due_line(stream["stream"], due) for due in stream["should_have_collected"]),
        ]
    ]
    if len(lines) > MAX_LINES:
        return [*lines[:MAX_LINES], Message("… and further lines: see export.json.")]
    return lines


def _version_line(version: Mapping[str, Any]) -> str:
    asked = [
        Message("%(label)s: %(value)s", label=label, value=_one_line(version[name]))
        for name, label in LABELS.items()
        if version[name]
    ]
    return Message(
        "filter “%(name)s”, %(first)s to %(last)s: %(asked)s",
        name=version["name"],
        first=version["from"],
        last=version["to"] or Message("now"),
        asked=join_messages(asked, "; "),
    )


def _due_line(stream: str, due: Mapping[str, Any]) -> str:
    return Message(
        "%(stream)s should have collected from %(first)s (%(began)s) to %(last)s (%(ended)s)",
        stream=stream,
        first=due["from"],
        began=_by(due["began"], due["begun_by"]),
        last=due["to"] or Message("now"),
        ended=_by(due["ended"] or Message("it goes on"), due["ended_by"]),
    )


def _by(cause: str, who: str) -> str:
    return Message("%(cause)s, by %(who)s", cause=cause, who=who) if who else cause


def _one_line(value: Any) -> str:
    values = value if isinstance(value, list) else str(value).split("\n")
    return " | ".join(" ".join(str(entry).split()) for entry in values)


def _iso(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment else None
