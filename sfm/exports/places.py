"""Files on their way: `.part` until they are whole, then synced, renamed, and only then told of."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sfm.errors import WrongInput
from sfm.wholefile import sync

PART = ".part"
LONGEST_SLUG = 60


@contextmanager
def part_of(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """The place to write to before `target`; renamed when the `with` ends well, else removed.

    Raises WrongInput where another process is writing it, or where the folder cannot be used. What
    a killed process left there is removed first.
    """
    part = target.with_name(target.name + PART)
    lock = _lock(part)
    try:
        _remove(part)
        if folder:
            part.mkdir(mode=0o700)
        yield part
        _into_place(part, target)
    finally:
        _remove(part)
        _unlock(lock, part)


@contextmanager
def work_folder(part: Path) -> Iterator[Path]:
    """A folder beside a part file, for what is packed into it; removed at the end."""
    folder = part.with_name(part.name + ".files")
    _remove(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        _remove(folder)


def _lock(part: Path) -> int:
    """A lock file beside it, held as long as this process lives."""
    path = part.with_name(f".{part.name}.lock")
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise WrongInput(
            f"{part.parent} cannot be written to ({exc.strerror}). Name another place."
        ) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(lock)
        raise WrongInput(
            f"Another export is writing {part.name.removesuffix(PART)} at this moment. Wait, or "
            "name another file."
        ) from exc
    return lock


def _unlock(lock: int, part: Path) -> None:
    part.with_name(f".{part.name}.lock").unlink(missing_ok=True)
    os.close(lock)


def _into_place(part: Path, target: Path) -> None:
    if part.is_dir():
        sync_tree(part)
        if target.is_dir():
            shutil.rmtree(target)
    else:
        sync(part)
    os.replace(part, target)
    sync(target.parent)


def sync_tree(folder: Path) -> None:
    """The same for all files and folders below."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def slug(text: str) -> str:
    """A piece of a file name out of any text: a-z, 0-9 and hyphens; never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_SLUG].strip("-")
    return kept or "tweets"
