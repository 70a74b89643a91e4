"""What a collector writes into the database: heartbeat, gaps, manifest.

A database that is busy or away never stops collecting: what was not written stays to be written.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from sfm import clock
from sfm.database import begin_write, db
from sfm.filters import gaps
from sfm.messages import Message
from sfm.models import Gap, Heartbeat, StreamFile, TwitterFilter
from sfm.streams import file_names
from sfm.streams.sealing import FileFacts
from sfm.streams.status import Outage
from sfm.streams.writer import BATCH_SECONDS

logger = logging.getLogger(__name__)


class Manifest:
    """Keeps what is to be written until it could be. Used by one thread, but for `sealed`."""

    def __init__(self, root: Path, program: str) -> None:
        self.root, self.program = root, program
        self._files: deque[tuple[Path, FileFacts]] = deque()

    def sealed(self, path: Path, facts: FileFacts) -> None:
        """A file was sealed; any thread. It is written down with the next beat."""
        self._files.append((path, facts))

    def write(
        self, beat: Heartbeat, outages: deque[Outage], going_on: Iterable[Outage] | None,
        prefixes: Collection[str], saving: Collection[str] = (),
    ) -> bool:  # fmt: skip
        """Write all there is. False where the database did not take it; nothing is forgotten.

        `going_on` are the outages of this moment; `saving` are the streams whose posts come and
        are saved, so that what was missed before has ended.
        """
        done, under_way = list(outages), list(going_on or ())
        files = list(self._files)
        try:
            begin_write()
            for outage in [*done, *under_way]:
                write_gap(outage, prefixes)
            end_open(saving, under_way)
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

    def write_files(self) -> bool:
        """Write the sealed files alone, for a run that does not count as the collector. As
        `write`."""
        files = list(self._files)
        try:
            begin_write()
            for path, facts in files:
                record_file(self.root, path, facts)
            db.session.commit()
        except SQLAlchemyError as exc:
            logger.warning("sealed files not written program=%s error=%s", self.program, exc)
            db.session.rollback()
            return False
        for _ in files:
            self._files.popleft()
        return True


def write_gap(outage: Outage, prefixes: Iterable[str]) -> None:
    """One row for each stream that the outage concerns; brought up to date while it lasts. Flushes.

    Its row is kept by number, so that it is never written twice. One that has ended, also by
    somebody else, stays as it is; a gap that is open already is gone on with. What it lost is never
    lowered: a process knows less of what began before it than the one that saw it begin.
    """
    for prefix in outage.prefixes if outage.prefixes is not None else prefixes:
        row = db.session.get(Gap, outage.row_ids[prefix]) if prefix in outage.row_ids else None
        if row is None and outage.ended_at is None:
            if not _is_wanted(file_names.filter_of(prefix)):
                continue  # it has a gap of its own
            row = next(iter(gaps.open_gaps(prefix)), None)
        if row is not None and row.ended_at is not None:
            continue
        if row is None:
            row = Gap(prefix=prefix, filter_id=_existing(file_names.filter_of(prefix)))
            db.session.add(row)
        row.began_at = min(row.began_at or outage.began_at, outage.began_at)
        row.ended_at = outage.ended_at
        row.seconds = outage.seconds
        row.cause, row.detail = outage.cause[:30], outage.detail
        row.last_id = outage.last_id
        row.lost_estimate = max(row.lost_estimate or 0, outage.lost_estimate)
        row.lost_counted = max(row.lost_counted or 0, outage.lost_counted)
        db.session.flush()
        outage.row_ids[prefix] = row.id


def end_open(prefixes: Collection[str], besides: Iterable[Outage]) -> None:
    """End all gaps of these streams but those of outages that go on. Flushes nothing.

    Not those of a filter that is stopped or not active: its process may say something yet.
    """
    kept = {number for outage in besides for number in outage.row_ids.values()}
    collected = [prefix for prefix in prefixes if _is_wanted(file_names.filter_of(prefix))]
    if collected:
        open_rows = select(Gap).where(Gap.prefix.in_(collected), Gap.ended_at.is_(None))
        for row in db.session.scalars(open_rows):
            if row.id not in kept:
                gaps.end(row, clock.now())


def record_file(root: Path, path: Path, facts: FileFacts) -> StreamFile | None:
    """The manifest's row of a sealed file; None for one outside the data folder. Flushes.

    Whose it is stands in its row from the first time on, whatever the file's name says.
    """
    name = file_names.parse(path.name)
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


def outage_before(prefixes: Iterable[str], fingerprint: str = "") -> list[Outage]:
    """What each of these streams has missed since its posts were last saved, by whomever.

    Nothing for a fresh start, nor for a filter that is not wanted: that has a gap of its own. A gap
    that somebody forgot to end (posts were saved since it began) is given with its end. With the
    `fingerprint` of the credential that is used now, a change of it is told as the cause.
    """
    beats = list(db.session.scalars(select(Heartbeat)))
    return [outage for prefix in prefixes for outage in _missed(prefix, beats, fingerprint)]


def _missed(prefix: str, beats: list[Heartbeat], fingerprint: str) -> list[Outage]:
    number = file_names.filter_of(prefix)
    if not _is_wanted(number):
        return []
    outage = _since_saved(prefix, gaps.last_heartbeat(beats, number), fingerprint)
    rows = gaps.open_gaps(prefix)
    over = [row for row in rows if outage and row.began_at < outage.began_at]
    going_on = next((row for row in rows if row not in over), None)
    outages = [_of_row(row, outage.began_at) for row in over if outage]
    if going_on is not None:
        outages.append(_taken_over(going_on, outage))
    elif outage is not None:
        outages.append(outage)
    return outages


def _since_saved(prefix: str, beat: Heartbeat | None, fingerprint: str) -> Outage | None:
    """From when on posts may be missing, by the last heartbeat of the stream's collector."""
    saved = gaps.saved_until(beat) if beat is not None else None
    if beat is None or saved is None:
        return None
    cause = "restarted" if beat.state in {"stopped", "needs_person"} else "process_lost"
    if cause == "restarted" and fingerprint and beat.fingerprint not in {"", fingerprint}:
        cause = gaps.CREDENTIAL_CHANGED
    began_at, rate = saved, beat.posts_a_minute
    if cause == "process_lost" and beat.saved_until is None:
        began_at -= timedelta(seconds=BATCH_SECONDS)  # the batch in hand
    since = _active_since(file_names.filter_of(prefix))
    if since is not None and since > saved:
        began_at, cause, rate = since, gaps.NOT_CONNECTED, 0.0
    return Outage(began_at, cause, DETAILS[cause], prefixes=(prefix,), rate=rate)


