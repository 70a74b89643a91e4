"""When a job is due: the words of a schedule, and the moments (slots) they mean. Pure, in UTC.

APScheduler's triggers give the slots. UTC only: a daily job in a zone with summer time runs twice
on one day of the year.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from sfm.config_types import SCHEDULE_FORM
from sfm.cron import cron_trigger
from sfm.errors import WrongInput
from sfm.messages import Message

_LONG_UNITS = {
    "s": Message("second"),
    "min": Message("minute"),
    "h": Message("hour"),
    "d": Message("day"),
}
_LONG_DAYS = (
    Message("Sunday"),
    Message("Monday"),
    Message("Tuesday"),
    Message("Wednesday"),
    Message("Thursday"),
    Message("Friday"),
    Message("Saturday"),
)
_SHORT_DAYS = tuple(day[:3].lower() for day in _LONG_DAYS)
_START = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday, from which intervals are counted
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_MAX_MINUTES = 9 * 366 * 24 * 60  # the 29th of February may be eight years away


@dataclass(frozen=True)
class Schedule:
    """The slots that a trigger gives, and what people call them. Slots lie on whole seconds, those
    of cron, days and weeks on whole minutes."""

    trigger: BaseTrigger
    words: str

    def slot_before(self, moment: datetime) -> datetime:
        """The latest slot at or before this moment (aware UTC)."""
        if isinstance(self.trigger, IntervalTrigger):
            every: timedelta = self.trigger.interval
            return self.slot_after(moment) - every
        end = moment.replace(second=0, microsecond=0)
        minutes = bisect_left(
            range(_MAX_MINUTES),
            True,
            key=lambda count: self._slot_from(end - count * _MINUTE) <= moment,
        )
        return end - minutes * _MINUTE

    def slot_after(self, moment: datetime) -> datetime:
        """The first slot after this moment (aware UTC)."""
        return self._slot_from(moment.replace(microsecond=0) + _SECOND)

    def _slot_from(self, moment: datetime) -> datetime:
        slot: datetime = self.trigger.get_next_fire_time(None, moment.astimezone(UTC))
        return slot


@lru_cache(maxsize=64)
def parse(text: str) -> Schedule | None:
    """What the words mean; None for “off”. Raises WrongInput for words that mean nothing."""
    tidied = " ".join(text.lower().split())
    match = SCHEDULE_FORM.fullmatch(tidied)
    if match is None:
        return _of_cron(tidied)
    if match["count"]:
        return _of_interval(int(match["count"]), _LONG_UNITS[match["unit"]])
    time = match["day_time"] or match["week_time"]
    if time is None:
        return None
    hour, minute = map(int, time.split(":"))
    if match["day_time"]:
        words = Message("daily at %(time)s UTC", time=time)
    else:
        day = _LONG_DAYS[_SHORT_DAYS.index(match["weekday"])]
        words = Message("%(day)ss at %(time)s UTC", day=day, time=time)
    days = match["weekday"] or "*"
    return Schedule(
        CronTrigger(day_of_week=days, hour=hour, minute=minute, timezone=UTC), words=words
    )


def describe(text: str) -> str:
    """A schedule for people: `every 6 hours`, `daily at 02:15 UTC`, `not at all`."""
    schedule = parse(text)
    return schedule.words if schedule else Message("not at all")


def _of_interval(count: int, unit: str) -> Schedule:
    trigger = IntervalTrigger(**{f"{unit}s": count}, start_date=_START, timezone=UTC)
    words = (
        Message("every %(unit)s", unit=unit)
        if count == 1
        else Message("every %(count)s %(unit)ss", count=count, unit=unit)
    )
    return Schedule(trigger, words)


def _of_cron(text: str) -> Schedule:
    try:
        trigger = cron_trigger(text)
    except ValueError as exc:
        raise WrongInput(
            Message(
                "Write “off”, “every 6 h” (s, min, h, d), “daily 02:15”, “weekly sun 03:15”, or "
                "the five fields of cron, such as “0 */6 * * *”."
            )
        ) from exc
    words = Message("at the times of cron’s “%(text)s”, in UTC", text=text)
    return Schedule(trigger, words)
