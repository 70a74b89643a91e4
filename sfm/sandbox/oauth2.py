"""OAuth 2.0 with PKCE: codes, access tokens of two hours, refresh tokens that serve once.

Tokens are signed notes that say what they stand for, so that they outlive a restart; only what has
been used up or revoked is remembered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Request

from sfm.sandbox.apps import RegisteredApp
from sfm.sandbox.clock import SandboxClock
from sfm.sandbox.problems import Json, RefusedRequest

ACCESS_SECONDS = 7_200
CODE_SECONDS = 30
SCOPES = frozenset(
    "tweet.read tweet.write tweet.moderate.write users.read users.email follows.read follows.write "
    "offline.access space.read mute.read mute.write like.read like.write list.read list.write "
    "block.read block.write bookmark.read bookmark.write media.write dm.read dm.write".split()
)


@dataclass(frozen=True)
class AuthorizationRequest:
    """What an app requests of a person on the consent page."""

    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str
    method: str


@dataclass(frozen=True)
class Granted:
    """A code that was handed out and not yet used."""

    request: AuthorizationRequest
    uid: int
    until_ms: int


@dataclass(frozen=True)
class Access:
    """What a good access token allows."""

    uid: int
    scopes: frozenset[str]


def invalid_request(description: str) -> RefusedRequest:
    """400 as X's token endpoint gives it."""
    return RefusedRequest(400, {"error": "invalid_request", "error_description": description})


def unauthorized_client() -> RefusedRequest:
    """401: a wrong or missing client id or secret."""
    body = {
        "error": "unauthorized_client",
        "error_description": "Missing valid authorization header",
    }
    return RefusedRequest(401, body)


class OAuth2:
    """The provider's side of OAuth 2.0 for one app."""

    def __init__(self, app: RegisteredApp, seed: int, clock: SandboxClock) -> None:
        self.app = app
        self._clock = clock
        self._notes = URLSafeSerializer(f"sandbox {seed} {app.client_id}", salt="oauth2")
        self._codes: dict[str, Granted] = {}
        self._families: dict[str, int] = {}  # the newest refresh token's number
        self._dead: set[str] = set()
        self._lock = threading.Lock()

    def grant(self, consent: AuthorizationRequest, uid: int) -> str:
        """A code for a person who agreed; good once, for half a minute."""
        code = secrets.token_urlsafe(48)
        self._codes[code] = Granted(consent, uid, self._clock.now_ms() + CODE_SECONDS * 1000)
        return code

    def token(self, request: Request) -> Json:
        """POST /2/oauth2/token. Raises Refused."""
        self._check_client(request)
        kind = request.form.get("grant_type")
        if kind == "authorization_code":
            return self._redeem(request)
        if kind == "refresh_token":
            return self._refresh(request.form.get("refresh_token", ""))
        raise invalid_request("Value passed for the grant type was invalid.")

    def revoke(self, request: Request) -> Json:
        """POST /2/oauth2/revoke: the token and all its kin."""
        self._check_client(request)
        note = self._read(request.form.get("token", ""))
        if note is None:
            raise invalid_request("Value passed for the token was invalid.")
        self._dead.add(note["family"])
        return {"revoked": True}

    def access(self, token: str) -> Access | None:
        """What an access token allows; None for one that is unknown, revoked or too old."""
        note = self._read(token)
        if note is None or note["kind"] != "access" or note["family"] in self._dead:
            return None
        if self._clock.now_ms() >= note["until"]:
            return None
        return Access(note["uid"], frozenset(note["scopes"]))

    def tokens(self, uid: int, scopes: tuple[str, ...], family: str | None = None) -> Json:
        """Fresh tokens for a person, as the token endpoint answers."""
        family = family or secrets.token_urlsafe(9)
        until = self._clock.now_ms() + ACCESS_SECONDS * 1000
        answer: Json = {
            "token_type": "bearer",
            "expires_in": ACCESS_SECONDS,
            "access_token": self._note("access", uid, scopes, family, until=until),
            "scope": " ".join(scopes),
        }
        if "offline.access" in scopes:
            with self._lock:
                number = self._families.get(family, 0) + 1
                self._families[family] = number
            answer["refresh_token"] = self._note("refresh", uid, scopes, family, number=number)
        return answer

    def _note(self, kind: str, uid: int, scopes: tuple[str, ...], family: str, **more: int) -> str:
        note = {"kind": kind, "uid": uid, "scopes": scopes, "family": family, **more}
        text = self._notes.dumps({**note, "salt": secrets.token_urlsafe(6)})
        return text if isinstance(text, str) else text.decode()

    def _read(self, token: str) -> dict[str, Any] | None:
        try:
            note: dict[str, Any] = self._notes.loads(token)
        except BadData:
            return None
        return note

    def _check_client(self, request: Request) -> None:
        basic = request.authorization
        if basic is not None and basic.type == "basic":
            client, secret = basic.username or "", basic.password or ""
        else:
            client, secret = request.form.get("client_id", ""), ""
        right_id = hmac.compare_digest(client.encode(), self.app.client_id.encode())
        right_secret = hmac.compare_digest(secret.encode(), self.app.client_secret.encode())
        if not (right_id and right_secret):
            raise unauthorized_client()

    def _redeem(self, request: Request) -> Json:
        granted = self._codes.pop(request.form.get("code", ""), None)
        if granted is None or self._clock.now_ms() >= granted.until_ms:
            raise invalid_request("Value passed for the authorization code was invalid.")
        if request.form.get("redirect_uri") != granted.request.redirect_uri:
            raise invalid_request(
                "Value passed for the redirect uri did not match the uri of the authorization code."
            )
        if not _proves(granted.request, request.form.get("code_verifier", "")):
            raise invalid_request(
                "Value passed for the code verifier did not match the code challenge."
            )
        return self.tokens(granted.uid, granted.request.scopes)

    def _refresh(self, token: str) -> Json:
        """New tokens for old. A refresh token that was used before ends its whole family."""
        note = self._read(token)
        if note is None or note["kind"] != "refresh" or note["family"] in self._dead:
            raise invalid_request("Value passed for the token was invalid.")
        family = note["family"]
        with self._lock:
            newest = self._families.setdefault(family, note["number"])
            reused = note["number"] != newest
            if reused:
                self._dead.add(family)
            else:
                self._families[family] = newest + 1
        if reused:
            raise invalid_request("Value passed for the token was invalid.")
        answer = self.tokens(note["uid"], tuple(note["scopes"]), family)
        return answer


def _proves(consent: AuthorizationRequest, verifier: str) -> bool:
    if consent.method == "plain":
        return hmac.compare_digest(verifier.encode(), consent.challenge.encode())
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(made, consent.challenge.encode())
