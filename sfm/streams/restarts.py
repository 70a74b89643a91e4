"""Counts how often a collector was started again after it had ended by itself."""

from __future__ import annotations

from datetime import timedelta

from sfm.database import db
from sfm.models import Heartbeat
from sfm.supervisord.conf import FINAL_EXIT_CODES

RESTARTS, EXIT_CODE = "restarts", "exit_code"  # in the figures of a heartbeat
STEADY_AFTER = timedelta(minutes=5)  # who ran so long has not failed at its start


def restarts_of(program: str) -> int:
    """How often it failed in a row, each time within five minutes of its start; reads only.

    To be asked at a start, before its first heartbeat.
    """
    beat = db.session.get(Heartbeat, program)
    if beat is None or beat.state == "needs_person" or _ended_well(beat):
        return 0
    if beat.beat_at - beat.started_at >= STEADY_AFTER:
        return 1
    return int(beat.figures.get(RESTARTS, 0)) + 1


def restarts_shown(beat: Heartbeat | None) -> int:
    """The count of a heartbeat, as long as its process has not been up for five minutes."""
    if beat is None or beat.beat_at - beat.started_at >= STEADY_AFTER:
        return 0
    return int(beat.figures.get(RESTARTS, 0))


def _ended_well(beat: Heartbeat) -> bool:
    return beat.figures.get(EXIT_CODE) in FINAL_EXIT_CODES
