"""Exports that users request: queued, approved, made, kept for some days, downloaded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.exports import selection
from sfm.exports.build import is_unaffected_by_removals
from sfm.exports.format import Layout, layout_from
from sfm.exports.quota import COUNTED, DELETED, DOWNLOADED, count_full_posts_today
from sfm.exports.readers import database
from sfm.exports.readers.id_list import read_ids
from sfm.exports.request import Criteria, ExportRequest, criteria_from, prepare
from sfm.exports.result import ExportResult
from sfm.exports.storage import remove_files, slug
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import ExportFile, User
from sfm.runs import queue
from sfm.runs.jobs import EXPORT


def request_of_export(export: ExportFile) -> ExportRequest:
    """The request of a stored export; its own file of an earlier start is replaced."""
    request = prepare(
        criteria_from(export.criteria),
        layout_from(export.layout),
        asked_by=export.owner.username,
        reader_id=export.owner_id,
        number=export.id,
        restarts=export.restarts,
    )
    return replace(request, replaces_target=True)


def file_name(criteria: Criteria, layout: Layout, number: int) -> str:
    """The name of the file: letters, digits and hyphens of the title, the number, the ending."""
    suffix = ".zip" if layout.packing in ("zip", "bag") else layout.kind.suffix
    if layout.packing == "gzip":
        suffix += ".gz"
    return f"{slug(criteria.title)}-{number}{suffix}"


def create_export(owner: User, criteria: Criteria, layout: Layout, *, rows: int) -> ExportFile:
    """A new export of this user, queued as a run. Flushed.

    `rows` is how many posts it is expected to have. Over the daily number it waits for a
    superuser. Raises WrongInput for a Parquet export that is not packed.
    """
    if layout.format == "parquet" and layout.packing not in ("zip", "bag"):
        raise WrongInput(Message("Parquet is a folder of files: choose a zip or a bag."))
    waits = needs_approval(owner, layout, rows)
    export = ExportFile(
        owner_id=owner.id,
        title=criteria.title,
        criteria=criteria.as_json(),
        layout=layout.as_json(),
        rows_expected=rows,
    )
    db.session.add(export)
    db.session.flush()
    export.file_name = file_name(criteria, layout, export.id)
    _enqueue_or_ask(export, waits=waits)
    _record("export.asked", export, {"rows": rows, "format": layout.format, "state": export.state})
    return export


def _enqueue_or_ask(export: ExportFile, *, waits: bool) -> None:
    """`waits`: a superuser has to agree first."""
    if waits:
        export.state = "asked"
    else:
        enqueue(export)


def _record(action: str, export: ExportFile, after: dict[str, Any]) -> None:
    audit.record(action, kind="export", subject_id=export.id, subject=export.title, after=after)


MAX_COUNTED = 100_000


def count_expected(criteria: Criteria) -> int:
    """How many posts it will have; exact where a daily number is set, else up to 100,000."""
    if criteria.source == "ids":
        rows = len(read_ids(Path(criteria.ids_file)).ids)
    elif criteria.source == "files":
        rows = selection.count_lines(criteria.stream_files)
    else:
        limit = None if settings().export_daily_rows else MAX_COUNTED
        rows = database.count_matching(criteria, limit)
    return rows if criteria.sample is None else min(rows, criteria.sample)


def needs_approval(owner: User, layout: Layout, rows: int) -> bool:
    """Whether a superuser must agree: over the daily number of whole posts, today included."""
    limit = settings().export_daily_rows
    if not limit or owner.is_superuser or not layout.kind.hydrated:
        return False
    return count_full_posts_today(owner) + rows > limit


def record_decision(export: ExportFile, by: User, *, agreed: bool) -> None:
    """Record a superuser's approval or refusal. Flushed. Raises WrongInput for one that waits for
    none."""
    if export.state != "asked":
        raise WrongInput(Message("This export does not wait for anybody's word."))
    export.decided_by_id, export.decided_at = by.id, clock.now()
    if agreed:
        enqueue(export)
    else:
        export.state = "refused"
    audit.record(
        "export.agreed" if agreed else "export.refused",
        kind="export",
        subject_id=export.id,
        subject=export.title,
    )
    db.session.flush()


def enqueue(export: ExportFile) -> None:
    """Have an export made as a run. Flushed."""
    export.state = "queued"
    run = queue.enqueue(EXPORT, params={"export_id": export.id}, requested_by_id=export.owner_id)
    export.run_id = run.id if run else None
    db.session.flush()


def mark_ready(export: ExportFile, result: ExportResult) -> bool:
    """Mark an export as ready, once its file has its name; after `begin_write`.

    False, and nothing is written, where posts were removed for good since it was read: it has to
    be made again. Flushed.
    """
    if not is_unaffected_by_removals(result):
        return False
    facts = result.facts
    export.state = "ready"
    export.message = ""
    export.size_bytes, export.sha256 = result.size_bytes, result.sha256
    export.rows_read, export.rows_written = facts.rows_read, facts.rows_written
    export.left_out, export.changes = facts.left_out, facts.changes
    export.warnings = list(facts.warnings)
    export.ready_at = clock.now()
    export.expires_at = export.ready_at + timedelta(days=settings().export_keep_days)
    db.session.flush()
    return True


def mark_failed(export: ExportFile, message: str) -> None:
    """Mark an export as failed, with why. Flushed."""
    export.state, export.message = "failed", message
    db.session.flush()


def find(reader: User, export_id: int) -> ExportFile:
    """An export that this person may see: their own; a superuser's are all. Raises NotFound."""
    is_visible = reader.may_see(ExportFile.owner_id)
    query = select(ExportFile).where(ExportFile.id == export_id, is_visible)
    export = db.session.scalar(query)
    if export is None:
        raise NotFound(Message("There is no such export, or it belongs to somebody else."))
    return export


