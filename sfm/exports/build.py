"""Makes one export from end to end: read, write, count again, pack, rename."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from sfm import clock
from sfm.atomic_file import sha256_of
from sfm.database import db
from sfm.errors import WrongInput
from sfm.exports import storage
from sfm.exports.package import package
from sfm.exports.package.provenance import gaps_of, runs_of
from sfm.exports.readers.database import DatabaseTweets, ListedTweets, snapshot
from sfm.exports.readers.id_list import read_ids
from sfm.exports.request import Criteria
from sfm.exports.result import FIELDS, ExportFacts, ExportRequest, ExportResult, Summary, Tally
from sfm.exports.storage import work_folder
from sfm.exports.writers.output import Output, WrittenOutput
from sfm.exports.writers.verify import check_tally, count_rows
from sfm.messages import Message
from sfm.output_file import Destination, empty, note_version, part_of
from sfm.posts import bulk_sql
from sfm.removals import register

BATCHES_PER_DISK_CHECK = 50
MAX_TRIES = 5  # of one export; each ends with a removal that came while it was made
TOO_MANY = Message(
    "Posts were removed each time while this was made, so it was made in vain. Ask for it again "
    "when no more are being removed."
)
NO_ID = Message("no tweet id on the line")

Watch = Callable[[int, int | None], None]


def no_watch(_done: int, _total: int | None) -> None:
    """For those who need no progress."""


class PostSource(Protocol):
    """Where tweets come from. `total` is None where it cannot be known beforehand."""

    tally: Tally

    @property
    def total(self) -> int | None: ...

    def batches(self) -> Iterator[list[Any]]: ...


def make(order: ExportRequest, target: Path, watch: Watch = no_watch) -> ExportResult:
    """Make the export at `target`; until it is whole there is only a `.part` beside it.

    `watch` is told rows done and in all after each batch, and may raise to stop. Packed exports
    become a zip, or a folder where the target's name does not end in .zip. What is there already
    stays, unless the order replaces it. Reads one view of the database on a connection of its
    own, and again from the start where posts were removed for good meanwhile. Raises NoRoom,
    CountMismatch, WrongInput.
    """
    packed = _is_packed(order)
    zipped = packed and target.suffix == ".zip"
    folder = order.layout.format == "parquet" if not packed else not zipped
    there = Destination(
        target, folder, order.replaces_target, package.is_earlier_export, inputs_of(order.criteria)
    )
    with storage.describe_full_disk(), part_of(there) as part:
        for _ in range(MAX_TRIES):
            version = read_version()
            note_version(part, version)
            facts = _make_part(order, target, part, watch)
            if read_version() == version:
                break
            empty(part, folder=folder)
        else:
            raise WrongInput(TOO_MANY)
    if target.is_dir():
        return ExportResult(target, 0, "", facts, version)
    return ExportResult(target, target.stat().st_size, sha256_of(target), facts, version)


def _make_part(order: ExportRequest, target: Path, part: Path, watch: Watch) -> ExportFacts:
    """All of it at `part`, packed as the order says."""
    if not _is_packed(order):
        return _write(order, [Output(order.layout, part)], [part], watch)
    if target.suffix != ".zip":
        return _make_package(order, part, watch)
    with work_folder(part) as work:
        facts = _make_package(order, work / target.stem, watch)
        package.zip_folder(work / target.stem, part)
    return facts


def inputs_of(criteria: Criteria) -> tuple[Path, ...]:
    """The files that an export is read from."""
    names = [criteria.ids_file, *criteria.files]
    if db.engine.dialect.name == "sqlite":
        names.append(db.engine.url.database or "")
    return tuple(Path(name) for name in names if name)


def _is_packed(order: ExportRequest) -> bool:
    """Whether a README goes with it, which tells what the tweets are."""
    return order.layout.packing in ("zip", "bag")


def _make_package(order: ExportRequest, folder: Path, watch: Watch) -> ExportFacts:
    """The data and all that proves it, in a folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    places = package.data_places(order, folder)
    for layout, path in places:
        path.parent.mkdir(exist_ok=True)
        if layout.format == "parquet":
            path.mkdir()
    outputs = [Output(layout, path) for layout, path in places]
    facts = _write(order, outputs, [path for _layout, path in places], watch)
    package.complete(order, facts, folder)
    return facts


