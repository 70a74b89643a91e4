"""The state of a credential: derived from Twitter's answers, written while it is in use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, case, update

from sfm import clock
from sfm.models import Credential
from sfm.networks.errors import CredentialProblem, NetworkError, OutOfCredits
from sfm.users.credentials import NEEDS_SIGN_IN, OUT_OF_CREDITS, REFUSED, UNCHECKED, WORKS
from sfm.users.deferred_writes import DeferredWrites

WRITE_EVERY = timedelta(seconds=60)


def state_after(trouble: NetworkError | None) -> str | None:
    """The state that an answer puts a credential into; None where it says nothing of it."""
    if trouble is None:
        return WORKS
    if isinstance(trouble, OutOfCredits):
        return OUT_OF_CREDITS
    if isinstance(trouble, CredentialProblem) and not trouble.is_about_the_call:
        return NEEDS_SIGN_IN if trouble.kind == "sign_in_again" else REFUSED
    return None


def is_usable(credential: Credential) -> bool:
    """Whether it is worth a try. One without credits is tried again on the next UTC day, for
    its period may have ended: a refused call costs nothing."""
    if credential.state in (WORKS, UNCHECKED):
        return True
    if credential.state != OUT_OF_CREDITS:
        return False
    last_used_at = credential.checked_at or credential.state_since
    return last_used_at.astimezone(UTC).date() < clock.now().astimezone(UTC).date()


class StateKeeper:
    """Derives one credential's state from the outcome of each call, and writes changes."""

    def __init__(self, engine: Engine, credential: Credential) -> None:
        self._deferred = DeferredWrites(engine)
        self._id = credential.id
        self._is_sign_in = credential.kind != "bearer"
        self._state: str | None = credential.state
        self._written_at: datetime | None = None

    def record(self, trouble: NetworkError | None) -> None:
        """Record the outcome of a call; `trouble` is its error, None for an answer."""
        state = state_after(trouble)
        if state == REFUSED and self._is_sign_in and trouble is not None and trouble.status == 401:
            state = NEEDS_SIGN_IN  # a person's token that is refused was revoked
        now = clock.now()
        fresh = self._written_at is not None and now - self._written_at < WRITE_EVERY
        if fresh and state in (None, self._state):
            return
        self._state, self._written_at = state or self._state, now
        reason = trouble.message if trouble is not None and state else ""
        self._deferred.write(lambda connection: self._write(connection, state, reason, now))

    def _write(self, connection: Connection, state: str | None, reason: str, now: datetime) -> None:
        change = update(Credential).where(Credential.id == self._id)
        if state is None:
            connection.execute(change.values(used_at=now))
            return
        since = case((Credential.state == state, Credential.state_since), else_=now)
        connection.execute(
            change.values(
                used_at=now, checked_at=now, state=state, state_reason=reason, state_since=since
            )
        )
