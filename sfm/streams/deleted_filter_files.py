"""Seals the growing files of deleted filters that a killed collector left: no collector does."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import select

from sfm.database import begin_write, db
from sfm.models import TwitterFilter
from sfm.streams import file_names, repair
from sfm.streams.errors import AnotherCollector
from sfm.streams.gap_fill_files import adopt_left
from sfm.streams.lock import StreamLock
from sfm.streams.manifest import record_file
from sfm.streams.removed_posts import RemovedPosts
from sfm.streams.sealing import FileFacts

logger = logging.getLogger(__name__)


def seal_files_of_deleted_filters(root: Path, run_folder: Path) -> int:
    """Seal these files and write them into the manifest without a filter; how many. Commits.

    Posts that were removed for good are left out. Only superusers see these files. One that a
    process still writes is left for another time.
    """
    return sum(_seal(root, run_folder, prefix) for prefix in _prefixes(root))


def _prefixes(root: Path) -> list[str]:
    growing = {
        name.prefix
        for path in root.glob(f"*{file_names.OPEN}")
        if (name := file_names.parse(path.name))
    }
    present = {
        file_names.filter_prefix(number) for number in db.session.scalars(select(TwitterFilter.id))
    }
    db.session.rollback()
    return sorted(
        prefix for prefix in growing - present if file_names.filter_of(prefix) is not None
    )


def _seal(root: Path, run_folder: Path, prefix: str) -> int:
    sealed: list[tuple[Path, FileFacts]] = []

    def remember(path: Path, facts: FileFacts) -> None:
        sealed.append((path, facts))

    try:
        lock = StreamLock(run_folder, prefix)
    except (AnotherCollector, OSError) as exc:
        logger.warning("files of a deleted filter left growing prefix=%s why=%s", prefix, exc)
        return 0
    try:
        removed = RemovedPosts()
        removed.refresh()
        repair.adopt(root, prefix, on_sealed=remember, removed=removed.posts)
        adopt_left(root, run_folder, prefix, remember, removed.posts)
    finally:
        lock.release()
    begin_write()
    for path, facts in sealed:
        record_file(root, path, facts)
    db.session.commit()
    return len(sealed)
