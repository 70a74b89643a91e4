"""Credentials of Users: adding, reading and removing them, encrypted, unique by fingerprint.

Nothing here commits. A secret is read again only to sign calls to Twitter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import Credential, User
from sfm.networks.meter import fingerprint
from sfm.users.encryption import vault

BEARER, OAUTH1, OAUTH2 = "bearer", "oauth1", "oauth2"
KINDS = (BEARER, OAUTH1, OAUTH2)
WORDS_FOR_KIND = {
    BEARER: Message("app bearer token"),
    OAUTH1: Message("Twitter sign-in (OAuth 1.0a)"),
    OAUTH2: Message("Twitter sign-in (OAuth 2.0)"),
}

UNCHECKED, WORKS = "unchecked", "works"
NEEDS_SIGN_IN, OUT_OF_CREDITS, REFUSED = "needs_sign_in", "out_of_credits", "refused"
WORDS_FOR_STATE = {
    UNCHECKED: Message("not tried yet"),
    WORKS: Message("works"),
    NEEDS_SIGN_IN: Message("needs sign-in again"),
    OUT_OF_CREDITS: Message("out of credits"),
    REFUSED: Message("refused by Twitter"),
}


@dataclass(frozen=True)
class NewCredential:
    """A credential as it was entered or came from Twitter. `secrets` by kind: bearer `token`;
    oauth1 `token`, `token_secret`; oauth2 `access_token`, `refresh_token`."""

    kind: str
    secrets: dict[str, str]
    label: str = ""
    twitter_uid: int | None = None
    scopes: str = ""
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"NewCredential({self.kind}, {self.label!r})"

    @property
    def fingerprint(self) -> str:
        """Equal for credentials that share rate limits: an app's token, or one person's sign-in.
        The same as the fingerprint of the adapter's Auth, under which calls are counted."""
        if self.kind == OAUTH2:  # its tokens change every two hours, the person does not
            return fingerprint(OAUTH2, str(self.twitter_uid))
        return fingerprint(self.kind, self.secrets["token"])


def bearer(token: str, label: str = "") -> NewCredential:
    """An app's bearer token as it was typed. Raises WrongInput for what cannot be one."""
    return NewCredential(
        BEARER, {"token": _one_word(token, Message("bearer token"))}, _label(label)
    )


def oauth1(token: str, token_secret: str, label: str = "") -> NewCredential:
    """An OAuth 1.0a access token with its secret. Raises WrongInput for what cannot be one."""
    token = _one_word(token, Message("access token"))
    owner = token.partition("-")[0]  # Source: X, "Access Token": it begins with the owner's uid
    secrets = {
        "token": token,
        "token_secret": _one_word(token_secret, Message("access token secret")),
    }
    uid = int(owner) if owner.isascii() and owner.isdigit() and len(owner) < 19 else None
    return NewCredential(OAUTH1, secrets, _label(label), twitter_uid=uid)


def save(user: User, new: NewCredential) -> Credential:
    """Add the credential to a User, or put the new secret in place of the same one's old.

    Flushes; commit is the caller's. Raises WrongInput where another User already holds it.
    """
    existing = _own_credential(user, new.fingerprint)
    credential = existing or Credential(user_id=user.id, kind=new.kind, fingerprint=new.fingerprint)
    seal(credential, new.secrets)
    credential.label = new.label or credential.label or ""
    credential.twitter_uid = new.twitter_uid
    credential.scopes = new.scopes
    credential.expires_at = new.expires_at
    set_state(credential, UNCHECKED)
    db.session.add(credential)
    db.session.flush()
    audit.record(
        "credential.replaced" if existing else "credential.added",
        kind="user",
        subject_id=user.id,
        subject=user.username,
        after={"kind": credential.kind, "label": credential.label},
    )
    return credential


def _own_credential(user: User, fingerprint_of_new: str) -> Credential | None:
    """The same credential, locked, where the User has it. Raises WrongInput where another does."""
    existing = db.session.scalar(
        select(Credential).where(Credential.fingerprint == fingerprint_of_new).with_for_update()
    )
    if existing is not None and existing.user_id != user.id:
        raise WrongInput(
            Message(
                "%(username)s already holds this credential, and two connections on one are "
                "refused by Twitter. Remove it there first, or use another.",
                username=existing.user.username,
            )
        )
    return existing


def seal(credential: Credential, secrets: dict[str, str]) -> None:
    """Put secrets into a credential, encrypted with the newest key."""
    sealed = vault().seal(secrets)
    credential.secret, credential.key_id = sealed.token, sealed.key_id


def open_secrets(credential: Credential) -> dict[str, str]:
    """The secrets. Raises UnreadableSecret where their key is missing."""
    opened: Any = vault().open(credential.secret)
    return {str(name): str(value) for name, value in opened.items()}


def remove(credential: Credential) -> None:
    """Delete a credential. Flushes."""
    audit.record(
        "credential.removed",
        kind="user",
        subject_id=credential.user_id,
        subject=credential.user.username,
        before={"kind": credential.kind, "label": credential.label},
    )
    db.session.delete(credential)
    db.session.flush()


def set_state(credential: Credential, state: str, reason: str = "") -> None:
    """Set the state of a credential, and since when if that is new. Does not flush."""
    now = clock.now()
    if credential.state != state:
        credential.state_since = now
    credential.state, credential.state_reason = state, reason
    if state != UNCHECKED:
        credential.checked_at = now


def of_user(user: User) -> list[Credential]:
    """A User's credentials, oldest first."""
    query = select(Credential).where(Credential.user_id == user.id).order_by(Credential.id)
    return list(db.session.scalars(query))


def all_credentials() -> list[Credential]:
    """Every credential that is kept, by User."""
    query = select(Credential).join(Credential.user).order_by(User.lower_username, Credential.id)
    return list(db.session.scalars(query))


def of_user_by_id(user: User, credential_id: int) -> Credential:
    """One of this User's credentials. Raises NotFound, also for somebody else's."""
    credential = db.session.scalar(
        select(Credential).where(Credential.id == credential_id, Credential.user_id == user.id)
    )
    if credential is None:
        raise NotFound(Message("There is no such credential on this account."))
    return credential


def names_by_fingerprint() -> dict[str, str]:
    """How people know each credential: its User, what it is, and its label."""
    query = select(Credential.fingerprint, User.username, Credential.kind, Credential.label)
    token = settings().twitter_bearer_token
    of_setting = {fingerprint(BEARER, token): "the setting TWITTER_BEARER_TOKEN"} if token else {}
    return of_setting | {
        mark: f"{username}: {label or WORDS_FOR_KIND[kind]}"
        for mark, username, kind, label in db.session.execute(query.join(Credential.user))
    }


def _one_word(text: str, what: str) -> str:
    word = text.strip()
    if not word:
        raise WrongInput(Message("No %(what)s was given.", what=what))
    if len(word) < 8 or len(word) > 2000 or not word.isascii() or not word.isprintable():
        raise WrongInput(
            Message(
                "This does not look like a %(what)s. Please copy it once more, whole.", what=what
            )
        )
    if " " in word:
        raise WrongInput(
            Message("A %(what)s has no blanks in it. Please copy it once more, whole.", what=what)
        )
    return word


def _label(text: str) -> str:
    return " ".join(text.split())[:100]
