"""Signing a person in with Twitter, in both ways: the calls to X, by Authlib, and what they give.

OAuth 1.0a: a request token, the person's consent on X's page, an access token that holds until it
is revoked. OAuth 2.0 with PKCE: consent, a code, tokens that live two hours and their successor's
key. Sources: docs.x.com, "OAuth 1.0a" and "OAuth 2.0 Authorization Code Flow with PKCE".
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
import urllib3

from sfm import clock
from sfm.messages import Message
from sfm.networks.errors import NetworkError, Retry
from sfm.networks.record import MAX_ID
from sfm.twitter.auth import UserToken
from sfm.twitter.error_mapping import Answer, classify
from sfm.twitter.errors import credential_problem
from sfm.twitter.http_client import (
    AWAY,
    BROKE_OFF,
    TIMEOUT_SECONDS,
    TOO_LATE,
    UNTRUSTED,
    USER_AGENT,
    body_of,
    no_answer,
)
from sfm.twitter.read_limits import ReadLimits, limit, limited_by

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth1Session, OAuth2Session

SCOPES = ("tweet.read", "users.read", "offline.access")  # the last gives the refresh token
TOKEN_HOURS = 2


@dataclass(frozen=True)
class App:
    """Our app at X, and where X is: for calls, and for pages that people see."""

    api_root: str
    web_root: str
    consumer_key: str = field(default="", repr=False)
    consumer_secret: str = field(default="", repr=False)
    client_id: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Start:
    """Where to send the person, and what must be kept until they come back: `key` is what the
    callback will bring, `secret` stays with us."""

    address: str
    key: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and their tokens: oauth1 `token`, `token_secret`; oauth2 `access_token`,
    `refresh_token`."""

    uid: int
    name: str
    tokens: dict[str, str] = field(repr=False)
    scopes: str = ""
    expires_at: datetime | None = None


class UnexpectedAnswer(Retry):
    """An answer without what every such answer holds."""

    def __init__(self) -> None:
        super().__init__(Message("Twitter's answer makes no sense here. Please try again later."))


def start_oauth1(app: App, callback: str) -> Start:
    """Ask for a request token. Raises NetworkError; CredentialProblem for our own keys."""
    with _oauth1(app, redirect_uri=callback) as session:
        token = session.fetch_request_token(
            f"{app.api_root}/oauth/request_token", **_polite(_judge_form)
        )
    if token.get("oauth_callback_confirmed") != "true":
        raise UnexpectedAnswer
    key, secret = _text(token, "oauth_token"), _text(token, "oauth_token_secret")
    address = f"{app.api_root}/oauth/authenticate?{urlencode({'oauth_token': key})}"
    return Start(address, key, secret)


def finish_oauth1(app: App, start_key: str, start_secret: str, verifier: str) -> SignedIn:
    """Trade the verifier for the access token. Raises NetworkError; a verifier that X does not
    take is a CredentialProblem."""
    with _oauth1(app, token=start_key, token_secret=start_secret) as session:
        token = session.fetch_access_token(
            f"{app.api_root}/oauth/access_token", verifier, **_polite(_judge_form)
        )
    tokens = {
        "token": _text(token, "oauth_token"),
        "token_secret": _text(token, "oauth_token_secret"),
    }
    # The uid is in the answer, and the token begins with it too.
    uid = str(token.get("user_id") or tokens["token"].partition("-")[0])
    return SignedIn(_uid(uid), str(token.get("screen_name") or ""), tokens)


def revoke_oauth1(app: App, token: str, token_secret: str) -> None:
    """Have an access token forgotten at X. Raises NetworkError."""
    with _oauth1(app, token=token, token_secret=token_secret) as session:
        session.post(
            f"{app.api_root}/1.1/oauth/invalidate_token", auth=session.auth, **_polite(_judge_json)
        )


def start_oauth2(app: App, callback: str) -> Start:
    """Where to send the person. Asks X nothing; the secret is the PKCE verifier."""
    verifier = secrets.token_urlsafe(48)
    with _oauth2(app, redirect_uri=callback) as session:
        address, state = session.create_authorization_url(
            f"{app.web_root}/i/oauth2/authorize",
            state=secrets.token_urlsafe(32),
            code_verifier=verifier,
        )
    return Start(address, state, verifier)


def finish_oauth2(app: App, callback: str, verifier: str, code: str) -> SignedIn:
    """Trade the code for tokens, then ask whose they are. Raises NetworkError.

    The second call reads one user, which X bills.
    """
    with _oauth2(app, redirect_uri=callback) as session:
        token = session.fetch_token(
            f"{app.api_root}/2/oauth2/token",
            code=code,
            code_verifier=verifier,
            **_polite(_judge_json),
        )
    renewed = _user_token(token)
    uid, name = _who(app, renewed.access_token)
    tokens = {"access_token": renewed.access_token, "refresh_token": renewed.refresh_token or ""}
    return SignedIn(uid, name, tokens, str(token.get("scope") or ""), renewed.expires_at)


def renew_oauth2(app: App, refresh_token: str) -> UserToken:
    """New tokens for a refresh token, which X accepts once only. Raises NetworkError: Retry where
    X may not have taken it, credential_problem("sign_in_again") where it has refused it."""
    with _oauth2(app) as session:
        token = session.refresh_token(
            f"{app.api_root}/2/oauth2/token",
            refresh_token=refresh_token,
            scope=" ".join(SCOPES),
            **_polite(_judge_json),
        )
    renewed = _user_token(token)
    if renewed.refresh_token:
        return renewed
    return UserToken(renewed.access_token, renewed.expires_at, refresh_token)


