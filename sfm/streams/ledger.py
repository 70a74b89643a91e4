"""What a collector writes into the database: heartbeat, gaps, manifest.

A database that is busy or away never stops collecting: what was not written stays to be written.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from sfm import clock
from sfm.database import begin_write, db
from sfm.models import Gap, Heartbeat, StreamFile, TwitterFilter
from sfm.streams import names
from sfm.streams.sealing import Facts
from sfm.streams.status import Outage
from sfm.streams.writer import BATCH_SECONDS
from sfm.supervisord.conf import SAMPLE_PREFIX, program_name

logger = logging.getLogger(__name__)


class Ledger:
    """Keeps what is to be written until it could be. Used by one thread, but for `sealed`."""

    def __init__(self, root: Path, program: str) -> None:
        self.root, self.program = root, program
        self._files: deque[tuple[Path, Facts]] = deque()

    def sealed(self, path: Path, facts: Facts) -> None:
        """A file was sealed; any thread. It is written down with the next beat."""
        self._files.append((path, facts))

    def write(
        self, beat: Heartbeat, outages: deque[Outage], going_on: Outage | None, prefixes: list[str]
    ) -> bool:
        """Write all there is. False where the database did not take it; nothing is forgotten."""
        done: list[Outage] = []
        files = list(self._files)
        try:
            begin_write()
            for outage in [*outages, *([going_on] if going_on else [])]:
                write_gap(outage, prefixes)
                done += [outage] if outage is not going_on else []
            for path, facts in files:
                record_file(self.root, path, facts)
            db.session.merge(beat)
            db.session.commit()
        except SQLAlchemyError as exc:
            logger.warning("heartbeat not written program=%s error=%s", self.program, exc)
            db.session.rollback()
            return False
        for _ in done:
            outages.popleft()
        for _ in files:
            self._files.popleft()
        return True


def write_gap(outage: Outage, prefixes: Iterable[str]) -> None:
    """One row for each stream that the outage concerns; brought up to date while it lasts. Flushes.

    Its row is kept by number, so that it is never written twice. What it lost is never lowered:
    a process knows less of what began before it than the one that saw it begin.
    """
    for prefix in outage.prefixes if outage.prefixes is not None else prefixes:
        row = db.session.get(Gap, outage.row_ids[prefix]) if prefix in outage.row_ids else None
        if row is None:
            row = Gap(prefix=prefix, filter_id=_existing(names.filter_of(prefix)))
            db.session.add(row)
        row.began_at, row.ended_at = outage.began_at, outage.ended_at
        row.seconds = outage.seconds
        row.cause, row.detail = outage.cause[:30], outage.detail
        row.last_id = outage.last_id
        row.lost_estimate = max(row.lost_estimate or 0, outage.lost_estimate)
        row.lost_counted = max(row.lost_counted or 0, outage.lost_counted)
        db.session.flush()
        outage.row_ids[prefix] = row.id


def record_file(root: Path, path: Path, facts: Facts) -> StreamFile | None:
    """The manifest's row of a sealed file; None for one outside the data folder. Flushes.

    Whose it is stands in its row from the first time on, whatever the file's name says.
    """
    name = names.parse(path.name)
    try:
        relative = path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return None
    if name is None:
        return None
    known = db.session.scalar(select(StreamFile).where(StreamFile.path == relative))
    row = known or StreamFile(path=relative, filter_id=_filter_of_new(name))
    row.origin = "gap_fill" if name.is_fill else "stream"
    row.prefix, row.begun_at = name.prefix, name.begun_at
    row.lines, row.duplicates = facts.lines, facts.duplicates
    row.first_id, row.last_id = facts.first_id, facts.last_id
    row.first_at, row.last_at = _moment(facts.first_id), _moment(facts.last_id)
    row.size_bytes, row.sha256 = facts.size_bytes, facts.sha256
    db.session.add(row)
    db.session.flush()
    return row


def left_open(prefix: str) -> Gap | None:
    """The gap that was going on when the process before this one ended."""
    open_gaps = select(Gap).where(Gap.prefix == prefix, Gap.ended_at.is_(None))
    return db.session.scalar(open_gaps.order_by(Gap.id.desc()).limit(1))


def outage_before(prefixes: Iterable[str]) -> Outage | None:
    """What was missed since the process before this one was last alive; None for a fresh start.

    A filter that was not wanted meanwhile has missed nothing.
    """
    beats = list(db.session.scalars(select(Heartbeat)))
    found: dict[str, tuple[datetime, str]] = {}
    rate = 0.0
    for prefix in prefixes:
        number = names.filter_of(prefix)
        of_filter = [beat for beat in beats if _carries(beat, number)]
        beat = max(of_filter, key=lambda beat: beat.beat_at, default=None)
        if beat is None or beat.alive_at is None or _wanted_later(number, beat.alive_at):
            continue
        found[prefix] = _end_of(beat, beat.alive_at)
        rate = max(rate, beat.posts_a_minute)
    if not found:
        return None
    began_at, cause = min(found.values())
    outage = Outage(began_at, cause, DETAILS[cause], prefixes=tuple(found), rate=rate)
    for prefix in found:
        gap = left_open(prefix)
        if gap is not None:
            outage.row_ids[prefix] = gap.id
            outage.began_at, outage.cause = min(outage.began_at, gap.began_at), gap.cause
            outage.last_id, outage.detail = gap.last_id, gap.detail
            outage.rate = max(outage.rate, _pace_of(gap))
    return outage


def _pace_of(gap: Gap) -> float:
    """Posts a minute by which a gap was estimated; 0 where that says nothing.

    The heartbeat's pace goes down to nothing within a minute of an outage; this one stays. A
    single post is what is noted at least, however short the time.
    """
    if gap.lost_estimate <= 1 or not gap.seconds:
        return 0.0
    return gap.lost_estimate * 60 / gap.seconds


def _end_of(beat: Heartbeat, alive_at: datetime) -> tuple[datetime, str]:
    """From when on a process that is gone may have missed posts, and how it ended.

    One that was killed takes the batch in hand with it, so even the shortest such outage counts.
    """
    if beat.state == "stopped":
        return alive_at, "restarted"
    return alive_at - timedelta(seconds=BATCH_SECONDS), "process_lost"


DETAILS = {
    "restarted": "The stream process was stopped and started again.",
    "process_lost": "The stream process ended without a word, and was started again.",
}


def _carries(beat: Heartbeat, filter_id: int | None) -> bool:
    return filter_id in beat.filter_ids if filter_id else beat.program == SAMPLE_PREFIX


def _wanted_later(filter_id: int | None, moment: datetime) -> bool:
    found = db.session.get(TwitterFilter, filter_id) if filter_id else None
    return bool(found and found.active_since and found.active_since > moment)


def _existing(filter_id: int | None) -> int | None:
    """The filter may be gone by now; its files and gaps are not."""
    return filter_id if filter_id and db.session.get(TwitterFilter, filter_id) else None


def _filter_of_new(name: names.FileName) -> int | None:
    """The filter that a new row's file belongs to; None for one that another had left.

    Before numbers were given out only once, a new filter could have the number of a deleted one.
    """
    found = db.session.get(TwitterFilter, name.filter_id) if name.filter_id else None
    return found.id if found and found.created_at <= name.begun_at else None


def _moment(post_id: int | None) -> datetime | None:
    return clock.snowflake_time(post_id) if post_id is not None else None


def say_refused(filter_ids: Iterable[int], why: str) -> None:
    """A heartbeat that says why a collector could not begin. Commits."""
    ids = list(filter_ids)
    program = program_name(ids) if ids else SAMPLE_PREFIX
    begin_write()
    beat = db.session.get(Heartbeat, program) or Heartbeat(program=program)
    beat.filter_ids, beat.state, beat.reason = ids, "needs_person", why
    beat.since = beat.beat_at = clock.now()
    beat.revision = max(
        (
            int(found.changed_at.timestamp() * 1_000_000)
            for number in ids
            if (found := db.session.get(TwitterFilter, number))
        ),
        default=0,
    )
    db.session.add(beat)
    db.session.commit()
