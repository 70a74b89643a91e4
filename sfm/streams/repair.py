"""Puts right what a killed collector left behind: before anything new is written.

A growing file is cut back to its last whole member; what is cut off is kept beside it, for nothing
behind a tear can be read by anybody. Then it is sealed. Whoever calls this holds the stream's lock.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sfm.atomic_file import sync
from sfm.removals.redact import RemovedIds
from sfm.streams import file_names
from sfm.streams.errors import StorageTrouble
from sfm.streams.gzip_members import whole_members
from sfm.streams.sealing import (
    ASIDE,
    Damaged,
    FileFacts,
    leave_out,
    read_facts,
    repack,
    repack_pays,
    seal,
)

logger = logging.getLogger(__name__)

TEAR = ".tear"


@dataclass(frozen=True)
class Repaired:
    """One file that was left growing. `path` is None where nothing whole was in it."""

    name: str
    path: Path | None
    cut_bytes: int
    facts: FileFacts | None


def adopt(
    folder: Path,
    prefix: str,
    *,
    growing: Path | None = None,
    fills: bool = False,
    on_sealed: Callable[[Path, FileFacts], None] | None = None,
    removed: RemovedIds | None = None,
) -> list[Repaired]:
    """Cut back and seal every growing file of this stream but the one that is being written.

    With `fills`, those that fill its gaps, which have another writer and another lock. The posts in
    `removed` are left out.
    A file that the disk will not let be repaired is logged and left for the next time.
    """
    repaired = []
    for path in left_behind(folder, prefix, fills=fills):
        if path == growing:
            continue
        try:
            done = repair(path, removed)
        except (OSError, StorageTrouble, Damaged) as exc:
            logger.error("stream file not repaired file=%s error=%s", path.name, exc)
            continue
        repaired.append(done)
        if done.path and done.facts and on_sealed:
            on_sealed(done.path, done.facts)
    return repaired


def left_behind(folder: Path, prefix: str, *, fills: bool = False) -> list[Path]:
    """Growing files of this stream, or with `fills` of its filled gaps, oldest first."""
    paths = []
    for path in folder.glob(f"{prefix}-*{file_names.OPEN}"):
        name = file_names.parse(path.name)
        if name and name.prefix == prefix and name.is_fill == fills:
            paths.append(path)
    return sorted(paths)


def repair(path: Path, removed: RemovedIds | None = None) -> Repaired:
    """Make one growing file whole and seal it, without removed posts.

    Raises OSError, StorageTrouble, Damaged.
    """
    path.with_name(path.name + ASIDE).unlink(missing_ok=True)
    cut_bytes = cut_back(path)
    if path.stat().st_size == 0:
        path.unlink()
        sync(path.parent)
        return Repaired(path.name, None, cut_bytes, None)
    facts = read_facts(path)
    if removed is not None:
        facts = leave_out(path, facts, removed)
    if repack_pays(facts):
        facts = repack(path, facts)
    sealed = seal(path)
    logger.warning(
        "stream file repaired file=%s lines=%d cut_bytes=%d", sealed.name, facts.lines, cut_bytes
    )
    return Repaired(path.name, sealed, cut_bytes, facts)


def cut_back(path: Path) -> int:
    """Cut a file behind its last whole member; how many bytes went into `<file>.tear`.

    The torn bytes are safe on the disk before they are cut off. Raises OSError.
    """
    with path.open("r+b") as file:
        good = 0
        for part in whole_members(file):
            good = part.end
        size = os.fstat(file.fileno()).st_size
        if size == good:
            return 0
        _keep(path, file.fileno(), good, size - good)
        file.truncate(good)
        os.fsync(file.fileno())
    return size - good


def _keep(path: Path, descriptor: int, start: int, length: int) -> None:
    tear = path.with_name(path.name.removesuffix(file_names.OPEN) + TEAR)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with os.fdopen(os.open(tear, flags, 0o600), "ab") as kept:
        while length:
            data = os.pread(descriptor, min(length, 1024 * 1024), start)
            if not data:
                break
            kept.write(data)
            start, length = start + len(data), length - len(data)
        kept.flush()
        os.fsync(kept.fileno())
    sync(path.parent)
