"""The sandbox's own time: the machine's or another clock's, moved ahead by tests and trainers."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class HasNow(Protocol):
    """Whatever can say what time it is (aware, UTC)."""

    def now(self) -> datetime: ...


class MachineTime:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SandboxClock:
    """Time as the sandbox sees it: another clock, moved ahead by whatever `advance` added."""

    def __init__(self, base: HasNow | None = None) -> None:
        self._base = base or MachineTime()
        self._ahead = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The sandbox's present moment, aware, in UTC."""
        return self._base.now().astimezone(UTC) + self._ahead

    def now_ms(self) -> int:
        """Milliseconds since 1970 in UTC."""
        return to_ms(self.now())

    def advance(self, seconds: float) -> datetime:
        """Move ahead (never back) by seconds; gives the new present."""
        if seconds < 0:
            raise ValueError("the sandbox's clock only moves ahead")
        with self._lock:
            self._ahead += timedelta(seconds=seconds)
        return self.now()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC moment of these milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso(milliseconds: int) -> str:
    """As X writes times in v2: 2026-09-06T12:00:00.000Z."""
    moment = from_ms(milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