def _of_row(row: Gap, ended_at: datetime | None = None) -> Outage:
    outage = Outage(
        row.began_at, row.cause, row.detail, ended_at, last_id=row.last_id,
        lost_estimate=row.lost_estimate, row_ids={row.prefix: row.id}, prefixes=(row.prefix,),
        rate=_pace_of(row),
    )  # fmt: skip
    if ended_at is not None:
        outage.seconds = (ended_at - row.began_at).total_seconds()
    return outage


def _taken_over(row: Gap, outage: Outage | None) -> Outage:
    """A gap that goes on, from when on its posts were not saved."""
    merged = _of_row(row)
    if outage is not None:
        merged.began_at = min(merged.began_at, outage.began_at)
        merged.rate = max(merged.rate, outage.rate)
    return merged


def _pace_of(gap: Gap) -> float:
    """Posts a minute by which a gap was estimated; 0 where that says nothing.

    The heartbeat's pace goes down to nothing within a minute of an outage; this one stays. A
    single post is what is noted at least, however short the time.
    """
    if gap.lost_estimate <= 1 or not gap.seconds:
        return 0.0
    return gap.lost_estimate * 60 / gap.seconds


DETAILS = {
    "restarted": Message("The stream process was stopped and started again."),
    "process_lost": Message("The stream process ended without a word, and was started again."),
    **gaps.GAP_DETAILS,
}


def _is_wanted(filter_id: int | None) -> bool:
    """Whether a stream is to be collected; so is the sample, and what no database knows."""
    twitter_filter = db.session.get(TwitterFilter, filter_id) if filter_id else None
    return twitter_filter is None or (twitter_filter.is_active and twitter_filter.held_at is None)


def _active_since(filter_id: int | None) -> datetime | None:
    twitter_filter = db.session.get(TwitterFilter, filter_id) if filter_id else None
    return twitter_filter.active_since if twitter_filter else None


def _existing(filter_id: int | None) -> int | None:
    """The filter may be gone by now; its files and gaps are not."""
    return filter_id if filter_id and db.session.get(TwitterFilter, filter_id) else None


def _filter_of_new(name: file_names.FileName) -> int | None:
    """The filter that a new row's file belongs to; None for one that another had left.

    Before numbers were given out only once, a new filter could have the number of a deleted one.
    """
    twitter_filter = db.session.get(TwitterFilter, name.filter_id) if name.filter_id else None
    return (
        twitter_filter.id if twitter_filter and twitter_filter.created_at <= name.begun_at else None
    )


def _moment(post_id: int | None) -> datetime | None:
    return clock.snowflake_time(post_id) if post_id is not None else None


def record_refusal(program: str, filter_ids: Iterable[int], why: str) -> None:
    """A heartbeat that says why a collector could not begin. Commits."""
    ids = list(filter_ids)
    begin_write()
    beat = db.session.get(Heartbeat, program) or Heartbeat(program=program)
    beat.filter_ids, beat.state, beat.reason = ids, "needs_person", why
    beat.since = beat.beat_at = clock.now()
    beat.pid = os.getpid()
    beat.revision = max(
        (
            int(twitter_filter.changed_at.timestamp() * 1_000_000)
            for number in ids
            if (twitter_filter := db.session.get(TwitterFilter, number))
        ),
        default=0,
    )
    db.session.add(beat)
    db.session.commit()
