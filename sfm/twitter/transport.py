"""One call to Twitter: signed, limited, counted, judged and, if the caller can wait, repeated.

Never sleeps: whoever hands in `pause` does, and decides with that how patient a run is.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

from sfm import clock
from sfm.networks.errors import CredentialProblem, NetworkError, Retry, Wait
from sfm.networks.meter import Meter, WindowState
from sfm.twitter.auth import Auth
from sfm.twitter.endpoints import Endpoint
from sfm.twitter.error_mapping import Answer, classify
from sfm.twitter.http_client import (
    TIMEOUT_SECONDS,
    Answered,
    NotConnected,
    beginning_of,
    body_of,
    media_type,
    new_pool,
    send,
)
from sfm.twitter.rate_headers import at_least, wait_for_another_try
from sfm.twitter.rate_limit import Limiter
from sfm.twitter.read_limits import MAX_ANSWER_SECONDS, ReadLimits, never

logger = logging.getLogger(__name__)

Pause = Callable[[Wait], None]

DEFAULT_API_ROOT = "https://api.x.com"

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
    subject: str = ""
    method: str = "GET"
    json: Any = None
    is_stream: bool = False


def _judge(
    answered: Answered, body: bytes, call: _Call, patience: _Patience
) -> NetworkError | None:
    answer = Answer(
        answered.status,
        answered.headers,
        body,
        endpoint=call.endpoint.words,
        subject=call.subject,
        secrets=header_secrets(patience.authorization),
        is_look_up=call.endpoint.is_look_up,
    )
    return classify(answer, clock.now())


def _is_stream(answered: Answered, call: _Call) -> bool:
    return call.is_stream and answered.status == 200 and "html" not in media_type(answered.headers)


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
        pool: urllib3.PoolManager | None = None,
        timeout: tuple[float, float] = TIMEOUT_SECONDS,
        answer_seconds: float = MAX_ANSWER_SECONDS,
        stopping: Callable[[], bool] = never,
    ) -> None:
        self.auth = auth
        self.api_root = api_root.rstrip("/")
        self._limiter = limiter
        self.meter = meter
        self._pause = pause or give_up
        self._pool = pool or new_pool()
        self._timeout = timeout
        self._answer_seconds = answer_seconds
        self._stopping = stopping

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
        """The body of a good answer. Raises NetworkError; counts calls that were refused.

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
    ) -> Answered:
        """An answer whose body is still to come, for streams. One try; raises NetworkError.

        On a connection of its own, and the next call makes another: one that is left over may lead
        to where the name no longer stands, or be in the midst of being closed by the other end.
        """
        spent = self._limiter.take(self.auth.fingerprint, endpoint, app=self.auth.kind == "app")
        if spent is not None:
            raise spent
        call = _Call(endpoint, endpoint.path, params, is_stream=True)
        self._pool.clear()  # only idle connections; those in use go on
        try:
            answered, _body = self._try(call, _Patience(), timeout)
        finally:
            self._pool.clear()
        self.count(endpoint)
        return answered

    def _once(self, call: _Call, patience: _Patience) -> bytes:
        _answered, body = self._try(call, patience, self._timeout)
        return body

    def _try(
        self, call: _Call, patience: _Patience, timeout: tuple[float, float]
    ) -> tuple[Answered, bytes]:
        """One try, told to the limiter whatever comes of it; its answer and, but for streams,
        the whole body."""
        headers: Mapping[str, str] | None = None
        trouble: NetworkError | None = None
        limits = ReadLimits(timeout[1], seconds=self._answer_seconds, stopping=self._stopping)
        body = b""
        is_sent = True
        try:
            answered = self._send(call, patience, timeout, limits)
            if _is_stream(answered, call):
                limits.lift()
            else:
                body = beginning_of(answered) if call.is_stream else body_of(answered, limits)
                trouble = _judge(answered, body, call, patience)
            headers = answered.headers
        except NotConnected:
            is_sent = False
            raise
        finally:
            if is_sent:
                refusal = trouble if isinstance(trouble, Wait) else None
                self._limiter.note(self.auth.fingerprint, call.endpoint, headers, refusal)
            else:
                self._limiter.give_back(self.auth.fingerprint, call.endpoint)
        if trouble is not None:
            logger.debug("refused endpoint=%s status=%s", call.endpoint.name, trouble.status)
            self.count(call.endpoint)
            raise trouble
        return answered, body

    def _send(
        self, call: _Call, patience: _Patience, timeout: tuple[float, float], limits: ReadLimits
    ) -> Answered:
        # Commas as they are: urllib3 goes over each escaped character by itself, and the lists
        # of fields are mostly commas.
        query = urlencode(call.params or {}, doseq=True, safe=",")
        url = f"{self.api_root}{call.path}?{query}" if query else self.api_root + call.path
        patience.authorization = self.auth.authorization(call.method, url)
        return send(
            self._pool, call.method, url,
            authorization=patience.authorization, json=call.json, timeout=timeout, limits=limits,
        )  # fmt: skip

    def _wait_for_window(self, wait: Wait, patience: _Patience) -> None:
        patience.windows += 1
        if patience.windows > _WINDOWS_IN_A_ROW:
            raise wait
        self._pause(wait)

    def _try_again(self, fault: Retry, patience: _Patience) -> None:
        if patience.faults >= len(RETRY_SECONDS):
            raise fault
        if self._pause is give_up:
            raise fault  # nobody waits here, so nothing is tried again
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


def header_secrets(authorization: str) -> tuple[str, ...]:
    """The words of an Authorization header that must never be told on."""
    words = authorization.replace('"', " ").replace(",", " ").replace("=", " ").split()
    return tuple(sorted({word for word in words if len(word) >= 12}, key=len, reverse=True))
