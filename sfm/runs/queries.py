"""Reading runs, their errors and open events; the expected end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import Select, Text, cast, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from sfm import clock
from sfm.adapters import NETWORK
from sfm.database import db
from sfm.errors import NotFound
from sfm.messages import Message
from sfm.models import Event, Run, RunError
from sfm.models.run import OPEN_STATES
from sfm.runs.context import WINDOW

PAGE = 50
RECENT_PERIOD = timedelta(days=31)  # since a run was queued


def find(run_id: int) -> Run:
    """The run with this id. Raises NotFound."""
    run = db.session.get(Run, run_id)
    if run is None:
        raise NotFound(Message("There is no such run."))
    return run


def runs_of(kind: str = "", state: str = "") -> Select[Any]:
    """Runs of a kind, in a state; of all kinds, in all states where it is empty."""
    runs = select(Run)
    if kind:
        runs = runs.where(Run.kind == kind)
    return runs.where(Run.state == state) if state else runs


def open_runs() -> Sequence[Run]:
    """The queued, running and paused runs, oldest first."""
    return db.session.scalars(select(Run).where(Run.state.in_(OPEN_STATES)).order_by(Run.id)).all()


def last_ended(kind: str) -> Run | None:
    """The latest run of a kind that has ended."""
    return db.session.scalar(
        select(Run)
        .where(Run.kind == kind, Run.finished_at.is_not(None))
        .order_by(Run.id.desc())
        .limit(1)
    )


def failed_runs() -> Sequence[Run]:
    """The latest failed run of each kind that no good one has followed, newest first.

    Runs asked for in the last 31 days. A good run for chosen items only is no proof that what
    failed for all would work again.
    """
    since = clock.now() - RECENT_PERIOD
    latest = select(func.max(Run.id)).where(Run.state == "failed", Run.queued_at >= since)
    good = aliased(Run)
    has_followed = (
        select(good.id)
        .where(good.kind == Run.kind, good.queued_at >= since, good.state == "finished")
        .where(good.finished_at > Run.finished_at, or_(_is_of_all(good), ~_is_of_all(Run)))
        .exists()
    )
    query = select(Run).where(Run.id.in_(latest.group_by(Run.kind)), ~has_followed)
    return db.session.scalars(query.order_by(Run.finished_at.desc(), Run.id.desc())).all()


def _is_of_all(run: Any) -> Any:
    return cast(run.params, Text) == "{}"  # PostgreSQL compares no JSON, only its text


def expected_end(run: Run) -> datetime | None:
    """When a running run may be done (aware UTC): by its pace until now and the present wait, and
    by how many of Twitter's windows its rest needs.

    None while that would be a guess: before the first item, without a known total, or in a run
    that was taken up again, whose time since its start says nothing of its pace.
    """
    if run.state != "running" or run.attempts > 1:
        return None
    if not run.total or not run.done or not run.started_at:
        return None
    now = clock.now()
    left = max(run.total - run.done, 0)
    waiting = max((run.waiting_until or now) - now, timedelta(0))
    by_pace = now + (now - run.started_at) / run.done * left + waiting
    return max(by_pace, _by_windows(run, left, now))


def _by_windows(run: Run, left: int, now: datetime) -> datetime:
    """When the last window opens that is needed for so many items; now, if the present one does."""
    window: dict[str, Any] | None = run.cursor.get(WINDOW)
    if not window:
        return now
    calls = left * max(run.api_calls / run.done, 1.0)
    beyond = calls - window["remaining"]
    if beyond <= 0:
        return now
    opens_at = max(datetime.fromisoformat(window["opens_at"]), now)
    further: int = ceil(beyond / max(window["limit"], 1)) - 1
    return opens_at + further * timedelta(seconds=NETWORK.window_seconds)


def errors_of(run_id: int, *, after_id: int = 0, limit: int = PAGE) -> Sequence[RunError]:
    """The items a run could not do, in the order they happened."""
    return db.session.scalars(
        select(RunError)
        .where(RunError.run_id == run_id, RunError.id > after_id)
        .order_by(RunError.id)
        .limit(limit)
    ).all()


def errors_count(run_id: int) -> int:
    """How many items a run could not do."""
    count = db.session.scalar(
        select(func.count()).select_from(RunError).where(RunError.run_id == run_id)
    )
    return count or 0


def errors_about(text: str) -> Select[Any]:
    """Errors with their runs; about accounts or with reasons that hold this text."""
    errors = select(RunError).options(joinedload(RunError.run))
    if not text:
        return errors
    name = text.removeprefix("@")
    return errors.where(
        or_(
            RunError.subject.icontains(name, autoescape=True),
            RunError.reason.icontains(text, autoescape=True),
        )
    )


def latest_errors(limit: int) -> Sequence[RunError]:
    """The latest errors of all runs, newest first, with their runs."""
    return db.session.scalars(_newest_first().limit(limit)).all()


def errors_of_account(twitter_user_id: int, limit: int) -> Sequence[RunError]:
    """The latest errors of one account, newest first, with their runs."""
    mine = _newest_first().where(RunError.twitter_user_id == twitter_user_id)
    return db.session.scalars(mine.limit(limit)).all()


def _newest_first() -> Select[Any]:
    return select(RunError).options(joinedload(RunError.run)).order_by(RunError.id.desc())


def open_events(limit: int) -> Sequence[Event]:
    """What has gone wrong and still lasts, the latest first."""
    lasting = select(Event).where(Event.open_key.is_not(None), Event.severity != "notice")
    return db.session.scalars(lasting.order_by(Event.at.desc()).limit(limit)).all()
