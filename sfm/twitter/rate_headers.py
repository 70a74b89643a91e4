"""Rate-limit headers to seconds. Pure: the clock's reading is handed in.

Source: X API "Rate limits" (x-rate-limit-limit, -remaining, -reset; reset in epoch seconds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sfm.messages import Message
from sfm.networks.errors import NetworkError, Wait, WaitReason

WINDOW_SECONDS = 900
MIN_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 900.0
RESET_MARGIN_SECONDS = 1.0  # the reset is a whole second on the server's clock
TOO_FAST_SECONDS = 10.0  # refused although calls are left: too many at once
UNKNOWN_RESET_SECONDS = 60.0  # refused without a word on how long
SECOND_CONNECTION_SECONDS = 60.0  # a second streaming connection; X's own first step
SKEW_SECONDS = 60.0


@dataclass(frozen=True)
class RateLimitState:
    """What the headers of one answer say. Times are seconds; None where nothing usable was said."""

    limit: int | None
    remaining: int | None
    reset_in: float | None
    skew: float | None

    @property
    def clock_is_off(self) -> bool:
        """The server's clock and ours differ by over a minute, or the reset is out of reach."""
        far = self.reset_in is not None and self.reset_in > WINDOW_SECONDS + 100
        return far or (self.skew is not None and abs(self.skew) > SKEW_SECONDS)


def read_headers(headers: Mapping[str, str], now: datetime) -> RateLimitState:
    """The rate-limit headers, the reset counted from the server's own Date where it gives one."""
    server_now = _date(headers.get("date")) or now
    reset = _whole(headers.get("x-rate-limit-reset"))
    return RateLimitState(
        limit=_whole(headers.get("x-rate-limit-limit")),
        remaining=_whole(headers.get("x-rate-limit-remaining")),
        reset_in=None if reset is None else reset - server_now.timestamp(),
        skew=(server_now - now).total_seconds(),
    )


def wait_after(
    headers: Mapping[str, str],
    now: datetime,
    *,
    endpoint: str = "",
    crowded: bool = False,
    detail: str = "",
    status: int | None = 429,
) -> Wait:
    """How long a refusal asks us to stay away: never under 1 s, never over 900 s."""
    seconds, reason = _how_long(read_headers(headers, now), headers, crowded)
    until = now + timedelta(seconds=seconds)
    return Wait(
        sentence(reason, endpoint, until),
        until,
        seconds=seconds,
        reason=reason,
        endpoint=endpoint,
        detail=detail,
        status=status,
    )


def clamp(seconds: float) -> float:
    return min(max(seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS)


def _how_long(
    state: RateLimitState, headers: Mapping[str, str], crowded: bool
) -> tuple[float, WaitReason]:
    if crowded:
        return SECOND_CONNECTION_SECONDS, "connections"
    if _whole(headers.get("x-app-limit-24hour-remaining")) == 0:
        return MAX_WAIT_SECONDS, "daily"
    if _whole(headers.get("x-user-limit-24hour-remaining")) == 0:
        return MAX_WAIT_SECONDS, "daily"
    if state.remaining is not None and state.remaining > 0:
        return TOO_FAST_SECONDS, "too_fast"
    if state.reset_in is None:
        return UNKNOWN_RESET_SECONDS, "window"
    return clamp(state.reset_in + RESET_MARGIN_SECONDS), "window"


def sentence(reason: WaitReason, endpoint: str, until: datetime) -> str:
    when = until.astimezone(UTC).strftime("%H:%M:%S UTC")
    what = Message(" for “%(endpoint)s”", endpoint=endpoint) if endpoint else ""
    return {
        "window": Message(
            "Twitter's limit%(what)s is used up; it opens again at %(when)s.", what=what, when=when
        ),
        "too_fast": Message(
            "Too many questions at once%(what)s; waiting until %(when)s.", what=what, when=when
        ),
        "daily": Message(
            "Twitter's limit for the day%(what)s is used up; asking again at %(when)s.",
            what=what,
            when=when,
        ),
        "connections": Message(
            "Another connection with this key is open; trying again at %(when)s.", when=when
        ),
        "transient": Message(
            "Twitter did not answer properly; trying again at %(when)s.", when=when
        ),
    }[reason]


def _whole(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 12:
        return None
    return int(text)


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def wait_for_another_try(cause: NetworkError, seconds: float, now: datetime) -> Wait:
    """The pause that follows a passing fault; `cause` is what is raised if nobody pauses."""
    until = now + timedelta(seconds=seconds)
    return Wait(
        sentence("transient", "", until),
        until,
        seconds=seconds,
        reason="transient",
        cause=cause,
        detail=cause.detail,
        status=cause.status,
    )


def at_least(wait: Wait, seconds: float, now: datetime) -> Wait:
    """This wait, or a longer one of the same kind."""
    if wait.seconds >= seconds:
        return wait
    until = now + timedelta(seconds=seconds)
    return Wait(
        sentence(wait.reason, wait.endpoint, until),
        until,
        seconds=seconds,
        reason=wait.reason,
        endpoint=wait.endpoint,
        cause=wait.cause,
        detail=wait.detail,
        status=wait.status,
    )
