"""The state of an account at Twitter: ok, protected, suspended, not found; with date and event.

Only a reason that Twitter gives changes a state. Where many accounts are said to be gone at once,
that is applied when a look-up some hours later says the same, or an administrator confirms it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from sfm import audit, clock
from sfm.accounts.names import rename
from sfm.adapters import NETWORK
from sfm.database import db
from sfm.messages import Message
from sfm.models import AccountEvent, TwitterUser
from sfm.networks.errors import AccountProblem
from sfm.networks.page import AccountBatch
from sfm.networks.record import Account
from sfm.runs import events

OK, PROTECTED, SUSPENDED, NOT_FOUND = "ok", "protected", "suspended", "not_found"
# Twitter does not say whether "withheld" and "unavailable" last: they change no state.
STATES = {
    "protected": PROTECTED,
    "suspended": SUSPENDED,
    "not_found": NOT_FOUND,
    "gone": NOT_FOUND,
}
ASK_AGAIN_AFTER = timedelta(days=7)
MAX_GONE_AT_ONCE = 5  # more than these, or more than half of those asked, have to be confirmed
MIN_GONE_OF_HALF = 3  # fewer are no sign of a trouble that is common to all
CONFIRM_AFTER = timedelta(hours=6)
UNCONFIRMED_EVENT = "accounts_gone_unconfirmed"

AccountGone = tuple[TwitterUser, AccountProblem]


@dataclass(frozen=True)
class GoneAccounts:
    """Accounts that Twitter says are gone: applied now, or still to be confirmed."""

    entered: tuple[TwitterUser, ...] = ()
    unconfirmed: tuple[TwitterUser, ...] = ()


def apply_profile(account: TwitterUser, record: Account) -> bool:
    """Apply Twitter's record of an account; True where its name has changed.

    The record must be of the same uid: a name alone says nothing of who it is. Does not flush.
    """
    if record.uid != account.uid:
        raise ValueError("a record of another uid")
    _copy_profile(account, record)
    account.checked_at = clock.now()
    account.gone_unconfirmed_since = None
    if record.protected and account.state != PROTECTED:
        set_state(account, PROTECTED, NETWORK.account_problem("protected", record.name).message)
    elif not record.protected and account.state != OK:
        set_state(account, OK, "")
    return rename(account, record.name)


def apply_problem(account: TwitterUser, problem: AccountProblem) -> bool:
    """Apply why Twitter does not show an account; True where that is a new state."""
    account.checked_at = clock.now()
    state = STATES.get(problem.state)
    if state is None or state == account.state:
        return False
    reason = NETWORK.account_problem(problem.state, account.name).message
    set_state(account, state, reason)
    return True


def is_gone(problem: AccountProblem) -> bool:
    """Whether Twitter says that there is no such account any more."""
    return STATES.get(problem.state) == NOT_FOUND


def needs_confirmation(gone: int, looked_up: int) -> bool:
    """Whether so many accounts gone, of so many looked up, may be an error at Twitter."""
    return gone > MAX_GONE_AT_ONCE or (gone >= MIN_GONE_OF_HALF and gone * 2 > looked_up)


def enter_gone(gone: Sequence[AccountGone], looked_up: int) -> GoneAccounts:
    """Apply which accounts Twitter says are gone, of so many looked up. Flushes.

    Many at once are only marked, until a look-up six hours later says the same, or `confirm_gone`.
    Accounts that are known to be gone already stay as they are.
    """
    now = clock.now()
    new = [(account, problem) for account, problem in gone if account.state != NOT_FOUND]
    repeated_reports = [report for report in new if _is_confirmed_by_repeat(report[0])]
    first_reports = [report for report in new if not _is_confirmed_by_repeat(report[0])]
    unconfirmed: list[TwitterUser] = []
    if needs_confirmation(len(first_reports), looked_up):
        unconfirmed = [account for account, _ in first_reports]
        first_reports = []
    for account in unconfirmed:
        account.checked_at = now
        account.gone_unconfirmed_since = account.gone_unconfirmed_since or now
    for account, problem in [*repeated_reports, *first_reports]:
        apply_problem(account, problem)
    db.session.flush()
    update_unconfirmed_event()
    entered = tuple(account for account, _ in [*repeated_reports, *first_reports])
    return GoneAccounts(entered, tuple(unconfirmed))


def _is_confirmed_by_repeat(account: TwitterUser) -> bool:
    since = account.gone_unconfirmed_since
    return since is not None and clock.now() - since >= CONFIRM_AFTER


def confirm_gone(account_ids: Sequence[int] | None = None) -> int:
    """Set accounts that are marked as gone to gone, all or these; how many. Flushes.

    With an entry in the audit log.
    """
    marked = unconfirmed_accounts()
    accounts = [account for account in marked if account_ids is None or account.id in account_ids]
    for account in accounts:
        apply_problem(account, NETWORK.account_problem("gone", account.name))
    db.session.flush()
    update_unconfirmed_event()
    audit.record(
        "twitter_user.gone_confirmed", kind="twitter_user", subject=f"{len(accounts)} accounts"
    )
    return len(accounts)


def unconfirmed_accounts() -> Sequence[TwitterUser]:
    """The accounts that are marked as gone and not confirmed, A to Z."""
    unconfirmed = select(TwitterUser).where(TwitterUser.gone_unconfirmed_since.is_not(None))
    return db.session.scalars(unconfirmed.order_by(TwitterUser.lower_name)).all()


def unconfirmed_count() -> int:
    """How many accounts are marked as gone and not confirmed."""
    count = select(func.count()).where(TwitterUser.gone_unconfirmed_since.is_not(None))
    return int(db.session.scalar(count) or 0)


def update_unconfirmed_event() -> None:
    """Open, update or close the event about accounts to be confirmed. Flushes."""
    count = unconfirmed_count()
    if not count:
        events.close_event(UNCONFIRMED_EVENT)
        return
    message = Message(
        "Twitter says that %(count)s accounts are gone. Because these are many at once, they are "
        "kept as they are until a look-up at least six hours later says the same, or an "
        "administrator confirms it.",
        count=count,
    )
    events.open_event(UNCONFIRMED_EVENT, message, severity="warning", lasting=True)


def apply_batch(batch: AccountBatch, *, enters_gone: bool = True) -> dict[int, bool]:
    """Apply one answer of a look-up by uid; by account id, whether the name or state changed.

    `enters_gone`: apply also who is gone; else the caller does (`enter_gone`). Flushes.
    """
    gone: list[AccountGone] = []
    records = {record.uid: record for record in batch.accounts}
    problems = {
        int(problem.subject): problem for problem in batch.problems if problem.state != "malformed"
    }
    query = select(TwitterUser).where(TwitterUser.uid.in_([*records, *problems]))
    changed: dict[int, bool] = {}
    for account in db.session.scalars(query):
        before = account.state
        if account.uid in records:
            renamed = apply_profile(account, records[account.uid])
        elif is_gone(problem := problems[account.uid or 0]):
            gone.append((account, problem))
            renamed = False
        else:
            renamed = apply_problem(account, problem)
        changed[account.id] = renamed or account.state != before
    db.session.flush()
    if enters_gone and gone:
        entered = enter_gone(gone, len(records) + len(problems)).entered
        changed |= {account.id: True for account in entered}
    return changed


def set_state(account: TwitterUser, state: str, reason: str) -> None:
    """Set a state and add its event. An account that is not ok is asked for weekly."""
    event = AccountEvent(
        twitter_user_id=account.id,
        kind="back" if state == OK else state,
        before=account.state,
        after=state,
    )
    account.state, account.state_reason = state, reason
    account.gone_unconfirmed_since = None
    account.state_since = clock.now()
    account.ask_again_at = None if state == OK else clock.now() + ASK_AGAIN_AFTER
    db.session.add(event)


def _copy_profile(account: TwitterUser, record: Account) -> None:
    account.display_name = record.display_name or ""
    account.description = record.description or ""
    account.location = record.location or ""
    account.url = record.url or ""
    account.verified = bool(record.verified)
    account.created_on_twitter_at = record.created_at
    for name in ("followers_count", "friends_count", "statuses_count", "listed_count"):
        setattr(account, name, getattr(record, name))
