"""Where the tweets of an export come from: the runs that collected them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from sfm import clock
from sfm.exports.readers.dialects import among, ids_parameter
from sfm.models import Run

MOST_RUNS = 1000


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
