"""Adding, switching on and off, and deleting TwitterUsers.

Where Twitter is asked, it is asked first; the write transaction begins after its answer, so that
nobody waits for the network. Nothing here commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from sfm import audit
from sfm.accounts import lifecycle
from sfm.accounts.names import flag_reuse, is_possible, normalize
from sfm.database import begin_write, db
from sfm.errors import NotFound, WrongInput
from sfm.models import AccountEvent, TwitterUser
from sfm.networks.errors import AccountProblem
from sfm.networks.record import Account
from sfm.twitter.errors import account_problem

if TYPE_CHECKING:
    from sfm.networks.adapter import AccountLookup

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sfm.messages import Message

if TYPE_CHECKING:
    from sfm.networks.adapter import AccountLookup


def add_by_name(
    client: AccountLookup, typed: str, *, added_by_id: int | None = None, active: bool = True
) -> TwitterUser:
    """Look a name up and begin to collect the account. Begins the write itself, flushes.

    An account of ours that still stands under this name with another uid has given it up since:
    it is looked up too, and gets its new name in the same transaction. Raises WrongInput where
    there is no such account or its uid is here already, and TwitterErrors.
    """
    record = look_up(client, typed)
    uids = [user.uid for user in namesakes(record) if user.uid is not None]
    answers = list(client.accounts_by_uid(uids))
    begin_write()
    for batch in answers:
        lifecycle.apply_batch(batch)
    return add(record, added_by_id=added_by_id, active=active)


def activate_again(client: AccountLookup, twitter_user_id: int) -> TwitterUser:
    """Look an account up by its uid and collect it again. Begins the write itself, flushes.

    Raises WrongInput where Twitter no longer has the uid, and TwitterErrors.
    """
    record = look_up_again(client, by_id(twitter_user_id))
    begin_write()
    twitter_user = by_id(twitter_user_id)
    activate(twitter_user, record)
    return twitter_user


def namesakes(record: Account) -> list[TwitterUser]:
    """Accounts that stand here under this name with another uid (or none yet)."""
    same_name = select(TwitterUser).where(TwitterUser.lower_name == record.name.lower())
    return [user for user in db.session.scalars(same_name) if user.uid != record.uid]


def look_up(client: AccountLookup, typed: str) -> Account:
    """What Twitter says of an account, by the name as it was typed. Asks once; saves nothing.

    Raises WrongInput with the reason where there is no such account to be collected: not a
    possible name, unknown, suspended. Other TwitterErrors pass through.
    """
    name = normalize(typed)
    if not is_possible(name):
        raise WrongInput(account_problem("malformed", typed.strip()[:60]).message)
    try:
        return client.account_by_name(name)
    except AccountProblem as problem:
        raise WrongInput(problem.message) from problem


def add(record: Account, *, added_by_id: int | None = None, active: bool = True) -> TwitterUser:
    """Begin to collect an account that Twitter has just shown us. Flushes.

    The name is kept in Twitter's own capitals. Raises WrongInput where the uid is here already,
    saying under which name.
    """
    present = by_uid(record.uid)
    if present is not None:
        raise WrongInput(already_here(present, record.name))
    twitter_user = TwitterUser(
        uid=record.uid, name=record.name, is_active=active, added_by_id=added_by_id
    )
    db.session.add(twitter_user)
    db.session.flush()
    db.session.add(AccountEvent(twitter_user_id=twitter_user.id, kind="added", after=record.name))
    lifecycle.apply_profile(twitter_user, record)
    flag_reuse(twitter_user)
    twitter_user.ask_again_at = None  # a protected account is asked once before it waits
    _record("twitter_user.added", twitter_user)
    db.session.flush()
    return twitter_user


def already_here(present: TwitterUser, name: str) -> str:
    """The sentence for an account that is collected already."""
    if present.name.lower() == name.lower():
        if present.is_active:
            return Message("%(name)s is here already.", name=present.name)
        return Message("%(name)s is here already, but switched off.", name=present.name)
    if present.is_active:
        return Message(
            "%(name)s is here already under its former name %(former)s.",
            name=name,
            former=present.name,
        )
    return Message(
        "%(name)s is here already under its former name %(former)s, but switched off.",
        name=name,
        former=present.name,
    )


def look_up_again(client: AccountLookup, twitter_user: TwitterUser) -> Account:
    """What Twitter says of an account of ours now, by its uid. Asks once; saves nothing.

    Raises WrongInput where the uid is gone or suspended.
    """
    if twitter_user.uid is None:
        return look_up(client, twitter_user.name)
    for batch in client.accounts_by_uid([twitter_user.uid]):
        for record in batch.accounts:
            return record
        for problem in batch.problems:
            raise WrongInput(account_problem(problem.state, twitter_user.name).message)
    raise WrongInput(account_problem("unanswered", twitter_user.name).message)


def activate(twitter_user: TwitterUser, record: Account) -> bool:
    """Collect an account again, with what `look_up_again` said; True where its name changed."""
    if twitter_user.uid is None:
        twitter_user.uid = record.uid
    renamed = lifecycle.apply_profile(twitter_user, record)
    twitter_user.ask_again_at, twitter_user.failures = None, 0
    _switch(twitter_user, True)
    return renamed


def deactivate(twitter_user: TwitterUser) -> None:
    """Stop asking for an account's tweets; what is held stays. Always allowed, asks nobody."""
    _switch(twitter_user, False)


