"""Stream files: which sealed ones hold posts that must go, and writing them without.

Lines that stay are the same byte for byte. Growing files belong to their collector and are only
named; so is the quarantine of today.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from sqlalchemy import select

from sfm import clock
from sfm.atomic_file import sync, write_whole
from sfm.database import begin_write, db
from sfm.messages import Message
from sfm.models import StreamFile
from sfm.removals.redact import RemovedIds, redact
from sfm.streams import file_names
from sfm.streams.errors import StorageTrouble, trouble
from sfm.streams.files import lines_of, sealed_below
from sfm.streams.gzip_members import member
from sfm.streams.manifest import record_file
from sfm.streams.parse_line import post_id_of
from sfm.streams.repair import TEAR
from sfm.streams.sealing import Damaged, read_facts
from sfm.takedown.seen_files import SeenFiles, state_of

NEW_SUFFIX = ".takedown"
MEMBER_LINES = 1000
WATCH_LINES = 5000  # of one file, read between two looks at whether to stop


@dataclass(frozen=True)
class MatchingFile:
    """One file with lines to take out or to change; the ids of the posts on these lines."""

    path: Path
    lines: int
    posts: frozenset[int] = frozenset()


def sealed(
    root: Path, removed: RemovedIds, watch: Callable[[], object], seen: SeenFiles
) -> list[MatchingFile]:
    """Sealed files that hold any. A file whose newest post is older than all of them is passed.

    Calls `watch` before each file and within large ones. Files that were seen to hold none are
    not read again.
    """
    rows = db.session.execute(select(StreamFile.path, StreamFile.last_id))
    newest = {row.path: row.last_id for row in rows}
    matches: list[MatchingFile] = []
    moved = True
    while moved:  # a file that was moved is met at its new place
        moved, matches = False, []
        for path in sealed_below(root):
            last_id = newest.get(path.relative_to(root).as_posix())
            if last_id is not None and last_id < min(removed.ids):
                continue
            watch()
            try:
                matches += _searched(path, removed, watch, seen)
            except FileNotFoundError:
                moved = True
    return matches


def _searched(
    path: Path, removed: RemovedIds, watch: Callable[[], object], seen: SeenFiles
) -> list[MatchingFile]:
    """What one file holds of them. Raises FileNotFoundError."""
    if seen.is_clean(path):
        return []
    state = state_of(path)
    hit = _lines_with(path, removed, watch)
    if not hit:
        seen.note(path, state)
        return []
    posts = frozenset(number for line in hit if (number := post_id_of(line)) is not None)
    return [MatchingFile(path, len(hit), posts)]


def _lines_with(path: Path, removed: RemovedIds, watch: Callable[[], object]) -> list[bytes]:
    hit = []
    for number, line in enumerate(lines_of(path), start=1):
        if number % WATCH_LINES == 0:
            watch()
        if redact(line, removed) != line:
            hit.append(line)
    return hit


def growing(root: Path, removed: RemovedIds) -> list[Path]:
    """Files that hold any and may not be touched yet: collectors still write them."""
    paths = []
    for path in sorted(root.glob(f"*{file_names.OPEN}")):
        with suppress(FileNotFoundError):  # it was sealed just now
            if any(redact(line, removed) != line for line in lines_of(path)):
                paths.append(path)
    return paths + [path for path in _quarantined(root, removed) if _is_of_today(path)]


def quarantined_files(root: Path, removed: RemovedIds) -> list[Path]:
    """Torn ends and files of the quarantine of other days that name any."""
    torn = [
        path
        for path in sorted(root.glob(f"*{TEAR}"))
        if any(removed.names_any(line) for line in lines_of(path))
    ]
    return torn + [path for path in _quarantined(root, removed) if not _is_of_today(path)]


def _quarantined(root: Path, removed: RemovedIds) -> Iterator[Path]:
    for path in sorted((root / "quarantine").glob("*.jsonl")):
        with path.open("rb") as file:
            if any(_names(line, removed) for line in file):
                yield path


def _is_of_today(path: Path) -> bool:
    return path.stem.endswith(f"{clock.now():%Y-%m-%d}")


def _names(entry: bytes, removed: RemovedIds) -> bool:
    """Whether a line of the quarantine holds one of the ids."""
    try:
        return removed.names_any(base64.b64decode(json.loads(entry)["base64"]))
    except (ValueError, KeyError, TypeError):
        return False


def rewrite(root: Path, path: Path, removed: RemovedIds) -> None:
    """Write a sealed file without them, and put it in the old one's place. Commits.

    The manifest is changed first: killed in between, the old file still holds them, and the next
    call does all of it again. Raises StorageTrouble; then the old file stays.
    """
    aside = path.with_name(path.name + NEW_SUFFIX)
    try:
        _rewrite(root, path, aside, removed)
    except Damaged as exc:
        raise StorageTrouble(
            "broken",
            Message("%(name)s is damaged (%(exc)s); it was left.", name=path.name, exc=exc),
        ) from exc
    except OSError as exc:
        raise trouble(exc) from exc
    finally:
        db.session.rollback()
        aside.unlink(missing_ok=True)


def _rewrite(root: Path, path: Path, aside: Path, removed: RemovedIds) -> None:
    aside.unlink(missing_ok=True)
    read_facts(path)  # what is damaged would lose all behind the damage
    _write(aside, (left for line in lines_of(path) if (left := redact(line, removed))))
    begin_write()
    _tell_manifest(root, path, aside)
    if not path.exists():
        raise StorageTrouble(
            "missing", Message("%(name)s was moved meanwhile. Run this again.", name=path.name)
        )
    db.session.commit()
    aside.replace(path)
    sync(path.parent)


def _tell_manifest(root: Path, path: Path, aside: Path) -> None:
    relative = path.relative_to(root).as_posix()
    row = db.session.scalar(select(StreamFile).where(StreamFile.path == relative))
    duplicates = row.duplicates if row else 0
    record_file(root, path, replace(read_facts(aside), duplicates=duplicates))


def _write(aside: Path, lines: Iterator[bytes]) -> None:
    """Large members; a file without a line is one empty member. Synced."""
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        first = next(lines, None)
        if first is None:
            target.write(member([]))
        waiting: list[bytes] = []
        for line in chain(() if first is None else (first,), lines):
            waiting.append(line + b"\n")
            if len(waiting) == MEMBER_LINES:
                target.write(member(waiting))
                waiting = []
        if waiting:
            target.write(member(waiting))
        target.flush()
        os.fsync(target.fileno())


def clean_quarantined(path: Path, removed: RemovedIds) -> None:
    """Delete a torn end; write a file of the quarantine without the lines that name any."""
    try:
        if path.suffix == TEAR:
            path.unlink()
            sync(path.parent)
        else:
            lines = path.read_bytes().splitlines(keepends=True)
            write_whole(path, b"".join(line for line in lines if not _names(line, removed)))
    except OSError as exc:
        raise trouble(exc) from exc
