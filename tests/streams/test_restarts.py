"""How often a collector was started again after it had ended by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from sfm.database import db
from sfm.models import Heartbeat
from sfm.streams.restarts import restarts_of, restarts_shown
from tests.conftest import FrozenClock

NAME = "twitterfilter-1"


@pytest.mark.parametrize(
    ("state", "figures", "minutes", "count"),
    [
        ("connected", {"restarts": 2}, 1, 3),
        ("stopped", {"restarts": 2, "exit_code": 1}, 1, 3),
        ("stopped", {"restarts": 2, "exit_code": 0}, 1, 0),
        ("needs_person", {"restarts": 2}, 1, 0),
        ("connected", {"restarts": 2}, 60, 1),
        ("connected", {}, 1, 1),
    ],
)
def test_only_ends_that_nobody_asked_for_are_counted(
    app: Flask, clock: FrozenClock, state: str, figures: dict[str, int], minutes: int, count: int
) -> None:
    now = clock.now()
    beat = Heartbeat(
        program=NAME, state=state, figures=figures, beat_at=now,
        started_at=now - timedelta(minutes=minutes),
    )  # fmt: skip
    db.session.add(beat)
    db.session.commit()
    assert restarts_of(NAME) == count
    assert restarts_of("twitterfilter-2") == 0


def test_a_process_that_has_been_up_for_long_is_no_longer_counted() -> None:
    assert restarts_shown(None) == 0
    beat = Heartbeat(figures={"restarts": 4})
    beat.started_at = beat.beat_at = datetime(2026, 11, 30, tzinfo=UTC)
    assert restarts_shown(beat) == 4
    beat.beat_at += timedelta(minutes=6)
    assert restarts_shown(beat) == 0
