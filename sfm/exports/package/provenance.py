"""The outages of the streams that an export's posts came by, in the time that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from sfm import clock
from sfm.database import among, ids_parameter
from sfm.exports.request import ExportRequest
from sfm.exports.result import Summary
from sfm.messages import Message, PluralMessage, join_messages
from sfm.models import Run, StreamFile, TwitterFilter, User
from sfm.runs.jobs import IMPORT_TWEETS
from sfm.streams import completeness, coverage_rows, file_names
from sfm.streams.completeness import StreamRecord
from sfm.streams.gap_causes import CoverageGap
from sfm.streams.spans import meets

MAX_GAPS = 200
MISSED = Message("unknown")
OF_OTHERS = Message(
    "Some of these posts came by streams that whoever asked for them may not look into. These "
    "had gaps in this time too; an administrator can say which."
)
UNKNOWN_OF_OTHERS = Message(
    "Some of these posts came by streams that whoever asked for them may not look into. It is "
    "unknown whether these were connected all of this time; an administrator can say more."
)
UNKNOWN = Message(
    "Some of these posts came by streams of which nothing more is recorded here, so it is not "
    "known whether they had gaps."
)
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Span:
    """From a moment on up to before another, both aware UTC."""

    first: datetime
    behind: datetime

    def meets(self, began: datetime, ended: datetime | None) -> bool:
        """Whether an outage falls into it; one without an end goes on."""
        return meets((self.first, self.behind), began, ended)

    def with_all_of(self, other: Span) -> Span:
        """The time from the beginning of the one to the end of the other."""
        return Span(min(self.first, other.first), max(self.behind, other.behind))


def gaps_of(connection: Connection, request: ExportRequest, summary: Summary) -> tuple[str, ...]:
    """The outages of the streams concerned, a line for each that the reader may know of; then for
    each of these streams what the record proves of its completeness, and what is unknown.

    Concerned are streams whose files are exported, or were imported by the runs that brought the
    posts; of a day of all streams, all that the reader may read. The time is the one asked for,
    else that of these files: an outage behind the last post of them counts.
    """
    sees_all = _sees_all(connection, request.reader_id)
    spans = _spans(connection, request, summary, sees_all)
    if not spans:
        return (UNKNOWN,) if summary.captured_by.get("stream") else ()
    records = completeness.records(connection, sorted(spans))
    gaps = sorted(
        (
            gap
            for prefix, record in records.items()
            for gap in record.gaps
            if spans[prefix].meets(gap.began_at, gap.ended_at)
        ),
        key=lambda gap: (gap.began_at, gap.prefix),
    )
    owners = _owners(connection)
    known = [gap for gap in gaps if sees_all or _is_of(_owner(owners, gap.prefix), request)]
    lines = [_gap(gap, owners) for gap in known[:MAX_GAPS]]
    if len(known) > MAX_GAPS:
        lines.append(Message("… and further ones: these are the first %(limit)s.", limit=MAX_GAPS))
    shown, others_unknown = _completeness(records, owners, request, spans, sees_all)
    lines += shown
    if len(known) < len(gaps):
        return (*lines, OF_OTHERS)
    return (*lines, UNKNOWN_OF_OTHERS) if others_unknown else tuple(lines)


def known_spans(
    connection: Connection, request: ExportRequest, summary: Summary
) -> dict[str, Span]:
    """The streams concerned that the reader may know, and the time that is asked about."""
    sees_all = _sees_all(connection, request.reader_id)
    spans = _spans(connection, request, summary, sees_all)
    owners = _owners(connection) if spans else {}
    return {
        prefix: span
        for prefix, span in spans.items()
        if sees_all or _is_of(_owner(owners, prefix), request)
    }


def _owners(connection: Connection) -> dict[str, Any]:
    """Name and User of each filter, by the prefix of its files."""
    columns = (TwitterFilter.id, TwitterFilter.name, TwitterFilter.user_id)
    return {file_names.filter_prefix(row.id): row for row in connection.execute(select(*columns))}


def _owner(owners: Mapping[str, Any], prefix: str) -> int | None:
    return owners[prefix].user_id if prefix in owners else None


def _completeness(
    records: Mapping[str, StreamRecord], owners: Mapping[str, Any], request: ExportRequest,
    spans: Mapping[str, Span], sees_all: bool,
) -> tuple[list[str], bool]:  # fmt: skip
    """A line for each stream that the reader may know; whether others leave something unknown."""
    shown: list[str] = []
    others_unknown = False
    for prefix, record in records.items():
        span = spans[prefix]
        if sees_all or _is_of(_owner(owners, prefix), request):
            described = completeness.describe(record, span.first, span.behind)
            whose = _whose(owners, prefix)
            shown.append(Message("%(whose)s: %(described)s", whose=whose, described=described))
        else:
            others_unknown |= completeness.is_unknown_in(record, span.first, span.behind)
    return shown, others_unknown


def _whose(owners: Mapping[str, Any], prefix: str) -> str:
    if prefix not in owners:
        return prefix
    return Message("filter “%(name)s”", name=owners[prefix].name)


def _sees_all(connection: Connection, reader_id: int | None) -> bool:
    """Whether it is made for the command line or for a superuser."""
    if reader_id is None:
        return True
    return bool(connection.scalar(select(User.is_superuser).where(User.id == reader_id)))


def _is_of(user_id: int | None, request: ExportRequest) -> bool:
    return user_id is not None and user_id == request.reader_id


def _spans(
    connection: Connection, request: ExportRequest, summary: Summary, sees_all: bool
) -> dict[str, Span]:
    """The streams concerned, by the prefixes of their files, and the time that is asked about."""
    numbers = {*request.criteria.stream_files, *_imported(connection, summary.run_ids)}
    first, behind = request.criteria.selection.moments
    spans = {
        prefix: Span(first or span.first, behind or span.behind)
        for prefix, span in _of_files(connection, numbers).items()
    }
    if request.criteria.of_all_streams and first and behind:
        owners = _owners(connection)
        for prefix in coverage_rows.known_between(connection, first, behind):
            user_id = _owner(owners, prefix)
            if sees_all or _is_of(user_id, request):
                spans[prefix] = Span(first, behind)
    return spans


def _imported(connection: Connection, run_ids: Iterable[int]) -> set[int]:
    """The numbers of the stream files that these runs took into the database."""
    query = (
        select(Run.params)
        .where(among(Run.id, connection.dialect.name), Run.kind == IMPORT_TWEETS)
        .order_by(Run.id)
    )
    given = connection.scalars(query, ids_parameter(connection, sorted(run_ids)))
    return {int(number) for params in given for number in params.get("stream_files", ())}


def _of_files(connection: Connection, numbers: Iterable[int]) -> dict[str, Span]:
    """The streams of these files, each from its first file's beginning to its last one's end."""
    query = select(
        StreamFile.prefix, StreamFile.origin, StreamFile.begun_at, StreamFile.sealed_at,
        StreamFile.first_at, StreamFile.last_at,
    ).where(among(StreamFile.id, connection.dialect.name))  # fmt: skip
    spans: dict[str, Span] = {}
    for file in connection.execute(query, ids_parameter(connection, sorted(numbers))):
        span = _of_file(file)
        spans[file.prefix] = spans.get(file.prefix, span).with_all_of(span)
    return spans


def _of_file(file: Any) -> Span:
    """A file that a gap was filled with was written long after the time it is of."""
    ends = [file.begun_at, file.sealed_at] if file.origin == "stream" else []
    moments = [moment for moment in (*ends, file.first_at, file.last_at) if moment is not None]
    moments = moments or [file.begun_at]
    return Span(min(moments), max(moments) + MOMENT)


def _gap(gap: CoverageGap, owners: Mapping[str, Any]) -> str:
    lost = PluralMessage("%(num)s post", "%(num)s posts", gap.lost_estimate)
    cause = Message("%(cause)s, by %(who)s", cause=gap.cause, who=gap.who)
    outage = Message(
        "%(whose)s: %(began)s to %(until)s (%(cause)s); estimated loss: %(loss)s",
        whose=_whose(owners, gap.prefix),
        began=clock.iso(gap.began_at),
        until=clock.iso(gap.ended_at) if gap.ended_at else Message("now"),
        cause=cause if gap.who else gap.cause,
        loss=lost if gap.lost_estimate else MISSED,
    )
    return join_messages([outage, *_filled(gap)], "; ")


def _filled(gap: CoverageGap) -> list[str]:
    """What search was asked for to fill the gap, and what not; nothing where it was not asked."""
    if gap.unrecorded_posts is not None and not gap.fills:
        return [
            PluralMessage(
                "%(num)s post came from search, for what is not recorded",
                "%(num)s posts came from search, for what is not recorded",
                gap.unrecorded_posts,
            )
        ]
    told: list[str] = []
    for fill in gap.fills:
        left_out = [Message("not searched: %(why)s", why=why) for why in fill.not_searched or ()]
        told += [_found_by_search(fill), *left_out]
    return told


def _found_by_search(fill: Any) -> str:
    whole = fill.state == "filled"
    state = Message("filled from search") if whole else Message("filled in part from search")
    posts = PluralMessage("%(num)s post", "%(num)s posts", fill.posts)
    asked = Message(
        "asked from %(start)s to %(end)s for %(queries)s",
        start=clock.iso(fill.began_at),
        end=clock.iso(fill.ended_at),
        queries=" | ".join(fill.queries or ()),
    )
    return join_messages([state, posts, asked], ", ")


MAX_RUNS = 1000


def runs_of(connection: Connection, run_ids: Iterable[int]) -> tuple[dict[str, Any], ...]:
    """What is still known of the runs that collected the posts, the first 1,000 of them."""
    ids = sorted(run_ids)[:MAX_RUNS]
    if not ids:
        return ()
    rows = connection.execute(
        select(Run.id, Run.kind, Run.state, Run.started_at, Run.finished_at)
        .where(among(Run.id, connection.dialect.name))
        .order_by(Run.id),
        ids_parameter(connection, ids),
    )
    return tuple(
        {
            "run": row.id,
            "kind": row.kind,
            "state": row.state,
            "started_at": clock.iso(row.started_at) if row.started_at else None,
            "finished_at": clock.iso(row.finished_at) if row.finished_at else None,
        }
        for row in rows
    )
