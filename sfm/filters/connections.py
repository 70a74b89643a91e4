"""Which credential a filter connects with, and who holds it already.

X allows most apps one stream connection, so no two may be made with one credential. It is the
credential itself that counts (its fingerprint), not only whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.errors import SfmError
from sfm.extensions import settings
from sfm.messages import Message, join_messages
from sfm.models import Credential, Heartbeat, TwitterFilter, User
from sfm.networks.adapter import FilterStreamClient
from sfm.supervisord.conf import SAMPLE_PREFIX
from sfm.users import clients, credentials, service
from sfm.users.credential_state import is_usable

HEARTBEAT_AGE = timedelta(seconds=60)


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


def source_of(user: User, credential: Credential | None) -> CredentialSource:
    """The credential chosen, else the User's first app token that works, else the setting's.

    Raises NoStreamCredential.
    """
    if credential is not None and credential.user_id == user.id:
        return CredentialSource(clients.stream_auth(credential), credential, _label(credential))
    app_tokens = [
        app_token for app_token in credentials.of_user(user) if app_token.kind == credentials.BEARER
    ]
    for app_token in sorted(app_tokens, key=lambda app_token: not is_usable(app_token)):
        return CredentialSource(clients.stream_auth(app_token), app_token, _label(app_token))
    token = settings().twitter_bearer_token
    if token:
        return CredentialSource(
            clients.StreamAuth(token), None, Message("the installation's app token")
        )
    raise NoStreamCredential(
        Message(
            "%(username)s holds no app token, and streams take nothing else. Enter one on the "
            "account page of that User, or with the command set_credential.",
            username=user.username,
        )
    )


def source_of_filter(twitter_filter: TwitterFilter) -> CredentialSource:
    """As `source_of`, for a saved filter."""
    return source_of(twitter_filter.user, twitter_filter.credential)


def sample_source() -> CredentialSource:
    """What streamsample connects with. Raises NoCredential."""
    return CredentialSource(clients.default_stream_auth(), None, Message("the default app token"))


def stream_client(source: CredentialSource, mark: str = "") -> FilterStreamClient:
    """Streams and rules with this credential; as `clients.stream_client`."""
    return clients.stream_client(source.auth, mark)


def sample_conflict(source: CredentialSource) -> str:
    """Why streamsample's claim to a credential keeps filters from it; "" where it has none."""
    name = settings().twitter_default_username
    default_user = service.find(name) if name else None
    if default_user is not None:
        theirs = [credential.fingerprint for credential in credentials.of_user(default_user)]
        if source.fingerprint in theirs:
            return Message(
                "%(label)s belongs to %(username)s, whose credentials serve streamsample. Choose "
                "a User with another app token.",
                label=source.label,
                username=default_user.username,
            )
    beat = db.session.get(Heartbeat, SAMPLE_PREFIX)
    if beat is not None and beat.fingerprint == source.fingerprint and is_running(beat):
        return Message(
            "streamsample is connected with %(label)s. Stop it, or use another app token.",
            label=source.label,
        )
    return ""


def check_free(user: User, source: CredentialSource, filter_id: int | None) -> None:
    """Raise ConnectionTaken if an active filter of this User may not be collected with `source`.

    `filter_id` is the filter itself, which does not stand in its own way.
    """
    name = settings().twitter_default_username
    if name and user.username.lower() == name.lower():
        raise ConnectionTaken(
            Message(
                "%(username)s is the User whose credentials serve streamsample "
                "(TWITTER_DEFAULT_USERNAME). Choose another User for the filter.",
                username=user.username,
            )
        )
    taken = sample_conflict(source)
    if taken:
        raise ConnectionTaken(taken)
    if settings().share_stream_connections:
        return
    other = filter_connected_with(source.fingerprint, filter_id)
    if other is not None:
        raise ConnectionTaken(
            Message(
                "The active filter “%(name)s” (number %(id)s) connects with %(label)s already, "
                "and Twitter allows one connection. Deactivate it, choose a User with another app "
                "token, or have an administrator turn SHARE_STREAM_CONNECTIONS on.",
                name=other.name,
                id=other.id,
                label=source.label,
            )
        )


def filter_connected_with(fingerprint: str, besides: int | None) -> TwitterFilter | None:
    """The active filter that connects with this credential, other than `besides`."""
    active = select(TwitterFilter).where(TwitterFilter.is_active).order_by(TwitterFilter.id)
    for other in db.session.scalars(active):
        if other.id != besides and fingerprint_of(other) == fingerprint:
            return other
    return None


def fingerprint_of(twitter_filter: TwitterFilter) -> str:
    """The fingerprint of a filter's credential; "" where it has none that can be used."""
    try:
        return source_of_filter(twitter_filter).fingerprint
    except SfmError:
        return ""


def is_running(beat: Heartbeat) -> bool:
    """Whether a collector said so within the last minute, and not that it stopped."""
    return beat.state != "stopped" and clock.now() - beat.beat_at < HEARTBEAT_AGE


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
