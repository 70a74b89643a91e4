"""The five fields of cron as a trigger of APScheduler, in UTC. Source: crontab(5)."""

from __future__ import annotations

from datetime import UTC, datetime

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_START = datetime(2026, 1, 1, tzinfo=UTC)  # any day: to see whether the fields ever come true


def cron_trigger(text: str) -> BaseTrigger:
    """When `minute hour day month weekday` come true. Raises ValueError; also for never."""
    minute, hour, day, month, weekday = text.split()
    limits = {"minute": minute, "hour": hour, "month": month, "timezone": UTC}
    days = _named_days(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        trigger = CronTrigger(day=day, day_of_week=days, **limits)
    else:  # cron takes a day that fits either field
        trigger = OrTrigger(
            [CronTrigger(day=day, **limits), CronTrigger(day_of_week=days, **limits)]
        )
    if trigger.get_next_fire_time(None, _START) is None:
        raise ValueError(text)
    return trigger


def _named_days(field: str) -> str:
    """Cron's field for weekdays with names for numbers: APScheduler 3 counts from Monday, cron
    from Sunday, with 7 for Sunday too. Raises ValueError."""
    return ",".join(name for part in field.split(",") for name in _names_of(part))


def _names_of(part: str) -> list[str]:
    days, _, step = part.partition("/")
    first, _, last = ("0-6" if days == "*" and step else days).partition("-")
    if not first.isdecimal():
        return [part]
    numbers = range(int(first), int(last or (6 if step else first)) + 1, int(step or 1))
    if not numbers or numbers[-1] > 7:
        raise ValueError(part)
    return [_DAYS[number % 7] for number in numbers]
