"""Accounts: finding them by id or uid, adding, activating and deactivating them, one or many.

Where Twitter is asked, it is asked first: the write transaction begins after its answer, so that
nobody waits for the network. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from sfm import audit
from sfm.accounts import lifecycle
from sfm.accounts.names import flag_reuse, is_possible, normalize
from sfm.adapters import NETWORK
from sfm.database import begin_write, db
from sfm.errors import NotFound, WrongInput
from sfm.messages import Message
from sfm.models import AccountEvent, TwitterUser
from sfm.networks.errors import AccountProblem
from sfm.networks.record import Account

if TYPE_CHECKING:
    from sfm.networks.adapter import AccountLookup


class ProtectedAccount(WrongInput):
    """The account is protected, and it was not said that it shall be added all the same."""


@dataclass(frozen=True)
class SwitchedAccounts:
    """How many accounts were activated or deactivated, and why others were not."""

    changed: int
    refused: tuple[str, ...] = ()


def by_id(account_id: int) -> TwitterUser:
    """The account with this id. Raises NotFound."""
    account = db.session.get(TwitterUser, account_id)
    if account is None:
        raise NotFound(Message("There is no such account here."))
    return account


def by_ids(ids: Sequence[int]) -> Sequence[TwitterUser]:
    """The accounts with these ids, by id; unknown ids are left out."""
    query = select(TwitterUser).where(TwitterUser.id.in_(ids)).order_by(TwitterUser.id)
    return db.session.scalars(query).all()


def by_uid(uid: int) -> TwitterUser | None:
    """The account with this uid, None where it is not here."""
    return db.session.scalar(select(TwitterUser).where(TwitterUser.uid == uid))


def namesakes(record: Account) -> list[TwitterUser]:
    """Accounts that stand here under this name with another uid (or none yet)."""
    same_name = select(TwitterUser).where(TwitterUser.lower_name == record.name.lower())
    return [account for account in db.session.scalars(same_name) if account.uid != record.uid]


def look_up(client: AccountLookup, typed: str) -> Account:
    """Twitter's record of an account, by the name as typed. One call; saves nothing.

    Raises WrongInput with the reason where there is no such account to be collected: not a
    possible name, unknown, suspended. Other NetworkErrors pass through.
    """
    name = normalize(typed)
    if not is_possible(name):
        raise WrongInput(NETWORK.account_problem("malformed", typed.strip()[:60]).message)
    try:
        return client.account_by_name(name)
    except AccountProblem as problem:
        raise WrongInput(problem.message) from problem


def look_up_again(client: AccountLookup, account: TwitterUser) -> Account:
    """Twitter's present record of one of our accounts, by its uid. One call; saves nothing.

    Raises WrongInput where the uid is gone or suspended.
    """
    if account.uid is None:
        return look_up(client, account.name)
    for batch in client.accounts_by_uid([account.uid]):
        for record in batch.accounts:
            return record
        for problem in batch.problems:
            raise WrongInput(NETWORK.account_problem(problem.state, account.name).message)
    raise WrongInput(NETWORK.account_problem("unanswered", account.name).message)


def add_by_name(
    client: AccountLookup,
    typed: str,
    *,
    added_by_id: int | None = None,
    active: bool = True,
    with_protected: bool = False,
) -> TwitterUser:
    """Look a name up and add the account. Begins the write itself, flushes.

    An account that is stored under this name with another uid has given the name up since: it is
    looked up too, and gets its new name in the same transaction. Raises WrongInput where
    there is no such account or its uid is here already, ProtectedAccount where it is protected
    (unless `with_protected`), and NetworkErrors.
    """
    record = look_up(client, typed)
    if record.protected and not with_protected and by_uid(record.uid) is None:
        raise ProtectedAccount(NETWORK.account_problem("protected", record.name).message)
    uids = [account.uid for account in namesakes(record) if account.uid is not None]
    answers = list(client.accounts_by_uid(uids))
    begin_write()
    for batch in answers:
        lifecycle.apply_batch(batch)
    return add(record, added_by_id=added_by_id, active=active)


def add(record: Account, *, added_by_id: int | None = None, active: bool = True) -> TwitterUser:
    """Add an account from Twitter's record of it. Flushes.

    The name is kept in Twitter's own capitals. Raises WrongInput where the uid is here already,
    saying under which name.
    """
    present = by_uid(record.uid)
    if present is not None:
        raise WrongInput(already_here(present, record.name))
    account = TwitterUser(
        uid=record.uid, name=record.name, is_active=active, added_by_id=added_by_id
    )
    db.session.add(account)
    db.session.flush()
    db.session.add(AccountEvent(twitter_user_id=account.id, kind="added", after=record.name))
    lifecycle.apply_profile(account, record)
    flag_reuse(account)
    account.ask_again_at = None  # a protected account is asked once before it waits
    _record("twitter_user.added", account)
    db.session.flush()
    return account


def already_here(present: TwitterUser, name: str) -> str:
    """The sentence that says that an account is here already."""
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


def activate_again(client: AccountLookup, account_id: int) -> TwitterUser:
    """Look an account up by its uid and collect it again. Begins the write itself, flushes.

    Raises WrongInput where Twitter no longer has the uid, and NetworkErrors.
    """
    record = look_up_again(client, by_id(account_id))
    begin_write()
    account = by_id(account_id)
    activate(account, record)
    return account


def activate(account: TwitterUser, record: Account) -> bool:
    """Collect an account again, by a new record; True where its name changed. Flushes."""
    if account.uid is None:
        account.uid = record.uid
    renamed = lifecycle.apply_profile(account, record)
    account.ask_again_at, account.failures = None, 0
    _set_active(account, True)
    return renamed


def activate_many(client: AccountLookup, ids: Sequence[int]) -> SwitchedAccounts:
    """Look these accounts up by their uids, 100 a call, and collect those that are there.

    Begins the write itself, after Twitter's answers. Raises NetworkErrors that are about none of
    the accounts.
    """
    idle = {
        account.uid: account.id for account in by_ids(ids) if not account.is_active and account.uid
    }
    answers = list(client.accounts_by_uid(list(idle)))
    begin_write()
    accounts = {account.uid: account for account in by_ids(list(idle.values()))}
    records = [record for batch in answers for record in batch.accounts if record.uid in accounts]
    for record in records:
        activate(accounts[record.uid], record)
    problems = [problem for batch in answers for problem in batch.problems]
    refused = _apply_problems(accounts, problems, looked_up=len(idle))
    return SwitchedAccounts(len(records), tuple(refused))


def _apply_problems(
    accounts: Mapping[int | None, TwitterUser], problems: list[AccountProblem], *, looked_up: int
) -> list[str]:
    """A sentence for each account that cannot be read. Flushes."""
    refused: list[str] = []
    gone: list[lifecycle.AccountGone] = []
    for problem in problems:
        account = accounts.get(int(problem.subject)) if problem.subject.isdigit() else None
        if account is not None:
            if lifecycle.is_gone(problem):
                gone.append((account, problem))
            else:
                lifecycle.apply_problem(account, problem)
            refused.append(NETWORK.account_problem(problem.state, account.name).message)
    db.session.flush()
    lifecycle.enter_gone(gone, looked_up)
    return refused


def deactivate(account: TwitterUser) -> None:
    """Stop collecting an account; its posts stay. Makes no call. Flushes."""
    _set_active(account, False)


def deactivate_many(ids: Sequence[int]) -> SwitchedAccounts:
    """Stop collecting these accounts. Call `begin_write` first. Flushes."""
    active = [account for account in by_ids(ids) if account.is_active]
    for account in active:
        deactivate(account)
    return SwitchedAccounts(len(active))


def _set_active(account: TwitterUser, active: bool) -> None:
    if account.is_active != active:
        account.is_active = active
        kind = "activated" if active else "deactivated"
        db.session.add(AccountEvent(twitter_user_id=account.id, kind=kind))
        _record(f"twitter_user.{kind}", account)
    db.session.flush()


def _record(action: str, account: TwitterUser) -> None:
    audit.record(action, kind="twitter_user", subject_id=account.id, subject=account.name)
