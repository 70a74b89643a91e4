"""What exports need from time to time: those due again made, those whose time is over removed."""

from __future__ import annotations

from typing import Any

from sfm.database import begin_write, db
from sfm.exports import failed, recurring, storage
from sfm.exports.leftovers import remove_leftovers
from sfm.runs.context import RunContext


def tidy_exports(run: RunContext) -> dict[str, Any]:
    """Make the recurring exports that are due, remove expired files and what killed exports left,
    and write down as failed what nobody makes any more. Commits."""
    begin_write()
    expired = storage.expire()
    failed.fail_abandoned()
    db.session.commit()
    leftovers = remove_leftovers()
    waiting = recurring.due()
    db.session.rollback()
    run.show(total=len(waiting))
    made = 0
    for number in waiting:
        run.check()
        well = recurring.make_one(number, lambda _done, _total: run.check())
        made += well
        run.advance(1, well)
    return {"expired": expired, "made": made, "leftovers": leftovers}
