"""Ends a growing file: packs it anew where that pays, and gives it its last name, durably."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from sfm.atomic_file import sync
from sfm.messages import Message
from sfm.removals.redact import RemovedIds, redact
from sfm.streams.errors import StorageTrouble
from sfm.streams.file_names import OPEN
from sfm.streams.gzip_members import inflate, member, whole_members
from sfm.streams.parse_line import post_id_of, split

ASIDE = ".repack"
SMALL_MEMBER_LINES = 40  # below this the many small members cost over a tenth in size
REPACK_LINES = 1000


@dataclass(frozen=True)
class FileFacts:
    """What the manifest says of a sealed file; the ids are None where no line has a post."""

    lines: int
    members: int
    size_bytes: int
    sha256: str
    first_id: int | None = None
    last_id: int | None = None
    duplicates: int = 0


def seal(path: Path) -> Path:
    """Rename `x.gz.open` to `x.gz`, durably; the new path. Raises OSError."""
    sealed = path.with_name(path.name.removesuffix(OPEN))
    if sealed.exists():  # a rename would silently replace it
        raise StorageTrouble(
            "broken", Message("There is a file %(name)s already.", name=sealed.name)
        )
    path.rename(sealed)
    sync(path.parent)
    return sealed


def repack_pays(facts: FileFacts) -> bool:
    """Whether the file would be clearly smaller in larger members: that of a slow stream is."""
    return facts.members > 1 and facts.lines < facts.members * SMALL_MEMBER_LINES


def repack(path: Path, facts: FileFacts) -> FileFacts:
    """Write the file again in large members and put that in its place; its new facts.

    The text stays the same byte for byte, or the old file stays. Raises OSError, StorageTrouble.
    """
    aside = path.with_name(path.name + ASIDE)
    aside.unlink(missing_ok=True)
    try:
        packed = _write_large_members(path, aside)
        if packed.lines != facts.lines:
            raise StorageTrouble(
                "broken",
                Message("%(name)s was not packed anew: lines are missing.", name=path.name),
            )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)
    return replace(
        facts, members=packed.members, size_bytes=packed.size_bytes, sha256=packed.sha256
    )


def leave_out(path: Path, facts: FileFacts, removed: RemovedIds) -> FileFacts:
    """Write the file again without these posts where it names any; its new facts.

    Raises OSError; then the old file stays.
    """
    with path.open("rb") as source:
        if not any(removed.names_any(part.text) for part in whole_members(source)):
            return facts
    aside = path.with_name(path.name + ASIDE)
    aside.unlink(missing_ok=True)
    try:
        _write_large_members(path, aside, removed)
        left = read_facts(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)
    return replace(left, duplicates=facts.duplicates)


def _write_large_members(path: Path, aside: Path, removed: RemovedIds | None = None) -> FileFacts:
    """Copy all lines, or what is left of them without these posts. No line at all is one empty
    member."""
    digest = hashlib.sha256()
    members = size = lines = 0
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with path.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        waiting: list[bytes] = []
        for part in (*whole_members(source), None):
            waiting += [line + b"\n" for line in _left(part.text, removed)] if part else []
            while len(waiting) >= REPACK_LINES or (waiting and part is None):
                data = member(waiting[:REPACK_LINES])
                lines += len(waiting[:REPACK_LINES])
                del waiting[:REPACK_LINES]
                target.write(data)
                digest.update(data)
                members, size = members + 1, size + len(data)
        if not members:
            target.write(member([]))
        target.flush()
        os.fsync(target.fileno())
    return FileFacts(lines=lines, members=members, size_bytes=size, sha256=digest.hexdigest())


def _left(text: bytes, removed: RemovedIds | None) -> list[bytes]:
    lines = split(text)
    if removed is None or not removed.names_any(text):
        return lines
    return [left for line in lines if (left := redact(line, removed)) is not None]


class Damaged(ValueError):
    """A file that cannot be read to its end; the words say where."""


def read_facts(path: Path) -> FileFacts:
    """The facts of a file as it is on the disk. Raises OSError, and Damaged for one not whole.

    Memory does not grow with the file: those of the original are one member, however long.
    """
    lines = members = good = 0
    ids: list[int] = []
    rest = b""
    with path.open("rb") as file:
        size, sha256 = digest_of(file)
        file.seek(0)
        for text, end in inflate(file):
            *whole, rest = (rest + text).split(b"\n")
            lines += len(whole)
            ids = _extremes(ids, whole)
            if end is not None:
                members, good = members + 1, end
    if good != size:
        raise Damaged(Message("unreadable from byte %(good)s of %(size)s", good=good, size=size))
    if rest:
        lines, ids = lines + 1, _extremes(ids, [rest])
    return FileFacts(lines, members, size, sha256, min(ids, default=None), max(ids, default=None))


def digest_of(file: BinaryIO) -> tuple[int, str]:
    """Length and sha256 of a file from its present place."""
    digest = hashlib.sha256()
    size = 0
    while data := file.read(1024 * 1024):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()


def _extremes(ids: list[int], lines: list[bytes]) -> list[int]:
    post_ids = ids + [number for line in lines if (number := post_id_of(line)) is not None]
    return [min(post_ids), max(post_ids)] if post_ids else []
