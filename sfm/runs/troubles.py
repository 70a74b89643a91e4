"""What runs could not do, seen from elsewhere: the latest of all, and those of one account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, Text, cast, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from sfm import clock
from sfm.database import db
from sfm.models import Event, Run, RunError

LATELY = timedelta(days=31)  # by the time a run was asked for


def latest_errors(limit: int) -> Sequence[RunError]:
    """The latest errors of all runs, newest first, with their runs."""
    return db.session.scalars(_newest_first().limit(limit)).all()


def failed_runs() -> Sequence[Run]:
    """The latest failed run of each kind that no good one has followed, newest first.

    Runs asked for in the last 31 days. A good run for chosen items only is no proof that what
    failed for all would work again.
    """
    since = clock.now() - LATELY
    latest = select(func.max(Run.id)).where(Run.state == "failed", Run.queued_at >= since)
    good = aliased(Run)
    has_followed = (
        select(good.id)
        .where(good.kind == Run.kind, good.queued_at >= since, good.state == "finished")
        .where(good.finished_at > Run.finished_at, or_(_is_of_all(good), ~_is_of_all(Run)))
        .exists()
    )
    wanted = select(Run).where(Run.id.in_(latest.group_by(Run.kind)), ~has_followed)
    return db.session.scalars(wanted.order_by(Run.finished_at.desc(), Run.id.desc())).all()


def _is_of_all(run: Any) -> Any:
    return cast(run.params, Text) == "{}"  # PostgreSQL compares no JSON, only its text


def errors_of_account(twitter_user_id: int, limit: int) -> Sequence[RunError]:
    """The latest errors of one account, newest first, with their runs."""
    mine = _newest_first().where(RunError.twitter_user_id == twitter_user_id)
    return db.session.scalars(mine.limit(limit)).all()


def open_events(limit: int) -> Sequence[Event]:
    """What has gone wrong and still lasts, the latest first."""
    lasting = select(Event).where(Event.open_key.is_not(None), Event.severity != "notice")
    return db.session.scalars(lasting.order_by(Event.at.desc()).limit(limit)).all()


def _newest_first() -> Select[Any]:
    return select(RunError).options(joinedload(RunError.run)).order_by(RunError.id.desc())
