"""Stream files to export from: by their numbers, a filter, a day; in the data folder only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from sfm.accounts import queries
from sfm.database import among, db, ids_parameter
from sfm.errors import NotFound, WrongInput
from sfm.exports.request import Criteria
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import StreamFile, TwitterFilter, TwitterUser, TwitterUserSet, User
from sfm.networks.record import MAX_ID
from sfm.posts.selection import Selection

MOST_FILES = 5_000
ARGS = ("files", "filter", "day")
SLACK = timedelta(minutes=1)  # ids tell the time to the second at best


def chosen_files(reader: User, args: Mapping[str, Any], selection: Selection) -> Criteria:
    """The posts that an address names: of files by their numbers (`files`), of a `filter`, a `day`.

    A person may export the files of their own filters, a superuser all. Raises WrongInput,
    NotFound.
    """
    day = day_of(str(args["day"])) if args.get("day") else None
    if not args.get("files"):
        number = str(args.get("filter") or "")
        return of_stream(selection, _filter_number(number) if number else None, day, reader)
    if day is not None:
        selection = _on_day(selection, day)
    numbers = _numbers(str(args["files"]))
    wanted = _visible(reader).where(StreamFile.id.in_(numbers))
    found = db.session.scalars(wanted).all()
    if len(found) < len(set(numbers)):
        raise NotFound(
            Message("One of these stream files is not here, or belongs to somebody else.")
        )
    return _criteria(selection, found, day)


def typed(selection: Selection, paths: Sequence[Path]) -> Criteria:
    """The posts of files that somebody names by their paths, known here or not."""
    root = settings().data_folder.resolve()
    real = [path.resolve() for path in paths]
    names = [str(path.relative_to(root)) for path in real if path.is_relative_to(root)]
    known = db.session.scalars(select(StreamFile.id).where(StreamFile.path.in_(names))).all()
    return Criteria(
        selection,
        "files",
        Message("Tweets of %(count)s stream files", count=len(paths)),
        files=tuple(str(path.absolute()) for path in paths),
        stream_files=tuple(known),
    )


def _criteria(selection: Selection, found: Sequence[StreamFile], day: date | None) -> Criteria:
    """By their numbers: until the export is made, files may be moved to where they belong."""
    for file in found:
        _path(file)
    numbers = tuple(file.id for file in found)
    return Criteria(selection, "files", _title(found, day), stream_files=numbers)


def located(criteria: Criteria) -> Criteria:
    """The criteria, with the paths that its stream files have at this moment. Raises NotFound.

    Paths that somebody typed stay as they are.
    """
    if criteria.files or not criteria.stream_files:
        return criteria
    connection = db.session.connection()
    wanted = select(StreamFile).where(among(StreamFile.id, connection.dialect.name))
    numbers = ids_parameter(connection, criteria.stream_files)
    known = {file.id: file for file in db.session.scalars(wanted, numbers)}
    if len(known) < len(criteria.stream_files):
        raise NotFound(Message("A stream file of this export is not recorded here any more."))
    paths = tuple(_path(known[number]) for number in criteria.stream_files)
    return replace(criteria, files=paths)


def of_stream(
    selection: Selection, filter_id: int | None, day: date | None, reader: User | None = None
) -> Criteria:
    """The posts of a filter, of a day of the selection's zone, or of both, out of sealed files.

    A day's posts also lie in files begun before it or filled in after it: the manifest says which
    files may hold some, and each post's own time decides. Without a reader, files of everybody and
    however many. Raises NotFound, WrongInput.
    """
    if day is not None:
        selection = _on_day(selection, day)
    wanted = _visible(reader).where(*_touched(selection))
    if filter_id is not None:
        wanted = wanted.where(StreamFile.filter_id == filter_id)
    if reader is not None:
        wanted = wanted.limit(MOST_FILES + 1)
    found = db.session.scalars(wanted).all()
    if not found:
        raise NotFound(
            Message(
                "There are no sealed stream files of this filter or day. A file that is being "
                "written is there once it is sealed."
            )
        )
    if reader is not None and len(found) > MOST_FILES:
        raise WrongInput(
            Message(
                "These are more than %(limit)s stream files. Choose one day of them.",
                limit=f"{MOST_FILES:,}",
            )
        )
    return replace(_criteria(selection, found, day), of_all_streams=filter_id is None)


def _on_day(selection: Selection, day: date) -> Selection:
    if selection.from_day or selection.to_day:
        raise WrongInput(Message("Say one day, or a first and a last day; not both."))
    return replace(selection, from_day=day, to_day=day)


def _touched(selection: Selection) -> list[ColumnElement[bool]]:
    """Whether a file may hold posts of the selection's days: by the times of its posts."""
    first, behind = selection.moments
    found = []
    if first is not None:
        found.append(func.coalesce(StreamFile.last_at, StreamFile.begun_at) >= first - SLACK)
    if behind is not None:
        found.append(func.coalesce(StreamFile.first_at, StreamFile.begun_at) < behind + SLACK)
    return found


def day_of(text: str) -> date:
    """A day written as YYYY-MM-DD. Raises WrongInput."""
    day = Selection.from_args({"from": text}).from_day
    if day is None:
        raise WrongInput(Message("Write the day as 2026-11-22."))
    return day


