"""Makes one export from end to end: read, write, count again, pack, rename."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from sfm import clock
from sfm.atomic_file import Destination, clear_part, part_of, sha256_of, write_version
from sfm.database import db
from sfm.errors import WrongInput
from sfm.exports import storage
from sfm.exports.package import package
from sfm.exports.package.account_completeness import accounts_of
from sfm.exports.package.filter_versions import streams_of
from sfm.exports.package.provenance import gaps_of, known_spans, runs_of
from sfm.exports.readers.database import DatabasePosts, ListedPosts, snapshot
from sfm.exports.readers.id_list import read_ids
from sfm.exports.request import Criteria, ExportRequest
from sfm.exports.result import SUMMARY_FIELDS, ExportFacts, ExportResult, Summary, Tally
from sfm.exports.storage import work_folder
from sfm.exports.writers.output import Output, WrittenOutput
from sfm.exports.writers.verify import count_rows, verify_counts
from sfm.messages import Message
from sfm.posts import bulk_sql
from sfm.removals import register

BATCHES_PER_DISK_CHECK = 50
MAX_TRIES = 5  # of one export; each ends with a removal that came while it was made
TOO_MANY_REMOVALS = Message(
    "Posts were removed each time while this was made, so it was made in vain. Ask for it again "
    "when no more are being removed."
)
NO_ID_ON_LINE = Message("no post id on the line")

Watch = Callable[[int, int | None], None]


def no_watch(_done: int, _total: int | None) -> None:
    """For those who need no progress."""


class PostSource(Protocol):
    """Where posts come from. `total` is None where it cannot be known beforehand."""

    tally: Tally

    @property
    def total(self) -> int | None: ...

    def batches(self) -> Iterator[list[Any]]: ...


def build_export(request: ExportRequest, target: Path, watch: Watch = no_watch) -> ExportResult:
    """Make the export at `target`; until it is whole there is only a `.part` beside it.

    `watch` is told rows done and in all after each batch, and may raise to stop. Packed exports
    become a zip, or a folder where the target's name does not end in .zip. What is there already
    stays, unless the order replaces it. Reads one view of the database on a connection of its
    own, and again from the start where posts were removed for good meanwhile. Raises NoRoom,
    CountMismatch, WrongInput.
    """
    destination = _destination(request, target)
    with storage.describe_full_disk(), part_of(destination) as part:
        for _ in range(MAX_TRIES):
            version = read_removals_version()
            write_version(part, version)
            facts = _make_part(request, target, part, watch)
            if read_removals_version() == version:
                break
            clear_part(part, folder=destination.folder)
        else:
            raise WrongInput(TOO_MANY_REMOVALS)
    if target.is_dir():
        return ExportResult(target, 0, "", facts, version)
    return ExportResult(target, target.stat().st_size, sha256_of(target), facts, version)


def _destination(request: ExportRequest, target: Path) -> Destination:
    packed = _is_packed(request)
    zipped = packed and target.suffix == ".zip"
    return Destination(
        target,
        folder=not zipped if packed else request.layout.format == "parquet",
        replaces=request.replaces_target,
        is_earlier=package.is_earlier_export,
        inputs=input_files(request.criteria),
    )


def _make_part(request: ExportRequest, target: Path, part: Path, watch: Watch) -> ExportFacts:
    """All of it at `part`, packed as the order says."""
    if not _is_packed(request):
        return _write(request, [Output(request.layout, part)], [part], watch)
    if target.suffix != ".zip":
        return _make_package(request, part, watch)
    with work_folder(part) as work:
        facts = _make_package(request, work / target.stem, watch)
        package.zip_folder(work / target.stem, part)
    return facts


def input_files(criteria: Criteria) -> tuple[Path, ...]:
    """The files that an export is read from."""
    names = [criteria.ids_file, *criteria.files]
    if db.engine.dialect.name == "sqlite":
        names.append(db.engine.url.database or "")
    return tuple(Path(name) for name in names if name)


def _is_packed(request: ExportRequest) -> bool:
    """Whether a README goes with it, which tells what the posts are."""
    return request.layout.packing in ("zip", "bag")


def _make_package(request: ExportRequest, folder: Path, watch: Watch) -> ExportFacts:
    """The data and all that proves it, in a folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    places = package.data_files(request, folder)
    for layout, path in places:
        path.parent.mkdir(exist_ok=True)
        if layout.format == "parquet":
            path.mkdir()
    outputs = [Output(layout, path) for layout, path in places]
    facts = _write(request, outputs, [path for _layout, path in places], watch)
    package.add_documentation(request, facts, folder)
    return facts


