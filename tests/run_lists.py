"""The runs that a test looks at."""

from __future__ import annotations

from collections.abc import Sequence

from sfm.database import db
from sfm.models import Run
from sfm.runs import queries


def list_runs(kind: str = "") -> Sequence[Run]:
    """Runs of a kind, or of all kinds, newest first."""
    return db.session.scalars(queries.runs_of(kind).order_by(Run.id.desc())).all()
