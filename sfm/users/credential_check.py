"""Asks Twitter whether a credential works, and says in words what is wrong where it does not."""

from __future__ import annotations

from dataclasses import dataclass

from sfm.database import begin_write, db
from sfm.messages import Message
from sfm.models import Credential
from sfm.networks.errors import NetworkError
from sfm.users.clients import NoCredential, client_for
from sfm.users.credential_state import state_after
from sfm.users.credentials import BEARER, NEEDS_SIGN_IN, REFUSED, WORKS, mark
from sfm.users.encryption import UnreadableSecret


@dataclass(frozen=True)
class Checked:
    """What a check found: the state, and a sentence; `name` is whose sign-in it is, if one's."""

    works: bool
    message: str
    name: str = ""


def check(credential: Credential) -> Checked:
    """Make one small call with a credential; the state found is kept. Commits.

    Reads one user, which X bills at most. Twitter is asked outside any transaction.
    """
    credential_id = credential.id
    try:
        client = client_for(credential)
        db.session.rollback()
        name = client.check_credential()
        if not name:
            return _keep(credential_id, WORKS, Checked(True, Message("Twitter accepts it.")))
        return _keep(
            credential_id,
            WORKS,
            Checked(True, Message("Twitter knows it as @%(name)s.", name=name), name),
        )
    except NetworkError as trouble:
        state = state_after(trouble)
        if state == REFUSED and trouble.status == 401 and credential.kind != BEARER:
            state = NEEDS_SIGN_IN
        return _keep(credential_id, state, Checked(False, trouble.message))
    except UnreadableSecret as trouble:
        return _keep(credential_id, REFUSED, Checked(False, trouble.message))
    except NoCredential as trouble:
        return Checked(False, trouble.message)


def _keep(credential_id: int, state: str | None, result: Checked) -> Checked:
    begin_write()
    credential = db.session.get(Credential, credential_id)
    if credential is not None and state is not None:
        mark(credential, state, "" if result.works else result.message)
    db.session.commit()
    return result
