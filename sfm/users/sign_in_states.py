"""What is kept while a person is at Twitter: encrypted, for ten minutes, bound to one browser."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select

from sfm import clock
from sfm.database import begin_write, db
from sfm.models import SignInState
from sfm.users.encryption import UnreadableSecret, vault

STATE_LIFETIME = timedelta(minutes=10)


def store(kind: str, key: str, value: dict[str, Any]) -> None:
    """Keep what the way back needs, under a key that Twitter sends back. Commits."""
    sealed = vault().seal(value)
    begin_write()
    now = clock.now()
    db.session.execute(delete(SignInState).where(SignInState.expires_at <= now))
    db.session.merge(
        SignInState(key=row_key(kind, key), value=sealed.token, expires_at=now + STATE_LIFETIME)
    )
    db.session.commit()


def take(kind: str, key: str, browser: str) -> dict[str, Any] | None:
    """The stored state, which is deleted with this: it can be used once. Commits.

    What another browser began stays as it is: a stranger's callback must not spoil it."""
    begin_write()
    row = db.session.scalar(
        select(SignInState).where(SignInState.key == row_key(kind, key)).with_for_update()
    )
    value = open_row(row, browser)
    if value is not None and row is not None:
        db.session.delete(row)
    db.session.commit()
    return value


def open_row(row: SignInState | None, browser: str) -> dict[str, Any] | None:
    """What a row holds; None where it is over, unreadable, or another browser's."""
    if row is None or row.expires_at <= clock.now() or not browser:
        return None
    try:
        value: dict[str, Any] = vault().open(row.value)
    except UnreadableSecret:
        return None
    return value if value["browser"] == browser else None


def row_key(kind: str, key: str) -> str:
    """The key as it is kept: who reads the database cannot finish somebody's sign-in with it."""
    return f"{kind}:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"
