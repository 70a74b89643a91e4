"""What calls to Twitter cost: counted per credential, endpoint and UTC day, and summed up.

Both databases know INSERT ... ON CONFLICT DO UPDATE, with the same words and different classes:
`_upsert` holds the two twins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite

from sfm import clock
from sfm.database import db
from sfm.models import ApiUsage
from sfm.networks.meter import Meter
from sfm.users.deferred_writes import DeferredWrites


@dataclass(frozen=True)
class Usage:
    """Calls made, posts read and users read in some span of UTC days."""

    calls: int = 0
    posts: int = 0
    users: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.calls + other.calls, self.posts + other.posts, self.users + other.users)


@dataclass(frozen=True)
class UsageLine:
    """What one credential read through one endpoint on one UTC day (or in one month's days)."""

    fingerprint: str
    endpoint: str
    day: date
    usage: Usage


Key = tuple[str, str, date]  # fingerprint, endpoint, UTC day
_FIGURES = ("calls", "posts", "users")


class DatabaseMeter(Meter):
    """Counts every call in a short transaction of its own: what was read has been paid for, also
    where the page it came in is rolled back. Nothing is raised: collecting goes on.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._beside = DeferredWrites(engine)

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        """Add to today's (UTC) count. Commits on its own, at once or when it may."""
        self.add({(fingerprint, endpoint, _today()): Usage(calls, posts, users)})

    def add(self, counts: Mapping[Key, Usage]) -> None:
        """Add these to the counts, in one transaction. Commits on its own, at once or later."""
        self._beside.write(lambda connection: _add(connection, counts))


class UsageBuffer(Meter):
    """What the calls of one thread cost, until it is written with the page that they brought.

    A transaction for each call takes a fifth as long again as saving its page. So the thread keeps
    its counts here and writes them into the page's own transaction (`write`, inside `joined`).
    Where no page is kept, they are written alone: at once when the transaction fails, and by
    `settle` before a wait and at the end of an account. A process that is killed loses the count
    of the one call of each thread that was on its way to the database, as it loses its page.
    Not to be shared among threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._alone = DatabaseMeter(engine)
        self._open: dict[Key, Usage] = {}
        self._is_written = False

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        """Put down a call, for today (UTC)."""
        key = (fingerprint, endpoint, _today())
        self._open[key] = self._open.get(key, Usage()) + Usage(calls, posts, users)

    def write(self, connection: Connection) -> None:
        """Add what is open to the counts, in the caller's transaction. To be called in `joined`."""
        _add(connection, self._open)
        self._is_written = True

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Around a unit of work that calls `write`: what it committed is open no longer."""
        self._is_written = False
        try:
            yield
        except BaseException:
            self.settle()
            raise
        if self._is_written:
            self._open.clear()

    def settle(self) -> None:
        """Write what is still open in a transaction of its own."""
        if self._open:
            counts, self._open = self._open, {}
            self._alone.add(counts)


def _today() -> date:
    return clock.now().astimezone(UTC).date()


def _add(connection: Connection, counts: Mapping[Key, Usage]) -> None:
    """In the order of the keys, so that two who add to the same rows never wait crosswise."""
    rows = [
        {"fingerprint": mark, "endpoint": endpoint, "day": day, **vars(usage)}
        for (mark, endpoint, day), usage in sorted(counts.items())
    ]
    if rows:
        connection.execute(_upsert(connection.dialect.name), rows if len(rows) > 1 else rows[0])


@cache
def _upsert(dialect: str) -> Any:
    """The statement, made once: making it takes longer than doing it."""
    twins: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    new = twins[dialect](ApiUsage)
    return new.on_conflict_do_update(
        index_elements=["fingerprint", "endpoint", "day"],
        set_={name: getattr(ApiUsage, name) + new.excluded[name] for name in _FIGURES},
    )


def month_start(moment: datetime) -> date:
    """The first UTC day of the month a moment is in."""
    return moment.astimezone(UTC).date().replace(day=1)


def usage_since(day: date, fingerprint: str | None = None) -> Usage:
    """Everything counted from this UTC day on, for one credential or for all."""
    query = select(*_sums()).where(ApiUsage.day >= day)
    if fingerprint is not None:
        query = query.where(ApiUsage.fingerprint == fingerprint)
    return Usage(*db.session.execute(query).one())


def usage_this_month(fingerprint: str | None = None) -> Usage:
    """Everything counted since the first of this month, UTC."""
    return usage_since(month_start(clock.now()), fingerprint)


def usage_per_credential(since: date) -> dict[str, Usage]:
    """Sums by credential fingerprint from this UTC day on."""
    query = (
        select(ApiUsage.fingerprint, *_sums())
        .where(ApiUsage.day >= since)
        .group_by(ApiUsage.fingerprint)
    )
    return {row[0]: Usage(*row[1:]) for row in db.session.execute(query)}


def usage_lines(since: date, until: date | None = None) -> list[UsageLine]:
    """Day by day, newest first; `until` is included."""
    query = select(ApiUsage).where(ApiUsage.day >= since)
    if until is not None:
        query = query.where(ApiUsage.day <= until)
    query = query.order_by(ApiUsage.day.desc(), ApiUsage.fingerprint, ApiUsage.endpoint)
    return [
        UsageLine(row.fingerprint, row.endpoint, row.day, Usage(row.calls, row.posts, row.users))
        for row in db.session.scalars(query)
    ]


def _sums() -> list[Any]:
    columns = (ApiUsage.calls, ApiUsage.posts, ApiUsage.users)
    # PostgreSQL sums BIGINT to NUMERIC, which would come back as Decimal.
    return [cast(func.coalesce(func.sum(column), 0), column.type) for column in columns]
