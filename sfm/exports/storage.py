"""Where finished exports lie, and what is tidied away there."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.extensions import settings
from sfm.models import ExportFile

logger = logging.getLogger(__name__)


def exports_folder() -> Path:
    """The folder of exports, made private at the first call."""
    folder = settings().data_folder / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def folder_of(export_id: int) -> Path:
    """The folder of one export, made at the first call."""
    folder = exports_folder() / str(export_id)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def file_of(export: ExportFile) -> Path | None:
    """The finished file, None where it is not there (any more)."""
    if export.state != "ready" or not export.file_name:
        return None
    path = exports_folder() / str(export.id) / export.file_name
    return path if path.is_file() else None


def expire() -> int:
    """Remove the files of exports whose time is over; how many. Flushes; the caller commits."""
    over = db.session.scalars(
        select(ExportFile).where(ExportFile.state == "ready", ExportFile.expires_at <= clock.now())
    ).all()
    for export in over:
        remove_files(export)
        export.state = "expired"
    db.session.flush()
    if over:
        logger.info("exports expired count=%d", len(over))
    return len(over)


def lists_folder() -> Path:
    """Where lists of ids lie that were sent along, made at the first call."""
    folder = exports_folder() / "lists"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def remove_files(export: ExportFile) -> None:
    """Remove all that is kept for one export: its folder, and the list of ids it was asked by."""
    shutil.rmtree(exports_folder() / str(export.id), ignore_errors=True)
    listed = str(export.criteria.get("ids_file") or "")
    if listed and Path(listed).parent == lists_folder():
        Path(listed).unlink(missing_ok=True)
