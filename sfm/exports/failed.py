"""Exports that came to nothing: told, written down, and made again."""

from __future__ import annotations

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import db
from sfm.errors import WrongInput
from sfm.exports import service
from sfm.exports.format import layout_from
from sfm.models import ExportFile

INTERRUPTED = "It was interrupted before it was done, and is not made any more."


def describe_failure(export: ExportFile) -> str:
    """Why there is no file and none will come, in a sentence; empty for any other export.

    So for one that still counts as queued, but whose run ended badly or is gone.
    """
    if export.state == "failed":
        return export.message or INTERRUPTED
    if export.state != "queued" or (export.run and export.run.state not in ("failed", "cancelled")):
        return ""
    return (export.run.message if export.run else "") or INTERRUPTED


def fail_abandoned() -> int:
    """Write down as failed what counts as queued and is made by nobody; how many. Flushed."""
    queued = db.session.scalars(select(ExportFile).where(ExportFile.state == "queued")).all()
    abandoned = [(export, why) for export in queued if (why := describe_failure(export))]
    for export, why in abandoned:
        service.fail(export, why)
    return len(abandoned)


def make_again(export: ExportFile) -> None:
    """Have an export that failed made again, as it was asked for. Flushed.

    It counts as one of today, and waits for a superuser where a new one would, unless one has
    agreed already. Raises WrongInput for one that did not fail.
    """
    if not describe_failure(export):
        raise WrongInput("Only an export that failed can be made again. Ask for a new one.")
    service.fail(export, "")
    rows = export.rows_expected or 0
    agreed = export.decided_by_id is not None
    if not agreed and service.needs_agreement(export.owner, layout_from(export.layout), rows):
        export.state = "asked"
    else:
        service.enqueue(export)
    export.created_at = clock.now()
    audit.record(
        "export.asked_again",
        kind="export",
        subject_id=export.id,
        subject=export.title,
        after={"state": export.state},
    )
    db.session.flush()
