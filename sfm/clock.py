"""Time: the one place that reads a clock or sleeps, so that tests can hold it still.

Every time in code and database is an aware datetime in UTC (ISO 8601 with Z in files).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

SNOWFLAKE_EPOCH_MS = 1288834974657  # Source: X, "Twitter snowflake"; ids since November 2010
FIRST_SNOWFLAKE = 29_700_000_000


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def machine_now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_clock = SystemClock()


def use(clock: SystemClock) -> SystemClock:
    """Put another clock in the place of the present one, which is given back. For tests."""
    global _clock
    before, _clock = _clock, clock
    return before


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _clock.now()


def machine_now() -> datetime:
    """What this machine's own clock says, aware, in UTC; only to compare it with another one."""
    return _clock.machine_now()


def monotonic() -> float:
    """Seconds on a clock that no one sets; only differences mean anything."""
    return _clock.monotonic()


def time_of(moment: float) -> datetime:
    """The time of day, aware, in UTC and by the clock as it is set now, of a moment that has been
    on the clock of `monotonic`."""
    return now() - timedelta(seconds=max(0.0, monotonic() - moment))


def sleep(seconds: float) -> None:
    """Wait; nothing at all for zero and less."""
    if seconds > 0:
        _clock.sleep(seconds)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z and whole seconds: 2026-11-22T08:15:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> datetime:
    """An ISO 8601 moment as aware UTC. Without a zone it is taken as UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def as_twitter(moment: datetime) -> str:
    """An aware UTC moment as v1.1 writes it: `Wed Oct 10 20:19:24 +0000 2018`."""
    day, month = WEEKDAYS[moment.weekday()], MONTHS[moment.month - 1]
    return f"{day} {month} {moment:%d %H:%M:%S} +0000 {moment.year}"


def parse_twitter(text: str) -> datetime:
    """v1.1's `Wed Oct 10 20:19:24 +0000 2018` as aware UTC, whatever the locale.

    Raises ValueError. Source: X API v1.1 data dictionary.
    """
    parts = text.split()
    if len(parts) != 6 or parts[1] not in MONTHS or parts[4] != "+0000":
        raise ValueError(f"not a v1.1 date: {text[:40]!r}")
    hour, minute, second = (int(part) for part in parts[3].split(":"))
    return datetime(
        int(parts[5]),
        MONTHS.index(parts[1]) + 1,
        int(parts[2]),
        hour,
        minute,
        min(second, 59),
        tzinfo=UTC,
    )


def snowflake_time(twitter_id: int) -> datetime | None:
    """When a post with this id was made (to the millisecond), None for ids before snowflakes."""
    if twitter_id < FIRST_SNOWFLAKE:
        return None
    milliseconds = (twitter_id >> 22) + SNOWFLAKE_EPOCH_MS
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
