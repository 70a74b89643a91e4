"""What people do with runs on pages: cancel, resume, retry the failed items, delete. Flush only.

Call `begin_write` first: what is read here decides what is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from sfm import audit, clock
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.messages import Message
from sfm.models import Credential, Run, RunError
from sfm.runs import events
from sfm.runs.errors import Cancelled
from sfm.runs.jobs import job_of
from sfm.runs.queue import enqueue


def cancel(run_id: int) -> Run:
    """Cancel a run; a running one stops at its next item. Raises NotFound, WrongInput."""
    run = _run(run_id)
    if run.state == "running":
        run.cancel_requested = True
    elif run.is_waiting:
        run.state, run.message = "cancelled", Cancelled().message
        run.finished_at = clock.now()
        db.session.flush()
        events.close_pause(run.kind)
    else:
        raise WrongInput(Message("This run is over already."))
    db.session.flush()
    return run


def resume(run_id: int) -> Run:
    """Queue a paused or postponed run to go on at once. Raises NotFound, WrongInput.

    Credentials without credits, which are otherwise left alone until the next UTC day, are used
    again: whoever resumes a run is taken to have bought some.
    """
    run = _run(run_id)
    if not run.is_waiting:
        raise WrongInput(Message("Only a paused run can go on."))
    if run.state == "paused":
        resting = update(Credential).where(Credential.state == "out_of_credits")
        db.session.execute(resting.values(state="unchecked", state_since=clock.now()))
    run.state, run.not_before, run.message = "queued", None, ""
    db.session.flush()
    return run


def retry_failed(run_id: int, requested_by_id: int | None = None) -> Run:
    """Queue a run of the same kind for the accounts that failed. Raises NotFound, WrongInput."""
    run = _run(run_id)
    failed = db.session.scalars(
        select(RunError.twitter_user_id)
        .where(RunError.run_id == run_id, RunError.twitter_user_id.is_not(None))
        .distinct()
        .order_by(RunError.twitter_user_id)
    ).all()
    if not failed:
        raise WrongInput(
            Message(
                "No %(items)s failed in this run, so none can be tried again.",
                items=Message(job_of(run.kind).items),
            )
        )
    params = {**run.params, "twitter_user_ids": list(failed)}
    again = enqueue(run.kind, params=params, requested_by_id=requested_by_id)
    if again is None:
        raise WrongInput(Message("This run cannot be repeated."))
    return again


def delete_runs(run_ids: Sequence[int]) -> int:
    """Delete these runs with their errors; how many. What they collected stays.

    Raises WrongInput, and deletes none, where one of them is still open.
    """
    runs = db.session.scalars(select(Run).where(Run.id.in_(run_ids)).order_by(Run.id)).all()
    open_ones = [run.id for run in runs if run.is_open]
    if open_ones:
        raise WrongInput(
            Message("Run %(number)s is not over. Cancel it first.", number=open_ones[0])
        )
    for run in runs:
        before = {"kind": run.kind, "state": run.state, "added": run.added}
        audit.record("run.deleted", kind="run", subject_id=run.id, before=before)
    db.session.flush()
    db.session.execute(delete(Run).where(Run.id.in_([run.id for run in runs])))
    return len(runs)


def delete_errors(error_ids: Sequence[int]) -> int:
    """Delete these errors of runs; how many. Adds an audit entry for each."""
    errors = db.session.scalars(select(RunError).where(RunError.id.in_(error_ids))).all()
    for error in errors:
        before = {"run": error.run_id, "reason": error.reason}
        audit.record(
            "run_error.deleted", kind="run_error", subject_id=error.id, subject=error.subject,
            before=before,
        )  # fmt: skip
    db.session.flush()
    db.session.execute(delete(RunError).where(RunError.id.in_([error.id for error in errors])))
    return len(errors)


def _run(run_id: int) -> Run:
    run = db.session.get(Run, run_id, with_for_update=True)
    if run is None:
        raise NotFound(Message("There is no such run."))
    return run
