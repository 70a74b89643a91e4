"""Which credential a filter connects with, and who holds it already.

X allows most apps one stream connection, so no two may be made with one credential. It is the
credential itself that counts (its fingerprint), not only whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.errors import SfmError
from sfm.extensions import settings
from sfm.filters.drafting import FilterDraft
from sfm.messages import Message, join_messages
from sfm.models import Credential, Heartbeat, TwitterFilter, User
from sfm.networks.adapter import FilterStreamClient
from sfm.supervisord.conf import SAMPLE_PREFIX
from sfm.users import clients, credentials, service
from sfm.users.credential_state import is_usable

HEARTBEAT_AGE = timedelta(seconds=60)
ENDED_STATES = ("stopped", "needs_person")  # the last words of a process


class NoStreamCredential(SfmError):
    """A filter has nothing to connect with; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class ConnectionTaken(SfmError):
    """Another stream holds the credential; the message names it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


@dataclass(frozen=True)
class CredentialSource:
    """What a filter connects with. `credential` is None for the installation's own token."""

    auth: clients.StreamAuth
    credential: Credential | None
    label: str

    @property
    def fingerprint(self) -> str:
        return self.auth.fingerprint


def source_of(
    user: User, credential: Credential | None, *, uses_installation_token: bool = False
) -> CredentialSource:
    """What a filter of this User connects with: the app token stored for it, or, where that was
    stored, the installation's own. Never another one in its place. Raises NoStreamCredential."""
    _check_active(user)
    if credential is not None and credential.user_id == user.id:
        return CredentialSource(clients.stream_auth(credential), credential, _label(credential))
    if uses_installation_token:
        return installation_source(user)
    raise NoStreamCredential(
        Message(
            "The app token that the filter was saved with is not there any more. Edit the filter, "
            "and choose what it connects with."
        )
    )


def source_of_filter(twitter_filter: TwitterFilter) -> CredentialSource:
    """As `source_of`, for a saved filter."""
    return source_of(
        twitter_filter.user,
        twitter_filter.credential,
        uses_installation_token=twitter_filter.uses_installation_token,
    )


def source_of_draft(
    draft: FilterDraft, user: User, existing: TwitterFilter | None
) -> CredentialSource:
    """What a draft names, else what fits. Raises NoStreamCredential."""
    credential = db.session.get(Credential, draft.credential_id) if draft.credential_id else None
    if credential is not None or draft.uses_installation_token:
        return source_of(user, credential, uses_installation_token=draft.uses_installation_token)
    stored = (existing.id, existing.credential_id) if existing else (None, None)
    return choose_source(user, *stored)


def installation_source(user: User) -> CredentialSource:
    """The installation's own token, for a User who may use it. Raises NoStreamCredential."""
    _check_active(user)
    token = settings().twitter_bearer_token
    if token and user.may_use_installation_token:
        return CredentialSource(
            clients.StreamAuth(token), None, Message("the installation's app token")
        )
    if token:
        raise NoStreamCredential(
            Message(
                "%(username)s holds no app token, and may not use the installation's. Enter one on "
                "the account page of that User or with the command set_credential, or have an "
                "administrator allow the installation's token on the page of the User.",
                username=user.username,
            )
        )
    raise NoStreamCredential(
        Message(
            "%(username)s holds no app token, and streams take nothing else. Enter one on the "
            "account page of that User, or with the command set_credential.",
            username=user.username,
        )
    )


def _check_active(user: User) -> None:
    if not user.is_active:
        raise NoStreamCredential(
            Message(
                "%(username)s is not active, and nothing connects as a User who is not. Choose "
                "another User for the filter, or have an administrator make this one active.",
                username=user.username,
            )
        )


def choose_source(
    user: User, filter_id: int | None = None, stored_id: int | None = None
) -> CredentialSource:
    """The app token that fits, to be stored with a filter when it is saved.

    Of the User's: one that works and that no other stream holds, the stored one before others;
    where they hold none, the installation's. Raises NoStreamCredential.
    """
    tokens = [token for token in credentials.of_user(user) if token.kind == credentials.BEARER]
    tokens.sort(key=lambda token: (not is_usable(token), token.id != stored_id, token.id))
    sources = [source_of(user, token) for token in tokens]
    free = (source for source in sources if not conflict(source, filter_id))
    return next(free, sources[0] if sources else None) or installation_source(user)


def sample_source() -> CredentialSource:
    """What streamsample connects with. Raises NoCredential, ConnectionTaken.

    Where TWITTER_DEFAULT_USERNAME is set, no filter may have it; else a filter may be first.
    """
    source = _sample_source()
    other = filter_connected_with(source.fingerprint, None)
    if other is not None and not settings().twitter_default_username:
        raise ConnectionTaken(
            Message(
                "The active filter “%(name)s” (number %(id)s) connects with the only app token "
                "that streamsample could take. Deactivate it, or name a User with an app token of "
                "their own in TWITTER_DEFAULT_USERNAME.",
                name=other.name,
                id=other.id,
            )
        )
    return source


def _sample_source() -> CredentialSource:
    return CredentialSource(clients.default_stream_auth(), None, Message("the default app token"))


def stream_client(source: CredentialSource, mark: str = "") -> FilterStreamClient:
    """Streams and rules with this credential; as `clients.stream_client`."""
    return clients.stream_client(source.auth, mark)


