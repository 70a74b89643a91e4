"""What a collector says of itself when two things happen at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sfm.streams.status import Status
from tests.conftest import FrozenClock


def test_what_the_connection_does_while_the_disk_is_full_is_shown_when_it_is_well(
    clock: FrozenClock,
) -> None:
    """CP4: it was waiting when the disk filled up, and has connected meanwhile."""
    status = Status()
    status.set_status("waiting", "Twitter asks to wait.", clock.now() + timedelta(seconds=60))
    status.disk_failed("The disk is full.")
    clock.advance(60)
    status.set_status("connected")
    status.disk_failed("The disk is full.")
    assert (status.state, status.reason, status.wait_until) == (
        "storage",
        "The disk is full.",
        None,
    )
    assert status.since == clock.now() - timedelta(seconds=60)
    status.disk_recovered()
    assert (status.state, status.reason, status.since) == ("connected", "", clock.now())
    status.set_status("waiting", "The connection broke.")
    assert status.state == "waiting"


def test_a_disk_that_was_well_changes_nothing(clock: FrozenClock) -> None:
    status = Status()
    status.set_status("connected")
    status.disk_recovered()
    assert status.state == "connected"


@pytest.mark.parametrize(
    ("connected_seconds", "expected"), [(1, 200), (7, 600), (60, 600), (200, 600)]
)
def test_the_pace_is_that_of_the_seconds_with_a_connection(
    clock: FrozenClock, connected_seconds: int, expected: int
) -> None:
    """Ten posts a second; of one second alone little is known."""
    status = Status()
    status.lost("503", "Over capacity.")
    clock.advance(30)
    connect(status, clock, connected_seconds)
    assert status.posts_a_minute == pytest.approx(expected, rel=0.02)


def test_a_connection_that_broke_within_the_minute_lowers_no_pace(clock: FrozenClock) -> None:
    status = Status()
    connect(status, clock, 7)
    status.lost("network", "The connection broke.")
    clock.advance(20)
    status.lost("503", "Over capacity.")
    assert status.posts_a_minute == 600
    connect(status, clock, 5)
    assert status.posts_a_minute == 600


def connect(status: Status, clock: FrozenClock, seconds: int) -> None:
    """A connection with ten posts in each of so many seconds."""
    status.connection_restored()
    for _ in range(seconds):
        status.alive(10)
        clock.advance(1)
    status.alive()