def _write(
    request: ExportRequest, outputs: Sequence[Output], paths: Sequence[Path], watch: Watch
) -> ExportFacts:
    """Read all posts once and write them to every output; then count what was written again."""
    fields = _begin(request, outputs)
    summary = Summary()
    try:
        with snapshot() as connection:
            read_at = clock.now()
            source = open_source(request.criteria, connection, fields)
            _check_space(request, source, paths[0].parent)
            _copy(request, source, outputs, summary, watch)
            gaps, runs, streams = _provenance(connection, request, summary)
            accounts = _accounts(connection, request)
        written = [output.finish() for output in outputs]
    finally:
        for output in outputs:
            output.close()
    _verify(source.tally, outputs, paths, written)
    facts = _facts(source, written[0], summary, read_at)
    return replace(facts, gaps=gaps, runs=runs, streams=streams, accounts=accounts)


def _begin(request: ExportRequest, outputs: Sequence[Output]) -> tuple[str, ...]:
    """Begin every output with what is read of each post: all that an output or the summary of a
    package needs, once."""
    names = dict.fromkeys([name for output in outputs for name in output.fields])
    if _is_packed(request):
        names.update(dict.fromkeys(SUMMARY_FIELDS))
    fields = tuple(names)
    for output in outputs:
        output.begin(fields)
    return fields


def _check_space(request: ExportRequest, source: PostSource, folder: Path) -> None:
    """Raises NoRoom."""
    needed = storage.expected_bytes(request.layout, source.total or 0)
    storage.check_disk_space(folder, needed, request.keep_free_mb)


def _verify(
    tally: Tally,
    outputs: Sequence[Output],
    paths: Sequence[Path],
    written: Sequence[WrittenOutput],
) -> None:
    """Count what was written again. Raises CountMismatch."""
    for output, path, result in zip(outputs, paths, written, strict=True):
        left_out = tally.left_out.total() + sum(result.left_out.values())
        verify_counts(tally.read, result.rows, left_out, count_rows(output.layout, path))


def _provenance(
    connection: Connection, request: ExportRequest, summary: Summary
) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """Outages, runs and filters behind the posts, for a package; of other exports none."""
    if not _is_packed(request):
        return (), (), ()
    spans = known_spans(connection, request, summary)
    streams = streams_of(connection, spans) if spans else ()
    return gaps_of(connection, request, summary), runs_of(connection, summary.run_ids), streams


def _accounts(connection: Connection, request: ExportRequest) -> tuple[dict[str, Any], ...]:
    """How complete the accounts are that were asked for, for a package; of other exports none."""
    return accounts_of(connection, request.criteria.selection) if _is_packed(request) else ()


def _copy(
    request: ExportRequest,
    source: PostSource,
    outputs: Sequence[Output],
    summary: Summary,
    watch: Watch,
) -> None:
    folder, packed = outputs[0].folder, _is_packed(request)
    done = 0
    watch(0, source.total)
    for number, posts in enumerate(source.batches(), start=1):
        if packed:
            summary.look(posts)
        for output in outputs:
            output.write(posts)
        done += len(posts)
        watch(done, source.total)
        if number % BATCHES_PER_DISK_CHECK == 0:
            storage.check_disk_space(folder, 0, request.keep_free_mb)


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


def read_removals_version() -> int:
    """The version at which posts were last taken out of what is kept, on a connection of its own.

    To be read before the view of the database that an export is made of.
    """
    with db.engine.connect() as connection:
        return register.taken_out_version(connection)


def is_unaffected_by_removals(result: ExportResult) -> bool:
    """Whether nothing was taken out since the posts of the result were read. In the session, after
    `begin_write`; nothing can be taken out between this and the commit."""
    connection = db.session.connection()
    bulk_sql.lock_writers(connection)
    return register.taken_out_version(connection) == result.removals_version


def open_source(criteria: Criteria, connection: Connection, fields: Sequence[str]) -> PostSource:
    """The posts that the criteria name, with these fields. Raises WrongInput."""
    if criteria.source == "files":
        from sfm.exports.readers.stream_files import StreamPosts

        return StreamPosts(connection, criteria, fields)
    if criteria.source == "ids":
        id_list = read_ids(Path(criteria.ids_file))
        source = ListedPosts(connection, criteria, fields, id_list.ids)
        source.tally.read += id_list.without_id
        source.tally.leave_out(NO_ID_ON_LINE, id_list.without_id)
        return source
    return DatabasePosts(connection, criteria, fields)
