"""Where finished exports lie, and what is tidied away there."""

from __future__ import annotations

import errno
import logging
import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from sfm import atomic_file, clock
from sfm.atomic_file import FILES_SUFFIX, PART, remove_part
from sfm.database import db
from sfm.exports.errors import NoRoom
from sfm.exports.format import Layout
from sfm.extensions import settings
from sfm.messages import Message
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


def remove_expired() -> int:
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


MAX_SLUG_LENGTH = 60


@contextmanager
def work_folder(part: Path) -> Iterator[Path]:
    """A folder beside a part file, for what is packed into it; removed at the end."""
    folder = work_folder_of(part)
    remove_part(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        remove_part(folder)


def work_folder_of(part: Path) -> Path:
    """Where the files lie that are to be packed into a part file."""
    return part.with_name(part.name + FILES_SUFFIX)


def slug(text: str) -> str:
    """A piece of a file name out of any text: a-z, 0-9 and hyphens; never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9]+", "-", plain)[:MAX_SLUG_LENGTH].strip("-")
    return kept or "posts"


MEGABYTE = 1_000_000

# Bytes a row takes, generously: figures of real posts, the extended columns at three times.
_BYTES_PER_ROW = {
    "csv": 450, "tsv": 450, "xlsx": 220, "json": 4500, "v1json": 5000, "ids": 20, "parquet": 250,
}  # fmt: skip
_CLASSIC_COLUMNS = 20
_PACKED = {"none": 1.0, "gzip": 0.5, "zip": 1.5, "bag": 1.5}
_RAW_JSON_PACKED = 900


def expected_bytes(layout: Layout, rows: int) -> int:
    """What so many rows may take on the disk while they are written and packed."""
    each = _BYTES_PER_ROW[layout.format] * _PACKED[layout.packing]
    columns = len(layout.table_columns)
    if columns > _CLASSIC_COLUMNS:
        each *= min(3.0, columns / _CLASSIC_COLUMNS)
    if layout.packing == "bag":
        each += 2 * _RAW_JSON_PACKED
    return int(each * rows)


def check_disk_space(folder: Path, needed_bytes: int, keep_free_mb: int) -> None:
    """Raises NoRoom unless so much may be written and `keep_free_mb` stay free."""
    free = shutil.disk_usage(folder).free
    if free - needed_bytes < keep_free_mb * MEGABYTE:
        raise NoRoom(
            Message(
                "This export needs about %(needed_bytes)s in %(folder)s, and %(keep_free_mb)s MB "
                "must stay free; there are %(free)s. Free some room, choose fewer columns or a "
                "shorter time, or ask for ids only.",
                needed_bytes=in_mb(needed_bytes),
                folder=folder,
                keep_free_mb=keep_free_mb,
                free=in_mb(free),
            )
        )


def in_mb(size_bytes: int) -> str:
    """A size in whole megabytes, at least one."""
    return f"{max(1, round(size_bytes / MEGABYTE)):,} MB"


@contextmanager
def describe_full_disk() -> Iterator[None]:
    """Turns the system's errors of a full disk into NoRoom."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoRoom(
                Message(
                    "The disk became full while the export was written. Nothing of it is kept; "
                    "free some room and ask for it again."
                )
            ) from exc
        raise


AT_ONCE = "at-once-"  # folders of small exports, made while their reader waits
LEFTOVER_AGE = timedelta(hours=1)  # a process may have made a folder, and not yet its lock


def remove_leftovers() -> int:
    """Remove half-written exports and work folders that nobody writes any more; how many.

    Only what has not changed for an hour, and whose lock nobody holds.
    """
    root = exports_folder()
    parts = atomic_file.parts_being_written(root)
    taken = {*parts, *map(work_folder_of, parts)}
    owned = {folder for path in taken for folder in (path, *path.parents)}
    count = 0
    for path in list(_half_written(root)):
        if path not in owned and _is_old(path):
            _remove(path)
            count += 1
    if count:
        logger.info("leftovers of exports removed count=%d", count)
    return count


def _half_written(root: Path) -> Iterator[Path]:
    yield from root.glob(f"{AT_ONCE}*")
    yield from root.rglob(f"*{PART}")
    yield from root.rglob(f"*{PART}{FILES_SUFFIX}")


def _is_old(path: Path) -> bool:
    """Whether nothing of it has changed for an hour."""
    try:
        changed = max(file.stat().st_mtime for file in (path, *path.rglob("*")))
    except FileNotFoundError:
        return False  # it is being removed
    return changed < (clock.now() - LEFTOVER_AGE).timestamp()


def _remove(path: Path) -> None:
    """Its lock's file too, which says that what lies there is ours, when no more of it does."""
    remove_part(path)
    part = path.with_name(path.name.removesuffix(FILES_SUFFIX))
    if not part.exists() and not work_folder_of(part).exists():
        atomic_file.lock_path(part).unlink(missing_ok=True)
