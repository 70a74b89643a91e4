"""Commands that look tweets up, make them anew and check their counts."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click
from flask.cli import with_appcontext


@click.command("fetch_tweets_by_id")
@click.option(
    "--inputfile",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of tweet ids, one a line.",
)
@click.option(
    "--outputfile",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the tweets go, one a line; the screen where it is left out.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Look up so many ids at most.")
@with_appcontext
def fetch_tweets_by_id(inputfile: Path, outputfile: Path | None, limit: int | None) -> None:
    """Look tweets up by their ids, 100 a call, and write them as lines of JSON.

    Ids that Twitter does not give are listed with the reason in <inputfile>.log. Nothing is put
    into the database; import_tweets does that with the file.
    """
    from sfm.accounts.clients import default_client
    from sfm.cli.running import running
    from sfm.tweets.lookup import look_up, read_ids

    default_client()
    log_path = inputfile.with_name(inputfile.name + ".log")
    with ExitStack() as files:
        lines = files.enter_context(inputfile.open(encoding="utf-8-sig", errors="replace"))
        log = files.enter_context(_writable(log_path).open("w", encoding="utf-8"))
        out: IO[bytes] = sys.stdout.buffer
        if outputfile is not None:
            out = files.enter_context(_writable(outputfile).open("wb"))
        params = {"inputfile": inputfile.name}
        run, result = files.enter_context(running("fetch_tweets_by_id", params))
        client = default_client(lambda wait: run.wait(wait.until, wait.message))
        found = look_up(run, client, read_ids(lines, limit), out, log)
        result.update(vars(found))
    click.echo(
        f"{found.asked:,} ids asked for, {found.found:,} tweets found, {found.failed:,} not.",
        err=outputfile is None,
    )
    if found.failed:
        click.echo(f"Those not found are listed in {log_path}", err=True)
    else:
        log_path.unlink()


def _writable(path: Path) -> Path:
    from sfm.errors import WrongInput

    try:
        with path.open("a"):
            return path
    except OSError as exc:
        raise WrongInput(f"{path} cannot be written ({exc.strerror}).") from exc


@click.command("refill_items")
@with_appcontext
def refill_items() -> None:
    """Make what is stored of tweets anew from their JSON, after an update that asks for it.

    May be stopped and started again. The JSON itself is never changed.
    """
    from sfm.cli.running import running
    from sfm.runs.jobs import REFILL_ITEMS
    from sfm.tweets.refill import refill

    with running(REFILL_ITEMS) as (run, result):
        found = refill(run)
        result.update(vars(found))
    click.echo(
        f"{found.seen:,} tweets looked at, {found.changed:,} changed, "
        f"{found.unreadable:,} unreadable."
    )


@click.command("check_counts")
@with_appcontext
def check_counts() -> None:
    """Hold the kept counts against a full count of all tweets, and put them right."""
    from sfm.cli.running import running
    from sfm.runs.transactions import unit_of_work
    from sfm.tweets.counts_check import check_rollups

    with running("check_counts") as (run, result):
        wrong = unit_of_work(check_rollups)
        result.update({"corrected": len(wrong)})
        run.advance(len(wrong), len(wrong))
    for one in wrong:
        click.echo(f"{one.where}: {one.kept:,} was kept, {one.counted:,} is right")
    click.echo(f"{len(wrong):,} counts put right." if wrong else "All counts are right.")
