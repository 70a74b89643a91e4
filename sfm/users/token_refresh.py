"""Renews the tokens of OAuth 2.0 sign-ins. A refresh token can be used once: if it is used twice,
Twitter ends the sign-in. So one process at a time renews a credential, checks first whether another
has done it already, and stores the new tokens before they are used.

The lock is the credential's row on PostgreSQL. On SQLite, which locks only the whole database, it
is a lock on a file, which is released when its process ends.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import SQLAlchemyError

from sfm import clock
from sfm.database import db
from sfm.extensions import settings
from sfm.file_lock import lock_file
from sfm.messages import Message
from sfm.models import Credential
from sfm.networks.errors import Retry
from sfm.twitter.auth import OAuth2UserAuth, UserToken
from sfm.twitter.errors import credential_problem
from sfm.twitter.sign_in import App, renew_oauth2
from sfm.users.deferred_writes import writing_session
from sfm.users.encryption import UnreadableSecret, Vault, vault

logger = logging.getLogger(__name__)

STORE_TRIES = 6  # each waits up to the database's own patience of 10 s


class Renewer:
    """Renews one credential. Works without Flask, in whatever thread a client runs."""

    def __init__(
        self,
        engine: Engine,
        keys: Vault,
        folder: Path,
        credential_id: int,
        renew: Callable[[str], UserToken],
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._id = credential_id
        self._renew = renew
        self._lock_file = folder / f"renewal-{credential_id}.lock"
        self._spare_file = folder / f"renewal-{credential_id}.token"

    def __call__(self, old: UserToken) -> UserToken:
        """The tokens that follow `old`: another process's, or new ones from Twitter, stored.

        Commits on its own. Raises Retry where it cannot be done now, CredentialProblem where the
        person has to sign in again.
        """
        if writing_session(self._engine) is not None:
            # Storing would wait for ourselves, in vain, with the old token already used up.
            raise Retry(
                Message("The sign-in cannot be renewed while something else is being saved.")
            )
        with self._alone() as connection:
            stored = self._read(connection)
            if stored.access_token != old.access_token and not stored.is_stale():
                return stored
            if not stored.refresh_token:
                raise credential_problem("sign_in_again")
            new = self._renew(stored.refresh_token)
            self._store(connection, new, stored)
            return new

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """One process, and in it one thread, at a time. Nothing is written yet on SQLite."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.connect() as connection:
                connection.execute(
                    select(Credential.id).where(Credential.id == self._id).with_for_update()
                )
                yield connection
            return
        with lock_file(self._lock_file), self._engine.connect() as connection:
            yield connection

    def _read(self, connection: Connection) -> UserToken:
        row = connection.execute(
            select(Credential.secret, Credential.expires_at).where(Credential.id == self._id)
        ).one_or_none()
        if self._engine.dialect.name == "sqlite":
            connection.rollback()  # or what is written later would build on a past state
        if row is None:
            raise credential_problem("sign_in_again")
        stored = _token(self._keys.open(row.secret), row.expires_at)
        spare = self._spare(stored)
        if spare is None:
            return stored
        self._store(connection, spare, stored)
        return spare

    def _store(self, connection: Connection, new: UserToken, old: UserToken) -> None:
        """Write the tokens and commit. They exist nowhere else: what the database
        cannot take now is written to a file, encrypted, and stored by the next call."""
        value = {"access_token": new.access_token, "refresh_token": new.refresh_token or ""}
        sealed = self._keys.seal(value)
        change = (
            update(Credential)
            .where(Credential.id == self._id)
            .values(secret=sealed.token, key_id=sealed.key_id, expires_at=new.expires_at)
        )
        for left in reversed(range(STORE_TRIES)):
            try:
                connection.execute(change)
                connection.commit()
                self._spare_file.unlink(missing_ok=True)
                return
            except SQLAlchemyError as exc:
                logger.error("renewed sign-in not stored id=%d tries_left=%d", self._id, left)
                if not left or self._engine.dialect.name != "sqlite":
                    self._keep_spare(value, new, old)
                    raise Retry(Message("The renewed sign-in could not be saved yet.")) from exc
                connection.rollback()

    def _keep_spare(self, value: dict[str, str], new: UserToken, old: UserToken) -> None:
        moment = new.expires_at.isoformat() if new.expires_at else None
        sealed = self._keys.seal({**value, "expires_at": moment, "follows": old.access_token})
        how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(self._spare_file, how, 0o600), "wb") as file:
            file.write(sealed.token)
            file.flush()
            os.fsync(file.fileno())

    def _spare(self, stored: UserToken) -> UserToken | None:
        """The tokens that could not be stored when they came, if they follow the stored ones."""
        try:
            value = self._keys.open(self._spare_file.read_bytes())
        except (FileNotFoundError, UnreadableSecret):
            return None
        if value["follows"] != stored.access_token:
            return None
        moment = value["expires_at"]
        return _token(value, clock.parse_iso(moment) if moment else None)


def renewing_auth(credential: Credential, secrets: dict[str, str]) -> OAuth2UserAuth:
    """How calls with an OAuth 2.0 sign-in are signed; it is renewed when its time is up."""
    app = our_app()
    renewer = Renewer(
        db.engine,
        vault(),
        settings().instance,
        credential.id,
        lambda refresh_token: renew_oauth2(app, refresh_token),
    )
    return OAuth2UserAuth(
        _token(secrets, credential.expires_at), str(credential.twitter_uid), renewer
    )


def our_app() -> App:
    """Our app at X, as the settings name it."""
    app_settings = settings()
    return App(
        api_root=app_settings.twitter_api_root,
        web_root=app_settings.web_root,
        consumer_key=app_settings.twitter_consumer_key,
        consumer_secret=app_settings.twitter_consumer_secret,
        client_id=app_settings.twitter_client_id,
        client_secret=app_settings.twitter_client_secret,
    )


def _token(secrets: dict[str, Any], expires_at: datetime | None) -> UserToken:
    return UserToken(secrets["access_token"], expires_at, secrets["refresh_token"] or None)
