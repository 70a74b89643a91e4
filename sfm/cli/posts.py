"""Commands that look posts up, make them anew and check their counts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import click
from flask.cli import with_appcontext

from sfm.cli.counting import many


@click.command("fetch_tweets_by_id")
@click.option(
    "--inputfile",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of post ids, one a line.",
)
@click.option(
    "--outputfile",
    type=click.Path(path_type=Path),
    help="Where the posts go, one a line; the screen where it is left out.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Look up so many ids at most.")
@click.option("--force", is_flag=True, help="Replace an output file that is there already.")
@click.option("--append", is_flag=True, help="Add to an output file that is there already.")
@with_appcontext
def fetch_tweets_by_id(
    inputfile: Path, outputfile: Path | None, limit: int | None, force: bool, append: bool
) -> None:
    """Look posts up by their ids, 100 a call, and write them as lines of JSON.

    Ids that Twitter does not give are listed with the reason in <inputfile>.log; where that name
    is taken, in <inputfile>.log-2 and so on. The output file gets its name when all is done; what
    had come when it was cut off is kept in <outputfile>.incomplete. Nothing is put into the
    database; import_tweets does that with the file.
    """
    from sfm.cli.running import patient_client, running
    from sfm.posts.lookup import look_up, read_ids
    from sfm.users.clients import default_client

    if force and append:
        raise click.UsageError("Choose one of --force and --append.")
    default_client()
    with ExitStack() as files:
        lines = files.enter_context(inputfile.open(encoding="utf-8-sig", errors="replace"))
        out: IO[bytes] = sys.stdout.buffer
        if outputfile is not None:
            out = files.enter_context(_output(outputfile, inputfile, force, append))
        log = files.enter_context(_log_beside(inputfile, outputfile))
        params = {"inputfile": inputfile.name}
        run, result = files.enter_context(running("fetch_tweets_by_id", params))
        client = patient_client(run)
        counts = look_up(run, client, read_ids(lines, limit), out, log)
        result.update(vars(counts))
    click.echo(
        f"{many(counts.asked, 'id')} asked for, {many(counts.found, 'post')} found, "
        f"{counts.failed:,} not.",
        err=outputfile is None,
    )
    if counts.failed:
        click.echo(f"Those not found are listed in {log.name}", err=True)


@contextmanager
def _output(target: Path, inputfile: Path, force: bool, append: bool) -> Iterator[IO[bytes]]:
    """The file to write to, which becomes the target, or what is added to it, at the end."""
    from sfm.atomic_file import Destination, part_of

    there = Destination(target, replaces=force or append, inputs=(inputfile,))
    with part_of(there, unfinished=_keep_incomplete) as part:
        with part.open("xb") as out:
            yield out
        if append and there.path.exists():
            _put_before(there.path, part)


def _put_before(earlier: Path, part: Path) -> None:
    """Make the part begin with all of an earlier file, each in lines of its own."""
    whole = part.with_name(part.name + ".whole")
    try:
        with whole.open("wb") as both:
            with earlier.open("rb") as lines:
                shutil.copyfileobj(lines, both)
            if both.tell() and not _ends_a_line(earlier):
                both.write(b"\n")
            with part.open("rb") as lines:
                shutil.copyfileobj(lines, both)
        whole.replace(part)
    finally:
        whole.unlink(missing_ok=True)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _keep_incomplete(part: Path) -> None:
    """Posts that were looked up, and paid, before it was cut off."""
    from sfm.atomic_file import PART, free_name

    if not part.stat().st_size:
        part.unlink()
        return
    kept = free_name(part.with_name(part.name.removesuffix(PART) + ".incomplete"))
    part.rename(kept)
    click.echo(f"It was cut off. What had come until then is kept in {kept}", err=True)


@contextmanager
def _log_beside(inputfile: Path, outputfile: Path | None) -> Iterator[IO[str]]:
    """A log that is new, whatever earlier ones there are; gone at the end where it is empty."""
    from sfm.atomic_file import free_name
    from sfm.errors import WrongInput
    from sfm.messages import Message

    path = free_name(inputfile.with_name(inputfile.name + ".log"))
    if outputfile is not None and os.path.realpath(path) == os.path.realpath(outputfile):
        raise WrongInput(
            Message(
                "The list of ids not found goes to %(path)s. Name another output file.", path=path
            )
        )
    log = _open_new(path)
    try:
        with log:
            yield log
    finally:
        if not path.stat().st_size:
            path.unlink()


@click.command("refill_items")
@with_appcontext
def refill_items() -> None:
    """Make what is stored of posts anew from their JSON, after an update that asks for it.

    May be stopped and started again. The JSON itself is never changed.
    """
    from sfm.cli.running import running
    from sfm.posts.rebuild import refill
    from sfm.runs.jobs import REFILL_ITEMS

    with running(REFILL_ITEMS) as (run, result):
        counts = refill(run)
        result.update(vars(counts))
    click.echo(
        f"{many(counts.seen, 'post')} looked at, {counts.changed:,} changed, "
        f"{counts.unreadable:,} unreadable."
    )


@click.command("check_counts")
@with_appcontext
def check_counts() -> None:
    """Compare the kept counts with a full count of all posts, and correct them."""
    from sfm.cli.running import running
    from sfm.posts.count_check import Difference, verify_in_slices

    def tell(difference: Difference) -> None:
        click.echo(
            f"{difference.where}: {difference.kept:,} was kept, {difference.counted:,} is right"
        )

    with running("check_counts") as (run, result):
        corrected = verify_in_slices(run, tell)
        result.update({"corrected": corrected})
        run.advance(corrected, corrected)
    click.echo(many(corrected, "count", " put right.") if corrected else "All counts are right.")


def _open_new(path: Path) -> IO[str]:
    from sfm.errors import WrongInput
    from sfm.messages import Message

    try:
        return path.open("x", encoding="utf-8")
    except OSError as exc:
        raise WrongInput(
            Message("%(path)s cannot be written (%(reason)s).", path=path, reason=exc.strerror)
        ) from exc
