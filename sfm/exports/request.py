"""What an export is asked to be: which posts, in which layout, for whom.

Pages and the command hand over what was typed (TypedExport); what it means is decided here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select

from sfm import __version__
from sfm.accounts import queries, sets
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.exports import selection
from sfm.exports.condition_words import conditions_in_words
from sfm.exports.format import Layout
from sfm.exports.readers.id_list import read_ids
from sfm.exports.selection import StreamFileSelection
from sfm.extensions import settings
from sfm.messages import Message, PluralMessage, pack, unpack
from sfm.models import TwitterUser, TwitterUserSet, User
from sfm.networks.record import MAX_ID
from sfm.posts.selection import Selection

Source = Literal["tweets", "ids", "files"]
SEEDS = 2**31
EVERYTHING = Selection()


@dataclass(frozen=True)
class Criteria:
    """What is asked for: a selection, out of the database, of a list of ids, or of stream files.

    `title` says in words whose posts these are. `ids_file` is the path of the list.
    `stream_files` are ids of stream files; `files` are paths of such: those that somebody typed,
    or those that the files of these ids have at the moment when the export is made.
    `of_all_streams` says that no stream was named. A sample is drawn with `seed`, so that it can
    be drawn again.
    """

    selection: Selection = Selection()
    source: Source = "tweets"
    title: str = Message("All posts")
    ids_file: str = ""
    files: tuple[str, ...] = ()
    stream_files: tuple[int, ...] = ()
    of_all_streams: bool = False
    sample: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sample is not None and self.sample < 1:
            raise WrongInput(Message("A sample has at least one post."))

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a JSON column; `criteria_from` reads them again."""
        return {
            "selection": self.selection.to_args(),
            "source": self.source,
            "title": pack(self.title),
            "ids_file": self.ids_file,
            "files": list(self.files),
            "stream_files": list(self.stream_files),
            "of_all_streams": self.of_all_streams,
            "sample": self.sample,
            "seed": self.seed,
        }

    def in_words(self) -> dict[str, str]:
        """Label and value of each thing asked for, for the README and for pages."""
        labels = {Message("Posts"): self.title, **conditions_in_words(self.selection)}
        if self.sample is not None:
            labels[Message("Sample")] = Message(
                "%(sample)s posts drawn by chance, seed %(seed)s",
                sample=f"{self.sample:,}",
                seed=self.seed,
            )
        return labels


def criteria_from(values: Mapping[str, Any]) -> Criteria:
    """Criteria out of `as_json`."""
    return Criteria(
        selection=Selection.from_args(values["selection"]),
        source=values["source"],
        title=unpack(values["title"]),
        ids_file=values["ids_file"],
        files=tuple(values["files"]),
        stream_files=tuple(values.get("stream_files", ())),  # exports of earlier days have none
        of_all_streams=values.get("of_all_streams", False),
        sample=values["sample"],
        seed=values["seed"],
    )


def new_seed() -> int:
    """A seed for a sample for which none was named."""
    return secrets.randbelow(SEEDS)


@dataclass(frozen=True)
class About:
    """Who asked, and whose installation this is."""

    asked_by: str
    institution: str = ""
    address: str = ""
    number: int | None = None  # of the export
    restarts: int = 0
    software: str = f"Social Feed Manager {__version__}"


@dataclass(frozen=True)
class ExportRequest:
    """An export to make. `reader_id`: the user whose rights count; None is the command line, which
    may read everything. `replaces_target`: a file or folder of the target's name is replaced."""

    criteria: Criteria
    layout: Layout
    about: About
    keep_free_mb: int = 0
    reader_id: int | None = None
    replaces_target: bool = False


@dataclass(frozen=True)
class TypedExport:
    """Which posts to export, as typed on a page or a command line.

    `args` are conditions under the names that an address has (see `Selection.from_args`), and
    `files`, `filter` and `day` of stream files; days are of `zone` unless `args` name one.
    `account` and `set_name` are names, `set_owner` the name of the user whose set it is.
    `id_list` is the path of a list of ids; `id_list_name` is what to call it, "" for a list that a
    user has sent along.
    """

    args: Mapping[str, Any]
    zone: str = "UTC"
    account: str = ""
    set_name: str = ""
    set_owner: str = ""
    stream_paths: Sequence[Path] = ()
    id_list: Path | None = None
    id_list_name: str = ""
    sample: int | None = None
    seed: int | None = None


