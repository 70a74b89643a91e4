"""Sealed stream files: lists, first posts, checks, and the way from a number to a path."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Date, cast, func, select

from sfm import clock
from sfm.adapters import NETWORK
from sfm.database import begin_write, db
from sfm.errors import NotFound, SfmError
from sfm.messages import Message
from sfm.models import StreamFile, User
from sfm.networks.record import Post, Unreadable
from sfm.streams import file_names
from sfm.streams.archive import target_of, update_manifest
from sfm.streams.gzip_members import inflate
from sfm.streams.manifest import record_file
from sfm.streams.parse_line import split
from sfm.streams.sealing import Damaged, FileFacts, read_facts

logger = logging.getLogger(__name__)

FIRST_POSTS = 20


@dataclass(frozen=True)
class DayOfFiles:
    """The files of one stream on one UTC day, summed up."""

    day: date
    prefix: str
    filter_id: int | None
    files: int
    lines: int
    size_bytes: int


def by_id(file_id: int, reader: User | None = None) -> StreamFile:
    """One file that the reader may see. Raises NotFound, also for somebody else's."""
    row: StreamFile | None = db.session.scalar(
        select(StreamFile).where(StreamFile.id == file_id, StreamFile.visible_to(reader))
    )
    if row is None:
        raise NotFound(Message("There is no such stream file."))
    return row


def days(reader: User | None, limit: int = 60) -> list[DayOfFiles]:
    """Totals by day and stream of the files that the reader may see, newest first."""
    day = _day()
    totals = (
        day, StreamFile.prefix, StreamFile.filter_id, func.count(),
        func.sum(StreamFile.lines), func.sum(StreamFile.size_bytes),
    )  # fmt: skip
    of = select(*totals).where(StreamFile.visible_to(reader))
    of = of.group_by(day, StreamFile.prefix, StreamFile.filter_id)
    rows = db.session.execute(of.order_by(day.desc(), StreamFile.prefix).limit(limit))
    return [
        DayOfFiles(_as_day(row[0]), row[1], row[2], row[3], int(row[4]), int(row[5]))
        for row in rows
    ]


def path_of(root: Path, row: StreamFile) -> Path:
    """Where a file is: a real file below the data folder, no link on the way. Raises NotFound."""
    path = root / row.path
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as exc:
        raise NotFound(
            Message("The file is no longer where it was. An administrator can check why.")
        ) from exc
    here = root.resolve()
    expected = here / row.path
    if real != expected or not real.is_relative_to(here) or not real.is_file():
        raise NotFound(Message("The file is not in the data folder any more."))
    return real


def first_lines(path: Path, count: int = FIRST_POSTS) -> list[bytes]:
    """The first lines of a file, without reading the rest."""
    return list(islice(lines_of(path), count))


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a gzip file, to the end or to the place where it cannot be read any more."""
    rest = b""
    with path.open("rb") as file:
        for text, _end in inflate(file):
            cut = (rest + text).rpartition(b"\n")
            yield from split(cut[0] + cut[1])
            rest = cut[2]
    if rest:
        yield rest


def verify(root: Path, row: StreamFile) -> str:
    """Read a whole file and compare it with the manifest; what is wrong, or "". Flushes."""
    row.checked_at = clock.now()
    try:
        facts = read_facts(path_of(root, row))
        row.damage = _differences(facts, row)
    except (SfmError, Damaged) as exc:
        row.damage = exc.args[0]
    except OSError as exc:
        row.damage = Message("It cannot be read (%(reason)s).", reason=exc.strerror)
    db.session.flush()
    return row.damage


def _differences(facts: FileFacts, row: StreamFile) -> str:
    if facts.sha256 != row.sha256:
        return Message("Its content is not what it was when it was sealed.")
    if (facts.lines, facts.first_id, facts.last_id) != (row.lines, row.first_id, row.last_id):
        return Message("It holds other posts than the manifest says.")
    return ""


def catch_up(root: Path) -> int:
    """Write rows for sealed files that have none (the database was away); how many. Commits.

    A row whose file was moved by a run that ended before it could say so follows its file.
    """
    known = set(db.session.scalars(select(StreamFile.path)))
    db.session.rollback()
    added = 0
    for path in sealed_below(root):
        if path.relative_to(root).as_posix() in known or _followed(root, path):
            continue
        try:
            facts = read_facts(path)
        except (Damaged, OSError) as exc:
            logger.error("stream file not in the manifest file=%s why=%s", path.name, exc)
            continue
        begin_write()
        added += record_file(root, path, facts) is not None
        db.session.commit()
    return added


def _followed(root: Path, path: Path) -> bool:
    """Whether this file's row still named the place it was moved from; now it names this. Commits.

    Names are used only once, so a row of the same name without a file is this file's.
    """
    before = root / path.name
    if before == path or before.exists():
        return False
    return update_manifest(root, before, path)


def sealed_below(root: Path) -> Iterator[Path]:
    """Sealed files in the data folder and where `organize` puts them; no links."""
    for path in sorted([*root.glob("*Z.gz"), *root.glob("*/*/*/*/*/*Z.gz")]):
        name = file_names.parse(path.name)
        at_home = name and path.parent in (root, target_of(root, name))
        if at_home and not path.is_symlink():
            yield path


def of_selection(
    reader: User | None, prefix: str, since: datetime, until: datetime
) -> list[StreamFile]:
    """The files of one stream begun from `since` up to before `until`, oldest first; those that
    the reader may see."""
    statement = select(StreamFile).where(
        StreamFile.visible_to(reader), StreamFile.prefix == prefix,
        StreamFile.begun_at >= since, StreamFile.begun_at < until,
    )  # fmt: skip
    return list(db.session.scalars(statement.order_by(StreamFile.begun_at, StreamFile.id)))


def _day() -> Any:
    """The UTC day a file was begun: SQLite keeps UTC as text, PostgreSQL is told the zone."""
    if db.engine.dialect.name == "sqlite":
        return func.date(StreamFile.begun_at)
    return cast(func.timezone("UTC", StreamFile.begun_at), Date)


def _as_day(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


@dataclass(frozen=True)
class FirstPost:
    """One line: the post, or the text as it is where none can be read."""

    post: Post | None
    text: str


def first_posts(path: Path, count: int = FIRST_POSTS) -> tuple[FirstPost, ...]:
    """The first lines of a sealed file, read as posts where they are."""
    return tuple(_post(line) for line in first_lines(path, count))


def _post(line: bytes) -> FirstPost:
    try:
        return FirstPost(NETWORK.parse_line(line), "")
    except Unreadable:
        return FirstPost(None, line[:2000].decode("utf-8", "replace"))
