"""One call to Twitter: signed, limited, counted, judged and, if the caller can wait, repeated.

Never sleeps: whoever hands in `pause` does, and decides with that how patient a run is.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3

from sfm import __version__, clock
from sfm.twitter.auth import Auth
from sfm.twitter.classify import Answer, classify
from sfm.twitter.endpoints import Endpoint
from sfm.twitter.errors import CredentialProblem, Retry, TwitterError, Wait
from sfm.twitter.meter import Meter
from sfm.twitter.ratelimit import Limiter, WindowState
from sfm.twitter.windows import at_least, wait_for_another_try

logger = logging.getLogger(__name__)

Pause = Callable[[Wait], None]

DEFAULT_API_ROOT = "https://api.x.com"
TIMEOUT_SECONDS = (5.0, 30.0)  # to connect, and between two pieces of an answer
USER_AGENT = f"SocialFeedManager/{__version__}"

# After a passing fault: seconds before the next try, each with up to a quarter more at random.
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
# After refusals in a row at least so long, whatever the headers say; then it is given up.
REFUSED_SECONDS = (0.0, 15.0, 60.0, 300.0, 900.0, 900.0, 900.0, 900.0)
_WINDOWS_IN_A_ROW = 8  # waits for one window that open nothing
_jitter = random.Random()  # noqa: S311 - spreads tries, guards nothing


def give_up(wait: Wait) -> None:
    """The pause of those who cannot wait: raises what happened."""
    raise wait.cause or wait


@dataclass
class _Patience:
    """What went wrong so far with one call."""

    faults: int = 0
    refusals: int = 0
    windows: int = 0
    renewed: bool = False
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True)
class _Call:
    endpoint: Endpoint
    path: str
    params: Mapping[str, Any] | None
    subject: str
    method: str
    json: Any


def _judge(
    response: requests.Response, call: _Call, patience: _Patience, stream: bool
) -> TwitterError | None:
    is_page = "html" in response.headers.get("Content-Type", "").lower()
    if stream and response.status_code == 200 and not is_page:
        return None
    answer = Answer(
        response.status_code,
        response.headers,
        _beginning(response) if stream else response.content,
        endpoint=call.endpoint.words,
        subject=call.subject,
        secrets=header_secrets(patience.authorization),
    )
    return classify(answer, clock.now())


def _beginning(response: requests.Response) -> bytes:
    """The first 64 KiB of a refusal, which may never end."""
    try:
        return bytes(response.raw.read(64 * 1024, decode_content=True))
    except (urllib3.exceptions.HTTPError, OSError):
        return b""
    finally:
        response.close()


class Transport:
    """Makes calls with one credential. `meter.count` for what an answer held is the caller's."""

    def __init__(
        self,
        auth: Auth,
        *,
        api_root: str = DEFAULT_API_ROOT,
        limiter: Limiter,
        meter: Meter,
        pause: Pause | None = None,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        self.auth = auth
        self.api_root = api_root.rstrip("/")
        self._limiter = limiter
        self.meter = meter
        self._pause = pause or give_up
        self._session = session or new_session()
        self._timeout = timeout

    def window(self, endpoint: Endpoint) -> WindowState | None:
        """What is known of this credential's calls of one kind."""
        return self._limiter.state(self.auth.fingerprint, endpoint)

    def count(self, endpoint: Endpoint, *, calls: int = 1, posts: int = 0, users: int = 0) -> None:
        """Have an answer counted with what it held."""
        self.meter.count(
            self.auth.fingerprint, endpoint.name, calls=calls, posts=posts, users=users
        )

    def ask(
        self,
        endpoint: Endpoint,
        params: Mapping[str, Any] | None = None,
        *,
        path: str | None = None,
        subject: str = "",
        method: str = "GET",
        json: Any = None,
    ) -> bytes:
        """The body of a good answer. Raises TwitterError; counts calls that were refused.

        `subject` is the account or post that the call is about, for the messages.
        """
        patience = _Patience()
        call = _Call(endpoint, path or endpoint.path, params, subject, method, json)
        while True:
            spent = self._limiter.take(self.auth.fingerprint, endpoint, app=self.auth.kind == "app")
            if spent is not None:
                self._wait_for_window(spent, patience)
                continue
            try:
                return self._once(call, patience)
            except Retry as fault:
                self._try_again(fault, patience)
            except Wait as refusal:
                self._accept(refusal, patience)
            except CredentialProblem as problem:
                self._renew(problem, patience)

    def open(
        self, endpoint: Endpoint, params: Mapping[str, Any], timeout: tuple[float, float]
    ) -> requests.Response:
        """An answer whose body is still to come, for streams. One try; raises TwitterError.

        On a connection of its own, and the next call makes another: one that is left over may lead
        to where the name no longer stands, or be in the midst of being closed by the other end.
        """
        spent = self._limiter.take(self.auth.fingerprint, endpoint, app=self.auth.kind == "app")
        if spent is not None:
            raise spent
        call = _Call(endpoint, endpoint.path, params, "", "GET", None)
        self._session.close()  # only idle connections; the session goes on
        try:
            return self._try(call, _Patience(), timeout=timeout, stream=True)
        finally:
            self._session.close()

    def _once(self, call: _Call, patience: _Patience) -> bytes:
        response = self._try(call, patience, timeout=self._timeout)
        return response.content

    def _try(
        self,
        call: _Call,
        patience: _Patience,
        *,
        timeout: tuple[float, float],
        stream: bool = False,
    ) -> requests.Response:
        """One try, told to the limiter whatever comes of it."""
        headers: Mapping[str, str] | None = None
        trouble: TwitterError | None = None
        try:
            response = self._send(call, patience, timeout, stream)
            trouble = _judge(response, call, patience, stream)
            headers = response.headers
        finally:
            refusal = trouble if isinstance(trouble, Wait) else None
            self._limiter.note(self.auth.fingerprint, call.endpoint, headers, refusal)
        if trouble is not None:
            logger.debug("refused endpoint=%s status=%s", call.endpoint.name, trouble.status)
            self.count(call.endpoint)
            raise trouble
        if stream:
            self.count(call.endpoint)
        return response

    def _send(
        self, call: _Call, patience: _Patience, timeout: tuple[float, float], stream: bool
    ) -> requests.Response:
        # Commas as they are: requests and urllib3 go over each escaped character by itself, three
        # times a call, and the lists of fields are mostly commas.
        query = urlencode(call.params or {}, doseq=True, safe=",")
        request = requests.Request(
            call.method, self.api_root + call.path, params=query, json=call.json
        )
        prepared = self._session.prepare_request(request)
        self.auth.apply(prepared)
        patience.authorization = str(prepared.headers.get("Authorization", ""))
        try:
            return self._session.send(
                prepared, timeout=timeout, allow_redirects=False, stream=stream
            )
        except requests.RequestException as exc:
            raise unreachable(exc) from None  # its own text may quote what was sent

    def _wait_for_window(self, wait: Wait, patience: _Patience) -> None:
        patience.windows += 1
        if patience.windows > _WINDOWS_IN_A_ROW:
            raise wait
        self._pause(wait)

    def _try_again(self, fault: Retry, patience: _Patience) -> None:
        if patience.faults >= len(RETRY_SECONDS):
            raise fault
        seconds = RETRY_SECONDS[patience.faults] * (1 + _jitter.random() / 4)
        patience.faults += 1
        logger.warning("trying again in=%.1fs cause=%s", seconds, fault)
        self._pause(wait_for_another_try(fault, seconds, clock.now()))

    def _accept(self, refusal: Wait, patience: _Patience) -> None:
        if patience.refusals >= len(REFUSED_SECONDS):
            raise refusal
        least = REFUSED_SECONDS[patience.refusals]
        patience.refusals += 1
        self._pause(at_least(refusal, least, clock.now()))

    def _renew(self, problem: CredentialProblem, patience: _Patience) -> None:
        if patience.renewed or problem.status != 401 or not self.auth.renew(patience.authorization):
            raise problem
        patience.renewed = True


def new_session() -> requests.Session:
    """A session with our name on it, that keeps no cookie and takes nothing from the environment.

    The environment's proxies and ~/.netrc stay out: the latter would replace the token.
    """
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(
        {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
    )
    return session


def unreachable(exc: requests.RequestException) -> Retry:
    """What a network fault means, without a word of what was sent."""
    if isinstance(exc, requests.exceptions.SSLError):
        why = "its certificate cannot be trusted, so nothing was sent"
    elif isinstance(exc, requests.Timeout):
        why = "it did not answer in time"
    elif isinstance(
        exc, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError
    ):
        why = "its answer broke off"
    else:
        why = "it cannot be reached"
    return Retry(f"No answer from Twitter: {why}.", detail=type(exc).__name__)


def header_secrets(authorization: str) -> tuple[str, ...]:
    """The words of an Authorization header that must never be told on."""
    words = authorization.replace('"', " ").replace(",", " ").replace("=", " ").split()
    return tuple(sorted({word for word in words if len(word) >= 12}, key=len, reverse=True))
