"""Carries out an export as a run: progress on its row, begun again from the start after a kill."""

from __future__ import annotations

import sys
import time
from typing import Any

from sfm import clock
from sfm.database import begin_write, db
from sfm.errors import SfmError
from sfm.exports import service
from sfm.exports.folders import folder_of
from sfm.exports.order import Product
from sfm.exports.produce import Watch, make, no_watch
from sfm.models import ExportFile
from sfm.runs.active import ActiveRun
from sfm.runs.errors import Cancelled, Interrupted, LeaseLost, Postponed

SWITCH_SECONDS = 0.001  # Python's own is 0.005
PAUSE_TO_WORK = 3.0
LONGEST_PAUSE_SECONDS = 0.25

AGAIN = "It was interrupted, and has been started again from the beginning."


class Manners:
    """Pauses after each batch, so that pages of the same process are answered as fast as ever.

    Python lets one thread compute at a time, and hands over every few milliseconds only.
    """

    def __init__(self) -> None:
        self._worked = time.thread_time()
        sys.setswitchinterval(SWITCH_SECONDS)  # for good: it costs nothing measurable

    def let_others_go_first(self) -> None:
        """Sleep three times as long as this thread computed since the last time, 0.25 s at most."""
        worked = time.thread_time() - self._worked
        clock.sleep(min(worked * PAUSE_TO_WORK, LONGEST_PAUSE_SECONDS))
        self._worked = time.thread_time()


def carry_out(run: ActiveRun) -> dict[str, Any]:
    """Make the export that the run is about; what comes back is the run's result.

    Commits: the mark of a new start, and the end. A half-written file of an earlier start is
    removed first. Raises SfmError where it failed, after having written that down.
    """
    export_id = int(run.params["export_id"])
    began_before = bool(run.cursor.get("begun"))
    if began_before:
        _mark_restart(export_id)
    run.save_cursor({"begun": True})
    run.show(AGAIN if began_before else "Reading the tweets.")

    manners = Manners()

    def watch(done: int, total: int | None) -> None:
        run.check()
        manners.let_others_go_first()
        if total is not None and run.progress.total is None:
            run.show(total=total)
        run.advance(done - run.progress.done, done - run.progress.done)

    product = make_export(export_id, watch)
    return {
        "export_id": export_id,
        "rows_written": product.facts.rows_written,
        "sha256": product.sha256,
    }


def _mark_restart(export_id: int) -> None:
    begin_write()
    export = db.session.get(ExportFile, export_id)
    if export is not None:
        export.restarts += 1
        export.message = AGAIN
    db.session.commit()


def make_export(export_id: int, watch: Watch = no_watch) -> Product:
    """Make the file of an export and write down how it went. Commits. Raises SfmError."""
    export = db.session.get_one(ExportFile, export_id)
    order, name = service.order_for(export), export.file_name
    db.session.rollback()  # nothing of the session may be open while rows are read for long
    try:
        product = make(order, folder_of(export_id) / name, watch)
    except (Interrupted, LeaseLost, Postponed):
        raise  # it goes on later, or elsewhere
    except SfmError as exc:
        _write_failure(export_id, exc)
        raise
    begin_write()
    service.finish(db.session.get_one(ExportFile, export_id), product)
    db.session.commit()
    return product


def _write_failure(export_id: int, exc: SfmError) -> None:
    message = "Cancelled." if isinstance(exc, Cancelled) else exc.message
    begin_write()
    service.fail(db.session.get_one(ExportFile, export_id), message)
    db.session.commit()
