"""How an account stands with Twitter: ok, protected, suspended, gone, back; with dates.

Only a reason that Twitter names changes a state. Where it names many accounts as gone at once, that
is entered when a look-up some hours later says the same, or when an administrator confirms it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from sfm import clock
from sfm.accounts.names import rename
from sfm.database import db
from sfm.messages import Message
from sfm.models import AccountEvent, TwitterUser
from sfm.networks.errors import AccountProblem
from sfm.networks.page import AccountBatch
from sfm.networks.record import Account
from sfm.runs import events
from sfm.twitter.errors import account_problem

OK, PROTECTED, SUSPENDED, NOT_FOUND = "ok", "protected", "suspended", "not_found"
# Twitter does not say whether "withheld" and "unavailable" last: they change no state.
STATES = {
    "protected": PROTECTED,
    "suspended": SUSPENDED,
    "not_found": NOT_FOUND,
    "gone": NOT_FOUND,
}
ASK_AGAIN = timedelta(days=7)
MAX_GONE_AT_ONCE = 5  # more than these, or more than half of those asked, have to be confirmed
MIN_GONE_OF_HALF = 3  # fewer are no sign of a trouble that is common to all
CONFIRM_AFTER = timedelta(hours=6)
UNCONFIRMED_EVENT = "accounts_gone_unconfirmed"

AccountGone = tuple[TwitterUser, AccountProblem]


@dataclass(frozen=True)
class Gone:
    """Accounts that Twitter says are gone: entered as such now, or left to be confirmed."""

    entered: tuple[TwitterUser, ...] = ()
    unconfirmed: tuple[TwitterUser, ...] = ()


def apply_profile(twitter_user: TwitterUser, record: Account) -> bool:
    """Take over what Twitter says of an account now; True where its name has changed.

    The record must be of the same uid: a name alone says nothing of who it is. Does not flush.
    """
    if record.uid != twitter_user.uid:
        raise ValueError("a record of another uid")
    _copy_profile(twitter_user, record)
    twitter_user.checked_at = clock.now()
    twitter_user.gone_unconfirmed_since = None
    if record.protected and twitter_user.state != PROTECTED:
        set_state(twitter_user, PROTECTED, account_problem("protected", record.name).message)
    elif not record.protected and twitter_user.state != OK:
        set_state(twitter_user, OK, "")
    return rename(twitter_user, record.name)


def apply_problem(twitter_user: TwitterUser, problem: AccountProblem) -> bool:
    """Take over that Twitter does not show an account; True where that is a new state."""
    twitter_user.checked_at = clock.now()
    state = STATES.get(problem.state)
    if state is None or state == twitter_user.state:
        return False
    reason = account_problem(problem.state, twitter_user.name).message
    set_state(twitter_user, state, reason)
    return True


def is_gone(problem: AccountProblem) -> bool:
    """Whether Twitter says that there is no such account any more."""
    return STATES.get(problem.state) == NOT_FOUND


def needs_confirmation(gone: int, looked_up: int) -> bool:
    """Whether so many accounts gone, of so many asked for, may be a trouble of Twitter's."""
    return gone > MAX_GONE_AT_ONCE or (gone >= MIN_GONE_OF_HALF and gone * 2 > looked_up)


def enter_gone(gone: Sequence[AccountGone], looked_up: int) -> Gone:
    """Take over which accounts Twitter says are gone, of so many asked for. Flushes.

    Many at once are only marked, until that is said again after six hours (`confirm_gone` for a
    person's word). Those that are known to be gone already stay as they are.
    """
    now = clock.now()
    new = [(user, problem) for user, problem in gone if user.state != NOT_FOUND]
    said_before = [(user, problem) for user, problem in new if _is_said_again(user)]
    first_said = [(user, problem) for user, problem in new if not _is_said_again(user)]
    unconfirmed: list[TwitterUser] = []
    if needs_confirmation(len(first_said), looked_up):
        unconfirmed = [user for user, _ in first_said]
        first_said = []
    for user in unconfirmed:
        user.checked_at = now
        user.gone_unconfirmed_since = user.gone_unconfirmed_since or now
    for user, problem in [*said_before, *first_said]:
        apply_problem(user, problem)
    db.session.flush()
    note_unconfirmed()
    entered = tuple(user for user, _ in [*said_before, *first_said])
    return Gone(entered, tuple(unconfirmed))


def _is_said_again(user: TwitterUser) -> bool:
    since = user.gone_unconfirmed_since
    return since is not None and clock.now() - since >= CONFIRM_AFTER


def confirm_gone() -> int:
    """Enter all accounts as gone that are not confirmed to be; how many. Flushes."""
    unconfirmed = select(TwitterUser).where(TwitterUser.gone_unconfirmed_since.is_not(None))
    users = db.session.scalars(unconfirmed).all()
    for user in users:
        apply_problem(user, account_problem("gone", user.name))
    db.session.flush()
    note_unconfirmed()
    return len(users)


def unconfirmed_count() -> int:
    """How many accounts Twitter has said are gone without that being confirmed."""
    count = select(func.count()).where(TwitterUser.gone_unconfirmed_since.is_not(None))
    return int(db.session.scalar(count) or 0)


def note_unconfirmed() -> None:
    """Open, bring up to date or close the lasting note about accounts to be confirmed. Flushes."""
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
    """Take over one answer of a look-up by uid; for each of our accounts, whether it changed.

    A change is another name or another state. Keys are our numbers. `enters_gone`: take over too
    who is gone, as of all that were asked; else that is the caller's (`enter_gone`). Flushes.
    """
    gone: list[AccountGone] = []
    records = {record.uid: record for record in batch.accounts}
    problems = {
        int(problem.subject): problem for problem in batch.problems if problem.state != "malformed"
    }
    query = select(TwitterUser).where(TwitterUser.uid.in_([*records, *problems]))
    changed: dict[int, bool] = {}
    for user in db.session.scalars(query):
        before = user.state
        if user.uid in records:
            renamed = apply_profile(user, records[user.uid])
        elif is_gone(problem := problems[user.uid or 0]):
            gone.append((user, problem))
            renamed = False
        else:
            renamed = apply_problem(user, problem)
        changed[user.id] = renamed or user.state != before
    db.session.flush()
    if enters_gone and gone:
        entered = enter_gone(gone, len(records) + len(problems)).entered
        changed |= {user.id: True for user in entered}
    return changed


def set_state(twitter_user: TwitterUser, state: str, reason: str) -> None:
    """Enter a new state into the account and its life line. Other than ok: asked again weekly."""
    event = AccountEvent(
        twitter_user_id=twitter_user.id,
        kind="back" if state == OK else state,
        before=twitter_user.state,
        after=state,
    )
    twitter_user.state, twitter_user.state_reason = state, reason
    twitter_user.gone_unconfirmed_since = None
    twitter_user.state_since = clock.now()
    twitter_user.ask_again_at = None if state == OK else clock.now() + ASK_AGAIN
    db.session.add(event)


def _copy_profile(twitter_user: TwitterUser, record: Account) -> None:
    twitter_user.display_name = record.display_name or ""
    twitter_user.description = record.description or ""
    twitter_user.location = record.location or ""
    twitter_user.url = record.url or ""
    twitter_user.verified = bool(record.verified)
    twitter_user.created_on_twitter_at = record.created_at
    for name in ("followers_count", "friends_count", "statuses_count", "listed_count"):
        setattr(twitter_user, name, getattr(record, name))