def _write(
    order: ExportRequest, outputs: Sequence[Output], paths: Sequence[Path], watch: Watch
) -> ExportFacts:
    """Read all tweets once and write them to every output; then prove that none is missing."""
    wanted = dict.fromkeys([name for one in outputs for name in one.fields])
    if _is_packed(order):
        wanted.update(dict.fromkeys(FIELDS))
    fields = tuple(wanted)
    for one in outputs:
        one.begin(fields)
    summary = Summary()
    try:
        with snapshot() as connection:
            read_at = clock.now()
            source = open_source(order.criteria, connection, fields)
            needed = storage.expected_bytes(order.layout, source.total or 0)
            storage.check_room(paths[0].parent, needed, order.keep_free_mb)
            _copy(order, source, outputs, summary, watch)
            gaps, runs = _provenance(connection, order, summary)
        written = [one.finish() for one in outputs]
    finally:
        for one in outputs:
            one.close()
    for output, path, result in zip(outputs, paths, written, strict=True):
        left_out = source.tally.left_out.total() + sum(result.left_out.values())
        check_tally(source.tally.read, result.rows, left_out, count_rows(output.layout, path))
    facts = _facts(source, written[0], summary, read_at)
    return replace(facts, gaps=gaps, runs=runs)


def _provenance(
    connection: Connection, order: ExportRequest, summary: Summary
) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    """The outages and the runs behind the posts, for a package; of other exports none."""
    if not _is_packed(order):
        return (), ()
    return gaps_of(connection, order, summary), runs_of(connection, summary.run_ids)


def _copy(
    order: ExportRequest,
    source: PostSource,
    outputs: Sequence[Output],
    summary: Summary,
    watch: Watch,
) -> None:
    folder, told = outputs[0].folder, _is_packed(order)
    done = 0
    watch(0, source.total)
    for number, tweets in enumerate(source.batches(), start=1):
        if told:
            summary.look(tweets)
        for output in outputs:
            output.write(tweets)
        done += len(tweets)
        watch(done, source.total)
        if number % BATCHES_PER_DISK_CHECK == 0:
            storage.check_room(folder, 0, order.keep_free_mb)


def _facts(
    source: PostSource, written: WrittenOutput, summary: Summary, read_at: datetime
) -> ExportFacts:
    return ExportFacts(
        rows_read=source.tally.read,
        rows_written=written.rows,
        left_out=dict(source.tally.left_out) | written.left_out,
        changes=written.changes,
        warnings=written.warnings,
        summary=summary,
        read_at=read_at,
    )


def read_version() -> int:
    """The version at which posts were last taken out of what is kept, on a connection of its own.

    To be read before the view of the database that an export is made of.
    """
    with db.engine.connect() as connection:
        return register.taken_out_version(connection)


def is_current(product: ExportResult) -> bool:
    """Whether nothing was taken out since the product was read. In the session, after
    `begin_write`; nothing can be taken out between this and the commit."""
    connection = db.session.connection()
    bulk_sql.lock_writers(connection)
    return register.taken_out_version(connection) == product.removals_version


def open_source(criteria: Criteria, connection: Connection, fields: Sequence[str]) -> PostSource:
    """The tweets that the criteria name, with these fields. Raises WrongInput."""
    if criteria.source == "files":
        from sfm.exports.readers.stream_files import StreamTweets

        return StreamTweets(connection, criteria, fields)
    if criteria.source == "ids":
        listed = read_ids(Path(criteria.ids_file))
        found = ListedTweets(connection, criteria, fields, listed.ids)
        found.tally.read += listed.without_id
        found.tally.leave_out(NO_ID, listed.without_id)
        return found
    return DatabaseTweets(connection, criteria, fields)
