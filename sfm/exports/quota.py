"""How many full posts a user has exported today, deleted exports included."""

from __future__ import annotations

from datetime import datetime, time

from sqlalchemy import func, select

from sfm import clock
from sfm.database import db
from sfm.exports.format import FORMATS
from sfm.models import AuditEntry, ExportFile, User

COUNTED = ("queued", "ready", "expired")  # towards the daily number
DOWNLOADED, DELETED = "export.downloaded", "export.deleted"


def count_full_posts_today(owner: User) -> int:
    """How many full posts a user has exported, or has queued, this UTC day.

    Small files of an account's address count each time, exports that were deleted go on counting:
    of these the audit log knows.
    """
    midnight = datetime.combine(clock.now().date(), time(), clock.now().tzinfo)
    exports = db.session.execute(
        select(ExportFile.layout, func.coalesce(ExportFile.rows_written, ExportFile.rows_expected))
        .where(ExportFile.owner_id == owner.id, ExportFile.created_at >= midnight)
        .where(ExportFile.state.in_(COUNTED))
    )
    entries = db.session.execute(
        select(
            AuditEntry.action, AuditEntry.subject_id, AuditEntry.actor_id, AuditEntry.after
        ).where(AuditEntry.at >= midnight, AuditEntry.action.in_((DOWNLOADED, DELETED)))
    )
    rows = [(layout["format"], count or 0) for layout, count in exports]
    for action, export_id, actor_id, after in entries:
        direct = action == DOWNLOADED and not export_id and actor_id == owner.id
        deleted = action == DELETED and after.get("owner_id") == owner.id
        if direct or (deleted and after["asked_at"] >= clock.iso(midnight)):
            rows.append((after["format"], after["rows"]))
    return sum(count for format, count in rows if FORMATS[format].hydrated)
