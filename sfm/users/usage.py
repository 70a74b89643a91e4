"""Usage of the X API: calls, posts and users, counted per credential, endpoint and UTC day.

SQLAlchemy has INSERT ... ON CONFLICT DO UPDATE in a class for each database; `_upsert` picks it.
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
        self._deferred = DeferredWrites(engine)

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        """Add to today's (UTC) count. Commits on its own, at once or when it may."""
        self.add({(fingerprint, endpoint, _today()): Usage(calls, posts, users)})

    def add(self, counts: Mapping[Key, Usage]) -> None:
        """Add these to the counts, in one transaction. Commits on its own, at once or later."""
        self._deferred.write(lambda connection: _add(connection, counts))


class UsageBuffer(Meter):
    """The counts of one thread's calls, until they are written together with the page they read.

    A transaction for each call takes a fifth as long again as saving its page. So the thread keeps
    its counts here and writes them in the page's own transaction (`write`, in `transaction()`).
    Without a page they are written alone: at once when the transaction fails, and by
    `write_now` before a wait and at the end of an account. A process that is killed loses the count
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
        """Count a call for today (UTC), in memory."""
        key = (fingerprint, endpoint, _today())
        self._open[key] = self._open.get(key, Usage()) + Usage(calls, posts, users)

    def write(self, connection: Connection) -> None:
        """Add the open counts in the caller's transaction, inside a `transaction()`."""
        _add(connection, self._open)
        self._is_written = True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Around a unit of work that calls `write`: the counts it committed are cleared."""
        self._is_written = False
        try:
            yield
        except BaseException:
            self.write_now()
            raise
        if self._is_written:
            self._open.clear()

    def write_now(self) -> None:
        """Write the open counts in a transaction of their own."""
        if self._open:
            counts, self._open = self._open, {}
            self._alone.add(counts)


def _today() -> date:
    return clock.now().astimezone(UTC).date()


def _add(connection: Connection, counts: Mapping[Key, Usage]) -> None:
    """In the order of the keys, so that two writers of the same rows cannot deadlock."""
    rows = [
        {"fingerprint": mark, "endpoint": endpoint, "day": day, **vars(usage)}
        for (mark, endpoint, day), usage in sorted(counts.items())
    ]
    if rows:
        connection.execute(_upsert(connection.dialect.name), rows if len(rows) > 1 else rows[0])


@cache
def _upsert(dialect: str) -> Any:
    """The statement, built once: building it takes longer than executing it."""
    inserts: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    new = inserts[dialect](ApiUsage)
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
