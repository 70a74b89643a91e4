"""Reads users: by their session, those who are active, for the administrators' list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, or_, select

from sfm.database import db
from sfm.models import User

STATES = {
    "active": User.is_active,
    "inactive": ~User.is_active,
    "waiting": User.awaits_approval,
    "administrators": User.is_superuser,
    "installation-token": User.installation_token_allowed,
}
"""What the administrators' list can be narrowed to."""


def by_session_key(session_key: str) -> User | None:
    """The active user with this session key; None once the key was changed."""
    user = db.session.scalar(select(User).where(User.session_key == session_key))
    return user if user is not None and user.is_active else None


def active_users() -> Sequence[User]:
    """All users who may sign in, by name."""
    return db.session.scalars(select(User).where(User.is_active).order_by(User.username)).all()


def only_user() -> User | None:
    """The user, where there is exactly one."""
    users = db.session.scalars(select(User).limit(2)).all()
    return users[0] if len(users) == 1 else None


def matching(text: str, state: str = "") -> Select[Any]:
    """Users whose name, here or on Twitter, holds this text, in one of STATES ("": in any)."""
    query = select(User)
    if text:
        query = query.where(
            or_(
                User.username.icontains(text, autoescape=True),
                User.twitter_name.icontains(text, autoescape=True),
            )
        )
    return query.where(STATES[state]) if state in STATES else query
