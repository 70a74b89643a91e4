"""Signing in with Twitter, and linking a Twitter account to a User: always by Twitter's uid, which
never changes, never by name.

The state of a sign-in is stored while the person is at Twitter: encrypted, for ten minutes, bound
to one browser, and used once. Functions that ask Twitter do so outside any transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import begin_write, db
from sfm.errors import WrongInput
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import Credential, SignInState, User
from sfm.networks.errors import CredentialProblem, NetworkError
from sfm.twitter import sign_in as twitter
from sfm.twitter.sign_in import SignedIn
from sfm.users import credentials, service, sign_in_states
from sfm.users.credentials import OAUTH1, OAUTH2, NewCredential
from sfm.users.encryption import UnreadableSecret
from sfm.users.sign_in import AWAITS, NOT_ACTIVE, SignInRefused, record
from sfm.users.token_refresh import our_app

logger = logging.getLogger(__name__)

NOBODY, APPROVAL, ANYONE = "nobody", "approval", "anyone"


@dataclass(frozen=True)
class Purpose:
    """Why a person was sent to Twitter: to sign in, or to link a Twitter account to a User."""

    link_to: int | None = None
    following: str = "/"


@dataclass(frozen=True)
class TwitterReturn:
    """The person who came back from Twitter, and why they were sent there."""

    kind: str
    person: SignedIn
    purpose: Purpose


@dataclass(frozen=True)
class PendingLink:
    """A link of a Twitter account that the User still has to confirm."""

    key: str
    name: str
    uid: int
    owner: str | None  # the other User who has this Twitter account already
    returned: TwitterReturn = field(repr=False)


def enabled_methods() -> tuple[str, ...]:
    """The ways of signing in with Twitter that are switched on and have their keys."""
    app_settings = settings()
    ready = {
        OAUTH1: bool(app_settings.twitter_consumer_key and app_settings.twitter_consumer_secret),
        OAUTH2: bool(app_settings.twitter_client_id),
    }
    return tuple(
        kind for kind in (OAUTH1, OAUTH2) if kind in app_settings.twitter_sign_in and ready[kind]
    )


def start(kind: str, callback: str, browser: str, purpose: Purpose) -> str:
    """Where to send the browser. Asks Twitter for a request token (OAuth 1.0a); commits.

    `browser` is a random value that this browser alone brings back. Raises WrongInput for a way
    that is not offered, NetworkError.
    """
    if kind not in enabled_methods():
        raise WrongInput(Message("This way of signing in with Twitter is not switched on here."))
    begin = twitter.start_oauth1 if kind == OAUTH1 else twitter.start_oauth2
    begun = begin(our_app(), callback)
    value = {
        "secret": begun.secret,
        "browser": browser,
        "callback": callback,
        "link_to": purpose.link_to,
        "following": purpose.following,
    }
    sign_in_states.store(kind, begun.key, value)
    return begun.address


def finish(kind: str, answer: Mapping[str, str], browser: str) -> TwitterReturn:
    """What the callback brings: who signed in. Commits. Raises SignInRefused with what happened
    for refusals, foreign, old, reused and incomplete callbacks, NetworkError for Twitter's faults.
    """
    refused = answer.get("denied") or (answer.get("state") if answer.get("error") else None)
    if refused:
        sign_in_states.take(kind, refused, browser)
        raise SignInRefused(_refusal(answer.get("error", "")))
    key, proof, kept = _read_answer(kind, answer, browser)
    try:
        person = _ask(kind, key, proof, kept)
    except CredentialProblem as exc:
        logger.warning("twitter sign-in not completed kind=%s detail=%s", kind, exc.detail)
        raise SignInRefused(
            Message(
                "Twitter did not accept this sign-in: it was used already, or took too long. "
                "Please begin again."
            )
        ) from exc
    return TwitterReturn(kind, person, Purpose(kept["link_to"], kept["following"]))


def _read_answer(
    kind: str, answer: Mapping[str, str], browser: str
) -> tuple[str, str, dict[str, Any]]:
    """The key, the proof, and what was kept for this key. Raises SignInRefused."""
    key = answer.get("oauth_token") if kind == OAUTH1 else answer.get("state")
    proof = answer.get("oauth_verifier") if kind == OAUTH1 else answer.get("code")
    kept = sign_in_states.take(kind, key or "", browser)
    if not key or kept is None:
        raise SignInRefused(
            Message(
                "This sign-in was not begun in this browser, took longer than ten minutes, or was "
                "already used. Nothing was changed. Please begin again."
            )
        )
    if not proof:
        raise SignInRefused(
            Message("Twitter sent you back without its proof that you agreed. Please begin again.")
        )
    return key, proof, kept


def _ask(kind: str, key: str, proof: str, kept: dict[str, Any]) -> SignedIn:
    if kind == OAUTH1:
        return twitter.finish_oauth1(our_app(), key, kept["secret"], proof)
    return twitter.finish_oauth2(our_app(), kept["callback"], kept["secret"], proof)


def _refusal(error: str) -> str:
    if error in ("", "access_denied"):
        return Message(
            "You did not let this site use your Twitter account, so nothing was changed."
        )
    return Message(
        "Twitter did not let the sign-in go ahead. Nothing was changed. Please begin again."
    )


def sign_in(returned: TwitterReturn, address: str) -> User:
    """The User who signs in with this Twitter account, a new one if the settings allow that;
    their tokens are kept. Commits, refusals too. Raises SignInRefused."""
    begin_write()
    person = returned.person
    user = db.session.scalar(select(User).where(User.twitter_uid == person.uid))
    if user is None:
        user = _create_user(person)
    if not user.is_active:
        record(user, "sign_in.refused", address, {"reason": "not active"})
        db.session.commit()
        raise SignInRefused(AWAITS if user.awaits_approval else NOT_ACTIVE)
    who = audit.Actor(user.id, user.username, address)
    with audit.acting_as(who):
        user.twitter_name = person.name or user.twitter_name
        user.signed_in_at = clock.now()
        _keep_tokens(user, returned)
        record(user, f"sign_in.{returned.kind}", address)
    db.session.commit()
    return user


def _create_user(person: SignedIn) -> User:
    handles = {name.lstrip("@").lower() for name in settings().twitter_entry}
    invited = ANYONE in handles or person.name.lower() in handles - {NOBODY, APPROVAL, ANYONE}
    if not invited and APPROVAL not in handles:
        raise _refuse_uninvited(person)
    user = User(
        username=_free_name_like(person.name or f"twitter{person.uid}"),
        is_active=invited,
        awaits_approval=not invited,
        twitter_uid=person.uid,
        twitter_name=person.name,
    )
    db.session.add(user)
    db.session.flush()
    service.record(user, "user.created", after={"twitter": person.name, "approved": invited})
    return user


def _refuse_uninvited(person: SignedIn) -> SignInRefused:
    """Records that a stranger was refused, and commits; the error to raise."""
    audit.record("sign_in.refused", after={"reason": "not invited", "twitter": person.name})
    db.session.commit()
    return SignInRefused(
        Message(
            "Nobody here is linked to the Twitter account @%(name)s. If you have an account "
            "here, sign in with its password and link them; if not, ask an administrator of "
            "this site.",
            name=person.name,
        )
    )


def _free_name_like(name: str) -> str:
    candidate, number = name, 1
    while service.find(candidate) is not None:
        number += 1
        candidate = f"{name}-{number}"
    return service.free_name(candidate)


def _keep_tokens(user: User, returned: TwitterReturn) -> Credential:
    person = returned.person
    new = NewCredential(
        returned.kind,
        person.tokens,
        label=f"@{person.name}",
        twitter_uid=person.uid,
        scopes=person.scopes,
        expires_at=person.expires_at,
    )
    for old in credentials.of_user(user):  # each sign-in gives a new token for the same account
        same = old.kind == new.kind and old.twitter_uid == person.uid
        if same and old.fingerprint != new.fingerprint:
            old.fingerprint = new.fingerprint
            db.session.flush()
    kept = credentials.save(user, new)
    credentials.set_state(kept, credentials.WORKS)
    return kept


def propose_link(returned: TwitterReturn, user: User, browser: str) -> PendingLink:
    """Store a link until the User has confirmed it, having seen both names. Commits."""
    if returned.purpose.link_to != user.id:
        raise SignInRefused(
            Message(
                "You have signed in as somebody else since this was begun. Nothing was changed."
            )
        )
    person, key = returned.person, f"{user.id}"
    value = {
        "browser": browser,
        "kind": returned.kind,
        "uid": person.uid,
        "name": person.name,
        "tokens": person.tokens,
        "scopes": person.scopes,
        "expires_at": person.expires_at.isoformat() if person.expires_at else None,
    }
    sign_in_states.store("pending", key, value)
    return _pending(key, value, user)


def pending_link(user: User, browser: str) -> PendingLink:
    """The link that this User still has to confirm. Raises SignInRefused where there is none."""
    return _pending(str(user.id), _kept_link(user, browser, used=False), user)


def link(user: User, browser: str) -> User:
    """Link the Twitter account that waits, and keep its tokens. Flushes.

    Raises SignInRefused where nothing waits, WrongInput where another User has the account or
    this User has another one.
    """
    pending = _pending(str(user.id), _kept_link(user, browser, used=True), user)
    _check_link(user, pending)
    user.twitter_uid, user.twitter_name = pending.uid, pending.name
    db.session.flush()
    service.record(user, "user.twitter_linked", after={"twitter": pending.name, "uid": pending.uid})
    _keep_tokens(user, pending.returned)
    return user


def _check_link(user: User, pending: PendingLink) -> None:
    """Raises WrongInput where another User has the account, or this User another one."""
    if pending.owner is not None:
        raise WrongInput(
            Message(
                "The Twitter account @%(name)s is linked to the User %(owner)s. An administrator "
                "can join the two.",
                name=pending.name,
                owner=pending.owner,
            )
        )
    if user.twitter_uid is not None and user.twitter_uid != pending.uid:
        raise WrongInput(
            Message(
                "You are linked to @%(twitter_name)s already. Unlink that account first.",
                twitter_name=user.twitter_name,
            )
        )


def unlink(user: User) -> list[tuple[str, dict[str, str]]]:
    """Forget the Twitter account and its tokens. Flushes. Gives the tokens, to be revoked at
    Twitter after the commit. Raises WrongInput for who could not sign in any more."""
    if user.twitter_uid is None:
        raise WrongInput(Message("There is no Twitter account to unlink."))
    if user.password_hash is None:
        raise WrongInput(Message("Choose a password first, or you could not sign in any more."))
    tokens = []
    for credential in credentials.of_user(user):
        if credential.kind in (OAUTH1, OAUTH2) and credential.twitter_uid == user.twitter_uid:
            try:
                tokens.append((credential.kind, credentials.open_secrets(credential)))
            except UnreadableSecret:
                logger.warning("token not revoked, its key is missing id=%d", credential.id)
            credentials.remove(credential)
    service.record(user, "user.twitter_unlinked", before={"twitter": user.twitter_name})
    user.twitter_uid = user.twitter_name = None
    service.end_sessions(user)
    db.session.flush()
    return tokens


def revoke(tokens: list[tuple[str, dict[str, str]]]) -> bool:
    """Revoke these tokens at Twitter; False where one could not be revoked."""
    all_revoked = True
    for kind, values in tokens:
        try:
            if kind == OAUTH1:
                twitter.revoke_oauth1(our_app(), values["token"], values["token_secret"])
            else:
                token = values["refresh_token"] or values["access_token"]
                twitter.revoke_oauth2(our_app(), token)
        except NetworkError as exc:
            logger.warning("token not revoked kind=%s cause=%s", kind, exc)
            all_revoked = False
    return all_revoked


def _pending(key: str, value: dict[str, Any], user: User) -> PendingLink:
    moment: str | None = value["expires_at"]
    expires_at = datetime.fromisoformat(moment) if moment else None
    person = SignedIn(value["uid"], value["name"], value["tokens"], value["scopes"], expires_at)
    owner = db.session.scalar(select(User).where(User.twitter_uid == person.uid))
    return PendingLink(
        key,
        person.name,
        person.uid,
        owner.username if owner is not None and owner.id != user.id else None,
        TwitterReturn(value["kind"], person, Purpose(user.id)),
    )


def _kept_link(user: User, browser: str, *, used: bool) -> dict[str, Any]:
    row = db.session.get(SignInState, sign_in_states.row_key("pending", str(user.id)))
    value = sign_in_states.open_row(row, browser)
    if value is None:
        raise SignInRefused(
            Message("There is no Twitter account waiting to be linked. Begin again.")
        )
    if used:
        db.session.delete(row)
    return value
