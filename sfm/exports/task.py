"""Carries out an export as a run: progress on its row, begun again from the start after a kill."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sfm import clock
from sfm.database import begin_write, db
from sfm.errors import SfmError, WrongInput
from sfm.exports import service
from sfm.exports.build import MAX_TRIES, TOO_MANY_REMOVALS, Watch, build_export, no_watch
from sfm.exports.errors import FileGone
from sfm.exports.request import ExportRequest
from sfm.exports.result import ExportResult
from sfm.exports.storage import folder_of
from sfm.exports.worker_process import build_in_process
from sfm.messages import Message
from sfm.models import ExportFile
from sfm.runs import queue
from sfm.runs.context import RunContext
from sfm.runs.errors import Cancelled, Interrupted, LeaseLost, Postponed
from sfm.runs.jobs import EXPORT

Maker = Callable[[ExportRequest, Path, Watch], ExportResult]

RESTARTED = Message("It was interrupted, and has been started again from the beginning.")


def make_at_once(run_id: int) -> None:
    """Make a small export while its reader waits, as its queued run, unless that was just begun.

    So one that is killed is found by the next look at runs, and begins again. Commits. Raises
    SfmError where it failed; one that only stopped goes on later, or was cancelled.
    """
    run = queue.claim_one(run_id, EXPORT)
    if run is None:
        return
    with suppress(Cancelled, Interrupted, LeaseLost, Postponed), queue.finish(run) as values:
        values.update(run_export(run, build_export))


def run_export(run: RunContext, maker: Maker = build_in_process) -> dict[str, Any]:
    """Make the export that the run is about; what comes back is the run's result.

    Commits: the mark of a new start, and the end. A half-written file of an earlier start is
    removed first. Raises SfmError where it failed, after having written that down.
    """
    export_id = int(run.params["export_id"])
    began_before = bool(run.cursor.get("begun"))
    if began_before:
        _mark_restart(export_id)
    run.save_cursor({"begun": True})
    run.set_status(RESTARTED if began_before else Message("Reading the posts."))

    def watch(done: int, total: int | None) -> None:
        run.check()
        if total is not None and run.progress.total is None:
            run.set_status(total=total)
        run.advance(done - run.progress.done, done - run.progress.done)

    result = make_export(export_id, watch, maker)
    return {
        "export_id": export_id,
        "rows_written": result.facts.rows_written,
        "sha256": result.sha256,
    }


def _mark_restart(export_id: int) -> None:
    begin_write()
    export = db.session.get(ExportFile, export_id)
    if export is not None:
        export.restarts += 1
        export.message = RESTARTED
    db.session.commit()


def make_export(
    export_id: int, watch: Watch = no_watch, maker: Maker = build_export
) -> ExportResult:
    """Make the file of an export and write down how it went, whatever came. Commits.

    Raises SfmError where it failed for a reason that people know, Postponed where a stream file
    was moved meanwhile: it begins again, with the place where the file is then.
    """
    try:
        export = db.session.get_one(ExportFile, export_id)
        request, name = service.request_of_export(export), export.file_name
        db.session.rollback()  # nothing of the session may be open while rows are read for long
        return _make_current(export_id, request, folder_of(export_id) / name, watch, maker)
    except (Interrupted, LeaseLost, Postponed):
        raise  # it goes on later, or elsewhere
    except FileGone as exc:
        if request.criteria.stream_files:
            raise Postponed(exc.message, clock.now()) from exc
        _write_failure(export_id, exc.message)
        raise
    except Exception as exc:
        _write_failure(export_id, _reason(exc))
        raise


def _reason(failure: Exception) -> str:
    if isinstance(failure, Cancelled):
        return "Cancelled."
    return failure.message if isinstance(failure, SfmError) else queue.UNEXPECTED


def _make_current(
    export_id: int, request: ExportRequest, target: Path, watch: Watch, maker: Maker
) -> ExportResult:
    """Make it until no post was removed for good meanwhile, and write down that it is ready."""
    for _ in range(MAX_TRIES):
        result = maker(request, target, watch)
        begin_write()
        if service.mark_ready(db.session.get_one(ExportFile, export_id), result):
            db.session.commit()
            return result
        db.session.rollback()
        target.unlink(missing_ok=True)
    raise WrongInput(TOO_MANY_REMOVALS)


def _write_failure(export_id: int, message: str) -> None:
    db.session.rollback()
    begin_write()
    service.mark_failed(db.session.get_one(ExportFile, export_id), message)
    db.session.commit()
