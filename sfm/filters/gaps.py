"""Gaps that people make: a filter that is stopped, not active, or activated and not connected yet.

Each time of a filter's life is either collected or in a gap. A change of what is wanted ends the
gap that is open and opens the next one; the collector ends that when it is connected.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.messages import Message
from sfm.models import Gap, Heartbeat, TwitterFilter
from sfm.supervisord.conf import SAMPLE_PREFIX, program_name

STOPPED, NOT_ACTIVE, NOT_CONNECTED = "stopped", "not_active", "not_connected"
NOT_COLLECTING, CREDENTIAL_CHANGED = "not_collecting", "credential_changed"
RECORDED_HERE = (STOPPED, NOT_ACTIVE, NOT_CONNECTED)  # none is missing since the first of these
GAP_DETAILS = {
    STOPPED: Message("Stopped by an administrator."),
    NOT_ACTIVE: Message("The filter was not active."),
    NOT_CONNECTED: Message("The filter was activated and not connected yet."),
    CREDENTIAL_CHANGED: Message(
        "The filter was given another User or app token, and is connected anew."
    ),
    NOT_COLLECTING: Message("No process was collecting for the filter."),
}
SILENCE = timedelta(seconds=60)  # a collector that says nothing for so long does not collect


def saved_until(beat: Heartbeat) -> datetime | None:
    """Up to when a collector has saved all that came; None for one that was never connected."""
    return beat.saved_until or beat.alive_at


def is_collected_by(beat: Heartbeat, filter_id: int | None) -> bool:
    """Whether this heartbeat is of a collector of this filter; None stands for the sample."""
    return filter_id in beat.filter_ids if filter_id else beat.program == SAMPLE_PREFIX


def last_heartbeat(beats: Iterable[Heartbeat], filter_id: int | None) -> Heartbeat | None:
    """Of the collectors of a filter, the heartbeat that has saved last; None where none has."""
    carrying = [beat for beat in beats if is_collected_by(beat, filter_id) and saved_until(beat)]
    return max(carrying, key=lambda beat: saved_until(beat) or beat.beat_at, default=None)


def open_gaps(prefix: str) -> list[Gap]:
    """The gaps of a stream that go on, earliest first."""
    going_on = select(Gap).where(Gap.prefix == prefix, Gap.ended_at.is_(None))
    return list(db.session.scalars(going_on.order_by(Gap.began_at, Gap.id)))


def end(gap: Gap, moment: datetime) -> None:
    """End a gap that goes on. Flushes nothing."""
    gap.ended_at = max(moment, gap.began_at)
    gap.seconds = (gap.ended_at - gap.began_at).total_seconds()


def end_all(twitter_filter: TwitterFilter) -> bool:
    """End a saved filter's gaps that go on, now; whether there were any. Flushes."""
    going_on = open_gaps(program_name([twitter_filter.id]))
    for gap in going_on:
        end(gap, clock.now())
    db.session.flush()
    return bool(going_on)


def begin(twitter_filter: TwitterFilter, cause: str, moment: datetime, *, collected: bool) -> None:
    """From this moment on a saved filter misses posts, for one of the causes above. Flushes.

    `collected`: whether it was to be collected until now. The gap then begins with the time up to
    which posts were saved; a process that was gone for longer has a gap of its own.
    """
    if not end_all(twitter_filter) and collected:
        beat = last_heartbeat(db.session.scalars(select(Heartbeat)), twitter_filter.id)
        saved = saved_until(beat) if beat else None
        if twitter_filter.active_since:
            saved = max(saved, twitter_filter.active_since) if saved else None
        if saved and moment - saved > SILENCE:
            _add(twitter_filter, NOT_COLLECTING, saved, moment)
        elif saved:
            moment = min(moment, saved)
    _add(twitter_filter, cause, moment)


def _add(
    twitter_filter: TwitterFilter, cause: str, began_at: datetime, ended_at: datetime | None = None
) -> None:
    gap = Gap(
        filter_id=twitter_filter.id, prefix=program_name([twitter_filter.id]), cause=cause,
        detail=GAP_DETAILS[cause], began_at=began_at,
    )  # fmt: skip
    if ended_at is not None:
        end(gap, ended_at)
    db.session.add(gap)
    db.session.flush()
