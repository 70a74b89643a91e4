"""Old runs and errors taken off the record by an administrator. Flush only; the caller commits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from sfm import audit
from sfm.database import db
from sfm.errors import WrongInput
from sfm.models import Run, RunError


def delete_runs(run_ids: Sequence[int]) -> int:
    """Delete these runs with their errors; how many. What they brought stays. Raises WrongInput.

    Only what is over can go; nothing does where one of them is not.
    """
    found = db.session.scalars(select(Run).where(Run.id.in_(run_ids)).order_by(Run.id)).all()
    open_ones = [run.id for run in found if run.is_open]
    if open_ones:
        raise WrongInput(f"Job {open_ones[0]} is not over. Cancel it first.")
    for run in found:
        before = {"kind": run.kind, "state": run.state, "added": run.added}
        audit.record("run.deleted", kind="run", subject_id=run.id, before=before)
    db.session.flush()
    db.session.execute(delete(Run).where(Run.id.in_([run.id for run in found])))
    return len(found)


def delete_errors(error_ids: Sequence[int]) -> int:
    """Delete these errors of runs; how many. One entry in the audit log for each."""
    found = db.session.scalars(select(RunError).where(RunError.id.in_(error_ids))).all()
    for error in found:
        before = {"run": error.run_id, "reason": error.reason}
        audit.record(
            "run_error.deleted", kind="run_error", subject_id=error.id, subject=error.subject,
            before=before,
        )  # fmt: skip
    db.session.flush()
    db.session.execute(delete(RunError).where(RunError.id.in_([one.id for one in found])))
    return len(found)
