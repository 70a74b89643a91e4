"""Checks a credential with one call to Twitter and stores its state."""

from __future__ import annotations

from dataclasses import dataclass

from sfm.database import begin_write, db
from sfm.messages import Message
from sfm.models import Credential
from sfm.networks.errors import NetworkError
from sfm.users.clients import NoCredential, client_for
from sfm.users.credential_state import state_after
from sfm.users.credentials import BEARER, NEEDS_SIGN_IN, REFUSED, WORKS, set_state
from sfm.users.encryption import UnreadableSecret


@dataclass(frozen=True)
class CheckResult:
    """Whether it works, and a sentence; `name` is the Twitter name of a person's sign-in."""

    works: bool
    message: str
    name: str = ""


def check(credential: Credential) -> CheckResult:
    """Make one small call with a credential; the state found is kept. Commits.

    Reads one user, which X bills at most. Twitter is asked outside any transaction.
    """
    credential_id = credential.id
    try:
        client = client_for(credential)
        db.session.rollback()
        return _store(credential_id, WORKS, _accepted(client.check_credential()))
    except NetworkError as trouble:
        state = state_after(trouble)
        if state == REFUSED and trouble.status == 401 and credential.kind != BEARER:
            state = NEEDS_SIGN_IN
        return _store(credential_id, state, CheckResult(False, trouble.message))
    except UnreadableSecret as trouble:
        return _store(credential_id, REFUSED, CheckResult(False, trouble.message))
    except NoCredential as trouble:
        return CheckResult(False, trouble.message)


def _accepted(name: str) -> CheckResult:
    if not name:
        return CheckResult(True, Message("Twitter accepts it."))
    return CheckResult(True, Message("Twitter knows it as @%(name)s.", name=name), name)


def _store(credential_id: int, state: str | None, result: CheckResult) -> CheckResult:
    begin_write()
    credential = db.session.get(Credential, credential_id)
    if credential is not None and state is not None:
        set_state(credential, state, "" if result.works else result.message)
    db.session.commit()
    return result
