"""How many calls are left, per credential and endpoint. Counts only; never sleeps.

Calls are taken before they are made, so that several threads together use a window fully and
never overrun it. The figures in the headers of each answer replace our own count.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sfm import clock
from sfm.networks.errors import Wait, WaitReason
from sfm.networks.meter import WindowState
from sfm.twitter.endpoints import Endpoint
from sfm.twitter.rate_headers import (
    RESET_MARGIN_SECONDS,
    WINDOW_SECONDS,
    RateLimitState,
    clamp,
    read_headers,
    sentence,
)

logger = logging.getLogger(__name__)

_SAME_WINDOW_SECONDS = 5.0  # resets that lie this close together are one window's


@dataclass
class _Window:
    limit: int
    remaining: int
    resets_at: float  # on the monotonic clock
    is_confirmed: bool = False  # by headers of an answer; until then these are X's published limits
    in_flight: int = 0
    hold_until: float = 0.0  # refused although calls were left


class Limiter:
    """The windows of all credentials of this process. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], _Window] = {}
        self.clock_is_off = False  # the server's clock and ours are over a minute apart

    def take(self, fingerprint: str, endpoint: Endpoint, *, app: bool = True) -> Wait | None:
        """Take one call; None, or the wait until there is one.

        Pass every call taken to `note`, or to `give_back`.
        """
        with self._lock:
            now = clock.monotonic()
            window = self._open(fingerprint, endpoint, app, now)
            if window.hold_until > now:
                return _wait(window.hold_until - now, endpoint, too_fast=True)
            if window.remaining <= 0:
                return _wait(window.resets_at - now, endpoint, too_fast=False)
            window.remaining -= 1
            window.in_flight += 1
            return None

    def give_back(self, fingerprint: str, endpoint: Endpoint) -> None:
        """A call that was taken never came about: no connection was made, so X counts none."""
        with self._lock:
            window = self._windows[fingerprint, endpoint.name]
            window.in_flight = max(window.in_flight - 1, 0)
            window.remaining = min(window.remaining + 1, window.limit)

    def note(
        self,
        fingerprint: str,
        endpoint: Endpoint,
        headers: Mapping[str, str] | None,
        refusal: Wait | None = None,
    ) -> None:
        """What came of a call that was taken: its headers (None: no answer), and its refusal."""
        with self._lock:
            now = clock.monotonic()
            window = self._windows[fingerprint, endpoint.name]
            window.in_flight = max(window.in_flight - 1, 0)
            if headers is None:
                return
            state = read_headers(headers, clock.now())
            self._compare_clocks(state)
            if refusal is not None:
                _apply_refusal(window, refusal, now)
            else:
                _correct(window, state, now)

    def states(self) -> list[WindowState]:
        """Every window that is known, for a status page."""
        with self._lock:
            now = clock.monotonic()
            return [_state(key, window, now) for key, window in sorted(self._windows.items())]

    def state(self, fingerprint: str, endpoint: Endpoint) -> WindowState | None:
        """One of these windows; None before its first call."""
        with self._lock:
            key = (fingerprint, endpoint.name)
            window = self._windows.get(key)
            return _state(key, window, clock.monotonic()) if window else None

    def _open(self, fingerprint: str, endpoint: Endpoint, app: bool, now: float) -> _Window:
        key = (fingerprint, endpoint.name)
        window = self._windows.get(key)
        if window is None:
            limit = endpoint.app_limit if app else endpoint.user_limit
            window = self._windows[key] = _Window(limit, limit, now + WINDOW_SECONDS)
        elif now >= window.resets_at:
            window.remaining = window.limit - window.in_flight
            window.resets_at = now + WINDOW_SECONDS
            window.is_confirmed = False
        return window

    def _compare_clocks(self, state: RateLimitState) -> None:
        if state.clock_is_off and not self.clock_is_off:
            logger.warning("clock differs from the server's skew_seconds=%s", state.skew)
        self.clock_is_off = state.clock_is_off


def _state(key: tuple[str, str], window: _Window, now: float) -> WindowState:
    mark, name = key
    resets_in = max(window.resets_at - now, 0.0)
    return WindowState(mark, name, window.limit, max(window.remaining, 0), resets_in)


def _correct(window: _Window, state: RateLimitState, now: float) -> None:
    if state.remaining is None or state.reset_in is None:
        return
    resets_at = now + clamp(state.reset_in + RESET_MARGIN_SECONDS)
    remaining = state.remaining - window.in_flight
    # Answers overtake each other: within one window the lower figure is the later one.
    if window.is_confirmed and abs(resets_at - window.resets_at) < _SAME_WINDOW_SECONDS:
        remaining = min(remaining, window.remaining)
    window.limit = state.limit if state.limit else window.limit
    window.remaining, window.resets_at, window.is_confirmed = remaining, resets_at, True


def _apply_refusal(window: _Window, refusal: Wait, now: float) -> None:
    if refusal.reason in ("too_fast", "connections"):
        window.hold_until = now + refusal.seconds
    else:
        window.remaining, window.is_confirmed = 0, True
        window.resets_at = now + refusal.seconds


def _wait(seconds: float, endpoint: Endpoint, *, too_fast: bool) -> Wait:
    reason: WaitReason = "too_fast" if too_fast else "window"
    until = clock.now() + timedelta(seconds=seconds)
    return Wait(
        sentence(reason, endpoint.words, until),
        until,
        seconds=seconds,
        reason=reason,
        endpoint=endpoint.words,
    )
