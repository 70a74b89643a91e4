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
from sfm.models import Gap, Run, StreamFile, TwitterFilter, User
from sfm.runs.jobs import IMPORT_TWEETS
from sfm.streams import completeness, file_names

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
        return began < self.behind and (ended is None or ended > self.first)

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
    gaps = [
        gap
        for gap in connection.execute(_outages(spans))
        if spans[gap.prefix].meets(gap.began_at, gap.ended_at)
    ]
    known = [gap for gap in gaps if sees_all or _is_of(gap.user_id, request)]
    lines = [_gap(gap) for gap in known[:MAX_GAPS]]
    if len(known) > MAX_GAPS:
        lines.append(Message("… and further ones: these are the first %(limit)s.", limit=MAX_GAPS))
    shown, others_unknown = _completeness(connection, request, spans, sees_all)
    lines += shown
    if len(known) < len(gaps):
        return (*lines, OF_OTHERS)
    return (*lines, UNKNOWN_OF_OTHERS) if others_unknown else tuple(lines)


def _completeness(
    connection: Connection, request: ExportRequest, spans: Mapping[str, Span], sees_all: bool
) -> tuple[list[str], bool]:
    """A line for each stream that the reader may know; whether others leave something unknown."""
    columns = (TwitterFilter.id, TwitterFilter.name, TwitterFilter.user_id)
    owners = {row.id: row for row in connection.execute(select(*columns))}
    shown: list[str] = []
    others_unknown = False
    for prefix, record in completeness.records(connection, sorted(spans)).items():
        span, owner = spans[prefix], owners.get(file_names.filter_of(prefix))
        if sees_all or (owner is not None and _is_of(owner.user_id, request)):
            described = completeness.describe(record, span.first, span.behind)
            whose = _whose(owner.name if owner else "", prefix)
            shown.append(Message("%(whose)s: %(described)s", whose=whose, described=described))
        else:
            others_unknown |= completeness.is_unknown_in(record, span.first, span.behind)
    return shown, others_unknown


def _whose(name: str | None, prefix: str) -> str:
    return Message("filter “%(name)s”", name=name) if name else prefix


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
        for prefix, user_id in connection.execute(_streams_with_gaps()):
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


def _outages(spans: Mapping[str, Span]) -> Any:
    first = min(span.first for span in spans.values())
    behind = max(span.behind for span in spans.values())
    return (
        select(
            TwitterFilter.name, TwitterFilter.user_id, Gap.prefix, Gap.began_at, Gap.ended_at,
            Gap.cause, Gap.lost_estimate, Gap.filled, Gap.filled_posts, Gap.searched_from,
            Gap.searched_to, Gap.searched_queries, Gap.not_searched,
        )
        .outerjoin(TwitterFilter, TwitterFilter.id == Gap.filter_id)
        .where(Gap.prefix.in_(spans), Gap.began_at < behind)
        .where((Gap.ended_at > first) | Gap.ended_at.is_(None))
        .order_by(Gap.began_at, Gap.id)
    )  # fmt: skip


def _streams_with_gaps() -> Any:
    return (
        select(Gap.prefix, TwitterFilter.user_id)
        .outerjoin(TwitterFilter, TwitterFilter.id == Gap.filter_id)
        .distinct()
    )


def _gap(gap: Any) -> str:
    lost = PluralMessage("%(num)s post", "%(num)s posts", gap.lost_estimate)
    outage = Message(
        "%(whose)s: %(began)s to %(until)s (%(cause)s); estimated loss: %(loss)s",
        whose=_whose(gap.name, gap.prefix),
        began=clock.iso(gap.began_at),
        until=clock.iso(gap.ended_at) if gap.ended_at else Message("now"),
        cause=gap.cause,
        loss=lost if gap.lost_estimate else MISSED,
    )
    return join_messages([outage, *_filled(gap)], "; ")


def _filled(gap: Any) -> list[str]:
    """What search was asked for to fill the gap, and what not; nothing where it was not asked."""
    if not gap.filled:
        return []
    if gap.searched_from is None:  # from before what was asked was kept
        return [
            PluralMessage(
                "%(num)s post came from search, for what is not recorded",
                "%(num)s posts came from search, for what is not recorded",
                gap.filled_posts,
            )
        ]
    left_out = [Message("not searched: %(why)s", why=why) for why in gap.not_searched or ()]
    return [_found_by_search(gap), *left_out]


def _found_by_search(gap: Any) -> str:
    whole = gap.filled == "filled"
    state = Message("filled from search") if whole else Message("filled in part from search")
    posts = PluralMessage("%(num)s post", "%(num)s posts", gap.filled_posts)
    if not gap.searched_to:
        return join_messages([state, posts], ", ")
    asked = Message(
        "asked from %(start)s to %(end)s for %(queries)s",
        start=clock.iso(gap.searched_from),
        end=clock.iso(gap.searched_to),
        queries=" | ".join(gap.searched_queries or ()),
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
