"""Notes which filters wait because another one holds the connection: it explains their gaps."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from sfm import clock
from sfm.database import begin_write, db
from sfm.messages import Message
from sfm.models import Gap
from sfm.supervisord.conf import program_name

CONNECTION_HELD = "connection_held"


def holds_connection(filter_id: int) -> Message:
    """That this filter has the one connection of a credential."""
    return Message("Filter %(id)s holds the connection.", id=filter_id)


def note_waiting(waiting: Mapping[int, int]) -> None:
    """Each of these filters waits for the one behind it, and no other filter waits any more.

    Writes and commits only where that is new; ends the transaction in any case.
    """
    sentences = {number: holds_connection(holder) for number, holder in waiting.items()}
    noted = {row.filter_id: row.detail for row in _open_notes()}
    db.session.rollback()
    if noted == sentences:
        return
    begin_write()
    now = clock.now()
    kept = set()
    for row in _open_notes():
        if row.filter_id is not None and sentences.get(row.filter_id) == row.detail:
            kept.add(row.filter_id)
        else:
            row.ended_at = max(now, row.began_at)
    for number in sorted(sentences.keys() - kept):
        db.session.add(
            Gap(
                filter_id=number, prefix=program_name([number]), cause=CONNECTION_HELD,
                detail=sentences[number], began_at=now,
            )
        )  # fmt: skip
    db.session.commit()


def _open_notes() -> list[Gap]:
    notes = select(Gap).where(Gap.cause == CONNECTION_HELD, Gap.ended_at.is_(None))
    return list(db.session.scalars(notes.order_by(Gap.id)))
