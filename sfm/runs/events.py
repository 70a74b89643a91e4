"""Notes in the table of events: what happened, to what, how bad, over since. Flush only."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from sfm import clock
from sfm.database import db
from sfm.models import Event

Severity = Literal["notice", "warning", "trouble"]


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
    """Write down a happening. A `lasting` one stays open until `over`, and is noted only once.

    None where a lasting one is open already; its message is brought up to date.
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
    """Close the open event of this kind and subject; whether there was one."""
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
