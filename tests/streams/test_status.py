"""What a collector says of itself when two things happen at once."""

from __future__ import annotations

from datetime import timedelta

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
