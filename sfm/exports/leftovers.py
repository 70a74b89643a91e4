"""What killed exports left behind, and no living process owns: tidied away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sfm import clock
from sfm.exports import writing
from sfm.exports.storage import exports_folder, work_folder_of
from sfm.output_file import FILES, PART, remove

logger = logging.getLogger(__name__)

AT_ONCE = "at-once-"  # folders of small exports, made while their reader waits
LEFT_AFTER = timedelta(hours=1)  # a process may have made a folder, and not yet its lock


def remove_leftovers() -> int:
    """Remove half-written exports and work folders that nobody writes any more; how many.

    Only what has not changed for an hour, and whose lock nobody holds.
    """
    root = exports_folder()
    parts = writing.being_written(root)
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
    yield from root.rglob(f"*{PART}{FILES}")


def _is_old(path: Path) -> bool:
    """Whether nothing of it has changed for an hour."""
    try:
        changed = max(one.stat().st_mtime for one in (path, *path.rglob("*")))
    except FileNotFoundError:
        return False  # somebody is at it
    return changed < (clock.now() - LEFT_AFTER).timestamp()


def _remove(path: Path) -> None:
    """Its lock's file too, which says that what lies there is ours, when no more of it does."""
    remove(path)
    part = path.with_name(path.name.removesuffix(FILES))
    if not part.exists() and not work_folder_of(part).exists():
        writing.lock_of(part).unlink(missing_ok=True)
