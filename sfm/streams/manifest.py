"""What a collector writes into the database: heartbeat, ledger of coverage, manifest.

A database that is busy or away never stops collecting: what was not written stays to be written.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from sfm import clock
from sfm.database import begin_write, db
from sfm.models import Gap, Heartbeat, StreamFile, TwitterFilter
from sfm.streams import file_names
from sfm.streams.coverage import Carrier, SavedSpan, write_spans
from sfm.streams.sealing import FileFacts
from sfm.streams.status import Outage

logger = logging.getLogger(__name__)

Row = Callable[[], Callable[[], None]]  # writes one row; what it gives is called once committed
ROW_REFUSED = (DataError, IntegrityError)  # whenever it is tried


class Manifest:
    """Keeps what is to be written until it could be. Used by one thread, but for `sealed`."""

    def __init__(self, root: Path, program: str) -> None:
        self.root, self.program = root, program
        self._files: deque[tuple[Path, FileFacts]] = deque()

    def sealed(self, path: Path, facts: FileFacts) -> None:
        """A file was sealed; any thread. It is written down with the next beat."""
        self._files.append((path, facts))

    def write(
        self, beat: Heartbeat, outages: deque[Outage], going_on: Iterable[Outage],
        prefixes: Collection[str], spans: Iterable[SavedSpan] = (), carrier: Carrier | None = None,
    ) -> bool:  # fmt: skip
        """Write all there is. False where the database did not take it; nothing is forgotten.

        `going_on` are the outages of this moment, `prefixes` the streams that outages without any
        of their own concern; `spans` are of the ledger of coverage, saved by `carrier`.
        """
        done, files = list(outages), list(self._files)
        carrier = carrier or Carrier(self.program)
        rows: list[Row] = [
            partial(_write_outage, outage, prefix)
            for outage in [*done, *going_on]
            for prefix in (outage.prefixes if outage.prefixes is not None else prefixes)
        ]
        rows += [partial(_write_span, span, carrier) for span in spans]
        rows += [partial(_write_file, self.root, path, facts) for path, facts in files]
        rows.append(partial(_write_heartbeat, beat))
        if not self._commit(rows):
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
        if not self._commit(
            [partial(_write_file, self.root, path, facts) for path, facts in files]
        ):
            return False
        for _ in files:
            self._files.popleft()
        return True

    def _commit(self, rows: Sequence[Row]) -> bool:
        """Write these rows in one transaction; where the database takes one of them never, each by
        itself, and that one is left out. False where it takes nothing now."""
        try:
            try:
                written = _write_together(rows)
            except ROW_REFUSED:
                db.session.rollback()
                written = _write_one_by_one(rows)
            db.session.commit()
        except SQLAlchemyError as exc:
            logger.warning("heartbeat not written program=%s error=%s", self.program, exc)
            db.session.rollback()
            return False
        for note_written in written:
            note_written()
        return True


def _write_together(rows: Sequence[Row]) -> list[Callable[[], None]]:
    begin_write()
    return [write() for write in rows]


def _write_one_by_one(rows: Sequence[Row]) -> list[Callable[[], None]]:
    begin_write()
    written = []
    for write in rows:
        try:
            with db.session.begin_nested():
                written.append(write())
        except ROW_REFUSED as exc:
            logger.error("a row of the stream record is refused and left out error=%s", exc)
    return written


def _write_outage(outage: Outage, prefix: str) -> Callable[[], None]:
    number = write_gap(outage, prefix)
    return lambda: outage.row_ids.update({prefix: number})


def _write_span(span: SavedSpan, carrier: Carrier) -> Callable[[], None]:
    ((_, number),) = write_spans([span], carrier)
    return lambda: setattr(span, "row_id", number)


def _write_file(root: Path, path: Path, facts: FileFacts) -> Callable[[], None]:
    record_file(root, path, facts)
    return lambda: None


def _write_heartbeat(heartbeat: Heartbeat) -> Callable[[], None]:
    db.session.merge(heartbeat)
    db.session.flush()
    return lambda: None


def write_gap(outage: Outage, prefix: str) -> int:
    """The row that explains the gap of an outage of one stream, brought up to date; its number.

    Flushes. A row that has ended stays as it is, and what was lost is never lowered.
    """
    row = db.session.get(Gap, outage.row_ids[prefix]) if prefix in outage.row_ids else None
    if row is None:
        row = Gap(prefix=prefix, filter_id=_existing(file_names.filter_of(prefix)))
        row.began_at = outage.began_at
        db.session.add(row)
    elif row.ended_at is not None:
        return row.id
    row.ended_at = outage.ended_at
    row.seconds = outage.seconds
    row.cause, row.detail = outage.cause[:30], outage.detail
    row.last_id = outage.last_id
    row.lost_estimate = max(row.lost_estimate or 0, outage.lost_estimate)
    row.lost_counted = max(row.lost_counted or 0, outage.lost_counted)
    db.session.flush()
    return row.id


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
