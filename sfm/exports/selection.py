"""Stream files to export from: by their ids, of a filter, of a day; in the data folder only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from sfm.database import among, db, ids_parameter
from sfm.errors import NotFound, WrongInput
from sfm.extensions import settings
from sfm.messages import Message, PluralMessage
from sfm.models import StreamFile, User
from sfm.posts.selection import Selection

MAX_FILES = 5_000
ARGS = ("files", "filter", "day")
TIME_MARGIN = timedelta(minutes=1)  # ids tell the time to the second at best


@dataclass(frozen=True)
class StreamFileSelection:
    """Stream files by their ids, and which of their posts. Not by their paths: until the export is
    made, files may be moved to where they belong."""

    selection: Selection
    ids: tuple[int, ...]
    title: str
    of_all_streams: bool = False


def from_args(
    reader: User | None, args: Mapping[str, Any], selection: Selection
) -> StreamFileSelection:
    """The files that an address names: by their ids (`files`), of a `filter`, of a `day`.

    A user may export the files of their own filters, a superuser all; None is the command line.
    Raises WrongInput, NotFound.
    """
    day = read_day(str(args["day"])) if args.get("day") else None
    if not args.get("files"):
        filter_id = str(args.get("filter") or "")
        return of_stream(selection, _filter_id(filter_id) if filter_id else None, day, reader)
    if day is not None:
        selection = _on_day(selection, day)
    ids = _file_ids(str(args["files"]))
    files = db.session.scalars(_readable_by(reader).where(StreamFile.id.in_(ids))).all()
    if len(files) < len(set(ids)):
        raise NotFound(
            Message("One of these stream files is not here, or belongs to somebody else.")
        )
    return _select_files(selection, files, day)


def ids_of_paths(paths: Sequence[Path]) -> tuple[int, ...]:
    """The ids of those of these files that are recorded here."""
    root = settings().data_folder.resolve()
    real = [path.resolve() for path in paths]
    names = [str(path.relative_to(root)) for path in real if path.is_relative_to(root)]
    return tuple(db.session.scalars(select(StreamFile.id).where(StreamFile.path.in_(names))))


def _select_files(
    selection: Selection, files: Sequence[StreamFile], day: date | None
) -> StreamFileSelection:
    """Raises NotFound where a file is not where it should be."""
    for file in files:
        _path(file)
    return StreamFileSelection(selection, tuple(file.id for file in files), _title(files, day))


def current_paths(ids: Sequence[int]) -> tuple[str, ...]:
    """The paths that these stream files have at this moment. Raises NotFound."""
    connection = db.session.connection()
    query = select(StreamFile).where(among(StreamFile.id, connection.dialect.name))
    parameter = ids_parameter(connection, ids)
    files = {file.id: file for file in db.session.scalars(query, parameter)}
    if len(files) < len(ids):
        raise NotFound(Message("A stream file of this export is not recorded here any more."))
    return tuple(_path(files[file_id]) for file_id in ids)


def of_stream(
    selection: Selection, filter_id: int | None, day: date | None, reader: User | None = None
) -> StreamFileSelection:
    """The posts of a filter, of a day of the selection's zone, or of both, out of sealed files.

    A day's posts also lie in files begun before it or filled in after it: the manifest says which
    files may hold some, and each post's own time decides. Without a reader, files of everybody and
    however many. Raises NotFound, WrongInput.
    """
    if day is not None:
        selection = _on_day(selection, day)
    query = _readable_by(reader).where(*_may_hold(selection))
    if filter_id is not None:
        query = query.where(StreamFile.filter_id == filter_id)
    if reader is not None:
        query = query.limit(MAX_FILES + 1)
    files = db.session.scalars(query).all()
    _check_number(len(files), reader)
    return replace(_select_files(selection, files, day), of_all_streams=filter_id is None)


def _check_number(count: int, reader: User | None) -> None:
    """Raises NotFound for no files, WrongInput for more than a page may ask for."""
    if not count:
        raise NotFound(
            Message(
                "There are no sealed stream files of this filter or day. A file that is being "
                "written is there once it is sealed."
            )
        )
    if reader is not None and count > MAX_FILES:
        raise WrongInput(
            Message(
                "These are more than %(limit)s stream files. Choose one day of them.",
                limit=f"{MAX_FILES:,}",
            )
        )


def _on_day(selection: Selection, day: date) -> Selection:
    if selection.from_day or selection.to_day:
        raise WrongInput(Message("Say one day, or a first and a last day; not both."))
    return replace(selection, from_day=day, to_day=day)


def _may_hold(selection: Selection) -> list[ColumnElement[bool]]:
    """Whether a file may hold posts of the selection's days: by the times of its posts."""
    first, behind = selection.moments
    conditions = []
    if first is not None:
        last_at = func.coalesce(StreamFile.last_at, StreamFile.begun_at)
        conditions.append(last_at >= first - TIME_MARGIN)
    if behind is not None:
        first_at = func.coalesce(StreamFile.first_at, StreamFile.begun_at)
        conditions.append(first_at < behind + TIME_MARGIN)
    return conditions


