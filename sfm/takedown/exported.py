"""Finished exports that hold tweets that must go. A file that cannot be read into counts as one."""

from __future__ import annotations

import gzip
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

from sqlalchemy import select

from sfm.database import db
from sfm.errors import SfmError
from sfm.exports import folders, service
from sfm.exports.layout import layout_from
from sfm.models import ExportFile, RecurringExport
from sfm.output_file import PART
from sfm.takedown.cutting import pattern_of
from sfm.wholefile import sync

Thing = TypeVar("Thing")
CHUNK = 1024 * 1024
LONGEST_ID = 19
WITH_ID = {"twitter_id", "twitter_url"}


@dataclass(frozen=True)
class Exported:
    """Exports to delete, files of recurring ones to delete, lists of ids to shorten; `busy` are
    files that are being written at this moment."""

    exports: tuple[int, ...] = ()
    files: tuple[Path, ...] = ()
    lists: tuple[Path, ...] = ()
    busy: tuple[Path, ...] = ()


def find(ids: Iterable[int], watch: Callable[[], object]) -> Exported:
    """Search what is kept of exports for these ids. Reads every file; changes nothing.

    Calls `watch` before each file.
    """
    pattern = pattern_of(ids)
    root = folders.exports_folder()
    ready = db.session.scalars(select(ExportFile).where(ExportFile.state == "ready")).all()
    return Exported(
        tuple(one.id for one in _watched(ready, watch) if _holds_export(one, pattern)),
        tuple(_recurring(root / "recurring", pattern, watch)),
        tuple(path for path in _watched(_files(root / "lists"), watch) if holds(path, pattern)),
        tuple(sorted(path for path in root.rglob(f"*{PART}") if not path.name.startswith("."))),
    )


def _watched(things: Iterable[Thing], watch: Callable[[], object]) -> Iterator[Thing]:
    for thing in things:
        watch()
        yield thing


def _holds_export(export: ExportFile, pattern: re.Pattern[bytes]) -> bool:
    path = folders.file_of(export)
    return path is not None and (not _shows_ids(export.layout) or holds(path, pattern))


def _shows_ids(layout: Mapping[str, Any]) -> bool:
    """A table of chosen columns may hold texts without the ids that tell whose they are."""
    try:
        columns = {column.name for column in layout_from(layout).table_columns}
    except SfmError:  # a column of another release
        return False
    return not columns or bool(columns & WITH_ID)


def _recurring(
    root: Path, pattern: re.Pattern[bytes], watch: Callable[[], object]
) -> Iterator[Path]:
    layouts = {str(one.id): one.layout for one in db.session.scalars(select(RecurringExport))}
    for path in _watched(_files(root), watch):
        layout = layouts.get(path.relative_to(root).parts[0].partition("-")[0])
        if layout is None or not _shows_ids(layout) or holds(path, pattern):
            yield path


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and PART not in path.name)


def holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    """Whether a file, unpacked, has bytes of this pattern, or cannot be searched for them."""
    try:
        with path.open("rb") as file:
            return _holds(file, pattern)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        return True


def _holds(file: IO[bytes], pattern: re.Pattern[bytes]) -> bool:
    head = file.read(4)
    file.seek(0)
    if head == b"PAR1":  # columns are packed each for itself
        return True
    if head == b"PK\x03\x04":
        return _in_zip(file, pattern)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(file) as text:
            return _in_text(text, pattern)  # type: ignore[arg-type]
    return _in_text(file, pattern)


def _in_zip(file: IO[bytes], pattern: re.Pattern[bytes]) -> bool:
    with TemporaryFile() as copy, zipfile.ZipFile(_seekable(file, copy)) as packed:
        for name in packed.namelist():
            with packed.open(name) as part:
                if _holds(part, pattern):
                    return True
    return False


def _seekable(file: IO[bytes], copy: IO[bytes]) -> IO[bytes]:
    """A zip within a zip is unpacked first: seeking in it would unpack it again and again."""
    if not isinstance(file, zipfile.ZipExtFile):
        return file
    shutil.copyfileobj(file, copy, CHUNK)
    return copy


def _in_text(file: IO[bytes], pattern: re.Pattern[bytes]) -> bool:
    rest = b""
    while data := file.read(CHUNK):
        if pattern.search(rest + data):
            return True
        rest = data[-LONGEST_ID:]
    return False


def remove(found: Exported, ids: Iterable[int]) -> None:
    """Delete these exports and files, and take the ids out of the lists. The caller commits."""
    gone = {str(number).encode() for number in ids}
    for number in found.exports:
        export = db.session.get(ExportFile, number)
        if export is not None:
            service.remove(export)
    for path in found.files:
        path.unlink(missing_ok=True)
    for path in found.lists:
        if path.exists():  # else it went with its export
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(line for line in lines if not gone & set(_numbers(line))))
            sync(path)


def _numbers(line: bytes) -> list[bytes]:
    return re.findall(rb"[0-9]+", line)
