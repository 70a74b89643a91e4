"""Sets of accounts: find, create, change, and their members. Nothing here commits.

A set belongs to a User; its name is unique among the sets of its owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.exc import IntegrityError

from sfm import audit
from sfm.accounts.names import formerly_called, normalize
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.messages import Message
from sfm.models import TwitterUser, TwitterUserSet, User, set_member

MAX_NAME_CHARACTERS = 255
MAX_FORMER_NAMES = 200  # former names looked up for one form
_BATCH = 500  # bound parameters a statement


@dataclass(frozen=True)
class SetFigures:
    """How many members a set has, and how many posts they have together, of which time."""

    members: int
    active: int
    items: int
    oldest_at: datetime | None
    newest_at: datetime | None


@dataclass(frozen=True)
class MatchedNames:
    """The ids of the accounts that were named, and the names that no account here has."""

    ids: tuple[int, ...]
    unknown: tuple[str, ...]


def find(reader: User, set_id: int) -> TwitterUserSet:
    """One set that the User may see and change. Raises NotFound, also for somebody else's."""
    account_set = db.session.scalar(
        select(TwitterUserSet).where(TwitterUserSet.id == set_id, _is_theirs(reader))
    )
    if account_set is None:
        raise NotFound(Message("There is no such set, or it belongs to somebody else."))
    return account_set


def find_by_name(owner: User, name: str) -> TwitterUserSet | None:
    """The owner's set of this name; never somebody else's."""
    return db.session.scalar(
        select(TwitterUserSet).where(
            TwitterUserSet.owner_id == owner.id, TwitterUserSet.name == name.strip()
        )
    )


def visible_to(reader: User) -> Sequence[TwitterUserSet]:
    """The sets a User may see and change, by name: their own; a superuser's are all."""
    mine = select(TwitterUserSet).where(_is_theirs(reader))
    return db.session.scalars(mine.order_by(TwitterUserSet.name, TwitterUserSet.id)).all()


def list_sets(reader: User, text: str = "") -> Select[Any]:
    """The sets a User may see whose name contains `text`, as a statement without an order."""
    query = select(TwitterUserSet).where(_is_theirs(reader))
    if text.strip():
        query = query.where(TwitterUserSet.name.icontains(text.strip(), autoescape=True))
    return query


def sizes(set_ids: Sequence[int]) -> dict[int, int]:
    """How many members each of these sets has."""
    counted = db.session.execute(
        select(set_member.c.set_id, func.count())
        .where(set_member.c.set_id.in_(set_ids))
        .group_by(set_member.c.set_id)
    )
    return dict.fromkeys(set_ids, 0) | {row[0]: row[1] for row in counted}


def create(owner: User, name: str, notes: str = "") -> TwitterUserSet:
    """A new set, flushed. Raises WrongInput for an empty name or one the owner has already."""
    account_set = TwitterUserSet(owner_id=owner.id, name=_good_name(name), notes=notes)
    _save(
        account_set,
        Message(
            "%(username)s already has a set called “%(name)s”.",
            username=owner.username,
            name=account_set.name,
        ),
    )
    _record("set.created", account_set)
    return account_set


def change(account_set: TwitterUserSet, *, name: str, notes: str) -> None:
    """Give a set another name and notes. Raises as `create`."""
    before = {"name": account_set.name, "notes": account_set.notes}
    account_set.name, account_set.notes = _good_name(name), notes
    _save(
        account_set,
        Message("There already is a set called “%(name)s”.", name=account_set.name),
    )
    old, new = audit.changes(before, {"name": account_set.name, "notes": account_set.notes})
    if new:
        _record("set.changed", account_set, before=old, after=new)


def remove(account_set: TwitterUserSet) -> None:
    """Delete a set; its members and their posts stay."""
    _record("set.deleted", account_set)
    db.session.delete(account_set)
    db.session.flush()


def members_of(set_id: int) -> Select[Any]:
    """The members of a set, as a statement without an order."""
    joined = select(TwitterUser).join(set_member, set_member.c.twitter_user_id == TwitterUser.id)
    return joined.where(set_member.c.set_id == set_id)


def member_figures(set_id: int) -> SetFigures:
    """Sums over the members of a set, from the counts kept with each account."""
    row = db.session.execute(
        members_of(set_id).with_only_columns(
            func.count(),
            func.count().filter(TwitterUser.is_active),
            func.coalesce(func.sum(TwitterUser.items_count), 0),
            func.min(TwitterUser.oldest_item_at),
            func.max(TwitterUser.newest_item_at),
        )
    ).one()
    return SetFigures(row[0], row[1], int(row[2]), row[3], row[4])


def member_names(set_id: int) -> Sequence[str]:
    """The names of all members, A to Z."""
    query = members_of(set_id).with_only_columns(TwitterUser.name)
    return db.session.scalars(query.order_by(TwitterUser.lower_name, TwitterUser.id)).all()


def match_names(text: str) -> MatchedNames:
    """The accounts of the names that were typed, with blanks, commas or line ends between.

    A former name counts where only one account had it.
    """
    typed = [normalize(part) for part in re.split(r"[\s,;]+", text.replace("\x00", " "))]
    names = list(dict.fromkeys(name for name in typed if name))
    ids_by_name: dict[str, int] = {}
    for start in range(0, len(names), _BATCH):
        part = [name.lower() for name in names[start : start + _BATCH]]
        rows = db.session.execute(
            select(TwitterUser.lower_name, TwitterUser.id)
            .where(TwitterUser.lower_name.in_(part))
            .order_by(TwitterUser.id)
        )
        ids_by_name.update({row[0]: row[1] for row in rows})
    for name in [typed for typed in names if typed.lower() not in ids_by_name][:MAX_FORMER_NAMES]:
        former_holders = formerly_called(name)
        if len(former_holders) == 1:
            ids_by_name[name.lower()] = former_holders[0].id
    ids = [ids_by_name[name.lower()] for name in names if name.lower() in ids_by_name]
    unknown = [name for name in names if name.lower() not in ids_by_name]
    return MatchedNames(tuple(dict.fromkeys(ids)), tuple(unknown))


def add_members(account_set: TwitterUserSet, account_ids: Iterable[int]) -> int:
    """Put accounts into a set; how many were not in it before. Unknown ids are left out."""
    present = set(
        db.session.scalars(
            select(set_member.c.twitter_user_id).where(set_member.c.set_id == account_set.id)
        )
    )
    new = [account_id for account_id in dict.fromkeys(account_ids) if account_id not in present]
    known: list[int] = []
    for start in range(0, len(new), _BATCH):
        part = new[start : start + _BATCH]
        known += db.session.scalars(select(TwitterUser.id).where(TwitterUser.id.in_(part)))
    if known:
        rows = [{"set_id": account_set.id, "twitter_user_id": account_id} for account_id in known]
        db.session.execute(set_member.insert(), rows)
        _record("set.members_added", account_set, after={"added": len(known)})
        db.session.expire(account_set, ["members"])
    return len(known)


def remove_members(account_set: TwitterUserSet, account_ids: Iterable[int]) -> int:
    """Take accounts out of a set; how many were in it."""
    ids = list(account_ids)
    gone = 0
    for start in range(0, len(ids), _BATCH):
        part = ids[start : start + _BATCH]
        gone += db.session.execute(
            delete(set_member).where(
                set_member.c.set_id == account_set.id, set_member.c.twitter_user_id.in_(part)
            )
        ).rowcount  # type: ignore[attr-defined]
    if gone:
        _record("set.members_removed", account_set, after={"removed": gone})
        db.session.expire(account_set, ["members"])
    return gone


def _is_theirs(reader: User) -> ColumnElement[bool]:
    return reader.may_see(TwitterUserSet.owner_id)


def _good_name(name: str) -> str:
    tidied = " ".join(name.split())
    if not tidied:
        raise WrongInput(Message("A set needs a name."))
    if len(tidied) > MAX_NAME_CHARACTERS:
        raise WrongInput(
            Message(
                "The name of a set has at most %(limit)s characters.", limit=MAX_NAME_CHARACTERS
            )
        )
    return tidied


def _save(account_set: TwitterUserSet, already: str) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(account_set)
    except IntegrityError as exc:
        raise WrongInput(already) from exc


def _record(
    action: str,
    account_set: TwitterUserSet,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    audit.record(
        action,
        kind="set",
        subject_id=account_set.id,
        subject=account_set.name,
        before=before,
        after=after,
    )
