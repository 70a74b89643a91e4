"""Connections that look at a deadline and at a wish to stop before each read of an answer.

The time-out of a socket starts anew with each byte: a server that sends one a second would never
be done with, and a process that waits for it would not hear that it is to end.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.wait import wait_for_read

from sfm import clock

MAX_ANSWER_SECONDS = 60.0  # from the request to the last byte of its answer
STOP_SECONDS = 3.0  # what an answer still has once the process is to end
_SLICE_SECONDS = 1.0  # between two looks while nothing comes

_current = threading.local()


def never() -> bool:
    """The wish to stop of those whose process does not hear of one."""
    return False


class ReadLimits:
    """How long one answer may take. `is_stopped` tells that it ended for the process is to end.

    `silence_seconds`: between two pieces. `stopping` is asked again and again, from the thread
    that waits.
    """

    def __init__(
        self,
        silence_seconds: float,
        *,
        seconds: float = MAX_ANSWER_SECONDS,
        stopping: Callable[[], bool] = never,
    ) -> None:
        self._silence_seconds = silence_seconds
        self._deadline: float | None = clock.monotonic() + seconds
        self._stopping = stopping
        self._stop_at: float | None = None
        self.is_stopped = False

    def lift(self) -> None:
        """No deadline any more, for an answer that is a stream: only the socket's own time-out."""
        self._deadline = None

    def wait_for_bytes(self, sock: socket.socket) -> None:
        """Return when there is something to read, or the end. Raises TimeoutError."""
        if self._deadline is None:
            return
        left = self._silence_seconds
        while True:
            self._look()
            if isinstance(sock, ssl.SSLSocket) and sock.pending():
                return
            if wait_for_read(sock, min(_SLICE_SECONDS, left)):
                return
            left -= _SLICE_SECONDS
            if left <= 0:
                raise TimeoutError("nothing came")

    def _look(self) -> None:
        now = clock.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise TimeoutError("the answer took too long")
        if not self._stopping():
            return
        if self._stop_at is None:
            self._stop_at = now + STOP_SECONDS
        if now >= self._stop_at:
            self.is_stopped = True
            raise TimeoutError("the process is to end")


@contextmanager
def limited_by(limits: ReadLimits) -> Iterator[None]:
    """The answer to a request that is sent within keeps these limits, also when read later."""
    _current.limits = limits
    try:
        yield
    finally:
        _current.limits = None


class _Source(io.RawIOBase):
    """What a socket gives, with a look at the limits before each read."""

    def __init__(self, sock: socket.socket, limits: ReadLimits) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._limits.wait_for_bytes(self._sock)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _LimitedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        limits = getattr(_current, "limits", None)
        if limits is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_Source(sock, limits))


class _LimitedConnection(HTTPConnection):
    response_class = _LimitedResponse


class _LimitedTlsConnection(HTTPSConnection):
    response_class = _LimitedResponse


class _LimitedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _LimitedConnection


class _LimitedTlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _LimitedTlsConnection


def limit(pool: urllib3.PoolManager) -> urllib3.PoolManager:
    """The pool, whose connections keep the limits of the call that they serve."""
    pool.pool_classes_by_scheme = {"http": _LimitedPool, "https": _LimitedTlsPool}
    return pool