def read_criteria(typed: TypedExport, reader: User | None) -> Criteria:
    """What was typed, as criteria; reads the database. Without a reader, everything may be read.

    Raises WrongInput with what to change; NotFound, also for a set or files of another user.
    """
    criteria = _criteria_without_list(typed, reader)
    if typed.id_list is not None:
        title = _id_list_title(typed.id_list, typed.id_list_name)
        path = str(typed.id_list.absolute())
        criteria = replace(criteria, source="ids", ids_file=path, title=title)
    if typed.sample is None:
        return criteria
    seed = new_seed() if typed.seed is None else typed.seed
    return replace(criteria, sample=typed.sample, seed=seed)


def _criteria_without_list(typed: TypedExport, reader: User | None) -> Criteria:
    conditions = Selection.from_args(typed.args, typed.zone)
    if typed.account:
        return of_account(account_named(typed.account), conditions)
    if typed.set_name:
        return of_set(set_named(typed.set_name, typed.set_owner), conditions)
    if typed.stream_paths:
        return of_paths(conditions, typed.stream_paths)
    if reader is not None and conditions.set_id is not None:
        sets.find(reader, conditions.set_id)
    if any(typed.args.get(name) for name in selection.ARGS):
        return of_stream_files(selection.from_args(reader, typed.args, conditions))
    return of_selection(conditions)


def _id_list_title(path: Path, name: str) -> str:
    if name:
        return Message("Posts of the list %(name)s", name=name)
    count = len(read_ids(path).ids)
    if not count:
        raise WrongInput(Message("There is no post id in this file. It needs one id on each line."))
    return PluralMessage("Posts of a list of %(num)s id", "Posts of a list of %(num)s ids", count)


def account_named(name: str) -> TwitterUser:
    """The account of this name, present or former. Raises NotFound, WrongInput where two had it."""
    match = queries.by_name(name)
    if match.unambiguous is not None:
        return match.unambiguous
    if candidates := match.now or match.once:
        uids = ", ".join(str(account.uid) for account in candidates)
        raise WrongInput(
            Message(
                "%(name)s has been the name of several accounts: those with the uids %(uids)s. "
                "Say which by its uid instead of its name.",
                name=name,
                uids=uids,
            )
        )
    account = _account_with_uid(name)
    if account is None:
        raise NotFound(
            Message("There is no account %(name)s here. Look it up among the accounts.", name=name)
        )
    return account


def _account_with_uid(text: str) -> TwitterUser | None:
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_ID:
        return db.session.scalar(select(TwitterUser).where(TwitterUser.uid == int(text)))
    return None


def set_named(name: str, owner: str = "") -> TwitterUserSet:
    """The set of this name. Raises WrongInput where several users have one and none is named."""
    matches = _sets_called(name, owner)
    if not matches and owner:
        raise NotFound(Message("There is no set “%(name)s” of %(owner)s.", name=name, owner=owner))
    if not matches:
        raise NotFound(Message("There is no set “%(name)s”.", name=name))
    if len(matches) > 1:
        owners = ", ".join(match.owner.username for match in matches)
        raise WrongInput(
            Message(
                "Several people have a set “%(name)s”: %(owners)s. Say whose with --owner.",
                name=name,
                owners=owners,
            )
        )
    return matches[0]


def _sets_called(name: str, owner: str) -> Sequence[TwitterUserSet]:
    """By the name of their users; `owner` "" means any."""
    query = (
        select(TwitterUserSet)
        .join(User, User.id == TwitterUserSet.owner_id)
        .where(TwitterUserSet.name == name.strip())
        .order_by(User.username)
    )
    if owner:
        query = query.where(User.username == owner)
    return db.session.scalars(query).all()


