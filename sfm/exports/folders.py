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
        remove_folder(export.id)
        export.state = "expired"
    db.session.flush()
    if over:
        logger.info("exports expired count=%d", len(over))
    return len(over)


def remove_folder(export_id: int) -> None:
    """Remove all that lies in one export's folder."""
    shutil.rmtree(exports_folder() / str(export_id), ignore_errors=True)
