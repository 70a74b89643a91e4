"""One connection to a stream: raw lines as they came, keep-alives, and why it ended.

Bytes are split at line feeds by ourselves: the usual line readers tear a tweet in two at U+2028 or
hand over half a line as if it were whole. Never sleeps, never reconnects: that is the caller's.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import urllib3

from sfm import clock
from sfm.messages import Message
from sfm.networks.errors import scrub
from sfm.networks.stream import (
    Disconnect,
    DisconnectKind,
    Event,
    KeepAlive,
    Skipped,
    StreamLine,
)
from sfm.twitter.http_client import Answered

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 30.0  # X sends something every 20
CONNECT_SECONDS = 10.0
MAX_LINE_BYTES = 1024 * 1024
_CHUNK = 64 * 1024
_LINE_WITHOUT_END_SECONDS = 90.0

_REASONS: dict[DisconnectKind, str] = {
    "closed": Message("Twitter closed the connection."),
    "network": Message("The connection broke."),
    "silent": Message("Nothing came for half a minute, so the connection is dead."),
    "told": Message("Twitter ended the connection."),
    "stopped": Message("The connection was stopped here."),
}
_OURS_TO_SLOW_DOWN = frozenset(
    {"ForceDisconnect", "SlowReader", "InternalError", "ClientApplicationStateDegraded"}
    | {"InvalidRules"}
)


class StreamConnection:
    """Iterate for events; the last one is a Disconnect. `stop()` may come from another thread."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._connection = answered.connection
        self._stopped = False
        self._pending = bytearray()
        self._skipping = 0
        self._last_line = clock.monotonic()

    def stop(self) -> None:
        """End the connection now; a reader that waits for bytes wakes up. Safe from a thread."""
        self._stopped = True
        with contextlib.suppress(Exception):  # it may have ended by itself this very moment
            self._answered.shutdown()

    def __iter__(self) -> Iterator[Event]:
        try:
            for chunk in self._chunks():
                for event in self._take(chunk, clock.monotonic()):
                    yield event
                    if isinstance(event, Disconnect):
                        return
                if clock.monotonic() - self._last_line > _LINE_WITHOUT_END_SECONDS:
                    yield self._end("silent")
                    return
            yield self._end("closed")
        except urllib3.exceptions.ReadTimeoutError:
            yield self._end("silent")
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
            yield self._end("network", detail=type(exc).__name__)
        finally:
            self._close()

    def _close(self) -> None:
        """After a proper end urllib3 would keep the connection for another call, though Twitter is
        about to close it: the call would fail, or wait for the server that the name left."""
        self._answered.close()
        if self._connection is not None:
            self._connection.close()

    def _chunks(self) -> Iterator[bytes]:
        """What arrives, as soon as it arrives, unpacked; ends with the connection."""
        while not self._stopped:
            chunk = self._answered.read1(_CHUNK, decode_content=True)
            if not chunk:
                return
            yield chunk

    def _take(self, chunk: bytes, now: float) -> Iterator[Event]:
        *whole, rest = chunk.split(b"\n")
        if whole:
            self._last_line = now
        for piece in whole:
            if self._skipping:
                yield Skipped(self._skipping + len(piece), now)
                self._skipping = 0
                continue
            if self._pending:
                piece = bytes(self._pending) + piece
                self._pending.clear()
            yield self._line(piece.rstrip(b"\r"), now)
        self._keep(rest)

    def _keep(self, rest: bytes) -> None:
        if self._skipping:
            self._skipping += len(rest)
        else:
            self._pending += rest
            if len(self._pending) > MAX_LINE_BYTES:
                self._skipping = len(self._pending)
                self._pending = bytearray()

    def _line(self, raw: bytes, now: float) -> Event:
        if not raw.strip():
            return KeepAlive(now)
        if len(raw) > MAX_LINE_BYTES:
            return Skipped(len(raw), now)
        farewell = None if raw.startswith(b'{"data":') else _closing_problem(raw)
        return (
            self._end("told", farewell=farewell) if farewell is not None else StreamLine(raw, now)
        )

    def _end(
        self, kind: DisconnectKind, *, detail: str = "", farewell: dict[str, Any] | None = None
    ) -> Disconnect:
        if self._stopped:
            kind = "stopped"
        farewell = farewell or {}
        how = str(farewell.get("disconnect_type") or "")
        reason = scrub(str(farewell.get("detail") or "")) or _REASONS[kind]
        ours = how in _OURS_TO_SLOW_DOWN
        return Disconnect(
            kind=kind,
            reason=reason,
            backoff="http" if ours else "network",
            detail=detail or scrub(str(farewell.get("title") or "")),
            disconnect_type=how,
            partial_bytes=len(self._pending) + self._skipping,
        )


def _closing_problem(raw: bytes) -> dict[str, Any] | None:
    """The problem in a line that says the stream ends; None for every other line.

    Any object with errors and without data is one, also of a type we do not know yet.
    """
    try:
        problem = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(problem, dict) or "data" in problem:
        return None
    errors = problem.get("errors")
    if isinstance(errors, list):
        first_error = next((error for error in errors if isinstance(error, dict)), {})
        logger.warning("stream ended by server type=%s", scrub(str(first_error.get("type", ""))))
        return dict(first_error)
    return problem if "disconnect_type" in problem or "disconnect" in problem else None
