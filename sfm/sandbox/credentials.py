"""Who is calling: the app tokens and user tokens that the sandbox takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from werkzeug.wrappers import Request

from sfm.sandbox import problems
from sfm.sandbox.defaults import DEFAULT_BEARER_TOKEN

APP = "OAuth 2.0 Application-Only"
OAUTH1 = "OAuth 1.0a User Context"
OAUTH2 = "OAuth 2.0 User Context"


@dataclass(frozen=True)
class Caller:
    """A credential at work. `app` owns rules, streams and usage; `uid` is None for app tokens."""

    kind: str
    app: str
    key: str
    uid: int | None = None


class Credentials:
    """The tokens that count. Each app token stands for an app of its own."""

    def __init__(self, bearer_tokens: tuple[str, ...] = (DEFAULT_BEARER_TOKEN,)) -> None:
        self._bearer = {token: _app_of(token) for token in bearer_tokens}

    def add_bearer(self, token: str) -> str:
        """Accept one more app token; gives the id of its app."""
        return self._bearer.setdefault(token, _app_of(token))

    def revoke_bearer(self, token: str) -> None:
        """Accept this app token no longer."""
        self._bearer.pop(token, None)

    def identify(self, request: Request) -> Caller:
        """Whose call this is. Raises Refused (401)."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and token in self._bearer:
            app = self._bearer[token]
            return Caller(APP, app, f"app:{app}")
        raise problems.unauthorized()


def _app_of(token: str) -> str:
    digest = hashlib.sha256(token.encode()).digest()
    return str(10_000_000 + int.from_bytes(digest[:4], "big") % 80_000_000)