def read_day(text: str) -> date:
    """A day written as YYYY-MM-DD. Raises WrongInput."""
    day = Selection.from_args({"from": text}).from_day
    if day is None:
        raise WrongInput(Message("Write the day as 2026-11-22."))
    return day


def may_read(reader: User, ids: Sequence[int]) -> bool:
    """Whether this user may read all of these stream files now."""
    if reader.is_superuser:
        return True
    connection = db.session.connection()
    readable = _readable_by(reader).where(among(StreamFile.id, connection.dialect.name))
    count = select(func.count()).select_from(readable.order_by(None).subquery())
    return db.session.scalar(count, ids_parameter(connection, ids)) == len(set(ids))


def _readable_by(reader: User | None) -> Select[StreamFile]:
    """The files that this user may read, oldest first; None stands for the command line."""
    query = select(StreamFile).where(StreamFile.visible_to(reader))
    return query.order_by(StreamFile.begun_at, StreamFile.id)


def count_lines(ids: Sequence[int]) -> int:
    """How many lines these files hold, as their manifest says."""
    total = select(func.coalesce(func.sum(StreamFile.lines), 0))
    return int(db.session.scalar(total.where(StreamFile.id.in_(ids))) or 0)


def _file_ids(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > MAX_FILES:
        raise WrongInput(
            Message(
                "An export takes %(limit)s stream files at most. Choose fewer.",
                limit=f"{MAX_FILES:,}",
            )
        )
    if not all(word.isascii() and word.isdigit() and len(word) < 19 for word in words):
        raise WrongInput(
            Message("Stream files are named by their numbers, with commas between them.")
        )
    return [int(word) for word in words]


def _filter_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise WrongInput(Message("A filter is named by its number."))
    return int(text)


def _path(file: StreamFile) -> str:
    """The file's real path. Raises NotFound where it leads out of the data folder."""
    root = settings().data_folder.resolve()
    path = (root / file.path).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise NotFound(
            Message("The stream file %(file)s is not where it should be.", file=_name(file))
        )
    return str(path)


def _name(file: StreamFile) -> str:
    return file.path.rpartition("/")[2]


def _title(files: Sequence[StreamFile], day: date | None = None) -> str:
    if day is not None:
        return PluralMessage(
            "Posts of %(day)s out of a stream file",
            "Posts of %(day)s out of %(num)s stream files",
            len(files),
            day=day,
        )
    if len(files) == 1:
        return Message("Posts of the stream file %(file)s", file=_name(files[0]))
    days = sorted({f"{file.begun_at:%Y-%m-%d}" for file in files})
    span = (
        days[0]
        if len(days) == 1
        else Message("%(first)s to %(last)s", first=days[0], last=days[-1])
    )
    return Message("Posts of %(count)s stream files of %(span)s", count=len(files), span=span)
