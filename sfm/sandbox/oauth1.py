"""OAuth 1.0a: signatures that are truly checked, request tokens, access tokens.

Access tokens follow from the seed and the account, as X gives the same token again to the same app:
they outlive a restart of the sandbox, until they are invalidated.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from authlib.oauth1.rfc5849.signature import (
    hmac_sha1_signature,
    normalize_base_string_uri,
    normalize_parameters,
)
from authlib.oauth1.rfc5849.util import escape
from werkzeug.wrappers import Request

from sfm.sandbox.apps import RegisteredApp
from sfm.sandbox.clock import SandboxClock
from sfm.sandbox.problems import RefusedRequest

_CLOCK_SKEW_SECONDS = 300
_REQUEST_TOKEN_SECONDS = 900
_NEEDED = ("consumer_key", "nonce", "signature", "signature_method", "timestamp")


@dataclass
class RequestToken:
    """A sign-in under way. `person` and `verifier` are there once somebody has agreed."""

    token: str
    secret: str
    callback: str
    begun: float
    person: int | None = None
    verifier: str = ""


@dataclass(frozen=True)
class Signed:
    """A request whose signature was right. `uid` is whose access token signed it."""

    params: dict[str, str]
    uid: int | None = None
    request_token: RequestToken | None = None


def v1_error(status: int, code: int, message: str) -> RefusedRequest:
    """An error in v1.1's form."""
    return RefusedRequest(status, {"errors": [{"code": code, "message": message}]})


def could_not_authenticate() -> RefusedRequest:
    """401 code 32: unknown key or wrong signature."""
    return v1_error(401, 32, "Could not authenticate you.")


