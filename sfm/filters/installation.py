"""The mark of this installation: in the tag of each of its rules at Twitter."""

from __future__ import annotations

import secrets

from sqlalchemy.exc import IntegrityError

from sfm.database import begin_write, db
from sfm.models import Installation

ONLY_ROW = "this"
MARK_BYTES = 4


def mark() -> str:
    """Eight letters and digits, the same for ever for one database. Commits if it makes it.

    A copy of the database has the same mark: it is the same installation to Twitter.
    """
    row = db.session.get(Installation, ONLY_ROW)
    return row.mark if row is not None else _make()


def _make() -> str:
    db.session.rollback()
    begin_write()
    row = db.session.get(Installation, ONLY_ROW)
    if row is not None:  # another process was first
        kept = row.mark
        db.session.rollback()
        return kept
    made = secrets.token_hex(MARK_BYTES)
    db.session.add(Installation(name=ONLY_ROW, mark=made))
    try:
        db.session.commit()
    except IntegrityError:  # another process was first
        db.session.rollback()
        return mark()
    return made
