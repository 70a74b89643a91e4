"""When a job is due: the words of a schedule, and the moments (slots) they mean. Pure, in UTC.

UTC only: a daily job in a zone with summer time runs twice on one day of the year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sfm.errors import WrongInput
from sfm.setting import SCHEDULE_FORM

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_LONG_UNITS = {"s": "second", "min": "minute", "h": "hour", "d": "day"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_START = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday, from which all slots are counted


@dataclass(frozen=True)
class Schedule:
    """Slots that lie `every` apart, beginning `offset` after a Monday's midnight."""

    every: timedelta
    offset: timedelta = timedelta(0)
    words: str = ""

    def slot_before(self, moment: datetime) -> datetime:
        """The latest slot at or before this moment (aware UTC)."""
        since = moment.astimezone(UTC) - _START - self.offset
        return _START + self.offset + since // self.every * self.every

    def slot_after(self, moment: datetime) -> datetime:
        """The first slot after this moment (aware UTC)."""
        return self.slot_before(moment) + self.every


def parse(text: str) -> Schedule | None:
    """What the words mean; None for “off”. Raises WrongInput for words that mean nothing."""
    tidied = " ".join(text.lower().split())
    match = SCHEDULE_FORM.fullmatch(tidied)
    if match is None:
        raise WrongInput(
            "Write “off”, “every 6 h” (s, min, h, d), “daily 02:15” or “weekly sun 03:15”."
        )
    if match["count"]:
        seconds = int(match["count"]) * _UNITS[match["unit"]]
        return Schedule(timedelta(seconds=seconds), words=_every(match["count"], match["unit"]))
    if match["day_time"]:
        words = f"daily at {match['day_time']} UTC"
        return Schedule(timedelta(days=1), _of_day(match["day_time"]), words)
    if match["weekday"]:
        day = _DAYS.index(match["weekday"])
        offset = timedelta(days=day) + _of_day(match["week_time"])
        words = f"{_LONG_DAYS[day]}s at {match['week_time']} UTC"
        return Schedule(timedelta(days=7), offset, words)
    return None


def in_words(text: str) -> str:
    """A schedule for people: `every 6 hours`, `daily at 02:15 UTC`, `not at all`."""
    found = parse(text)
    return found.words if found else "not at all"


def _every(count: str, unit: str) -> str:
    return f"every {_LONG_UNITS[unit]}" if count == "1" else f"every {count} {_LONG_UNITS[unit]}s"


def _of_day(text: str) -> timedelta:
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
