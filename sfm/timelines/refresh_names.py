"""Looks accounts up by uid, 100 a call: new names and states; and fills in missing uids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import select

from sfm import clock
from sfm.accounts import lifecycle, queries, service
from sfm.database import db
from sfm.extensions import settings
from sfm.messages import Message, join_messages
from sfm.models import TwitterUser
from sfm.networks.adapter import AccountLookup
from sfm.networks.errors import AccountProblem, OutOfCredits, Retry, Wait
from sfm.networks.page import AccountBatch
from sfm.networks.record import Account
from sfm.runs.context import RunContext
from sfm.runs.errors import Postponed, pause_for
from sfm.runs.queue import enqueue
from sfm.runs.transactions import unit_of_work
from sfm.timelines.failures import DOWN
from sfm.twitter.errors import account_problem

BATCH = 100
Teller = Callable[[str], None]


def update_usernames(
    run: RunContext, client: AccountLookup, *, tell: Teller = lambda _line: None
) -> dict[str, Any]:
    """Look up all active accounts (or those that the params name) and take over what changed.

    Commits after each call of 100, and last of all who is gone: many at once are left to be
    confirmed by another look-up hours later, which is queued. `tell` is given a sentence for each
    change. Raises what ends the run: CredentialProblem, Pause, Postponed, Cancelled, Interrupted,
    LeaseLost.
    """
    ids = _wanted(run.params.get("twitter_user_ids"))
    run.show("", total=len(ids))
    result = {"accounts": len(ids), "renamed": 0, "changed_state": 0, "unconfirmed": 0}
    gone: list[AccountProblem] = []
    for start in range(0, len(ids), BATCH):
        run.check()
        part = ids[start : start + BATCH]
        for batch in _asked(client.accounts_by_uid, [uid for _, uid in part]):
            run.spend(calls=1, users=len(batch.accounts))
            _take_over(run, batch, result, tell)
            gone += [problem for problem in batch.problems if lifecycle.is_gone(problem)]
        run.advance(len(part))
    _enter_gone(run, gone, result, tell)
    return result


def _enter_gone(
    run: RunContext, gone: Sequence[AccountProblem], result: dict[str, Any], tell: Teller
) -> None:
    """Take over who is gone, once it is known how many are. Commits."""
    problems = {int(problem.subject): problem for problem in gone}

    def enter() -> tuple[list[tuple[str, str]], list[int]]:
        users = [user for uid in problems if (user := service.by_uid(uid)) is not None]
        before = {user.id: user.state for user in users}
        done = lifecycle.enter_gone(
            [(user, problems[user.uid or 0]) for user in users], result["accounts"]
        )
        unconfirmed = [user.id for user in done.unconfirmed]
        if unconfirmed and settings().scheduler:
            _queue_second_look(unconfirmed)
        run.fence(added=len(done.entered))
        return [(user.name, before[user.id]) for user in done.entered], unconfirmed

    entered, unconfirmed = unit_of_work(enter)
    for name, old_state in entered:
        tell(f"{name}: was {WORDS[old_state]}, is {WORDS['not_found']} now.")
    result["changed_state"] += len(entered)
    result["unconfirmed"] = len(unconfirmed)
    run.advance(0, len(entered), saved=True)
    for problem in gone:
        _note(run, problem, is_unconfirmed=bool(unconfirmed))


def _queue_second_look(accounts: list[int]) -> None:
    """Have these accounts looked up once more after some hours. Flushes."""
    again = enqueue("update_usernames", params={"twitter_user_ids": accounts}, origin="schedule")
    if again is not None and again.not_before is None:
        again.not_before = clock.now() + lifecycle.CONFIRM_AFTER
        db.session.flush()


def _wanted(chosen_ids: Sequence[int] | None) -> list[tuple[int, int]]:
    query = select(TwitterUser.id, TwitterUser.uid).where(TwitterUser.uid.is_not(None))
    if chosen_ids is not None:
        query = query.where(TwitterUser.id.in_(chosen_ids))
    else:
        query = query.where(TwitterUser.is_active)
    accounts = [(row.id, row.uid) for row in db.session.execute(query.order_by(TwitterUser.id))]
    db.session.rollback()
    return accounts


def _asked(look_up: Callable[[Any], Any], subjects: Sequence[Any]) -> list[AccountBatch]:
    """The answers to one call. What can only be waited for becomes the run's own word for it."""
    try:
        return list(look_up(subjects))
    except OutOfCredits as trouble:
        raise pause_for(trouble) from trouble
    except Wait as trouble:
        raise Postponed(trouble.message, trouble.until) from trouble
    except Retry as trouble:
        raise Postponed(trouble.message, clock.now() + DOWN) from trouble


