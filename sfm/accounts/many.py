"""Switching many accounts on or off at once. Flushes; nothing commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from sfm.accounts import lifecycle, service
from sfm.database import begin_write, db
from sfm.models import TwitterUser
from sfm.networks.errors import AccountProblem

if TYPE_CHECKING:
    from sfm.twitter.client import Client


@dataclass(frozen=True)
class SwitchedAccounts:
    """How many accounts were switched, and why others were not."""

    changed: int
    refused: tuple[str, ...] = ()


def by_ids(ids: Sequence[int]) -> Sequence[TwitterUser]:
    """The accounts with these numbers; those that are gone are passed over."""
    wanted = select(TwitterUser).where(TwitterUser.id.in_(ids)).order_by(TwitterUser.id)
    return db.session.scalars(wanted).all()


def deactivate_many(ids: Sequence[int]) -> SwitchedAccounts:
    """Stop asking for the tweets of these accounts. Call `begin_write` first."""
    active = [user for user in by_ids(ids) if user.is_active]
    for user in active:
        service.deactivate(user)
    return SwitchedAccounts(len(active))


def activate_many(client: Client, ids: Sequence[int]) -> SwitchedAccounts:
    """Look these accounts up by their uids, 100 a call, and collect those that are there.

    Begins the write itself, after Twitter's answers. Raises TwitterErrors that are about none of
    the accounts.
    """
    idle = {user.uid: user.id for user in by_ids(ids) if not user.is_active and user.uid}
    answers = list(client.users_by_id(list(idle)))
    begin_write()
    users = {user.uid: user for user in by_ids(list(idle.values()))}
    changed, refused = 0, []
    gone: list[lifecycle.AccountGone] = []
    for batch in answers:
        for record in batch.found:
            if record.uid in users:
                service.activate(users[record.uid], record)
                changed += 1
        for problem in batch.problems:
            user = users.get(int(problem.subject)) if problem.subject.isdigit() else None
            if user is not None:
                if lifecycle.is_gone(problem):
                    gone.append((user, problem))
                else:
                    lifecycle.apply_problem(user, problem)
                refused.append(AccountProblem(problem.state, user.name).message)
    db.session.flush()
    lifecycle.enter_gone(gone, len(idle))
    return SwitchedAccounts(changed, tuple(refused))
