"""What runs could not do, seen from elsewhere: the latest of all, and those of one account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from sfm.database import db
from sfm.models import Event, RunError


def latest_errors(limit: int) -> Sequence[RunError]:
    """The latest errors of all runs, newest first, with their runs."""
    return db.session.scalars(_newest_first().limit(limit)).all()


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