def sample_conflict(source: CredentialSource) -> str:
    """Why streamsample's claim to a credential keeps filters from it; "" where it has none.

    It claims all credentials of the User that TWITTER_DEFAULT_USERNAME names, and whatever it
    would connect with in their place; without that setting, what it is connected with now.
    """
    name = settings().twitter_default_username
    default_user = service.find(name) if name else None
    credential = source.credential
    if default_user and credential is not None and credential.user_id == default_user.id:
        return Message(
            "%(label)s belongs to %(username)s, whose credentials serve streamsample. Choose "
            "a User with another app token.",
            label=source.label,
            username=default_user.username,
        )
    if name and source.fingerprint == _sample_fingerprint():
        return Message(
            "%(label)s serves streamsample (TWITTER_DEFAULT_USERNAME is %(username)s). Choose a "
            "User with another app token.",
            label=source.label,
            username=name,
        )
    beat = db.session.get(Heartbeat, SAMPLE_PREFIX)
    if beat is not None and beat.fingerprint == source.fingerprint and is_running(beat):
        return Message(
            "streamsample is connected with %(label)s. Stop it, or use another app token.",
            label=source.label,
        )
    return ""


def _sample_fingerprint() -> str:
    try:
        return _sample_source().fingerprint
    except SfmError:
        return ""


def check_free(user: User, source: CredentialSource, filter_id: int | None) -> None:
    """Raise ConnectionTaken if an active filter of this User may not be collected with `source`.

    `filter_id` is the filter itself, which does not stand in its own way.
    """
    if is_sample_user(user):
        raise ConnectionTaken(
            Message(
                "%(username)s is the User whose credentials serve streamsample "
                "(TWITTER_DEFAULT_USERNAME). Choose another User for the filter.",
                username=user.username,
            )
        )
    taken = conflict(source, filter_id)
    if taken:
        raise ConnectionTaken(taken)


def is_sample_user(user: User) -> bool:
    """Whether this User's credentials serve streamsample: no active filter connects as them."""
    name = settings().twitter_default_username
    return bool(name) and user.username.lower() == name.lower()


def conflict(source: CredentialSource, filter_id: int | None) -> str:
    """Which other stream holds this credential, in a sentence; "" where none does."""
    taken = sample_conflict(source)
    if taken or settings().share_stream_connections:
        return taken
    other = filter_connected_with(source.fingerprint, filter_id)
    if other is None:
        return ""
    return Message(
        "The active filter “%(name)s” (number %(id)s) connects with %(label)s already, "
        "and Twitter allows one connection. Deactivate it, choose a User with another app "
        "token, or have an administrator turn SHARE_STREAM_CONNECTIONS on.",
        name=other.name,
        id=other.id,
        label=source.label,
    )


def filter_connected_with(fingerprint: str, besides: int | None) -> TwitterFilter | None:
    """The active filter that connects with this credential, other than `besides`."""
    return next(filters_connected_with(fingerprint, besides), None)


def filters_connected_with(fingerprint: str, besides: int | None) -> Iterator[TwitterFilter]:
    """The active filters that connect with this credential, other than `besides`."""
    active = select(TwitterFilter).where(TwitterFilter.is_active).order_by(TwitterFilter.id)
    for other in db.session.scalars(active).all():
        if other.id != besides and fingerprint_of(other) == fingerprint:
            yield other


def fingerprint_of(twitter_filter: TwitterFilter) -> str:
    """The fingerprint of a filter's credential; "" where it has none that can be used."""
    try:
        return source_of_filter(twitter_filter).fingerprint
    except SfmError:
        return ""


def is_running(beat: Heartbeat) -> bool:
    """Whether a collector said so within the last minute, and not that it has ended."""
    return beat.state not in ENDED_STATES and clock.now() - beat.beat_at < HEARTBEAT_AGE


def check_not_connected(fingerprint: str, program: str, host: str) -> None:
    """Raise ConnectionTaken if a collector on another host is connected with this credential.

    On this host locks say so, and say it better: they end with the process.
    """
    beats = select(Heartbeat).where(Heartbeat.fingerprint == fingerprint)
    for beat in db.session.scalars(beats):
        elsewhere = beat.host != host
        if elsewhere and is_running(beat):
            raise ConnectionTaken(
                Message(
                    "%(program)s on %(host)s is connected with this credential; stop it first.",
                    program=beat.program,
                    host=beat.host,
                )
            )


def collectors_with(fingerprint: str) -> str:
    """Who said last that it is connected with this credential, in words; "" where nobody did."""
    beats = select(Heartbeat).where(Heartbeat.fingerprint == fingerprint)
    running = [beat for beat in db.session.scalars(beats) if is_running(beat)]
    numbers = [number for beat in running for number in beat.filter_ids]
    named = select(TwitterFilter).where(TwitterFilter.id.in_(numbers)).order_by(TwitterFilter.id)
    filters = [
        Message(
            "the filter “%(name)s” (number %(id)s)", name=twitter_filter.name, id=twitter_filter.id
        )
        for twitter_filter in db.session.scalars(named)
    ]
    return join_messages(filters, ", ") or ", ".join(beat.program for beat in running)


def _label(credential: Credential) -> str:
    return Message(
        "the app token %(label)s of %(username)s",
        label=credential.label or Message("without a label"),
        username=credential.user.username,
    )