class OAuth1:
    """The provider's side of OAuth 1.0a for one app."""

    def __init__(self, app: RegisteredApp, seed: int, clock: SandboxClock) -> None:
        self.app = app
        self._secret = f"sandbox {seed}".encode()
        self._clock = clock
        self._requests: dict[str, RequestToken] = {}
        self._generations: dict[int, int] = {}
        self._nonces: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    # Tokens -------------------------------------------------------------------------------

    def begin(self, callback: str) -> RequestToken:
        """A new request token. Raises Refused (403 code 415) for a callback that is not allowed."""
        if callback != "oob" and not self.app.may_return_to(callback):
            message = "Callback URL not approved for this client application. Approved callback "
            raise v1_error(403, 415, message + "URLs can be adjusted in your application settings")
        token = RequestToken(
            secrets.token_urlsafe(20), secrets.token_urlsafe(24), callback, time.monotonic()
        )
        self._requests[token.token] = token
        return token

    def pending(self, token: str) -> RequestToken | None:
        """The sign-in that this request token began, unless it is too old."""
        request_token = self._requests.get(token)
        if request_token is None or time.monotonic() > request_token.begun + _REQUEST_TOKEN_SECONDS:
            self._requests.pop(token, None)
            return None
        return request_token

    def agree(self, token: RequestToken, uid: int) -> str:
        """Somebody lets the app in; gives the verifier."""
        token.person = uid
        token.verifier = secrets.token_urlsafe(24)
        return token.verifier

    def forget(self, token: RequestToken) -> None:
        """A request token serves once, and not at all after a refusal."""
        self._requests.pop(token.token, None)

    def access_token(self, uid: int) -> tuple[str, str]:
        """The account's token and secret for this app, the same until it is invalidated."""
        generation = self._generations.get(uid, 0)
        words = [
            hmac.new(
                self._secret, f"{part} {uid} {generation}".encode(), hashlib.sha256
            ).hexdigest()
            for part in ("token", "secret")
        ]
        return f"{uid}-{words[0][:40]}", words[1][:45]

    def invalidate(self, uid: int) -> None:
        """The account's present token is worth nothing from now on."""
        self._generations[uid] = self._generations.get(uid, 0) + 1

    # Signatures ---------------------------------------------------------------------------

    def check(self, request: Request, *, needs: str) -> Signed:
        """Verify a signed request; `needs` is app, request (token) or access (token).

        Raises Refused: 400 code 215 unsigned, 401 code 32 wrong key or signature, 89 unknown token,
        135 clock out of bounds.
        """
        params = _oauth_params(request)
        if any(name not in params for name in _NEEDED):
            raise v1_error(400, 215, "Bad Authentication data.")
        if params["consumer_key"] != self.app.consumer_key:
            raise could_not_authenticate()
        if params["signature_method"] != "HMAC-SHA1":
            raise could_not_authenticate()
        signed, secret = self._token(params, needs)
        right = [
            hmac_sha1_signature(base, self.app.consumer_secret, secret)
            for base in _base_strings(request)
        ]
        given = params["signature"]
        if not any(hmac.compare_digest(given.encode(), signature.encode()) for signature in right):
            raise could_not_authenticate()
        self._check_time(params)
        return signed

    def _token(self, params: dict[str, str], needs: str) -> tuple[Signed, str]:
        if needs == "app":
            return Signed(params), ""
        token = params.get("token", "")
        if needs == "request":
            pending = self.pending(token)
            if pending is None:
                raise v1_error(401, 89, "Invalid or expired token.")
            return Signed(params, request_token=pending), pending.secret
        start = token.partition("-")[0]
        if start.isdecimal() and len(start) < 20:
            known, secret = self.access_token(int(start))
            if hmac.compare_digest(known.encode(), token.encode()):
                return Signed(params, uid=int(start)), secret
        raise v1_error(401, 89, "Invalid or expired token.")

    def _check_time(self, params: dict[str, str]) -> None:
        """Near the machine's time or the sandbox's, which tests set apart; and used only once."""
        stamp = params["timestamp"]
        nows = (time.time(), self._clock.now_ms() / 1000)
        if not stamp.isdecimal() or all(
            abs(int(stamp) - now) > _CLOCK_SKEW_SECONDS for now in nows
        ):
            raise v1_error(401, 135, "Timestamp out of bounds.")
        key = (params["nonce"], stamp)
        with self._lock:
            old = time.monotonic() - 2 * _CLOCK_SKEW_SECONDS
            self._nonces = {nonce: at for nonce, at in self._nonces.items() if at > old}
            if key in self._nonces:
                raise could_not_authenticate()
            self._nonces[key] = time.monotonic()


def _header_params(request: Request) -> list[tuple[str, str]]:
    kind, _, rest = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "oauth":
        return []
    params = []
    for piece in rest.split(","):
        name, _, value = piece.strip().partition("=")
        params.append((unquote(name), unquote(value.strip('"'))))
    return params


def _all_params(request: Request) -> list[tuple[str, str]]:
    query = request.query_string.decode("latin-1")
    body = ""
    if request.mimetype == "application/x-www-form-urlencoded":
        body = request.get_data().decode("utf-8", "replace")
    typed = [pair for text in (query, body) for pair in parse_qsl(text, keep_blank_values=True)]
    return [*_header_params(request), *typed]


def _oauth_params(request: Request) -> dict[str, str]:
    return {
        name.removeprefix("oauth_"): value
        for name, value in _all_params(request)
        if name.startswith("oauth_")
    }


def _base_strings(request: Request) -> list[str]:
    """What may have been signed: the address as it came, and the https one behind X's own names.

    Clients led here by an adapter have signed https://api.twitter.com/… and say so in Host.
    """
    params = [(k, v) for k, v in _all_params(request) if k not in ("oauth_signature", "realm")]
    host = request.headers.get("Host", "")
    path = request.environ.get("RAW_URI", request.path).partition("?")[0]
    return [
        "&".join(
            (
                escape(request.method.upper()),
                escape(normalize_base_string_uri(f"{scheme}://{host}{path}")),
                escape(normalize_parameters(params)),
            )
        )
        for scheme in ("http", "https")
    ]