def revoke_oauth2(app: App, token: str, hint: str = "refresh_token") -> None:
    """Have a sign-in forgotten at X. Raises NetworkError."""
    with _oauth2(app) as session:
        session.revoke_token(
            f"{app.api_root}/2/oauth2/revoke",
            token=token,
            token_type_hint=hint,
            **_polite(_judge_json),
        )


def _who(app: App, access_token: str) -> tuple[int, str]:
    with _oauth2(app) as session:
        answer = session.get(
            f"{app.api_root}/2/users/me",
            auth=_Bearer(access_token),
            **_polite(_judge_json),
        )
        data = answer.json().get("data")
    data = data if isinstance(data, dict) else {}
    return _uid(str(data.get("id"))), str(data.get("username") or "")


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@contextmanager
def _oauth1(app: App, **more: Any) -> Iterator[OAuth1Session]:
    from authlib.integrations.requests_client import OAuth1Session

    with _faults_in_words():
        session = OAuth1Session(app.consumer_key, app.consumer_secret, **more)
        yield _without_environment(session)


@contextmanager
def _oauth2(app: App, **more: Any) -> Iterator[OAuth2Session]:
    from authlib.integrations.requests_client import OAuth2Session

    with _faults_in_words():
        session = OAuth2Session(
            app.client_id,
            app.client_secret or None,  # none: a public client, which says its id in the body
            scope=" ".join(SCOPES),
            code_challenge_method="S256",
            **more,
        )
        yield _without_environment(session)


@contextmanager
def _faults_in_words() -> Iterator[None]:
    """Everything that goes wrong as a NetworkError; the causes' own texts quote tokens."""
    from authlib.common.errors import AuthlibBaseError

    try:
        yield
    except requests.RequestException as exc:
        raise no_answer(_why(exc), exc) from None
    except AuthlibBaseError as exc:
        raise _oauth_trouble(exc.error or "") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnexpectedAnswer from None


def _why(exc: requests.RequestException) -> str:
    if isinstance(exc, requests.exceptions.SSLError):
        return UNTRUSTED
    if isinstance(exc, requests.Timeout):
        return TOO_LATE
    broken = requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError
    return BROKE_OFF if isinstance(exc, broken) else AWAY


def _oauth_trouble(error: str) -> NetworkError:
    if error in ("invalid_client", "unauthorized_client"):
        return credential_problem("refused", detail=error)
    if error in ("server_error", "temporarily_unavailable"):
        return Retry(
            Message("Twitter cannot sign people in at the moment. Please try again later.")
        )
    return credential_problem("sign_in_again", detail=error)


def _without_environment(session: Any) -> Any:
    """Neither the environment's proxies nor ~/.netrc: the latter would replace our signature."""
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _LimitedAdapter())
    session.headers["User-Agent"] = USER_AGENT
    return session


class _LimitedAdapter(requests.adapters.HTTPAdapter):
    """Answers with the limits of size and time that every answer of X has."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        limit(self.poolmanager)

    def send(self, *args: Any, **more: Any) -> requests.Response:
        limits = ReadLimits(TIMEOUT_SECONDS[1])
        with limited_by(limits):
            response = super().send(*args, **more)
        body = io.BytesIO(body_of(response.raw, limits))
        response.raw = urllib3.HTTPResponse(body, preload_content=False)
        return response


def _polite(judge: Callable[..., None]) -> dict[str, Any]:
    return {
        "timeout": TIMEOUT_SECONDS,
        "allow_redirects": False,
        "hooks": {"response": judge},
    }


def _judge_form(response: requests.Response, **_: Any) -> None:
    """Answers of OAuth 1.0a: a form when all is well, an error of v1.1 when not."""
    if response.status_code != 200:
        _raise_trouble(response)
    if "oauth_token=" not in response.text[:5000]:
        raise UnexpectedAnswer


def _judge_json(response: requests.Response, **_: Any) -> None:
    """Answers of OAuth 2.0: its own errors are left to Authlib."""
    if response.status_code in (400, 401) and isinstance(_error_word(response), str):
        raise _oauth_trouble(_error_word(response) or "")
    _raise_trouble(response)


def _raise_trouble(response: requests.Response) -> None:
    answer = Answer(
        response.status_code,
        response.headers,
        response.content,
        endpoint="sign-in",
        is_sign_in=True,
    )
    trouble = classify(answer, clock.now())
    if trouble is not None:
        raise trouble


def _error_word(response: requests.Response) -> str | None:
    try:
        body = response.json()
    except ValueError:
        return None
    word = body.get("error") if isinstance(body, dict) else None
    return word if isinstance(word, str) else None


def _user_token(token: Mapping[str, Any]) -> UserToken:
    seconds = token.get("expires_in")
    lives = timedelta(seconds=seconds) if isinstance(seconds, int) else timedelta(hours=TOKEN_HOURS)
    refresh_token = token.get("refresh_token")
    return UserToken(
        _text(token, "access_token"),
        clock.now() + lives,
        refresh_token if isinstance(refresh_token, str) and refresh_token else None,
    )


def _text(token: Mapping[str, Any], name: str) -> str:
    value = token.get(name)
    if not isinstance(value, str) or not value:
        raise UnexpectedAnswer
    return value


def _uid(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MAX_ID):
        raise UnexpectedAnswer
    return int(text)
