"""Events: a lasting one opens once and is closed; a passing one is just written down."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from sfm.database import db
from sfm.models import Event
from sfm.runs import events
from tests.conftest import FrozenClock


def test_a_lasting_event_opens_once_and_ends(app: Flask, clock: FrozenClock) -> None:
    assert events.open_event(
        "job_missed", "Links were not followed.", subject="links", lasting=True
    )
    assert not events.open_event("job_missed", "Still not.", subject="links", lasting=True)
    assert events.open_event("job_missed", "Names were not checked.", subject="names", lasting=True)
    clock.advance(60)
    assert events.close_event("job_missed", subject="links")
    assert not events.close_event("job_missed", subject="links")
    assert events.open_event("job_missed", "Again not.", subject="links", lasting=True)
    db.session.commit()
    found = db.session.scalars(select(Event).order_by(Event.id)).all()
    assert [(event.message, event.over_at is None) for event in found] == [
        ("Still not.", False),
        ("Names were not checked.", True),
        ("Again not.", True),
    ]


def test_passing_events_are_each_written_down(app: Flask) -> None:
    for _ in range(2):
        assert events.open_event("name_reused", "The name alice has a new owner.", subject_id=1)
    db.session.commit()
    assert len(db.session.scalars(select(Event)).all()) == 2
