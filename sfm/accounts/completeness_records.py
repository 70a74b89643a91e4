"""Reads what is recorded of the collecting of accounts; `completeness` puts it into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select

from sfm.database import among, ids_parameter
from sfm.models import AccountEvent, Run, RunError, TimelineHole, TwitterUser, TwitterUserItem

TIMELINE_JOB = "user_timeline"


@dataclass(frozen=True)
class PostsMissing:
    """A hole: the ids at its ends (`after_id` None: from the first post on), why, and how many
    posts of it came from imports, streams or look-ups."""

    after_id: int | None
    before_id: int
    cause: str
    kept_since: int


@dataclass(frozen=True)
class AccountRecord:
    """What the database holds on the collecting of one account. Times are aware UTC.

    `failed_runs`: how many timeline runs in a row, up to the latest, could not read it.
    `inactive_since` is None while it is collected.
    """

    id: int
    uid: int | None
    name: str
    state: str
    state_since: datetime
    state_reason: str
    gone_unconfirmed_since: datetime | None
    collected_at: datetime | None
    held_to_id: int | None
    pass_oldest_id: int | None
    first_pass_oldest_id: int | None
    on_twitter: int | None
    posts_kept: int
    inactive_since: datetime | None
    missing: tuple[PostsMissing, ...]
    failed_runs: int
    failed_since: datetime | None

    @property
    def holes(self) -> list[PostsMissing]:
        """What is missing above the oldest post collected."""
        return [hole for hole in self.missing if hole.after_id is not None]

    @property
    def below(self) -> PostsMissing | None:
        """What is missing below the oldest post collected."""
        return next((hole for hole in self.missing if hole.after_id is None), None)


def records(connection: Connection, account_ids: Sequence[int]) -> dict[int, AccountRecord]:
    """What is known of each of these accounts, by id. Reads on the connection's transaction."""
    ids = ids_parameter(connection, account_ids)
    dialect = connection.dialect.name
    missing: dict[int, list[PostsMissing]] = {}
    for row in connection.execute(_holes(dialect), ids):
        hole = PostsMissing(row.after_id, row.before_id, row.cause, row.kept_since)
        missing.setdefault(row.twitter_user_id, []).append(hole)
    inactive = {row[0]: row[1] for row in connection.execute(_deactivated(dialect), ids)}
    failed = {row[0]: (row[1], row[2]) for row in connection.execute(_failed_runs(dialect), ids)}
    return {
        row.id: _record(row, missing.get(row.id, []), inactive, failed)
        for row in connection.execute(_accounts(dialect), ids)
    }


def _record(
    row: Any,
    missing: list[PostsMissing],
    inactive: dict[int, datetime],
    failed: dict[int, tuple[int, datetime]],
) -> AccountRecord:
    failed_runs, failed_since = failed.get(row.id, (0, None))
    return AccountRecord(
        id=row.id,
        uid=row.uid,
        name=row.name,
        state=row.state,
        state_since=row.state_since,
        state_reason=row.state_reason,
        gone_unconfirmed_since=row.gone_unconfirmed_since,
        collected_at=row.collected_at,
        held_to_id=row.held_to_id,
        pass_oldest_id=row.pass_oldest_id,
        first_pass_oldest_id=row.first_pass_oldest_id,
        on_twitter=row.statuses_count,
        posts_kept=row.items_count,
        inactive_since=None if row.is_active else inactive.get(row.id, row.added_at),
        missing=tuple(missing),
        failed_runs=failed_runs,
        failed_since=failed_since,
    )


def _accounts(dialect: str) -> Any:
    return select(
        TwitterUser.id, TwitterUser.uid, TwitterUser.name, TwitterUser.state,
        TwitterUser.state_since, TwitterUser.state_reason, TwitterUser.gone_unconfirmed_since,
        TwitterUser.collected_at, TwitterUser.held_to_id, TwitterUser.pass_oldest_id,
        TwitterUser.first_pass_oldest_id, TwitterUser.statuses_count, TwitterUser.items_count,
        TwitterUser.is_active, TwitterUser.added_at,
    ).where(among(TwitterUser.id, dialect)).order_by(TwitterUser.lower_name)  # fmt: skip


def _holes(dialect: str) -> Any:
    """The holes of the accounts, and how many posts between their ends are kept now."""
    kept = (
        select(func.count())
        .where(
            TwitterUserItem.twitter_user_id == TimelineHole.twitter_user_id,
            TwitterUserItem.twitter_id > func.coalesce(TimelineHole.after_id, 0),
            TwitterUserItem.twitter_id < TimelineHole.before_id,
        )
        .scalar_subquery()
    )
    return (
        select(
            TimelineHole.twitter_user_id, TimelineHole.after_id, TimelineHole.before_id,
            TimelineHole.cause, kept.label("kept_since"),
        )
        .where(among(TimelineHole.twitter_user_id, dialect))
        .order_by(TimelineHole.id)
    )  # fmt: skip


def _deactivated(dialect: str) -> Any:
    """When each of the accounts was last deactivated."""
    return (
        select(AccountEvent.twitter_user_id, func.max(AccountEvent.at))
        .where(among(AccountEvent.twitter_user_id, dialect), AccountEvent.kind == "deactivated")
        .group_by(AccountEvent.twitter_user_id)
    )


def _failed_runs(dialect: str) -> Any:
    """How many runs begun since an account was last read could not read it, and since when."""
    since = or_(TwitterUser.collected_at.is_(None), Run.started_at > TwitterUser.collected_at)
    return (
        select(
            RunError.twitter_user_id,
            func.count(RunError.run_id.distinct()),
            func.min(RunError.at),
        )
        .join(Run, Run.id == RunError.run_id)
        .join(TwitterUser, TwitterUser.id == RunError.twitter_user_id)
        .where(among(TwitterUser.id, dialect), Run.kind == TIMELINE_JOB, since)
        .group_by(RunError.twitter_user_id)
    )
