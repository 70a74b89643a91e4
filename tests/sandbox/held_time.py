"""A clock of the sandbox that stands still."""

from __future__ import annotations

from datetime import datetime


class HeldTime:
    """A clock that stands still at one moment, for answers that repeat to the byte."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment
