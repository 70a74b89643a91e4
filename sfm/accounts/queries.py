"""Reading accounts: by present or former name, by part of a name, A to Z, and their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_

from sfm.accounts.names import formerly_called, normalize
from sfm.accounts.sets import members_of, visible_to
from sfm.database import db
from sfm.errors import NotFound, SfmError, WrongInput
from sfm.messages import Message
from sfm.models import AccountEvent, FormerName, TwitterUser, TwitterUserSet, User, set_member

PAGE = 25
A_TO_Z = (TwitterUser.lower_name, TwitterUser.id)


@dataclass(frozen=True)
class AccountByName:
    """The accounts of a name: those that have it now (two only where the name has changed hands
    and that is not looked up yet), and those that had it once."""

    now: Sequence[TwitterUser]
    once: Sequence[TwitterUser]

    @property
    def unambiguous(self) -> TwitterUser | None:
        """The only account that has the name, or else the only one that had it; else None."""
        candidates = self.now or self.once
        return candidates[0] if len(candidates) == 1 else None


def by_name(typed: str) -> AccountByName:
    """The accounts that have this name, whatever its capitals, and those that had it."""
    name = normalize(typed)
    now = db.session.scalars(
        select(TwitterUser)
        .where(TwitterUser.lower_name == name.lower())
        .order_by(TwitterUser.id.desc())
    ).all()
    return AccountByName(now, [account for account in formerly_called(name) if account not in now])


def ambiguous_name_error(typed: str, named: AccountByName) -> SfmError:
    """The error for a name that no account has, or several."""
    if not named.now and not named.once:
        return NotFound(
            Message(
                "There is no account called %(name)s here. Add it first.", name=normalize(typed)
            )
        )
    names = ", ".join(
        f"{account.name} (uid {account.uid})" for account in [*named.now, *named.once]
    )
    return WrongInput(
        Message(
            "The name %(name)s may mean several accounts: %(names)s.",
            name=normalize(typed),
            names=names,
        )
    )


def search(
    text: str, *, after: tuple[str, int] | None = None, limit: int = PAGE
) -> Sequence[TwitterUser]:
    """Accounts whose present or former name, or displayed name, holds this text; A to Z."""
    query = matching(text).order_by(*A_TO_Z).limit(limit)
    if after is not None:
        query = query.where(tuple_(TwitterUser.lower_name, TwitterUser.id) > tuple_(*after))
    return db.session.scalars(query).all()


def matching(text: str) -> Select[Any]:
    """Accounts whose present or former name, displayed name or uid is or holds this text."""
    name = normalize(text).lower()
    once = select(FormerName.twitter_user_id).where(
        FormerName.lower_name.contains(name, autoescape=True)
    )
    alike = [
        TwitterUser.lower_name.contains(name, autoescape=True),
        TwitterUser.display_name.icontains(text.strip(), autoescape=True),
        TwitterUser.id.in_(once),
    ]
    if name.isascii() and name.isdigit() and len(name) < 19:
        alike.append(TwitterUser.uid == int(name))
    return select(TwitterUser).where(or_(*alike))


def filtered(
    text: str = "",
    *,
    is_active: bool | None = None,
    state: str = "",
    gone_unconfirmed: bool = False,
    set_id: int | None = None,
) -> Select[Any]:
    """Accounts that meet all that is given; all of them without anything.

    `text` as in `matching`; `gone_unconfirmed`: Twitter says they are gone, and nobody has
    confirmed it yet; `set_id`: members of this set.
    """
    accounts = matching(text) if text else select(TwitterUser)
    if is_active is not None:
        accounts = accounts.where(TwitterUser.is_active.is_(is_active))
    if gone_unconfirmed:
        accounts = accounts.where(TwitterUser.gone_unconfirmed_since.is_not(None))
    if state:
        accounts = accounts.where(TwitterUser.state == state)
    if set_id is not None:
        ids = members_of(set_id).with_only_columns(TwitterUser.id)
        accounts = accounts.where(TwitterUser.id.in_(ids))
    return accounts


def beginning_with(letter: str) -> Select[Any]:
    """Accounts whose name begins with this letter ("#": with none); all where it is empty."""
    return select(TwitterUser).where(_begins_with(letter)) if letter else select(TwitterUser)


def _begins_with(letter: str) -> ColumnElement[bool]:
    if letter == "#":
        return func.substr(TwitterUser.lower_name, 1, 1).not_in(list(ascii_lowercase))
    return TwitterUser.lower_name.startswith(letter[:1].lower(), autoescape=True)


def all_by_name() -> Sequence[TwitterUser]:
    """All accounts, A to Z."""
    return db.session.scalars(select(TwitterUser).order_by(*A_TO_Z)).all()


def names_of(account_ids: Sequence[int]) -> dict[int, str]:
    """The present names of these accounts, by id."""
    names = select(TwitterUser.id, TwitterUser.name).where(TwitterUser.id.in_(account_ids))
    return {row.id: row.name for row in db.session.execute(names)}


def random_sample(limit: int) -> Sequence[TwitterUser]:
    """Random active accounts."""
    return db.session.scalars(
        select(TwitterUser).where(TwitterUser.is_active).order_by(func.random()).limit(limit)
    ).all()


def sets_with(reader: User, account_id: int) -> Sequence[TwitterUserSet]:
    """The sets with this account, as far as the reader may see them, by name."""
    visible = {visible_set.id: visible_set for visible_set in visible_to(reader)}
    ids = db.session.scalars(
        select(set_member.c.set_id).where(set_member.c.twitter_user_id == account_id)
    )
    sets = [visible[set_id] for set_id in ids if set_id in visible]
    return sorted(sets, key=lambda visible_set: visible_set.name.lower())


def history(account_id: int, limit: int) -> Sequence[AccountEvent]:
    """What happened to an account, newest first."""
    return db.session.scalars(
        select(AccountEvent)
        .where(AccountEvent.twitter_user_id == account_id)
        .order_by(AccountEvent.at.desc(), AccountEvent.id.desc())
        .limit(limit)
    ).all()
