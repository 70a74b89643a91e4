"""Which posts a stream's files hold from around a time: sealed or growing, in the manifest or not.

A collector goes on meanwhile: it seals, and finished files are moved. So the folder is read before
the manifest, and a file that is gone is looked for where it goes next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import or_, select

from sfm.database import db
from sfm.models import StreamFile
from sfm.streams import file_names
from sfm.streams.archive import target_of
from sfm.streams.files import lines_of
from sfm.streams.gzip_members import whole_members
from sfm.streams.parse_line import post_id_of, split


@dataclass
class SavedPosts:
    """Ids by how they came. `left` are those of fills that were cut off before they were noted."""

    known: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)


def saved_around(root: Path, prefix: str, start: datetime, end: datetime) -> SavedPosts:
    """Posts of this stream from between these times (aware), and more, for files are read whole.

    Files that are in no manifest yet are few, and read whatever their time: the growing ones, and
    those sealed since the collector's last heartbeat, or while the database was away. Ends the
    session's transaction. Raises OSError for a file that may not be read.
    """
    there = _in_folder(root, prefix)
    of_stream = select(StreamFile.path).where(StreamFile.prefix == prefix)
    noted = set(db.session.scalars(of_stream))
    near = of_stream.where(
        or_(StreamFile.last_at.is_(None), StreamFile.last_at >= start),
        or_(StreamFile.first_at.is_(None), StreamFile.first_at <= end),
    )
    paths = [root / place for place in db.session.scalars(near)]
    db.session.rollback()
    held = SavedPosts()
    for path in paths:
        held.known.update(_ids(root, path))
    for path in (path for path in there if path.name not in noted):
        name = file_names.parse(path.name)
        (held.left if name and name.is_fill else held.known).update(_ids(root, path))
    return held


def _in_folder(root: Path, prefix: str) -> list[Path]:
    found = []
    for path in root.glob(f"{prefix}-*"):
        name = file_names.parse(path.name)
        if name and name.prefix == prefix and not path.is_symlink():
            found.append(path)
    return sorted(found)


def _ids(root: Path, path: Path) -> Iterator[int]:
    for place in _places(root, path):
        try:
            lines = _lines(place)
            yield from (number for line in lines if (number := post_id_of(line)) is not None)
        except FileNotFoundError:
            continue
        return


def _places(root: Path, path: Path) -> Iterator[Path]:
    """Where a file is, or will have gone: sealed, then tidied away."""
    yield path
    sealed = path.with_name(path.name.removesuffix(file_names.OPEN))
    if sealed != path:
        yield sealed
    name = file_names.parse(sealed.name)
    if name:
        yield target_of(root, name) / sealed.name


def _lines(path: Path) -> Iterable[bytes]:
    """Of a growing file only what a tear would leave: the batch behind it may come to nothing."""
    if not path.name.endswith(file_names.OPEN):
        yield from lines_of(path)
        return
    with path.open("rb") as file:
        for part in whole_members(file):
            yield from split(part.text)
