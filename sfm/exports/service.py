"""Exports that people ask for: queued, agreed to, made, kept for a while, downloaded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.exports.build import is_current
from sfm.exports.format import Layout, layout_from
from sfm.exports.quota import COUNTED, DELETED, DOWNLOADED, whole_tweets_today
from sfm.exports.request import Criteria, criteria_from
from sfm.exports.result import About, ExportRequest, ExportResult
from sfm.exports.rights import check_rights
from sfm.exports.selection import located
from sfm.exports.storage import remove_files, slug
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import ExportFile, User
from sfm.runs import queue
from sfm.runs.jobs import EXPORT


def request_of(
    criteria: Criteria,
    layout: Layout,
    *,
    asked_by: str,
    reader_id: int | None,
    number: int | None = None,
    restarts: int = 0,
) -> ExportRequest:
    """The order, with what this installation says of itself, and where its files are now.

    `reader_id` is whose rights count, at this moment; None for the command line. Raises NotFound
    for a set or stream files that are gone or are not that person's any more.
    """
    if reader_id is not None:
        check_rights(reader_id, criteria)
    branding = settings().branding
    about = About(
        asked_by=asked_by,
        institution=str(branding.get("institution") or ""),
        address=str(branding.get("url") or ""),
        number=number,
        restarts=restarts,
    )
    return ExportRequest(located(criteria), layout, about, settings().export_min_free_mb, reader_id)


def request_for(export: ExportFile) -> ExportRequest:
    """The order of an export that was asked for; its own file of an earlier start is replaced."""
    order = request_of(
        criteria_from(export.criteria),
        layout_from(export.layout),
        asked_by=export.owner.username,
        reader_id=export.owner_id,
        number=export.id,
        restarts=export.restarts,
    )
    return replace(order, replaces_target=True)


def file_name(criteria: Criteria, layout: Layout, number: int) -> str:
    """The name of the file: letters, digits and hyphens of the title, the number, the ending."""
    suffix = ".zip" if layout.packing in ("zip", "bag") else layout.kind.suffix
    if layout.packing == "gzip":
        suffix += ".gz"
    return f"{slug(criteria.title)}-{number}{suffix}"


def ask(owner: User, criteria: Criteria, layout: Layout, *, rows: int) -> ExportFile:
    """An export for this person, queued as a run. Flushed.

    `rows` is how many tweets it is expected to have. Over the daily number it waits for a
    superuser. Raises WrongInput for a Parquet export that is not packed.
    """
    if layout.format == "parquet" and layout.packing not in ("zip", "bag"):
        raise WrongInput(Message("Parquet is a folder of files: choose a zip or a bag."))
    waits = needs_agreement(owner, layout, rows)
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
    if waits:
        export.state = "asked"
    else:
        enqueue(export)
    audit.record(
        "export.asked",
        kind="export",
        subject_id=export.id,
        subject=export.title,
        after={"rows": rows, "format": layout.format, "state": export.state},
    )
    return export


def needs_agreement(owner: User, layout: Layout, rows: int) -> bool:
    """Whether a superuser must agree: over the daily number of whole tweets, today included."""
    limit = settings().export_daily_rows
    if not limit or owner.is_superuser or not layout.kind.hydrated:
        return False
    return whole_tweets_today(owner) + rows > limit


def decide(export: ExportFile, by: User, *, agreed: bool) -> None:
    """A superuser's word on an export that waits for it. Raises WrongInput if it does not."""
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


def finish(export: ExportFile, product: ExportResult) -> bool:
    """Write down that an export is ready. Only now that the file has its name; after `begin_write`.

    False, and nothing is written, where posts were removed for good since it was read: it has to
    be made again. Flushed.
    """
    if not is_current(product):
        return False
    facts = product.facts
    export.state = "ready"
    export.message = ""
    export.size_bytes, export.sha256 = product.size_bytes, product.sha256
    export.rows_read, export.rows_written = facts.rows_read, facts.rows_written
    export.left_out, export.changes = facts.left_out, facts.changes
    export.warnings = list(facts.warnings)
    export.ready_at = clock.now()
    export.expires_at = export.ready_at + timedelta(days=settings().export_keep_days)
    db.session.flush()
    return True


def fail(export: ExportFile, message: str) -> None:
    """Write down why there is no file."""
    export.state, export.message = "failed", message
    db.session.flush()


def find(reader: User, export_id: int) -> ExportFile:
    """An export that this person may see: their own; a superuser's are all. Raises NotFound."""
    theirs = reader.may_see(ExportFile.owner_id)
    wanted = select(ExportFile).where(ExportFile.id == export_id, theirs)
    export = db.session.scalar(wanted)
    if export is None:
        raise NotFound(Message("There is no such export, or it belongs to somebody else."))
    return export


def listed(reader: User, *, before_id: int | None = None, limit: int = 50) -> list[ExportFile]:
    """The exports a person may see, newest first; further ones before a number."""
    theirs = reader.may_see(ExportFile.owner_id)
    wanted = select(ExportFile).where(theirs).order_by(ExportFile.id.desc()).limit(limit)
    if before_id is not None:
        wanted = wanted.where(ExportFile.id < before_id)
    return list(db.session.scalars(wanted))


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


def record_direct_download(criteria: Criteria, layout: Layout, product: ExportResult) -> None:
    """Put a file that was made and sent at once into the audit log."""
    audit.record(
        DOWNLOADED,
        kind="export",
        subject=criteria.title,
        after={
            "format": layout.format,
            "rows": product.facts.rows_written,
            "sha256": product.sha256,
        },
    )


def remove(export: ExportFile) -> None:
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
    """Write down as failed what counts as queued and is made by nobody; how many. Flushed."""
    queued = db.session.scalars(select(ExportFile).where(ExportFile.state == "queued")).all()
    abandoned = [(export, why) for export in queued if (why := describe_failure(export))]
    for export, why in abandoned:
        fail(export, why)
    return len(abandoned)


def make_again(export: ExportFile) -> None:
    """Have an export that failed made again, as it was asked for. Flushed.

    It counts as one of today, and waits for a superuser where a new one would, unless one has
    agreed already. Raises WrongInput for one that did not fail.
    """
    if not describe_failure(export):
        raise WrongInput(
            Message("Only an export that failed can be made again. Ask for a new one.")
        )
    fail(export, "")
    rows = export.rows_expected or 0
    agreed = export.decided_by_id is not None
    if not agreed and needs_agreement(export.owner, layout_from(export.layout), rows):
        export.state = "asked"
    else:
        enqueue(export)
    export.created_at = clock.now()
    audit.record(
        "export.asked_again",
        kind="export",
        subject_id=export.id,
        subject=export.title,
        after={"state": export.state},
    )
    db.session.flush()