def visible_exports(
    reader: User, *, before_id: int | None = None, limit: int = 50
) -> list[ExportFile]:
    """The exports a person may see, newest first; further ones before a number."""
    is_visible = reader.may_see(ExportFile.owner_id)
    query = select(ExportFile).where(is_visible).order_by(ExportFile.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(ExportFile.id < before_id)
    return list(db.session.scalars(query))


def record_download(export: ExportFile) -> None:
    """Count a download, and put it into the audit log."""
    export.downloads += 1
    audit.record(
        DOWNLOADED,
        kind="export",
        subject_id=export.id,
        subject=export.title,
        after={"file": export.file_name, "rows": export.rows_written, "sha256": export.sha256},
    )


def record_direct_download(criteria: Criteria, layout: Layout, result: ExportResult) -> None:
    """Put a file that was made and sent at once into the audit log."""
    audit.record(
        DOWNLOADED,
        kind="export",
        subject=criteria.title,
        after={
            "format": layout.format,
            "rows": result.facts.rows_written,
            "sha256": result.sha256,
        },
    )


def delete_export(export: ExportFile) -> None:
    """Delete an export that is not under way, its file included. Raises WrongInput if it is."""
    if export.state == "queued" and export.run and export.run.is_open:
        raise WrongInput(Message("This export is being made. Cancel its run first."))
    rows = export.rows_expected if export.rows_written is None else export.rows_written
    audit.record(
        DELETED,
        kind="export",
        subject_id=export.id,
        subject=export.title,
        after={
            "owner_id": export.owner_id,
            "asked_at": clock.iso(export.created_at),
            "format": export.layout["format"],
            "rows": (rows or 0) if export.state in COUNTED else 0,
        },
    )
    remove_files(export)
    db.session.delete(export)
    db.session.flush()


INTERRUPTED = Message("It was interrupted before it was done, and is not made any more.")


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
    """Mark queued exports without a run that makes them as failed; how many. Flushed."""
    queued = db.session.scalars(select(ExportFile).where(ExportFile.state == "queued")).all()
    abandoned = [(export, why) for export in queued if (why := describe_failure(export))]
    for export, why in abandoned:
        mark_failed(export, why)
    return len(abandoned)


def retry(export: ExportFile) -> None:
    """Have an export that failed made again, as it was asked for. Flushed.

    It counts as one of today, and waits for a superuser where a new one would, unless one has
    agreed already. Raises WrongInput for one that did not fail.
    """
    if not describe_failure(export):
        raise WrongInput(
            Message("Only an export that failed can be made again. Ask for a new one.")
        )
    mark_failed(export, "")
    rows = export.rows_expected or 0
    agreed = export.decided_by_id is not None
    waits = not agreed and needs_approval(export.owner, layout_from(export.layout), rows)
    _enqueue_or_ask(export, waits=waits)
    export.created_at = clock.now()
    _record("export.asked_again", export, {"state": export.state})
    db.session.flush()
