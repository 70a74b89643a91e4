"""Opening and closing rows of the table of events, of paused runs among others. Flush only."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from sfm import clock
from sfm.database import db
from sfm.models import Event, Run

Severity = Literal["notice", "warning", "trouble"]
PAUSE_EVENT = "run_paused"


def open_event(
    kind: str,
    message: str,
    *,
    severity: Severity = "notice",
    subject_type: str = "",
    subject_id: int | None = None,
    subject: str = "",
    lasting: bool = False,
) -> Event | None:
    """Add an event. A `lasting` one stays open until `close_event`, and is added only once.

    None where a lasting one is open already; its message is updated.
    """
    key = _key(kind, subject_type, subject_id, subject) if lasting else None
    event = Event(
        kind=kind, severity=severity, subject_type=subject_type, subject_id=subject_id,
        subject=subject, message=message, open_key=key,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(event)
    except IntegrityError:
        db.session.execute(update(Event).where(Event.open_key == key).values(message=message))
        return None
    return event


def close_event(
    kind: str, *, subject_type: str = "", subject_id: int | None = None, subject: str = ""
) -> bool:
    """Close the open event of this kind and subject; False where none is open."""
    key = _key(kind, subject_type, subject_id, subject)
    event = db.session.scalar(select(Event).where(Event.open_key == key))
    if event is None:
        return False
    event.over_at, event.open_key = clock.now(), None
    db.session.flush()
    return True


def _key(kind: str, subject_type: str, subject_id: int | None, subject: str) -> str:
    which = str(subject_id) if subject_id is not None else subject
    return f"{kind}/{subject_type}/{which}"[:120]


def open_pause(kind: str, message: str) -> None:
    """Open the event that says that a run of this kind is paused."""
    open_event(
        PAUSE_EVENT, message, severity="warning", subject_type="job", subject=kind, lasting=True
    )  # fmt: skip


def close_pause(kind: str) -> bool:
    """After a run of this kind has ended: close the pause event; False where it stays open.

    It stays open while another run of the kind is paused, or was begun and is queued again: the
    cause of the pause may still be there.
    """
    goes_on = and_(Run.state == "queued", Run.attempts > 0)
    waiting = select(Run.id).where(Run.kind == kind, or_(Run.state == "paused", goes_on)).limit(1)
    if db.session.scalar(waiting) is not None:
        return False
    return close_event(PAUSE_EVENT, subject_type="job", subject=kind)
