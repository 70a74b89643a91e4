"""The one lasting note that runs of a kind are paused: opened with the first, closed with the last.

Flush only; the caller commits.
"""

from __future__ import annotations

from sqlalchemy import and_, or_, select

from sfm.database import db
from sfm.models import Run
from sfm.runs import events

PAUSE_EVENT = "run_paused"


def open_pause(kind: str, message: str) -> None:
    """A run of this kind is paused: somebody has to see to it, or to know at least."""
    events.open_event(
        PAUSE_EVENT, message, severity="warning", subject_type="job", subject=kind, lasting=True
    )  # fmt: skip


def close_pause(kind: str) -> bool:
    """A run of this kind is over, however it ended; whether the note is closed by that.

    It stays while another run of the kind is paused, or begun and queued to go on: what paused
    it may still be so.
    """
    goes_on = and_(Run.state == "queued", Run.attempts > 0)
    waiting = select(Run.id).where(Run.kind == kind, or_(Run.state == "paused", goes_on)).limit(1)
    if db.session.scalar(waiting) is not None:
        return False
    return events.close_event(PAUSE_EVENT, subject_type="job", subject=kind)
