"""Queues the runs that are due and executes queued ones. Every error of a run ends here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from sfm import clock
from sfm.database import begin_write, db, has_come
from sfm.errors import SfmError
from sfm.models import Run, ScheduledJob
from sfm.runs import events, queue, scheduled_jobs
from sfm.runs.context import RunContext
from sfm.runs.errors import DatabaseTrouble, Pause, Postponed
from sfm.runs.jobs import JOBS, Job, function_of, scheduled, with_runs
from sfm.runs.transactions import unit_of_work

logger = logging.getLogger(__name__)

LONGEST_PAUSE = timedelta(days=32)  # until the next month
MAX_WAITING_RUNS = 2  # runs of one job in the queue


def queue_due(names: Collection[str] | None = None, *, recover_silent: bool = True) -> int:
    """Recover stale runs, then queue a run for each slot that is due; how many were queued.

    For the leader only. Commits. Taking a slot and queueing its run are one transaction, so that
    each slot has one run. Without `recover_silent`, runs are recovered only whose process has
    certainly ended; with `names`, only these jobs are queued.
    """
    queue.recover_stale(silent_too=recover_silent)
    _resume_paused()
    due = (job for job in _due_jobs() if job.has_runs)
    return sum(_queue(job) for job in due if names is None or job.name in names)


def _due_jobs() -> list[Job]:
    now = clock.now()
    rows = {row.name: row for row in db.session.scalars(select(ScheduledJob))}
    due = [job for job in scheduled() if scheduled_jobs.is_due(job, rows.get(job.name), now)]
    db.session.rollback()
    return due


def _queue(job: Job) -> int:
    def take() -> bool:
        slot = scheduled_jobs.take_slot(job, clock.now())
        if slot is None or _has_enough_waiting(job):
            return False
        key = f"{job.name}@{clock.iso(slot)}"
        return queue.enqueue(job.name, slot=key, origin="schedule") is not None

    return int(unit_of_work(take))


def _has_enough_waiting(job: Job) -> bool:
    """Whether no further run of the job is to be queued: one is paused, or two are waiting."""
    open_runs = select(Run.state, Run.params).where(
        Run.kind == job.name, Run.state.in_(("queued", "paused"))
    )
    states = [row.state for row in db.session.execute(open_runs) if not row.params]
    return "paused" in states or len(states) >= MAX_WAITING_RUNS


def _resume_paused() -> None:
    """Queue paused runs again whose `not_before` has come; end those that only a command carries
    out, whose command has ended. Commits."""
    ready = (
        Run.state == "paused",
        has_come(Run.not_before, LONGEST_PAUSE),
        Run.kind.in_(with_runs()),
    )
    left = (Run.state.in_(("paused", "queued")), Run.kind.not_in(with_runs()))
    if not db.session.scalar(select(func.count()).where(or_(and_(*ready), and_(*left)))):
        db.session.rollback()
        return

    def requeue() -> None:
        db.session.execute(update(Run).where(*ready).values(state="queued", message=""))
        ended = {"state": "failed", "message": queue.COMMAND_ENDED, "finished_at": clock.now()}
        db.session.execute(update(Run).where(*left).values(ended))

    unit_of_work(requeue)


def run_frequent_jobs() -> int:
    """Execute the due jobs that have no runs; how many. For the leader only. Commits."""
    count = 0
    for job in _due_jobs():
        if job.has_runs:
            continue
        if unit_of_work(partial(scheduled_jobs.take_slot, job, clock.now())):
            _run_frequent_job(job)
            count += 1
    return count


def _run_frequent_job(job: Job) -> None:
    started, outcome = clock.now(), "finished"
    try:
        function_of(job.name)()
    except SfmError as exc:
        outcome = exc.message
        logger.warning("job failed name=%s reason=%s", job.name, exc.message)
    except Exception:  # an error in one must not stop the others
        outcome = queue.UNEXPECTED
        logger.exception("job failed unexpectedly name=%s", job.name)
    db.session.rollback()
    begin_write()
    done = {"last_started_at": started, "last_finished_at": clock.now(), "last_outcome": outcome}
    db.session.execute(update(ScheduledJob).where(ScheduledJob.name == job.name).values(done))
    db.session.commit()


def work_once(carry_out: Callable[[RunContext], object] | None = None) -> bool:
    """Claim one queued run and execute it to its end; False where none was waiting.

    `carry_out` does it for jobs that are to run apart; else all run in this process.
    """
    run = queue.claim(with_runs())
    if run is None:
        return False
    logger.info("run begun run=%d kind=%s", run.id, run.kind)
    if carry_out is not None and JOBS[run.kind].apart:
        carry_out(run)
    else:
        execute(run)
    return True


def execute(run: RunContext) -> None:
    """Execute a run that this process has begun to its end, whatever that is. Commits."""
    try:
        with queue.finish(run) as result:
            result.update(function_of(run.kind)(run) or {})
    except Pause as exc:
        _record_pause(run, exc)
        return
    except SfmError as exc:
        logger.warning("run ended early run=%d kind=%s reason=%s", run.id, run.kind, exc.message)
    except Exception:  # the run is recorded as failed; the worker goes on with the next
        logger.exception("run failed unexpectedly run=%d kind=%s", run.id, run.kind)
    _record_end(run)


def _record_pause(run: RunContext, exc: Pause) -> None:
    logger.warning("run paused run=%d kind=%s reason=%s", run.id, run.kind, exc.message)
    begin_write()
    events.open_pause(run.kind, exc.message)
    db.session.commit()


def _record_end(run: RunContext) -> None:
    try:
        unit_of_work(lambda: events.close_pause(run.kind))
    except (SQLAlchemyError, Postponed, DatabaseTrouble):  # the database may be what ended the run
        logger.exception("the end of a pause could not be noted kind=%s", run.kind)