def may_read(reader: User, criteria: Criteria) -> bool:
    """Whether this person may still read all stream files that the criteria name by number."""
    if criteria.files or reader.is_superuser:
        return True
    connection = db.session.connection()
    wanted = _visible(reader).where(among(StreamFile.id, connection.dialect.name))
    numbers = ids_parameter(connection, criteria.stream_files)
    counted = select(func.count()).select_from(wanted.order_by(None).subquery())
    return db.session.scalar(counted, numbers) == len(set(criteria.stream_files))


def _visible(reader: User | None) -> Select[StreamFile]:
    """The files that this person may read, oldest first."""
    wanted = select(StreamFile).order_by(StreamFile.begun_at, StreamFile.id)
    if reader is None or reader.is_superuser:
        return wanted
    mine = select(TwitterFilter.id).where(TwitterFilter.user_id == reader.id)
    return wanted.where(StreamFile.filter_id.in_(mine))


def lines_in(criteria: Criteria) -> int:
    """How many lines these files hold, as their manifest says."""
    counted = select(func.coalesce(func.sum(StreamFile.lines), 0))
    found = db.session.scalar(counted.where(StreamFile.id.in_(criteria.stream_files)))
    return int(found or 0)


def _numbers(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > MOST_FILES:
        raise WrongInput(
            Message(
                "An export takes %(limit)s stream files at most. Choose fewer.",
                limit=f"{MOST_FILES:,}",
            )
        )
    if not all(word.isascii() and word.isdigit() and len(word) < 19 for word in words):
        raise WrongInput(
            Message("Stream files are named by their numbers, with commas between them.")
        )
    return [int(word) for word in words]


def _filter_number(text: str) -> int:
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
        several = (
            Message("a stream file")
            if len(files) == 1
            else Message("%(count)s stream files", count=len(files))
        )
        return Message("Tweets of %(day)s out of %(several)s", day=day, several=several)
    if len(files) == 1:
        return Message("Tweets of the stream file %(file)s", file=_name(files[0]))
    days = sorted({f"{file.begun_at:%Y-%m-%d}" for file in files})
    span = (
        days[0]
        if len(days) == 1
        else Message("%(first)s to %(last)s", first=days[0], last=days[-1])
    )
    return Message("Tweets of %(count)s stream files of %(span)s", count=len(files), span=span)


def account_named(name: str) -> TwitterUser:
    """The account of this name, present or former. Raises NotFound, WrongInput where two had it."""
    found = queries.by_name(name)
    if found.one is not None:
        return found.one
    several = found.now or found.once
    if several:
        uids = ", ".join(str(user.uid) for user in several)
        raise WrongInput(
            Message(
                "%(name)s has been the name of several accounts: those with the uids %(uids)s. "
                "Say which by its uid instead of its name.",
                name=name,
                uids=uids,
            )
        )
    if name.isascii() and name.isdigit() and len(name) < 20 and int(name) <= MAX_ID:
        by_uid = db.session.scalar(select(TwitterUser).where(TwitterUser.uid == int(name)))
        if by_uid is not None:
            return by_uid
    raise NotFound(
        Message("There is no account %(name)s here. Look it up among the accounts.", name=name)
    )


def set_named(name: str, owner: str = "") -> TwitterUserSet:
    """The set of this name. Raises WrongInput where several people have one and none is named."""
    wanted = (
        select(TwitterUserSet)
        .join(User, User.id == TwitterUserSet.owner_id)
        .where(TwitterUserSet.name == name.strip())
        .order_by(User.username)
    )
    if owner:
        wanted = wanted.where(User.username == owner)
    found: Sequence[TwitterUserSet] = db.session.scalars(wanted).all()
    if not found:
        if owner:
            raise NotFound(
                Message("There is no set “%(name)s” of %(owner)s.", name=name, owner=owner)
            )
        raise NotFound(Message("There is no set “%(name)s”.", name=name))
    if len(found) > 1:
        owners = ", ".join(one.owner.username for one in found)
        raise WrongInput(
            Message(
                "Several people have a set “%(name)s”: %(owners)s. Say whose with --owner.",
                name=name,
                owners=owners,
            )
        )
    return found[0]


def of_account(user: TwitterUser, selection: Selection | None = None) -> Criteria:
    """The tweets of one account, as far as the selection goes."""
    chosen = replace(selection or Selection(), accounts=(user.id,))
    return Criteria(chosen, title=Message("Tweets of @%(name)s", name=user.name))


def of_set(found: TwitterUserSet, selection: Selection | None = None) -> Criteria:
    """The tweets of a set's members, as far as the selection goes."""
    chosen = replace(selection or Selection(), set_id=found.id)
    return Criteria(
        chosen,
        title=Message(
            "Tweets of the set “%(name)s” of %(username)s",
            name=found.name,
            username=found.owner.username,
        ),
    )


def of_selection(selection: Selection) -> Criteria:
    """Whatever the tweets page shows."""
    if selection.set_id is not None and selection.chosen == {"set_id"}:
        found = db.session.get(TwitterUserSet, selection.set_id)
        if found is not None:
            return of_set(found)
    if len(selection.accounts) == 1:
        user = db.session.get(TwitterUser, selection.accounts[0])
        if user is not None:
            return of_account(user, selection)
    title = Message("All tweets") if selection.is_everything else Message("Tweets of a selection")
    return Criteria(selection, title=title)
