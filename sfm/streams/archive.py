"""Moves finished stream files into `<prefix>/<year>/<month>/<day>/<hour>/`, by the UTC time in
their names, and keeps the manifest true."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from sfm import clock
from sfm.atomic_file import sha256_of, sync
from sfm.database import begin_write, db
from sfm.messages import Message
from sfm.models import StreamFile
from sfm.streams import file_names
from sfm.streams.errors import StorageTrouble, trouble
from sfm.streams.file_names import FileName

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MovedFile:
    """One file and where it is now, or why it is not."""

    name: str
    target: Path
    problem: str = ""


def organize(folder: Path, root: Path, interval_seconds: float) -> Iterator[MovedFile]:
    """Move sealed files that were begun more than two intervals ago. Commits after each.

    A file whose place is taken by another stays where it is, and is named.
    """
    before = clock.now() - timedelta(seconds=2 * interval_seconds)
    for path in sorted(folder.glob("*Z.gz")):
        name = file_names.parse(path.name)
        if name is None or name.begun_at > before or path.is_symlink():
            continue
        target = target_of(folder, name) / path.name
        try:
            move(path, target)
        except StorageTrouble as exc:
            logger.error("stream file not moved file=%s why=%s", path.name, exc.message)
            yield MovedFile(path.name, target, exc.message)
            continue
        update_manifest(root, path, target)
        yield MovedFile(path.name, target)


def target_of(folder: Path, name: FileName) -> Path:
    """The folder where a file of this name belongs."""
    return folder / name.prefix / f"{name.begun_at:%Y/%m/%d/%H}"


def move(path: Path, target: Path) -> None:
    """Move by rename; onto another disk by a copy that is compared before the original goes.

    Never writes over a file: one with the same content is the result of a move that was cut
    short, and then only the original goes. Raises StorageTrouble.
    """
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            if sha256_of(target) != sha256_of(path):
                raise StorageTrouble(
                    "broken", Message("There is another file at %(target)s already.", target=target)
                )
        elif path.stat().st_dev == target.parent.stat().st_dev:
            path.rename(target)
            sync(target.parent)
            sync(path.parent)
            return
        else:
            copy_and_compare(path, target)
        path.unlink()
        sync(path.parent)
    except OSError as exc:
        raise trouble(exc) from exc


def copy_and_compare(path: Path, target: Path) -> None:
    """A synced copy under its last name, once it is known to be the same. Raises OSError."""
    aside = target.with_name(target.name + ".copy")
    try:
        with path.open("rb") as source, aside.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)
            copy.flush()
            os.fsync(copy.fileno())
        aside.chmod(0o600)
        if sha256_of(aside) != sha256_of(path):
            raise StorageTrouble(
                "broken",
                Message("The copy of %(name)s is not the same; it was left.", name=path.name),
            )
        aside.rename(target)
        sync(target.parent)
    finally:
        aside.unlink(missing_ok=True)


def update_manifest(root: Path, path: Path, target: Path) -> bool:
    """The row of a file that was moved follows it; whether there was one. Commits.

    A row that is missing is made by `files.catch_up`.
    """
    try:
        old = path.resolve().relative_to(root.resolve()).as_posix()
        new = target.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return False
    begin_write()
    row = db.session.scalar(select(StreamFile).where(StreamFile.path == old))
    if row is not None:
        row.path = new
    db.session.commit()
    return row is not None
