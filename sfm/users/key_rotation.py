"""Puts every kept secret under the newest key, while the system goes on running."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select

from sfm import audit
from sfm.database import begin_write, db
from sfm.models import Credential, SignInState
from sfm.users.encryption import key_id, vault

BATCH = 50


@dataclass(frozen=True)
class Rotated:
    """What a rotation did."""

    credentials: int
    key_id: str
    older_keys: int
    forgotten: int = 0


def rotate() -> Rotated:
    """Make a new key (none where the setting gives the keys) and seal everything with it.

    Commits once per batch of rows, each locked only meanwhile. Killed half-way it can be run
    again: the older keys are still there.
    """
    if not vault().given:
        vault().add_key()
    done = seal_all_anew()
    audit.record("keys.rotated", after={"newest": done.key_id, "credentials": done.credentials})
    db.session.commit()
    return done


def forget_old() -> Rotated:
    """Seal everything with the newest key, then drop the older keys. Commits.

    Sign-ins under way at Twitter that began under an older key have to begin again.
    """
    done = seal_all_anew()
    begin_write()
    db.session.execute(delete(SignInState))
    forgotten = vault().forget_old_keys()
    audit.record("keys.forgotten", after={"newest": done.key_id, "older": forgotten})
    db.session.commit()
    return Rotated(done.credentials, done.key_id, 0, forgotten)


def seal_all_anew() -> Rotated:
    """Seal every credential that is not under the newest key. Commits once per batch."""
    newest, *older = vault().keys
    count = 0
    while batch := _seal_batch(key_id(newest)):
        count += batch
    return Rotated(count, key_id(newest), len(older))


def _seal_batch(newest: str) -> int:
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
