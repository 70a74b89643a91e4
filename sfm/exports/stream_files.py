"""Stream files that an export may be made of: by their numbers, inside the data folder only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.exports.criteria import Criteria
from sfm.extensions import settings
from sfm.models import StreamFile, TwitterFilter, User
from sfm.tweets.selection import Selection

MOST_FILES = 5_000


def chosen(reader: User, args: Mapping[str, Any], selection: Selection) -> Criteria:
    """The stream files that `files` names by their numbers. Raises WrongInput, NotFound.

    A person may export the files of their own filters, a superuser all.
    """
    numbers = _numbers(str(args.get("files") or ""))
    wanted = (
        select(StreamFile)
        .outerjoin(TwitterFilter, TwitterFilter.id == StreamFile.filter_id)
        .where(StreamFile.id.in_(numbers))
        .order_by(StreamFile.begun_at, StreamFile.id)
    )
    if not reader.is_superuser:
        wanted = wanted.where(TwitterFilter.user_id == reader.id)
    found = db.session.scalars(wanted).all()
    if len(found) < len(set(numbers)):
        raise NotFound("One of these stream files is not here, or belongs to somebody else.")
    return Criteria(selection, "files", _title(found), files=tuple(map(_path, found)))


def lines_in(criteria: Criteria) -> int:
    """How many lines these files hold, as their manifest says."""
    root = settings().data_folder.resolve()
    names = [name.removeprefix(f"{root}/") for name in criteria.files]
    counted = db.session.scalar(
        select(func.coalesce(func.sum(StreamFile.lines), 0)).where(StreamFile.path.in_(names))
    )
    return int(counted or 0)


def _numbers(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > MOST_FILES:
        raise WrongInput(f"An export takes {MOST_FILES:,} stream files at most. Choose fewer.")
    if not all(word.isascii() and word.isdigit() and len(word) < 19 for word in words):
        raise WrongInput("Stream files are named by their numbers, with commas between them.")
    return [int(word) for word in words]


def _path(file: StreamFile) -> str:
    """The file's real path. Raises NotFound where it leads out of the data folder."""
    root = settings().data_folder.resolve()
    path = (root / file.path).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise NotFound(f"The stream file {file.path} is not where it should be.")
    return str(path)


def _title(files: Sequence[StreamFile]) -> str:
    if len(files) == 1:
        return f"Tweets of the stream file {files[0].path.rpartition('/')[2]}"
    days = sorted({f"{file.begun_at:%Y-%m-%d}" for file in files})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Tweets of {len(files)} stream files of {span}"
