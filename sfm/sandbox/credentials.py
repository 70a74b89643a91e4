"""Who is calling: the app tokens and user tokens that the sandbox takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from werkzeug.wrappers import Request

from sfm.sandbox import problems
from sfm.sandbox.defaults import DEFAULT_BEARER_TOKEN
from sfm.sandbox.oauth1 import OAuth1
from sfm.sandbox.oauth2 import OAuth2

APP = "OAuth 2.0 Application-Only"
OAUTH1 = "OAuth 1.0a User Context"
OAUTH2 = "OAuth 2.0 User Context"
_NEEDED_SCOPES = frozenset(("tweet.read", "users.read"))


@dataclass(frozen=True)
class Caller:
    """A credential at work. `app` owns rules, streams and usage; `uid` is None for app tokens."""

    kind: str
    app: str
    key: str
    uid: int | None = None


class Credentials:
    """The tokens that count. Each app token given at the start stands for an app of its own."""

    def __init__(
        self,
        oauth1: OAuth1,
        oauth2: OAuth2,
        bearer_tokens: tuple[str, ...] = (DEFAULT_BEARER_TOKEN,),
    ) -> None:
        self._oauth1 = oauth1
        self._oauth2 = oauth2
        self._bearer = {token: _app_of(token) for token in bearer_tokens}
        self.own_app = _app_of(bearer_tokens[0] if bearer_tokens else DEFAULT_BEARER_TOKEN)

    def add_bearer(self, token: str, *, same_app: bool = False) -> str:
        """Accept one more app token, of an app of its own or the registered one; gives its id."""
        return self._bearer.setdefault(token, self.own_app if same_app else _app_of(token))

    def revoke_bearer(self, token: str) -> None:
        """Accept this app token no longer."""
        self._bearer.pop(token, None)

    def identify(self, request: Request) -> Caller:
        """Whose call this is. Raises Refused (401; 403 where a scope is missing)."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and token in self._bearer:
            app = self._bearer[token]
            return Caller(APP, app, f"app:{app}")
        if kind.lower() == "bearer":
            return self._oauth2_caller(token)
        if kind.lower() == "oauth" or "oauth_signature" in request.args:
            return self._oauth1_caller(request)
        raise problems.unauthorized()

    def _oauth1_caller(self, request: Request) -> Caller:
        try:
            uid = self._oauth1.check(request, needs="access").uid
        except problems.RefusedRequest:
            raise problems.unauthorized() from None
        return Caller(OAUTH1, self.own_app, f"user:{self.own_app}:{uid}", uid)

    def _oauth2_caller(self, token: str) -> Caller:
        access = self._oauth2.access(token)
        if access is None:
            raise problems.unauthorized()
        if not access.scopes >= _NEEDED_SCOPES:
            missing = ", ".join(sorted(_NEEDED_SCOPES - access.scopes))
            detail = f"The access token lacks the scopes {missing}."
            raise problems.RefusedRequest(403, problems.generic(403, "Forbidden", detail))
        return Caller(OAUTH2, self.own_app, f"user:{self.own_app}:{access.uid}", access.uid)


def _app_of(token: str) -> str:
    digest = hashlib.sha256(token.encode()).digest()
    return str(10_000_000 + int.from_bytes(digest[:4], "big") % 80_000_000)
