"""Small readings about accounts and sets for pages that are about something else."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from sfm.accounts.sets import visible_to
from sfm.database import db
from sfm.models import AccountEvent, TwitterUser, TwitterUserSet, User, set_member


def random_sample(limit: int) -> Sequence[TwitterUser]:
    """Some active accounts, others each time."""
    return db.session.scalars(
        select(TwitterUser).where(TwitterUser.is_active).order_by(func.random()).limit(limit)
    ).all()


def sets_with(reader: User, twitter_user_id: int) -> Sequence[TwitterUserSet]:
    """The sets with this account, as far as the reader may see them, by name."""
    theirs = {found.id: found for found in visible_to(reader)}
    ids = db.session.scalars(
        select(set_member.c.set_id).where(set_member.c.twitter_user_id == twitter_user_id)
    )
    return sorted((theirs[one] for one in ids if one in theirs), key=lambda one: one.name.lower())


def history(twitter_user_id: int, limit: int) -> Sequence[AccountEvent]:
    """What happened to an account, newest first."""
    return db.session.scalars(
        select(AccountEvent)
        .where(AccountEvent.twitter_user_id == twitter_user_id)
        .order_by(AccountEvent.at.desc(), AccountEvent.id.desc())
        .limit(limit)
    ).all()
