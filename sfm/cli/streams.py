"""Commands for live streams: collect a filter or the sample, and put finished files in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from flask.cli import with_appcontext

from sfm.networks.record import MAX_ID

if TYPE_CHECKING:
    from sfm.filters.connections import CredentialSource
    from sfm.streams.collector import CollectorOptions

save_option = click.option("--save", is_flag=True, help="Write files instead of standard output.")
dir_option = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where files are written; DATA_DIR if not given.",
)
verbose_option = click.option(
    "--verbose",
    is_flag=True,
    help="Say on standard error what is asked for, each change, and how many posts come.",
)
interval_option = click.option(
    "--interval",
    type=click.IntRange(1, 86_400),
    help="Seconds until a new file is begun; SAVE_INTERVAL_SECONDS if not given.",
)


@click.command()
@click.argument("filter_ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1, MAX_ID))
@click.option(
    "--connection",
    default="",
    metavar="HASH",
    help="All active filters of the credential whose fingerprint begins so; what supervisord runs "
    "where filters share a connection.",
)
@save_option
@dir_option
@interval_option
@verbose_option
@click.option("--list", "show_list", is_flag=True, help="List the filters and their state.")
@with_appcontext
def filterstream(
    filter_ids: tuple[int, ...],
    connection: str,
    save: bool,
    folder: Path | None,
    interval: int | None,
    verbose: bool,
    show_list: bool,
) -> None:
    """Collect the stream of one filter, to standard output or to files.

    Several numbers share one connection: their filters need the same credential. Stops with
    Ctrl-C or SIGTERM, after saving everything; SIGHUP reads the filters again.
    """
    if show_list:
        _list_filters()
        return
    if bool(filter_ids) == bool(connection):
        raise click.UsageError("Give the number of a filter; --list shows them.")
    _collect(_of_filters(filter_ids, connection), save, folder, interval, verbose)


@click.command()
@save_option
@dir_option
@interval_option
@verbose_option
@with_appcontext
def streamsample(save: bool, folder: Path | None, interval: int | None, verbose: bool) -> None:
    """Collect Twitter's sample of all posts (about 1 %), to standard output or to files."""
    from sfm.supervisord.conf import SAMPLE_PREFIX

    _collect(Stream(SAMPLE_PREFIX, ()), save, folder, interval, verbose)


@click.command()
@dir_option
@interval_option
@with_appcontext
def organizedata(folder: Path | None, interval: int | None) -> None:
    """Move finished stream files into folders by stream, year, month, day and hour (UTC).

    Files begun less than two intervals ago stay. Files that the database does not know are
    written into its manifest.
    """
    from sfm.extensions import settings
    from sfm.streams import archive, files
    from sfm.streams.deleted_filter_files import seal_files_of_deleted_filters

    root = settings().data_folder
    seconds = interval or settings().save_interval_seconds
    seal_files_of_deleted_filters(root, settings().instance / "run")
    added = files.catch_up(root)
    moved = list(archive.organize(folder or root, root, seconds))
    for move in moved:
        if move.problem:
            click.echo(f"{move.name}: {move.problem}", err=True)
    good = sum(not move.problem for move in moved)
    click.echo(f"{good} files moved, {added} added to the manifest.")
    if good < len(moved):
        raise click.exceptions.Exit(1)


def _list_filters() -> None:
    from sfm.filters.queries import describe_filters

    for line in describe_filters():
        click.echo(line)


class Stream(NamedTuple):
    """What one collector is called and which filters it begins with; none for the sample."""

    program: str
    filter_ids: tuple[int, ...]


def _of_filters(filter_ids: tuple[int, ...], connection: str) -> Stream:
    """The stream of these filters, or of all that share a connection."""
    from sfm.filters.queries import ids_of_connection
    from sfm.supervisord.conf import program_name, shared_name

    if not connection:
        return Stream(program_name(filter_ids), filter_ids)
    try:
        program = shared_name(connection)
    except ValueError as exc:
        raise click.UsageError("--connection takes twelve of the characters 0-9 and a-f.") from exc
    return Stream(program, ids_of_connection(connection))


def _collect(
    stream: Stream,
    save: bool,
    folder: Path | None,
    interval: int | None,
    verbose: bool,
) -> None:
    import logging

    from sfm import clock
    from sfm.cli import Sentence
    from sfm.supervisord.final_exit import wait_for_final_exit

    begun = clock.monotonic()
    logging.getLogger("sfm").setLevel(logging.DEBUG if verbose else logging.INFO)
    try:
        code = _run_collector(stream, save, folder, interval)
    except Sentence as exc:
        exc.show()
        code = exc.exit_code
    wait_for_final_exit(code, begun)
    if code:
        raise click.exceptions.Exit(code)


def _run_collector(stream: Stream, save: bool, folder: Path | None, interval: int | None) -> int:
    """The exit code of a collector; raises Sentence with that of one that could not begin."""
    from sfm.cli import Sentence
    from sfm.errors import SfmError
    from sfm.filters.connections import ConnectionTaken
    from sfm.streams.collector import HELD_BY_ANOTHER, NEEDS_PERSON, Collector
    from sfm.streams.errors import AnotherCollector

    try:
        options, source = _collector_options(stream, save, folder, interval)
        return Collector(options, source).run()
    except (AnotherCollector, ConnectionTaken) as exc:
        raise Sentence(exc.message, exit_code=HELD_BY_ANOTHER) from exc
    except SfmError as exc:
        _say_why(stream, exc)
        raise Sentence(exc.message, exit_code=NEEDS_PERSON if exc.permanent else 1) from exc


def _collector_options(
    stream: Stream, save: bool, folder: Path | None, interval: int | None
) -> tuple[CollectorOptions, CredentialSource]:
    from sfm.config import supervised_as
    from sfm.extensions import settings
    from sfm.filters import connections
    from sfm.streams.collector import CollectorOptions

    current = settings()
    supervised = bool(supervised_as())
    ids = stream.filter_ids
    source = _source(ids) if ids else connections.sample_source()
    root = current.data_folder
    options = CollectorOptions(
        program=stream.program,
        filter_ids=ids,
        folder=(folder or root).absolute() if save else None,
        root=root,
        run=current.instance / "run",
        interval_seconds=interval or current.save_interval_seconds,
        share=supervised and current.share_stream_connections,
        supervised=supervised,
    )
    return options, source


def _source(filter_ids: tuple[int, ...]) -> CredentialSource:
    """The credential of the first of these filters that is (for supervisord: active and) there."""
    from sfm.filters import connections
    from sfm.filters.queries import to_collect

    twitter_filter = to_collect(filter_ids)
    source = connections.source_of_filter(twitter_filter)
    taken = connections.sample_conflict(source)
    if taken:
        raise connections.ConnectionTaken(taken)
    return source


def _say_why(stream: Stream, trouble: Exception) -> None:
    """For the status page: why a process that supervisord started could not begin."""
    from sfm.config import supervised_as
    from sfm.streams.manifest import record_refusal

    if supervised_as():
        record_refusal(stream.program, stream.filter_ids, str(trouble))