def of_account(account: TwitterUser, conditions: Selection = EVERYTHING) -> Criteria:
    """The posts of one account, as far as the conditions go."""
    title = Message("Posts of @%(name)s", name=account.name)
    return Criteria(replace(conditions, accounts=(account.id,)), title=title)


def of_set(account_set: TwitterUserSet, conditions: Selection = EVERYTHING) -> Criteria:
    """The posts of a set's members, as far as the conditions go."""
    title = Message(
        "Posts of the set “%(name)s” of %(username)s",
        name=account_set.name,
        username=account_set.owner.username,
    )
    return Criteria(replace(conditions, set_id=account_set.id), title=title)


def of_selection(conditions: Selection) -> Criteria:
    """The posts that the page of posts shows under these conditions."""
    if conditions.set_id is not None and conditions.chosen == {"set_id"}:
        account_set = db.session.get(TwitterUserSet, conditions.set_id)
        if account_set is not None:
            return of_set(account_set)
    if len(conditions.accounts) == 1:
        account = db.session.get(TwitterUser, conditions.accounts[0])
        if account is not None:
            return of_account(account, conditions)
    is_everything = conditions.is_everything
    title = Message("All posts") if is_everything else Message("Posts of a selection")
    return Criteria(conditions, title=title)


def of_paths(conditions: Selection, paths: Sequence[Path]) -> Criteria:
    """The posts of stream files that are named by their paths, recorded here or not."""
    return Criteria(
        conditions,
        "files",
        PluralMessage("Posts of %(num)s stream file", "Posts of %(num)s stream files", len(paths)),
        files=tuple(str(path.absolute()) for path in paths),
        stream_files=selection.ids_of_paths(paths),
    )


def of_stream_files(files: StreamFileSelection) -> Criteria:
    """The posts of recorded stream files."""
    return Criteria(
        files.selection,
        "files",
        files.title,
        stream_files=files.ids,
        of_all_streams=files.of_all_streams,
    )


def prepare(
    criteria: Criteria,
    layout: Layout,
    *,
    asked_by: str,
    reader_id: int | None,
    number: int | None = None,
    restarts: int = 0,
) -> ExportRequest:
    """The request, with what this installation says of itself, and where its files are now.

    `reader_id` is whose rights count, at this moment; None for the command line. Raises NotFound
    for a set or stream files that are gone or are not that user's any more.
    """
    if reader_id is not None:
        check_rights(reader_id, criteria)
    if criteria.stream_files and not criteria.files:
        criteria = replace(criteria, files=selection.current_paths(criteria.stream_files))
    institution, address = _institution()
    about = About(asked_by, institution, address, number, restarts)
    return ExportRequest(criteria, layout, about, settings().export_min_free_mb, reader_id)


def _institution() -> tuple[str, str]:
    """Name and address, as the settings say; "" where they do not."""
    branding = settings().branding
    return str(branding.get("institution") or ""), str(branding.get("url") or "")


SET_DELETED = Message(
    "The set of this export was deleted. Choose another set, and ask for a new export."
)
SET_OF_ANOTHER = Message(
    "The set of this export belongs to somebody else now. Ask its owner, or choose another set."
)
FILES_OF_ANOTHER = Message(
    "The stream files of this export belong to somebody else now, or their filter was deleted. "
    "Choose other files."
)


def check_rights(reader_id: int, criteria: Criteria) -> None:
    """Raise NotFound where the set or the stream files are not this user's any more.

    Superusers may export everything that is there. Reads only.
    """
    reader = db.session.get_one(User, reader_id)
    set_id = criteria.selection.set_id
    if set_id is not None:
        row = db.session.get(TwitterUserSet, set_id)
        if row is None:
            raise NotFound(SET_DELETED)
        if row.owner_id != reader.id and not reader.is_superuser:
            raise NotFound(SET_OF_ANOTHER)
    is_by_id = criteria.stream_files and not criteria.files
    if is_by_id and not selection.may_read(reader, criteria.stream_files):
        raise NotFound(FILES_OF_ANOTHER)
