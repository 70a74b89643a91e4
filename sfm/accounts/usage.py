"""What calls to Twitter cost: counted per credential, endpoint and UTC day, and summed up.

Both databases know INSERT ... ON CONFLICT DO UPDATE, with the same words and different classes:
`_insert` holds the two twins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite

from sfm import clock
from sfm.accounts.beside import Beside
from sfm.database import db
from sfm.models import ApiUsage


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


class DatabaseMeter:
    """Counts every call in a short transaction of its own: what was read has been paid for, also
    where the page it came in is rolled back. Nothing is raised: collecting goes on.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._beside = Beside(engine)

    def count(
        self, fingerprint: str, endpoint: str, *, calls: int = 1, posts: int = 0, users: int = 0
    ) -> None:
        """Add to today's (UTC) count. Commits on its own, at once or when it may."""
        day = clock.now().astimezone(UTC).date()
        new = _add(self._engine, fingerprint, endpoint, day, Usage(calls, posts, users))
        self._beside.write(lambda connection: connection.execute(new))


def _insert(engine: Engine) -> Any:
    twins = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return twins[engine.dialect.name](ApiUsage)


def _add(engine: Engine, fingerprint: str, endpoint: str, day: date, usage: Usage) -> Any:
    new = _insert(engine).values(
        fingerprint=fingerprint,
        endpoint=endpoint,
        day=day,
        calls=usage.calls,
        posts=usage.posts,
        users=usage.users,
    )
    columns = ("calls", "posts", "users")
    return new.on_conflict_do_update(
        index_elements=["fingerprint", "endpoint", "day"],
        set_={name: getattr(ApiUsage, name) + new.excluded[name] for name in columns},
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
