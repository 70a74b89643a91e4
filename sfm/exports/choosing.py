"""From names that people type to criteria: an account, a set of one owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from sfm.accounts import queries
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.exports.request import Criteria
from sfm.models import TwitterUser, TwitterUserSet, User
from sfm.networks.record import MAX_ID
from sfm.posts.selection import Selection


def account_named(name: str) -> TwitterUser:
    """The account of this name, present or former. Raises NotFound, WrongInput where two had it."""
    found = queries.by_name(name)
    if found.one is not None:
        return found.one
    several = found.now or found.once
    if several:
        uids = ", ".join(str(user.uid) for user in several)
        raise WrongInput(
            f"{name} has been the name of several accounts: those with the uids {uids}. Say which "
            "by its uid instead of its name."
        )
    if name.isascii() and name.isdigit() and len(name) < 20 and int(name) <= MAX_ID:
        by_uid = db.session.scalar(select(TwitterUser).where(TwitterUser.uid == int(name)))
        if by_uid is not None:
            return by_uid
    raise NotFound(f"There is no account {name} here. Look it up among the accounts.")


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
        of = f" of {owner}" if owner else ""
        raise NotFound(f"There is no set “{name}”{of}.")
    if len(found) > 1:
        owners = ", ".join(one.owner.username for one in found)
        raise WrongInput(f"Several people have a set “{name}”: {owners}. Say whose with --owner.")
    return found[0]


def of_account(user: TwitterUser, selection: Selection | None = None) -> Criteria:
    """The tweets of one account, as far as the selection goes."""
    chosen = replace(selection or Selection(), accounts=(user.id,))
    return Criteria(chosen, title=f"Tweets of @{user.name}")


def of_set(found: TwitterUserSet, selection: Selection | None = None) -> Criteria:
    """The tweets of a set's members, as far as the selection goes."""
    chosen = replace(selection or Selection(), set_id=found.id)
    return Criteria(chosen, title=f"Tweets of the set “{found.name}” of {found.owner.username}")


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
    title = "All tweets" if selection.is_everything else "Tweets of a selection"
    return Criteria(selection, title=title)
