"""HTTP as Twitter is spoken to: connections, one request on them, and what its end means.

urllib3 by itself, for what lies above it costs as much again (docs/decisions/0028).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import certifi
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    SSLError,
    TimeoutError,
)

from sfm import __version__
from sfm.messages import Message
from sfm.networks.errors import Retry
from sfm.twitter.read_limits import ReadLimits, limit, limited_by

USER_AGENT = f"SocialFeedManager/{__version__}"
TIMEOUT_SECONDS = (5.0, 30.0)  # to connect, and between two pieces of an answer
UNTRUSTED = Message("its certificate cannot be trusted, so nothing was sent")
MAX_ANSWER_BYTES = 32 * 1024 * 1024  # of an answer, unpacked; a page of 100 posts has 1 MiB
TOO_LATE = Message("it did not answer in time")
TOO_LARGE = Message(
    "its answer is larger than %(mib)s MiB, which no page of posts is",
    mib=MAX_ANSWER_BYTES // 1024**2,
)
STOPPED = Message("its answer had not come to an end when this process was asked to end")
BROKE_OFF = Message("its answer broke off")
AWAY = Message("it cannot be reached")

_HEADERS = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
_FIRST_BYTES = 64 * 1024
_PIECE_BYTES = 256 * 1024

Answered = urllib3.BaseHTTPResponse


def new_pool(authorities: str | None = None) -> urllib3.PoolManager:
    """Connections that check certificates and take nothing from the environment.

    `authorities` is a file of certificates to be trusted in place of the usual ones. Proxies of
    the environment and ~/.netrc are never looked at: the latter would replace the token.
    """
    pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=authorities or certifi.where())
    return limit(pool)


def send(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    *,
    authorization: str,
    json: Any = None,
    timeout: tuple[float, float] = TIMEOUT_SECONDS,
    limits: ReadLimits,
) -> Answered:
    """One request; its answer, of which nothing but the head has been read.

    Follows no redirect and tries nothing twice. Raises Retry, without a word of what was sent.
    """
    connect, read = timeout
    try:
        with limited_by(limits):
            return pool.request(
                method, url, json=json, headers={**_HEADERS, "Authorization": authorization},
                timeout=urllib3.Timeout(connect=connect, read=read), retries=False, redirect=False,
                preload_content=False,
            )  # fmt: skip
    except (HTTPError, ValueError) as exc:  # its own text may quote what was sent
        if isinstance(exc, NewConnectionError | ConnectTimeoutError | SSLError):
            raise NotConnected(
                Message("No answer from Twitter: %(why)s.", why=_why(exc)),
                detail=type(exc).__name__,
            ) from None
        raise no_answer(STOPPED if limits.is_stopped else _why(exc), exc) from None


def body_of(answer: Answered, limits: ReadLimits) -> bytes:
    """The whole answer, unpacked.

    Raises Retry where it breaks off, is larger than MAX_ANSWER_BYTES or takes longer than it may;
    then it hangs up.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := answer.read(_PIECE_BYTES, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise no_answer(TOO_LARGE, OverflowError())
    except (HTTPError, OSError) as exc:
        late = isinstance(exc, TimeoutError)
        why = STOPPED if limits.is_stopped else TOO_LATE if late else BROKE_OFF
        raise no_answer(why, exc) from None
    finally:
        if not answer.closed:  # read to its end, the connection is free for the next call already
            answer.close()
    return b"".join(pieces)


def beginning_of(answer: Answered) -> bytes:
    """The first 64 KiB of an answer that may never end, as far as they come; then hangs up."""
    try:
        return bytes(answer.read(_FIRST_BYTES, decode_content=True))
    except (HTTPError, OSError):
        return b""
    finally:
        answer.close()


def media_type(headers: Mapping[str, str]) -> str:
    """What kind of thing the body is said to be, in small letters."""
    return headers.get("Content-Type", "").lower()


class NotConnected(Retry):
    """No connection came about, so that nothing was sent, and X has counted no call."""


def no_answer(why: str, exc: Exception) -> Retry:
    """The Retry for a fault of the network: it names the kind of `exc`, never its text."""
    return Retry(Message("No answer from Twitter: %(why)s.", why=why), detail=type(exc).__name__)


def _why(exc: Exception) -> str:
    if isinstance(exc, SSLError):
        return UNTRUSTED
    if isinstance(exc, TimeoutError) and not isinstance(exc, NewConnectionError):
        return TOO_LATE
    return BROKE_OFF if isinstance(exc, DecodeError) else AWAY
