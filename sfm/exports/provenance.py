"""Where the tweets of an export come from: the runs that collected them, gaps of the streams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from sfm import clock
from sfm.exports.dialects import among, ids_parameter
from sfm.exports.summary import Summary
from sfm.models import Gap, Run, TwitterFilter

MOST_RUNS = 1000
MOST_GAPS = 200
MISSED = "none was counted"


def runs_of(connection: Connection, run_ids: Iterable[int]) -> tuple[dict[str, Any], ...]:
    """What is still known of the runs that collected the tweets, the first 1,000 of them."""
    wanted = sorted(run_ids)[:MOST_RUNS]
    if not wanted:
        return ()
    rows = connection.execute(
        select(Run.id, Run.kind, Run.state, Run.started_at, Run.finished_at)
        .where(among(Run.id, connection.dialect.name))
        .order_by(Run.id),
        ids_parameter(connection, wanted),
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


def gaps_of(connection: Connection, summary: Summary) -> tuple[str, ...]:
    """The outages of streams in the time of the tweets, if any of them came by a stream."""
    if not summary.captured_by.get("stream") or not summary.first_at:
        return ()
    first, last = clock.parse_iso(summary.first_at), clock.parse_iso(summary.last_at)
    rows = connection.execute(
        select(
            TwitterFilter.name, Gap.prefix, Gap.began_at, Gap.ended_at, Gap.cause, Gap.lost_estimate
        )
        .outerjoin(TwitterFilter, TwitterFilter.id == Gap.filter_id)
        .where(Gap.began_at <= last, (Gap.ended_at >= first) | Gap.ended_at.is_(None))
        .order_by(Gap.began_at)
        .limit(MOST_GAPS + 1)
    ).all()
    told = [_gap(*row) for row in rows[:MOST_GAPS]]
    if len(rows) > MOST_GAPS:
        told.append(f"… and further ones: these are the first {MOST_GAPS}.")
    return tuple(told)


def _gap(name: str | None, prefix: str, began: Any, ended: Any, cause: str, lost: int) -> str:
    until = clock.iso(ended) if ended else "now"
    whose = f"filter “{name}”" if name else prefix
    told = f"{lost:,} posts" if lost else MISSED
    return f"{whose}: {clock.iso(began)} to {until} ({cause}); estimated loss: {told}"
