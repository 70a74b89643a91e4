"""When a filter should collect, and what it listens for: written with each change of it.

Nothing here says what was collected; `sfm/streams/coverage.py` does. Flushes; the caller commits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from sfm import audit, clock
from sfm.database import db
from sfm.errors import SfmError
from sfm.filters import validation
from sfm.filters.criteria import criteria_of
from sfm.messages import Message
from sfm.models import CoverageDue, FilterVersion, TwitterFilter, User
from sfm.models.filter import CRITERIA
from sfm.supervisord.conf import SAMPLE_PREFIX, program_name

CREATED, ACTIVATED, STARTED = "created", "activated", "started"
RESTARTED = "restarted"  # ends one span and begins another
STOPPED, NOT_ACTIVE, DELETED = "stopped", "not_active", "deleted"
USER_DEACTIVATED = "user_deactivated"
NOT_CONNECTED, CREDENTIAL_CHANGED = "not_connected", "credential_changed"
NOT_COLLECTING = "not_collecting"
CAUSES = {
    STOPPED: Message("Stopped by an administrator."),
    NOT_ACTIVE: Message("The filter was not active."),
    USER_DEACTIVATED: Message("Its User was deactivated."),
    DELETED: Message("The filter was deleted."),
    RESTARTED: Message("Restarted by an administrator."),
    NOT_CONNECTED: Message("The filter was activated and not connected yet."),
    CREDENTIAL_CHANGED: Message(
        "The filter was given another User or app token, and is connected anew."
    ),
    NOT_COLLECTING: Message("No process was collecting."),
    "ended": Message("The stream process was stopped and started again."),
    "process_lost": Message("The stream process ended without a word."),
}
STARTED_NOT_CONNECTED = Message("It was started and not connected yet.")
MAX_NAME = 150


def begin(twitter_filter: TwitterFilter, cause: str) -> None:
    """From now on a saved filter should be collected; nothing where it should already."""
    prefix = program_name([twitter_filter.id])
    if _open(prefix) is None:
        _add(prefix, twitter_filter.id, cause)


def end(twitter_filter: TwitterFilter, cause: str) -> None:
    """From now on a saved filter should not be collected, for this cause."""
    prefix = program_name([twitter_filter.id])
    row = _open(prefix) or _add(prefix, twitter_filter.id, CREATED)
    row.ended_at = max(clock.now(), row.began_at)
    row.end_cause, row.ended_by = cause, _who()
    db.session.flush()


def restart(filter_id: int) -> None:
    """A person has the process of a saved filter begin anew now; nothing where it is not due."""
    prefix = program_name([filter_id])
    row = _open(prefix)
    if row is None:
        return
    row.ended_at = max(clock.now(), row.began_at)
    row.end_cause, row.ended_by = RESTARTED, _who()
    _add(prefix, filter_id, RESTARTED)


def begin_sample() -> None:
    """From its first start on the sample should be collected."""
    if _open(SAMPLE_PREFIX) is None:
        _add(SAMPLE_PREFIX, None, STARTED)


def note_version(twitter_filter: TwitterFilter) -> None:
    """A saved filter as it is from now on, where that is another than before."""
    prefix = program_name([twitter_filter.id])
    values = _values(twitter_filter)
    last = db.session.scalar(
        select(FilterVersion).where(
            FilterVersion.prefix == prefix, FilterVersion.ended_at.is_(None)
        )
    )
    if last is not None and all(getattr(last, name) == values[name] for name in values):
        return
    began_at = twitter_filter.changed_at
    if last is not None:
        if began_at <= last.began_at:  # something else than the filter was changed
            began_at = clock.now()
        last.ended_at = began_at = max(began_at, last.began_at)
    db.session.add(
        FilterVersion(
            filter_id=twitter_filter.id, prefix=prefix, began_at=began_at, changed_by=_who(),
            **values,
        )
    )  # fmt: skip
    db.session.flush()


def end_version(twitter_filter: TwitterFilter) -> None:
    """What it listened for until now is over."""
    going_on = select(FilterVersion).where(
        FilterVersion.prefix == program_name([twitter_filter.id]), FilterVersion.ended_at.is_(None)
    )
    for row in db.session.scalars(going_on):
        row.ended_at = max(twitter_filter.changed_at, row.began_at)
    db.session.flush()


def versions_between(prefix: str, first: datetime, behind: datetime) -> list[FilterVersion]:
    """What a filter listened for in this time, earliest first."""
    met = FilterVersion.ended_at.is_(None) | (FilterVersion.ended_at > first)
    rows = select(FilterVersion).where(
        FilterVersion.prefix == prefix, FilterVersion.began_at < behind, met
    )
    return list(db.session.scalars(rows.order_by(FilterVersion.began_at, FilterVersion.id)))


def version_criteria(version: FilterVersion) -> dict[str, Any]:
    """Words, people, locations, exact rules and uids, as `criteria_of` gives them."""
    return {name: getattr(version, name) for name in CRITERIA}


def _values(twitter_filter: TwitterFilter) -> dict[str, object]:
    user = db.session.get(User, twitter_filter.user_id)
    try:
        rules = [rule.value for rule in validation.stream_rules(twitter_filter)]
    except SfmError:
        rules = []
    return {
        **criteria_of(twitter_filter), "name": twitter_filter.name, "rules": rules,
        "people_not_found": list(twitter_filter.people_not_found or ()),
        "username": user.username if user else "", "notes": twitter_filter.notes,
        "credential_id": twitter_filter.credential_id,
        "uses_installation_token": bool(twitter_filter.uses_installation_token),
    }  # fmt: skip


def _open(prefix: str) -> CoverageDue | None:
    return db.session.scalar(
        select(CoverageDue).where(CoverageDue.prefix == prefix, CoverageDue.ended_at.is_(None))
    )


def _add(prefix: str, filter_id: int | None, cause: str) -> CoverageDue:
    row = CoverageDue(
        prefix=prefix, filter_id=filter_id, began_at=clock.now(), begin_cause=cause,
        begun_by=_who(), end_cause="",
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row


def _who() -> str:
    actor = audit.actor()
    return "" if actor == audit.SYSTEM else actor.name[:MAX_NAME]