def _switch(twitter_user: TwitterUser, active: bool) -> None:
    if twitter_user.is_active != active:
        twitter_user.is_active = active
        kind = "activated" if active else "deactivated"
        db.session.add(AccountEvent(twitter_user_id=twitter_user.id, kind=kind))
        _record(f"twitter_user.{kind}", twitter_user)
    db.session.flush()


def by_uid(uid: int) -> TwitterUser | None:
    """The account with this uid, if it is here."""
    return db.session.scalar(select(TwitterUser).where(TwitterUser.uid == uid))


def by_id(twitter_user_id: int) -> TwitterUser:
    """The account with this number of ours. Raises NotFound."""
    account = db.session.get(TwitterUser, twitter_user_id)
    if account is None:
        raise NotFound(Message("There is no such account here."))
    return account


def _record(action: str, twitter_user: TwitterUser) -> None:
    audit.record(action, kind="twitter_user", subject_id=twitter_user.id, subject=twitter_user.name)


@dataclass(frozen=True)
class SwitchedAccounts:
    """How many accounts were switched, and why others were not."""

    changed: int
    refused: tuple[str, ...] = ()


def by_ids(ids: Sequence[int]) -> Sequence[TwitterUser]:
    """The accounts with these numbers; those that are gone are passed over."""
    query = select(TwitterUser).where(TwitterUser.id.in_(ids)).order_by(TwitterUser.id)
    return db.session.scalars(query).all()


def deactivate_many(ids: Sequence[int]) -> SwitchedAccounts:
    """Stop asking for the tweets of these accounts. Call `begin_write` first."""
    active = [user for user in by_ids(ids) if user.is_active]
    for user in active:
        deactivate(user)
    return SwitchedAccounts(len(active))


def activate_many(client: AccountLookup, ids: Sequence[int]) -> SwitchedAccounts:
    """Look these accounts up by their uids, 100 a call, and collect those that are there.

    Begins the write itself, after Twitter's answers. Raises TwitterErrors that are about none of
    the accounts.
    """
    idle = {user.uid: user.id for user in by_ids(ids) if not user.is_active and user.uid}
    answers = list(client.accounts_by_uid(list(idle)))
    begin_write()
    users = {user.uid: user for user in by_ids(list(idle.values()))}
    changed, refused = 0, []
    gone: list[lifecycle.AccountGone] = []
    for batch in answers:
        for record in batch.accounts:
            if record.uid in users:
                activate(users[record.uid], record)
                changed += 1
        for problem in batch.problems:
            user = users.get(int(problem.subject)) if problem.subject.isdigit() else None
            if user is not None:
                if lifecycle.is_gone(problem):
                    gone.append((user, problem))
                else:
                    lifecycle.apply_problem(user, problem)
                refused.append(account_problem(problem.state, user.name).message)
    db.session.flush()
    lifecycle.enter_gone(gone, len(idle))
    return SwitchedAccounts(changed, tuple(refused))
