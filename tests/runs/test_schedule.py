"""Schedules: words to slots, in UTC, the same on every day of the year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sfm.errors import WrongInput
from sfm.runs import schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "moment", "before", "after"),
    [
        ("every 6 h", "2026-11-22 12:00", "2026-11-22 12:00", "2026-11-22 18:00"),
        ("every 6 h", "2026-11-22 11:59", "2026-11-22 06:00", "2026-11-22 12:00"),
        ("every 30 s", "2026-11-22 12:00:29", "2026-11-22 12:00", "2026-11-22 12:00:30"),
        ("every 15 min", "2026-11-22 12:14", "2026-11-22 12:00", "2026-11-22 12:15"),
        ("every 1 d", "2026-11-22 12:00", "2026-11-22 00:00", "2026-11-23 00:00"),
        ("daily 02:15", "2026-11-22 02:14", "2026-11-21 02:15", "2026-11-22 02:15"),
        ("  DAILY  02:15 ", "2026-11-22 02:15", "2026-11-22 02:15", "2026-11-23 02:15"),
        ("weekly sun 03:15", "2026-11-22 03:15", "2026-11-22 03:15", "2026-11-29 03:15"),
        ("weekly mon 00:00", "2026-11-22 23:59", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("every 6 h", "2026-11-22 12:00:00.000001", "2026-11-22 12:00", "2026-11-22 18:00"),
        ("every 7 d", "2026-11-22 12:00", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("every 5 d", "2026-11-22 12:00", "2026-11-22 00:00", "2026-11-27 00:00"),
        ("every 45 s", "2026-11-22 12:00:01", "2026-11-22 12:00", "2026-11-22 12:00:45"),
        ("every 99999 d", "2026-11-22 12:00", "1970-01-05 00:00", "2243-10-20 00:00"),
        ("0 */6 * * *", "2026-11-22 12:00", "2026-11-22 12:00", "2026-11-22 18:00"),
        ("15 2 * * *", "2026-11-22 02:14:59.9", "2026-11-21 02:15", "2026-11-22 02:15"),
        ("15 3 * * 0", "2026-11-22 03:15", "2026-11-22 03:15", "2026-11-29 03:15"),
        ("15 3 * * 7", "2026-11-22 03:15", "2026-11-22 03:15", "2026-11-29 03:15"),
        ("0 3 * * SUN", "2026-11-22 12:00", "2026-11-22 03:00", "2026-11-29 03:00"),
        ("0 4 * * 1-5", "2026-11-21 12:00", "2026-11-20 04:00", "2026-11-23 04:00"),
        ("0 4 * * */3", "2026-11-22 12:00", "2026-11-22 04:00", "2026-11-25 04:00"),
        ("30 4 1 * fri", "2026-11-28 00:00", "2026-11-27 04:30", "2026-12-01 04:30"),
        ("0 0 29 2 *", "2026-11-22 12:00", "2024-02-29 00:00", "2028-02-29 00:00"),
    ],
)
def test_slots(words: str, moment: str, before: str, after: str) -> None:
    found = schedule.parse(words)
    assert found
    assert found.slot_before(at(moment)) == at(before)
    assert found.slot_after(at(moment)) == at(after)


@pytest.mark.parametrize(
    "words",
    ["", "every", "every 0 h", "every 6", "daily 24:00", "weekly xyz 03:00"]
    + [
        "0 * * *",
        "0 * * * * *",
        "61 * * * *",
        "0 * * * 8",
        "0 0 30 2 *",
        "0 25 * * *",
        "a b c d e",
    ],
)
def test_words_that_mean_nothing_are_refused(words: str) -> None:
    with pytest.raises(WrongInput, match="every 6 h"):
        schedule.parse(words)


def test_off_is_never() -> None:
    assert schedule.parse("off") is None
    assert schedule.describe("off") == "not at all"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("every 6 h", "every 6 hours"),
        ("every 1 h", "every hour"),
        ("daily 02:15", "daily at 02:15 UTC"),
        ("weekly sun 03:15", "Sundays at 03:15 UTC"),
        ("0 */6 * * *", "at the times of cron’s “0 */6 * * *”, in UTC"),
    ],
)
def test_schedules_in_words(words: str, said: str) -> None:
    assert schedule.describe(words) == said


def test_a_daily_job_has_one_slot_on_every_day_of_two_years() -> None:
    """JB11: also on 2026-10-25 and 2027-03-28, when clocks change in Europe."""
    found = schedule.parse("daily 02:30")
    assert found
    slots = []
    moment = at("2026-01-01 00:00")
    while moment < at("2028-01-01 00:00"):
        moment = found.slot_after(moment)
        slots.append(moment)
    assert {later - earlier for earlier, later in zip(slots, slots[1:], strict=False)} == {
        timedelta(days=1)
    }
    assert len({slot.date() for slot in slots}) == len(slots)


@pytest.mark.parametrize("words", ["every 7 min", "every 5 d", "daily 23:59", "weekly thu 06:30"])
def test_slots_are_those_of_plain_arithmetic(words: str) -> None:
    """From a Monday on, `every` apart: as every release has counted them."""
    start, every = {
        "every 7 min": (at("1970-01-05 00:00"), timedelta(minutes=7)),
        "every 5 d": (at("1970-01-05 00:00"), timedelta(days=5)),
        "daily 23:59": (at("1970-01-05 23:59"), timedelta(days=1)),
        "weekly thu 06:30": (at("1970-01-08 06:30"), timedelta(days=7)),
    }[words]
    due = schedule.parse(words)
    assert due
    for hours in range(0, 24 * 400, 7):
        moment = at("2026-11-22 11:59:59") + timedelta(hours=hours)
        before = start + (moment - start) // every * every
        assert (due.slot_before(moment), due.slot_after(moment)) == (before, before + every)
