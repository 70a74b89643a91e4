"""Files of exports that hold posts that must go. A file that cannot be read into counts as one.

Which files are being written is known by held locks alone. All else that lies in the folder of
exports is searched, what a killed export left as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sfm import atomic_file
from sfm.atomic_file import write_whole
from sfm.database import db
from sfm.errors import SfmError
from sfm.exports import service, storage
from sfm.exports.format import layout_from
from sfm.models import ExportFile, RecurringExport
from sfm.removals.id_search import IdSearch
from sfm.takedown.file_search import contains_ids
from sfm.takedown.seen_files import SeenFiles, state_of

WITH_ID = {"twitter_id", "twitter_url"}


@dataclass(frozen=True)
class MatchingExports:
    """Exports to delete, other files to delete, lists of ids to shorten; `busy` are exports that
    are being made at this moment, of what was kept before."""

    exports: tuple[int, ...] = ()
    files: tuple[Path, ...] = ()
    lists: tuple[Path, ...] = ()
    busy: tuple[Path, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether there is anything to remove now."""
        return bool(self.exports or self.files or self.lists)


def find(
    ids: Iterable[int],
    watch: Callable[[], object],
    seen: SeenFiles,
    taken_out_version: int | None = None,
) -> MatchingExports:
    """Search what is kept of exports for these ids. Reads every file; changes nothing.

    Calls `watch` before each file and within large ones. Exports that are made of what was kept at
    `taken_out_version` or later are not `busy`: the posts had gone by then. None: all are.
    """
    search = IdSearch(ids)
    root = storage.exports_folder()
    # The locks first: who has given his back by now has his file in place, and it is searched.
    being_written = atomic_file.parts_being_written(root)
    layouts = _Layouts()
    matches = _Hits()
    for path in _files(root, being_written):
        watch()
        state = None if seen.is_clean(path) else state_of(path)
        if state is None:
            continue  # it is clean, or it went meanwhile
        if not layouts.shows_ids(path.relative_to(root)) or contains_ids(path, search, watch):
            matches.add(path, root, layouts)
        else:
            seen.note(path, state)
    busy = _busy(being_written, taken_out_version)
    return MatchingExports(tuple(matches.exports), tuple(matches.files), tuple(matches.lists), busy)


def _busy(being_written: Mapping[Path, int], taken_out_version: int | None) -> tuple[Path, ...]:
    if taken_out_version is None:
        return tuple(being_written)
    return tuple(path for path, version in being_written.items() if version < taken_out_version)


class _Layouts:
    """What the exports are that files belong to."""

    def __init__(self) -> None:
        exports = db.session.scalars(select(ExportFile)).all()
        self.ready = {
            f"{export.id}/{export.file_name}": export.id
            for export in exports
            if export.state == "ready"
        }
        self._of_exports = {str(export.id): export.layout for export in exports}
        recurring = db.session.scalars(select(RecurringExport))
        self._of_recurring = {str(export.id): export.layout for export in recurring}

    def shows_ids(self, relative: Path) -> bool:
        """Whether a file can be searched; False also where nobody knows what it is.

        A table of chosen columns may hold texts without the ids that tell whose they are.
        """
        first, *more = relative.parts
        if first == "lists":
            return True
        if first == "recurring":
            number = more[0].partition("-")[0] if more else ""
            return _shows_ids(self._of_recurring.get(number))
        return _shows_ids(self._of_exports.get(first))


class _Hits:
    def __init__(self) -> None:
        self.exports: list[int] = []
        self.files: list[Path] = []
        self.lists: list[Path] = []

    def add(self, path: Path, root: Path, layouts: _Layouts) -> None:
        relative = path.relative_to(root)
        export_id = layouts.ready.get(relative.as_posix())
        if export_id is not None:
            self.exports.append(export_id)
        elif relative.parts[0] == "lists":
            self.lists.append(path)
        else:
            self.files.append(path)


def _shows_ids(layout: Mapping[str, Any] | None) -> bool:
    if layout is None:
        return False
    try:
        columns = {column.name for column in layout_from(layout).table_columns}
    except SfmError:  # a column of another release
        return False
    return not columns or bool(columns & WITH_ID)


def _files(root: Path, parts: Collection[Path]) -> Iterator[Path]:
    """All files but locks, and but those that are being written."""
    taken = {*parts, *map(storage.work_folder_of, parts)}
    for path in sorted(root.rglob("*")):
        if (
            path.is_file()
            and not atomic_file.is_lock(path)
            and taken.isdisjoint((path, *path.parents))
        ):
            yield path


def remove(matches: MatchingExports, ids: Iterable[int]) -> None:
    """Delete these exports and files, and take the ids out of the lists. The caller commits."""
    gone = {str(number).encode() for number in ids}
    for number in matches.exports:
        export = db.session.get(ExportFile, number)
        if export is not None:
            service.delete_export(export)
    for path in matches.files:
        path.unlink(missing_ok=True)
    for path in matches.lists:
        if path.exists():  # else it went with its export
            lines = path.read_bytes().splitlines(keepends=True)
            write_whole(path, b"".join(line for line in lines if not gone & set(_numbers(line))))


def _numbers(line: bytes) -> list[bytes]:
    return re.findall(rb"[0-9]+", line)
