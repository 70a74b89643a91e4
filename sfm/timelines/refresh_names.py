"""Looks accounts up by uid, 100 a call: new names and states; and fills in missing uids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import select

from sfm import clock
from sfm.accounts import lifecycle, queries, service
from sfm.adapters import NETWORK
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
from sfm.timelines.failures import RETRY_WHEN_DOWN

BATCH = 100
UNCONFIRMED = Message(
    "This is not confirmed yet, because Twitter says it of many accounts at once."
)
STATE_WORDS = {
    "ok": Message("open"),
    "protected": Message("protected"),
    "suspended": Message("suspended"),
    "not_found": Message("gone from Twitter"),
}
Reporter = Callable[[str], None]


def update_usernames(
    run: RunContext, client: AccountLookup, *, report: Reporter = lambda _line: None
) -> dict[str, Any]:
    """Look up all active accounts (or those that the params name) and take over what changed.

    Commits after each call of 100, and last of all who is gone: many at once are left to be
    confirmed by another look-up hours later, which is queued. `report` gets a sentence for each
    change. Raises what ends the run: CredentialProblem, Pause, Postponed, Cancelled, Interrupted,
    LeaseLost.
    """
    ids = _accounts_to_look_up(run.params.get("twitter_user_ids"))
    run.set_status("", total=len(ids))
    result = {"accounts": len(ids), "renamed": 0, "changed_state": 0, "unconfirmed": 0}
    gone: list[AccountProblem] = []
    for start in range(0, len(ids), BATCH):
        run.check()
        part = ids[start : start + BATCH]
        for batch in _look_up(client.accounts_by_uid, [uid for _, uid in part]):
            run.count_usage(calls=1, users=len(batch.accounts))
            _apply_batch(run, batch, result, report)
            gone += [problem for problem in batch.problems if lifecycle.is_gone(problem)]
        run.advance(len(part))
    _enter_gone(run, gone, result, report)
    return result


def _enter_gone(
    run: RunContext, gone: Sequence[AccountProblem], result: dict[str, Any], report: Reporter
) -> None:
    """Apply which accounts are gone, once it is known how many are. Commits."""
    problems = {int(problem.subject): problem for problem in gone}

    def enter() -> tuple[list[tuple[str, str]], list[int]]:
        accounts = [account for uid in problems if (account := service.by_uid(uid)) is not None]
        before = {account.id: account.state for account in accounts}
        done = lifecycle.enter_gone(
            [(account, problems[account.uid or 0]) for account in accounts], result["accounts"]
        )
        unconfirmed = [account.id for account in done.unconfirmed]
        if unconfirmed and settings().scheduler:
            _queue_second_look_up(unconfirmed)
        run.check_lease(added=len(done.entered))
        return [(account.name, before[account.id]) for account in done.entered], unconfirmed

    entered, unconfirmed = unit_of_work(enter)
    for name, old_state in entered:
        report(f"{name}: was {STATE_WORDS[old_state]}, is {STATE_WORDS['not_found']} now.")
    result["changed_state"] += len(entered)
    result["unconfirmed"] = len(unconfirmed)
    run.advance(0, len(entered), saved=True)
    for problem in gone:
        _record_problem(run, problem, is_unconfirmed=bool(unconfirmed))


def _queue_second_look_up(account_ids: list[int]) -> None:
    """Queue another look-up of these accounts in six hours. Flushes."""
    again = enqueue("update_usernames", params={"twitter_user_ids": account_ids}, origin="schedule")
    if again is not None and again.not_before is None:
        again.not_before = clock.now() + lifecycle.CONFIRM_AFTER
        db.session.flush()


def _accounts_to_look_up(chosen_ids: Sequence[int] | None) -> list[tuple[int, int]]:
    query = select(TwitterUser.id, TwitterUser.uid).where(TwitterUser.uid.is_not(None))
    if chosen_ids is not None:
        query = query.where(TwitterUser.id.in_(chosen_ids))
    else:
        query = query.where(TwitterUser.is_active)
    accounts = [(row.id, row.uid) for row in db.session.execute(query.order_by(TwitterUser.id))]
    db.session.rollback()
    return accounts


def _look_up(look_up: Callable[[Any], Any], subjects: Sequence[Any]) -> list[AccountBatch]:
    """The answers to one call. Raises Pause or Postponed for what can only be waited for."""
    try:
        return list(look_up(subjects))
    except OutOfCredits as trouble:
        raise pause_for(trouble) from trouble
    except Wait as trouble:
        raise Postponed(trouble.message, trouble.until) from trouble
    except Retry as trouble:
        raise Postponed(trouble.message, clock.now() + RETRY_WHEN_DOWN) from trouble


def _apply_batch(
    run: RunContext, batch: AccountBatch, result: dict[str, Any], report: Reporter
) -> None:
    before = _names_and_states(batch)

    def apply_profiles() -> None:
        changed = lifecycle.apply_batch(batch, enters_gone=False)
        run.check_lease(added=sum(changed.values()))

    unit_of_work(apply_profiles)
    after = _names_and_states(batch)
    for account_id, (name, state) in after.items():
        old_name, old_state = before.get(account_id, (name, state))
        if name != old_name:
            result["renamed"] += 1
            report(f"{old_name} is now called {name}.")
        if state != old_state:
            result["changed_state"] += 1
            report(f"{name}: was {STATE_WORDS[old_state]}, is {STATE_WORDS[state]} now.")
    run.advance(
        0, sum(after[changed_id] != before.get(changed_id) for changed_id in after), saved=True
    )
    for problem in batch.problems:
        if not lifecycle.is_gone(problem):
            _record_problem(run, problem)


def _names_and_states(batch: AccountBatch) -> dict[int, tuple[str, str]]:
    uids = [record.uid for record in batch.accounts]
    uids += [int(problem.subject) for problem in batch.problems if problem.state != "malformed"]
    rows = db.session.execute(
        select(TwitterUser.id, TwitterUser.name, TwitterUser.state).where(TwitterUser.uid.in_(uids))
    ).all()
    db.session.rollback()
    return {row.id: (row.name, row.state) for row in rows}


def _record_problem(
    run: RunContext, problem: AccountProblem, *, is_unconfirmed: bool = False
) -> None:
    account = service.by_uid(int(problem.subject)) if problem.subject.isdigit() else None
    name, account_id = (account.name, account.id) if account else (problem.subject, None)
    is_left = is_unconfirmed and account is not None and account.gone_unconfirmed_since is not None
    db.session.rollback()
    reason = NETWORK.account_problem(problem.state, name).message
    if is_left:
        reason = join_messages([reason, UNCONFIRMED])
    permanent = problem.permanent and not is_left
    run.error(name, reason, detail=problem.detail, permanent=permanent, twitter_user_id=account_id)


def populate_uids(
    run: RunContext, client: AccountLookup, *, report: Reporter = lambda _line: None
) -> dict[str, Any]:
    """Fill in the uids that accounts of old databases lack, by looking their names up.

    A uid that another account has already is refused with an error row: two names of one account.
    Commits after each call of 100. Raises as `update_usernames`.
    """
    accounts = _without_uid(run.params.get("twitter_user_ids"))
    run.set_status("", total=len(accounts))
    result = {"accounts": len(accounts), "filled": 0}
    names = list(accounts)
    for start in range(0, len(names), BATCH):
        run.check()
        for batch in _look_up(client.accounts_by_name, names[start : start + BATCH]):
            run.count_usage(calls=1, users=len(batch.accounts))
            for record in batch.accounts:
                result["filled"] += _fill_uid(run, accounts[record.name.lower()], record, report)
            for problem in batch.problems:
                account_id = accounts.get(problem.subject.lower())
                run.error(problem.subject, problem.message, twitter_user_id=account_id)
        run.advance(len(names[start : start + BATCH]))
    return result


def _without_uid(chosen_ids: Sequence[int] | None) -> dict[str, int]:
    query = select(TwitterUser.lower_name, TwitterUser.id).where(TwitterUser.uid.is_(None))
    if chosen_ids is not None:
        query = query.where(TwitterUser.id.in_(chosen_ids))
    accounts = {row.lower_name: row.id for row in db.session.execute(query)}
    db.session.rollback()
    return accounts


def _fill_uid(run: RunContext, account_id: int, record: Account, report: Reporter) -> int:
    present = service.by_uid(record.uid)
    if present is not None:
        reason = Message(
            "%(name)s has the same uid as %(other_name)s, which is here already.",
            name=record.name,
            other_name=present.name,
        )
        db.session.rollback()
        run.error(record.name, reason, permanent=True, twitter_user_id=account_id)
        return 0
    unit_of_work(partial(_set_uid, run, account_id, record))
    run.advance(0, 1, saved=True)
    report(f"{record.name}: uid {record.uid}.")
    return 1


def _set_uid(run: RunContext, account_id: int, record: Account) -> None:
    account = service.by_id(account_id)
    account.uid = record.uid
    lifecycle.apply_profile(account, record)
    db.session.flush()
    run.check_lease(added=1)


def ids_by_name(typed: str) -> list[int]:
    """The id of the account of this name, former names included, for a command's --user.

    Raises NotFound where there is none, and WrongInput where two could be meant.
    """
    named = queries.by_name(typed)
    if named.unambiguous is not None:
        return [named.unambiguous.id]
    raise queries.ambiguous_name_error(typed, named)
