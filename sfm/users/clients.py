"""Twitter clients for the credentials of Users, with rate limits, usage and credential state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import select

from sfm.database import db
from sfm.errors import SfmError
from sfm.extensions import settings
from sfm.messages import Message
from sfm.models import Credential, User
from sfm.networks.adapter import FilterStreamClient
from sfm.networks.errors import NetworkError, Wait
from sfm.networks.meter import Meter
from sfm.runs.shutdown import stop_requested
from sfm.twitter.auth import Auth, BearerAuth, OAuth1Auth
from sfm.twitter.client import Client
from sfm.twitter.endpoints import Endpoint
from sfm.twitter.rate_limit import Limiter
from sfm.twitter.transport import Pause, Transport
from sfm.users import credentials, service
from sfm.users.credential_state import StateKeeper, is_usable
from sfm.users.credentials import BEARER, OAUTH1, OAUTH2, WORDS_FOR_STATE
from sfm.users.usage import DatabaseMeter, UsageBuffer

StreamAuth = BearerAuth  # streams take an app's bearer token and nothing else

T = TypeVar("T", bound=Transport)

_SIGN_INS_FIRST = (OAUTH1, OAUTH2, BEARER)  # they may read protected accounts too


class NoCredential(SfmError):
    """No usable credential was found; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class WatchedTransport(Transport):
    """Passes the outcome of each call to the credential's StateKeeper."""

    keeper: StateKeeper

    def ask(
        self,
        endpoint: Endpoint,
        params: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> bytes:
        """As Transport's; the credential's state is written in a transaction of its own."""
        try:
            body = super().ask(endpoint, params, **more)
        except NetworkError as trouble:
            self.keeper.record(trouble)
            raise
        self.keeper.record(None)
        return body


def default_client(pause: Pause | None = None, meter: Meter | None = None) -> Client:
    """The client that serves timelines, look-ups and samples.

    With a credential of the User that TWITTER_DEFAULT_USERNAME names, else with the token in
    the setting TWITTER_BEARER_TOKEN, else with the only app token that any User holds. Raises
    NoCredential. `pause` sleeps when there is something to wait for; without, a Wait is raised.
    `meter` counts the calls; without, each is written to the database at once.
    """
    credential = _default_credential(_SIGN_INS_FIRST)
    if isinstance(credential, str):
        return _client(_transport(Transport, BearerAuth(credential), pause, meter))
    return client_for(credential, pause, meter)


def installation_client(pause: Pause | None = None) -> Client:
    """A client that speaks with the installation's own token. Raises NoCredential."""
    token = settings().twitter_bearer_token
    if not token:
        raise NoCredential(_what_to_do("", []))
    return _client(_transport(Transport, BearerAuth(token), pause, None))


def collecting_client(pause: Pause) -> Client:
    """The same client for one thread that stores what it reads page by page: its calls are
    counted with the pages (see UsageBuffer). Ends the session's transaction, which would else be
    open, and hold a connection, for as long as the thread waits for the network."""
    usage_buffer = UsageBuffer(db.engine)

    def write_usage_first(wait: Wait) -> None:
        usage_buffer.write_now()
        pause(wait)

    client = default_client(write_usage_first, usage_buffer)
    db.session.rollback()
    return client


def client_for(
    credential: Credential, pause: Pause | None = None, meter: Meter | None = None
) -> Client:
    """A client that speaks with this credential and keeps its state.

    Raises NoCredential where a setting is missing, Unreadable where the secret cannot be read.
    """
    watched = _transport(WatchedTransport, auth_of(credential), pause, meter)
    watched.keeper = StateKeeper(db.engine, credential)
    return _client(watched)


def stream_auth(credential: Credential) -> StreamAuth:
    """The bearer token of a stream. Raises NoCredential for a person's sign-in: streams take only
    an app's bearer token. Source: X, "Authentication mapping"."""
    if credential.kind != BEARER:
        raise NoCredential(
            Message(
                "A stream needs an app's bearer token; a Twitter sign-in does not do. Enter one "
                "on the account page, or with the command set_credential."
            )
        )
    return BearerAuth(credentials.open_secrets(credential)["token"])


def default_stream_auth() -> StreamAuth:
    """The bearer token of streamsample: the first app token of the User that
    TWITTER_DEFAULT_USERNAME names, else that of the setting, else the only one there is.

    Whatever state it is in: a refused look-up moves no stream. Raises NoCredential.
    """
    name = settings().twitter_default_username
    user = service.find(name) if name else None
    tokens = credentials.of_user(user) if user is not None and user.is_active else []
    for credential in tokens:
        if credential.kind == BEARER:
            return stream_auth(credential)
    if settings().twitter_bearer_token:
        return BearerAuth(settings().twitter_bearer_token)
    only = _app_tokens_of_active_users()
    if len(only) == 1:
        return stream_auth(only[0])
    raise NoCredential(_what_to_do(name, only))


def stream_client(auth: StreamAuth, mark: str = "") -> FilterStreamClient:
    """Streams and rules with this credential, limited and metered. For one thread.

    `mark` is the installation's; without it no rule can be synced.
    """
    from sfm.twitter.stream_client import StreamClient

    transport = _transport(Transport, auth, None, None)
    silence_seconds = float(settings().stream_silence_seconds)
    return StreamClient(transport, silence_seconds=silence_seconds, mark=mark)


def auth_of(credential: Credential) -> Auth:
    """How calls with this credential are signed."""
    secrets = credentials.open_secrets(credential)
    if credential.kind == BEARER:
        return BearerAuth(secrets["token"])
    if credential.kind == OAUTH1:
        return _oauth1_auth(secrets)
    from sfm.users.token_refresh import renewing_auth

    return renewing_auth(credential, secrets)


def _oauth1_auth(secrets: Mapping[str, str]) -> OAuth1Auth:
    key, secret = settings().twitter_consumer_key, settings().twitter_consumer_secret
    if not (key and secret):
        raise NoCredential(
            Message(
                "This Twitter sign-in needs the settings TWITTER_CONSUMER_KEY and "
                "TWITTER_CONSUMER_SECRET of the app it was given to."
            )
        )
    return OAuth1Auth(key, secret, secrets["token"], secrets["token_secret"])


def limiter() -> Limiter:
    """The limits of all credentials of this process."""
    shared_limiter = current_app.extensions.setdefault("sfm_limiter", Limiter())
    assert isinstance(shared_limiter, Limiter)  # noqa: S101 - for mypy
    return shared_limiter


def _transport(kind: type[T], auth: Auth, pause: Pause | None, meter: Meter | None) -> T:
    return kind(
        auth,
        api_root=settings().twitter_api_root,
        limiter=limiter(),
        meter=meter or DatabaseMeter(db.engine),
        pause=pause,
        stopping=stop_requested,
    )


def _client(transport: Transport) -> Client:
    return Client(transport, dialect="post" if settings().twitter_dialect == "post" else "tweet")


def _default_credential(kinds: tuple[str, ...]) -> Credential | str:
    """A credential, or the token of the setting."""
    name = settings().twitter_default_username
    unusable: list[Credential] = []
    if name:
        candidates = _of_default_user(name, kinds)
        unusable = [credential for credential in candidates if not is_usable(credential)]
        for credential in candidates:
            if is_usable(credential):
                return credential
    if settings().twitter_bearer_token:
        return settings().twitter_bearer_token
    apps = _app_tokens_of_active_users()
    if len(apps) == 1 and is_usable(apps[0]):
        return apps[0]
    raise NoCredential(_what_to_do(name, unusable or apps))


def _app_tokens_of_active_users() -> list[Credential]:
    """Two of them at most: who asks wants the only one."""
    of_active = select(Credential).join(Credential.user).where(User.is_active)
    return list(db.session.scalars(of_active.where(Credential.kind == BEARER).limit(2)))


def _of_default_user(name: str, kinds: tuple[str, ...]) -> list[Credential]:
    user = service.find(name)
    if user is None or not user.is_active:
        return []
    candidates = [
        credential for credential in credentials.of_user(user) if credential.kind in kinds
    ]

    def rank(credential: Credential) -> tuple[bool, int]:
        return credential.state != credentials.WORKS, kinds.index(credential.kind)

    return sorted(candidates, key=rank)


def _what_to_do(name: str, candidates: list[Credential]) -> str:
    unusable = [credential for credential in candidates if not is_usable(credential)]
    if unusable:
        return _unusable(unusable[0])
    if len(candidates) > 1:
        return Message(
            "Several Users hold an app token, and nothing says which to use. Name one of them in "
            "the setting TWITTER_DEFAULT_USERNAME."
        )
    if name:
        return Message(
            "%(name)s, the User that TWITTER_DEFAULT_USERNAME names, holds no Twitter credential. "
            "Sign in with Twitter as that User, or enter one with the command set_credential.",
            name=name,
        )
    return Message(
        "There is no Twitter credential yet. Enter an app's bearer token with the command "
        "set_credential, or put it into the setting TWITTER_BEARER_TOKEN."
    )


def _unusable(credential: Credential) -> Message:
    return Message(
        "The Twitter credential of %(username)s cannot be used (%(state)s). %(state_reason)s "
        "Then check it on the account page, or with the command check_credentials.",
        username=credential.user.username,
        state=WORDS_FOR_STATE[credential.state],
        state_reason=credential.state_reason,
    )
