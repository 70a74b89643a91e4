"""How a call shows who it is from: an app's bearer token, or a person's sign-in of either kind.

A secret is in no `repr`. `fingerprint` tells equal credentials and reveals nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal, Protocol

from sfm import clock
from sfm.networks.meter import fingerprint

AuthKind = Literal["app", "user"]
_RENEW_BEFORE = timedelta(seconds=60)


class Auth(Protocol):
    """What a client needs of a credential."""

    @property
    def fingerprint(self) -> str:
        """Equal for what Twitter counts as one credential."""

    @property
    def kind(self) -> AuthKind:
        """Whose limits count: the app's or a person's."""

    def authorization(self, method: str, url: str) -> str:
        """The header that signs a request without a form. May raise NetworkError where a token
        has to be renewed first."""

    def renew(self, refused: str) -> bool:
        """After a 401 for the request whose Authorization header was `refused`: is there a new
        token, so that the call may be made once more?"""


@dataclass(frozen=True)
class BearerAuth:
    """An app's own token: look-ups, timelines, search, and the only one that streams accept."""

    token: str = field(repr=False)
    kind: AuthKind = field(default="app", init=False)

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint("bearer", self.token)

    def authorization(self, method: str, url: str) -> str:
        return f"Bearer {self.token}"

    def renew(self, refused: str) -> bool:
        return False


@dataclass(frozen=True)
class OAuth1Auth:
    """A person's OAuth 1.0a sign-in, which holds until it is revoked."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    token: str = field(repr=False)
    token_secret: str = field(repr=False)
    kind: AuthKind = field(default="user", init=False)

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint("oauth1", self.token)

    def authorization(self, method: str, url: str) -> str:
        from authlib.oauth1 import ClientAuth  # 0.1 s and 80 modules, for this kind alone

        signer = ClientAuth(
            self.consumer_key, self.consumer_secret, token=self.token,
            token_secret=self.token_secret,
        )  # fmt: skip
        _url, headers, _body = signer.prepare(method, url, {}, b"")
        return str(headers["Authorization"])

    def renew(self, refused: str) -> bool:
        return False


@dataclass(frozen=True)
class UserToken:
    """An OAuth 2.0 access token and, if the sign-in allows renewal, its successor's key."""

    access_token: str = field(repr=False)
    expires_at: datetime | None = None
    refresh_token: str | None = field(default=None, repr=False)

    def is_stale(self) -> bool:
        return self.expires_at is not None and self.expires_at - clock.now() <= _RENEW_BEFORE


class OAuth2UserAuth:
    """A person's OAuth 2.0 sign-in. Tokens live two hours; `refresh` gives a fresh one.

    `refresh(old)` has to hold a lock over all processes and look first whether another of them
    has renewed the token already: Twitter voids the sign-in if a refresh token is used twice.
    `subject` is the account's uid, by which the credential is known whatever its tokens are.
    """

    kind: AuthKind = "user"

    def __init__(
        self, token: UserToken, subject: str, refresh: Callable[[UserToken], UserToken]
    ) -> None:
        self._token = token
        self._refresh = refresh
        self._lock = threading.Lock()
        self.fingerprint = fingerprint("oauth2", subject)

    def __repr__(self) -> str:
        return f"OAuth2UserAuth({self.fingerprint[:8]}…)"

    def authorization(self, method: str, url: str) -> str:
        with self._lock:
            if self._token.is_stale():
                self._token = self._refresh(self._token)
            return f"Bearer {self._token.access_token}"

    def renew(self, refused: str) -> bool:
        with self._lock:
            if refused != f"Bearer {self._token.access_token}":
                return True  # another thread has renewed it in the meantime
            before = self._token.access_token
            self._token = self._refresh(self._token)
            return self._token.access_token != before
