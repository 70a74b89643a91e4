"""The scheduled jobs: when each is due, its last slot, and what an administrator changed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from sfm import audit, clock
from sfm.database import db
from sfm.errors import NotFound
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import Run, ScheduledJob
from sfm.runs import queue, schedule
from sfm.runs.jobs import JOBS, Job, scheduled
from sfm.runs.schedule import Schedule

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobStatus:
    """A job with its schedule and last run. Times are aware UTC; `next_at` is None while off."""

    job: Job
    schedule: str
    words: str
    is_changed: bool
    paused: bool
    next_at: datetime | None
    last_at: datetime | None
    last_outcome: str
    last_seconds: float | None
    last_run: Run | None


def find(name: str) -> Job:
    """The scheduled job of this name. Raises NotFound."""
    job = JOBS.get(name)
    if job not in scheduled():
        raise NotFound(Message("There is no such job."))
    return job


def job_statuses() -> list[JobStatus]:
    """The scheduled jobs with their last runs, in the order of the table of jobs."""
    rows = {row.name: row for row in db.session.scalars(select(ScheduledJob))}
    return [_job_status(job, rows.get(job.name)) for job in scheduled()]


def _job_status(job: Job, row: ScheduledJob | None) -> JobStatus:
    text = schedule_of(job, row)
    due = schedule.parse(text)
    paused = bool(row and row.paused)
    last = None if not job.has_runs else _last_run(job)
    begun = last.started_at if last else row.last_started_at if row else None
    ended = last.finished_at if last else row.last_finished_at if row else None
    return JobStatus(
        job=job,
        schedule=text,
        words=schedule.describe(text),
        is_changed=bool(row and row.schedule is not None),
        paused=paused,
        next_at=due.slot_after(clock.now())
        if due and not paused and settings().scheduler
        else None,
        last_at=begun,
        last_outcome=last.state if last else row.last_outcome if row else "",
        last_seconds=(ended - begun).total_seconds() if begun and ended else None,
        last_run=last,
    )


def _last_run(job: Job) -> Run | None:
    query = select(Run).where(Run.kind == job.name, Run.started_at.is_not(None))
    return db.session.scalar(query.order_by(Run.id.desc()).limit(1))


def schedule_of(job: Job, row: ScheduledJob | None) -> str:
    """The schedule in force: the administrator's, else the setting's or the table's."""
    if row is not None and row.schedule is not None:
        return row.schedule
    return _default_schedule(job)


def _default_schedule(job: Job) -> str:
    return str(getattr(settings(), job.setting)) if job.setting else job.schedule


def change_schedule(name: str, *, text: str | None, paused: bool, by_id: int | None = None) -> None:
    """Change a job's schedule (None: back to the setting's) or pause it. Flushes.

    Call `begin_write` first. Raises WrongInput for words that mean no schedule.
    """
    job = find(name)
    row = _row(job)
    before = {"schedule": schedule_of(job, row), "paused": row.paused}
    if text is not None:
        schedule.parse(text)
        text = " ".join(text.lower().split())
    row.schedule = None if text == _default_schedule(job) else text
    row.paused = paused
    row.changed_at, row.changed_by_id = clock.now(), by_id
    old, new = audit.changes(before, {"schedule": schedule_of(job, row), "paused": paused})
    if new:
        # What was due before the change is not caught up by the new schedule.
        row.last_slot_at = clock.now()
        audit.record("job.changed", kind="job", subject=job.purpose, before=old, after=new)
    db.session.flush()


def run_now(name: str, by_id: int | None = None) -> Run | None:
    """Queue a run of this job now; None for a job without runs. Flushes. Raises NotFound."""
    job = find(name)
    if not job.has_runs:
        return None
    audit.record("job.run_now", kind="job", subject=job.purpose)
    return queue.enqueue(job.name, requested_by_id=by_id)


def take_slot(job: Job, now: datetime) -> datetime | None:
    """Take the slot that is due now, in the caller's transaction; None if there is none.

    Each slot is taken once; of several that were missed, only the latest. A job that is new to
    this installation, or whose last slot is ahead of the clock, begins with its next slot.
    """
    row = _row(job)
    due = _due(job, row)
    if due is None or row.paused:
        return None
    if row.last_slot_at is None or _is_ahead_of_clock(row.last_slot_at, due, now):
        row.last_slot_at = now
        return None
    slot = due.slot_before(now)
    taken = db.session.execute(
        update(ScheduledJob)
        .where(ScheduledJob.name == job.name, ScheduledJob.last_slot_at < slot)
        .values(last_slot_at=slot)
        .execution_options(synchronize_session=False)
    )
    return slot if taken.rowcount else None  # type: ignore[attr-defined]


def is_due(job: Job, row: ScheduledJob | None, now: datetime) -> bool:
    """Whether `take_slot` may find a slot: read before a write transaction is begun."""
    due = _due(job, row)
    if due is None or (row is not None and row.paused):
        return False
    last = row.last_slot_at if row is not None else None
    return last is None or due.slot_after(last) <= now or _is_ahead_of_clock(last, due, now)


def _is_ahead_of_clock(last: datetime, due: Schedule, now: datetime) -> bool:
    """Whether the last slot was taken while the clock was ahead: it is later than the next one."""
    if last <= due.slot_after(now):
        return False
    logger.warning("the last slot was taken by a clock that was ahead slot=%s", clock.iso(last))
    return True


def _due(job: Job, row: ScheduledJob | None) -> Schedule | None:
    return schedule.parse(schedule_of(job, row))


def _row(job: Job) -> ScheduledJob:
    row = db.session.get(ScheduledJob, job.name, populate_existing=True)
    if row is not None:
        return row
    row = ScheduledJob(name=job.name)
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:  # another process was first
        return db.session.get_one(ScheduledJob, job.name)
    return row
