"""How an account stands with Twitter: ok, protected, suspended, gone, back; with dates."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.models import AccountEvent, TwitterUser
from sfm.tracked.renames import rename
from sfm.twitter.errors import AccountProblem
from sfm.twitter.lookups import UserBatch
from sfm.twitter.record import UserRecord

OK, PROTECTED, SUSPENDED, NOT_FOUND = "ok", "protected", "suspended", "not_found"
# Twitter does not say whether "withheld" and "unavailable" last: they change no state.
STATES = {
    "protected": PROTECTED,
    "suspended": SUSPENDED,
    "not_found": NOT_FOUND,
    "gone": NOT_FOUND,
}
ASK_AGAIN = timedelta(days=7)


def see(twitter_user: TwitterUser, record: UserRecord) -> bool:
    """Take over what Twitter says of an account now; True where its name has changed.

    The record must be of the same uid: a name alone says nothing of who it is. Does not flush.
    """
    if record.uid != twitter_user.uid:
        raise ValueError("a record of another uid")
    _copy_profile(twitter_user, record)
    twitter_user.checked_at = clock.now()
    if record.protected and twitter_user.state != PROTECTED:
        set_state(twitter_user, PROTECTED, AccountProblem("protected", record.name).message)
    elif not record.protected and twitter_user.state != OK:
        set_state(twitter_user, OK, "")
    return rename(twitter_user, record.name)


def see_problem(twitter_user: TwitterUser, problem: AccountProblem) -> bool:
    """Take over that Twitter does not show an account; True where that is a new state."""
    twitter_user.checked_at = clock.now()
    state = STATES.get(problem.state)
    if state is None or state == twitter_user.state:
        return False
    reason = AccountProblem(problem.state, twitter_user.name).message
    set_state(twitter_user, state, reason)
    return True


def see_batch(batch: UserBatch) -> dict[int, bool]:
    """Take over one answer of a look-up by uid; for each of our accounts, whether it changed.

    A change is another name or another state. Keys are our numbers. Flushes.
    """
    records = {record.uid: record for record in batch.found}
    problems = {int(one.subject): one for one in batch.problems if one.state != "malformed"}
    wanted = select(TwitterUser).where(TwitterUser.uid.in_([*records, *problems]))
    changed: dict[int, bool] = {}
    for user in db.session.scalars(wanted):
        before = user.state
        if user.uid in records:
            renamed = see(user, records[user.uid])
        else:
            renamed = see_problem(user, problems[user.uid or 0])
        changed[user.id] = renamed or user.state != before
    db.session.flush()
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
    twitter_user.state_since = clock.now()
    twitter_user.ask_again_at = None if state == OK else clock.now() + ASK_AGAIN
    db.session.add(event)


def _copy_profile(twitter_user: TwitterUser, record: UserRecord) -> None:
    twitter_user.display_name = record.display_name or ""
    twitter_user.description = record.description or ""
    twitter_user.location = record.location or ""
    twitter_user.url = record.url or ""
    twitter_user.verified = bool(record.verified)
    twitter_user.created_on_twitter_at = record.created_at
    for name in ("followers_count", "friends_count", "statuses_count", "listed_count"):
        setattr(twitter_user, name, getattr(record, name))