def _take_over(run: RunContext, batch: AccountBatch, result: dict[str, Any], tell: Teller) -> None:
    before = _as_they_stand(batch)

    def see() -> None:
        changed = lifecycle.apply_batch(batch, enters_gone=False)
        run.fence(added=sum(changed.values()))

    unit_of_work(see)
    after = _as_they_stand(batch)
    for account, (name, state) in after.items():
        old_name, old_state = before.get(account, (name, state))
        if name != old_name:
            result["renamed"] += 1
            tell(f"{old_name} is now called {name}.")
        if state != old_state:
            result["changed_state"] += 1
            tell(f"{name}: was {WORDS[old_state]}, is {WORDS[state]} now.")
    run.advance(
        0, sum(after[account_id] != before.get(account_id) for account_id in after), saved=True
    )
    for problem in batch.problems:
        if not lifecycle.is_gone(problem):
            _note(run, problem)


WORDS = {
    "ok": Message("open"),
    "protected": Message("protected"),
    "suspended": Message("suspended"),
    "not_found": Message("gone from Twitter"),
}


def _as_they_stand(batch: AccountBatch) -> dict[int, tuple[str, str]]:
    uids = [record.uid for record in batch.accounts]
    uids += [int(problem.subject) for problem in batch.problems if problem.state != "malformed"]
    rows = db.session.execute(
        select(TwitterUser.id, TwitterUser.name, TwitterUser.state).where(TwitterUser.uid.in_(uids))
    ).all()
    db.session.rollback()
    return {row.id: (row.name, row.state) for row in rows}


UNCONFIRMED = Message(
    "This is not confirmed yet, because Twitter says it of many accounts at once."
)


def _note(run: RunContext, problem: AccountProblem, *, is_unconfirmed: bool = False) -> None:
    user = service.by_uid(int(problem.subject)) if problem.subject.isdigit() else None
    name, account = (user.name, user.id) if user else (problem.subject, None)
    is_left = is_unconfirmed and user is not None and user.gone_unconfirmed_since is not None
    db.session.rollback()
    reason = account_problem(problem.state, name).message
    if is_left:
        reason = join_messages([reason, UNCONFIRMED])
    permanent = problem.permanent and not is_left
    run.error(name, reason, detail=problem.detail, permanent=permanent, twitter_user_id=account)


def populate_uids(
    run: RunContext, client: AccountLookup, *, tell: Teller = lambda _line: None
) -> dict[str, Any]:
    """Fill in the uids that accounts of old databases lack, by looking their names up.

    A uid that another account has already is refused with an error row: two names of one account.
    Commits after each call of 100. Raises as `update_usernames`.
    """
    accounts = _without_uid(run.params.get("twitter_user_ids"))
    run.show("", total=len(accounts))
    result = {"accounts": len(accounts), "filled": 0}
    names = list(accounts)
    for start in range(0, len(names), BATCH):
        run.check()
        for batch in _asked(client.accounts_by_name, names[start : start + BATCH]):
            run.spend(calls=1, users=len(batch.accounts))
            for record in batch.accounts:
                result["filled"] += _fill(run, accounts[record.name.lower()], record, tell)
            for problem in batch.problems:
                account = accounts.get(problem.subject.lower())
                run.error(problem.subject, problem.message, twitter_user_id=account)
        run.advance(len(names[start : start + BATCH]))
    return result


def _without_uid(chosen_ids: Sequence[int] | None) -> dict[str, int]:
    query = select(TwitterUser.lower_name, TwitterUser.id).where(TwitterUser.uid.is_(None))
    if chosen_ids is not None:
        query = query.where(TwitterUser.id.in_(chosen_ids))
    accounts = {row.lower_name: row.id for row in db.session.execute(query)}
    db.session.rollback()
    return accounts


def _fill(run: RunContext, account: int, record: Account, tell: Teller) -> int:
    present = service.by_uid(record.uid)
    if present is not None:
        reason = Message(
            "%(name)s has the same uid as %(other_name)s, which is here already.",
            name=record.name,
            other_name=present.name,
        )
        db.session.rollback()
        run.error(record.name, reason, permanent=True, twitter_user_id=account)
        return 0
    unit_of_work(partial(_set_uid, run, account, record))
    run.advance(0, 1, saved=True)
    tell(f"{record.name}: uid {record.uid}.")
    return 1


def _set_uid(run: RunContext, account: int, record: Account) -> None:
    user = service.by_id(account)
    user.uid = record.uid
    lifecycle.apply_profile(user, record)
    db.session.flush()
    run.fence(added=1)


def ids_by_name(typed: str) -> list[int]:
    """The account that is meant by a name, former names included, for a command's --user.

    Raises NotFound where there is none, and WrongInput where two could be meant.
    """
    named = queries.by_name(typed)
    if named.one is not None:
        return [named.one.id]
    raise queries.unclear(typed, named)
