"""Encrypts every stored secret with the newest key, while the system goes on running."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select

from sfm import audit
from sfm.database import begin_write, db
from sfm.models import Credential, SignInState
from sfm.users.encryption import key_id, vault

BATCH = 50  # credentials a transaction


@dataclass(frozen=True)
class RotationResult:
    """How many credentials were encrypted, with which key; how many older keys there are."""

    credentials: int
    key_id: str
    older_keys: int
    forgotten: int = 0


def rotate() -> RotationResult:
    """Make a new key (none where the setting gives the keys) and seal everything with it.

    Commits once per batch of rows, each locked only meanwhile. Killed half-way it can be run
    again: the older keys are still there.
    """
    if not vault().given:
        vault().add_key()
    done = reencrypt_all()
    audit.record("keys.rotated", after={"newest": done.key_id, "credentials": done.credentials})
    db.session.commit()
    return done


def delete_old_keys() -> RotationResult:
    """Seal everything with the newest key, then drop the older keys. Commits.

    Sign-ins under way at Twitter that began under an older key have to begin again.
    """
    done = reencrypt_all()
    begin_write()
    db.session.execute(delete(SignInState))
    forgotten = vault().forget_old_keys()
    audit.record("keys.forgotten", after={"newest": done.key_id, "older": forgotten})
    db.session.commit()
    return RotationResult(done.credentials, done.key_id, 0, forgotten)


def reencrypt_all() -> RotationResult:
    """Seal every credential that is not under the newest key. Commits once per batch."""
    newest, *older = vault().keys
    count = 0
    while batch := _reencrypt_batch(key_id(newest)):
        count += batch
    return RotationResult(count, key_id(newest), len(older))


def _reencrypt_batch(newest: str) -> int:
    begin_write()
    rows = db.session.scalars(
        select(Credential)
        .where(Credential.key_id != newest)
        .order_by(Credential.id)
        .limit(BATCH)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        sealed = vault().seal(vault().open(row.secret))
        row.secret, row.key_id = sealed.token, sealed.key_id
    db.session.commit()
    return len(rows)
