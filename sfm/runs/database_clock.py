"""The database's clock, which all hosts of an installation share: leases are compared by it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Connection, func, select

from sfm import clock

logger = logging.getLogger(__name__)

MEASURE_SECONDS = 60.0  # how long a difference is believed
SMALL, LARGE = timedelta(seconds=1), timedelta(seconds=30)
_KEY = "sfm_clock_difference"


def now(connection: Connection) -> datetime:
    """The present moment by the database's clock (aware UTC); SQLite's is this machine's."""
    return clock.now() + _difference(connection)


def _difference(connection: Connection) -> timedelta:
    if connection.dialect.name == "sqlite":
        return timedelta(0)
    measured: tuple[float, timedelta] | None = current_app.extensions.get(_KEY)
    if measured is not None and 0 <= clock.monotonic() - measured[0] < MEASURE_SECONDS:
        return measured[1]
    before = clock.machine_now()
    theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    after = clock.machine_now()
    difference = theirs - (before + (after - before) / 2)
    if abs(difference) < SMALL:
        difference = timedelta(0)
    if abs(difference) > LARGE:
        logger.warning(
            "this machine's clock differs from the database's seconds=%.0f",
            -difference.total_seconds(),
        )
    current_app.extensions[_KEY] = (clock.monotonic(), difference)
    return difference
