"""Signing in with name and password."""

from __future__ import annotations

from sfm import audit, clock
from sfm.database import begin_write, db
from sfm.errors import SfmError
from sfm.messages import Message
from sfm.models import User
from sfm.users import login_rate_limit, passwords, service


class SignInRefused(SfmError):
    """The sign-in is refused; the message says why, and no more than a stranger may know."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


WRONG = Message("This name and password do not fit together.")
NOT_ACTIVE = Message("This account is not active. Please ask an administrator of this site.")
AWAITS = Message("This account still has to be let in by an administrator of this site.")


def with_password(name: str, password: str, address: str) -> User:
    """The User whose name and password these are. Commits, also what went wrong.

    Raises TooManyTries, SignInRefused. No transaction is open while the password is checked,
    which takes as long for a name that does not exist.
    """
    try:
        login_rate_limit.take(name, address)
    except login_rate_limit.TooManyTries as refusal:
        if refusal.first:
            _record_failure(name, address, "too many tries")
        raise
    user = service.find(name)
    user_id, kept = (user.id, user.password_hash) if user is not None else (None, None)
    db.session.rollback()
    if not passwords.matches(kept, password) or user_id is None or kept is None:
        _record_failure(name, address, "wrong password" if user_id else "unknown name")
        raise SignInRefused(WRONG)
    return _finish_sign_in(user_id, kept, password, name, address)


def _finish_sign_in(user_id: int, kept: str, password: str, name: str, address: str) -> User:
    new_hash = passwords.hash_password(password) if passwords.needs_new_hash(kept) else None
    begin_write()
    user = db.session.get(User, user_id)
    if user is None or user.password_hash != kept:  # changed while it was checked
        db.session.rollback()
        raise SignInRefused(WRONG)
    login_rate_limit.give_back(name, address)
    if not user.is_active:
        message = AWAITS if user.awaits_approval else NOT_ACTIVE
        record(user, "sign_in.refused", address, {"reason": "not active"})
        db.session.commit()
        raise SignInRefused(message)
    user.password_hash = new_hash or user.password_hash
    user.signed_in_at = clock.now()
    record(user, "sign_in.password", address)
    db.session.commit()
    return user


def confirm(user: User, password: str, address: str) -> bool:
    """Whether this is the password of the User who is signed in.

    Counted like a sign-in; commits. Raises TooManyTries.
    """
    name, kept, user_id = user.username, user.password_hash, user.id
    login_rate_limit.take(name, address)
    right = passwords.matches(kept, password)
    begin_write()
    if right:
        login_rate_limit.give_back(name, address)
    else:
        signed_in_user = db.session.get_one(User, user_id)
        record(signed_in_user, "sign_in.failed", address, {"reason": "wrong password"})
    db.session.commit()
    return right


def record(user: User, action: str, address: str, after: dict[str, object] | None = None) -> None:
    """An audit entry about somebody's own sign-in."""
    audit.record(
        action,
        kind="user",
        subject_id=user.id,
        subject=user.username,
        after=after,
        by=audit.Actor(user.id, user.username, address),
    )


def _record_failure(name: str, address: str, reason: str) -> None:
    """The typed name is recorded only if a User has it: otherwise it may be a password."""
    begin_write()
    user = service.find(name)
    audit.record(
        "sign_in.failed",
        kind="user",
        subject_id=user.id if user else None,
        subject=user.username if user else "",
        after={"reason": reason},
        by=audit.Actor(None, "somebody", address),
    )
    db.session.commit()
