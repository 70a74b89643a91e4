"""The command that takes a tweet out of everything that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from sfm.takedown.removal import Found


@click.command("remove_tweet")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, 2**63 - 1))
@click.option("--reason", required=True, help="Why, for the audit log: who asked, and when.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@with_appcontext
def remove_tweet(ids: tuple[int, ...], reason: str, yes: bool) -> None:
    """Delete tweets from everything kept here, for good: when Twitter or their author asks for it.

    Goes through the database (retweets of them and copies inside quotes too), finished stream
    files and finished exports, which are deleted whole if they hold one. Says what would go and
    asks first. Files that are still being written are named: run it again when they are finished
    (exit code 1 until then). Not reached are backups and files that were taken elsewhere.
    """
    from sfm.cli.accounts import at_the_terminal
    from sfm.errors import WrongInput
    from sfm.takedown import removal

    if not reason.strip():
        raise WrongInput("Say why with --reason; the audit log keeps it.")
    found = removal.find(ids)
    _say(found)
    troubles: list[str] = []
    if found.anything:
        if not yes:
            click.confirm("Delete this for good?", abort=True, err=True)
        with at_the_terminal():
            troubles = removal.remove(found, reason.strip())
        click.echo("Deleted, and written into the audit log.")
    _say_left(found, troubles)
    if troubles or found.later:
        raise click.exceptions.Exit(1)


def _say(found: Found) -> None:
    if not found.anything:
        if not found.later:
            click.echo("Nothing of this is kept here: there is nothing to delete.")
        return
    counts = found.counts()
    click.echo(f"{counts['stored']:,} stored tweets, retweets included")
    click.echo(f"{counts['copies cut out']:,} stored tweets that quote or answer, their copy of it")
    click.echo(
        f"{counts['lines in stream files']:,} lines in {counts['stream files']:,} stream files"
    )
    click.echo(f"{counts['files put aside']:,} files with lines that were put aside")
    click.echo(f"{counts['exports']:,} finished exports, whole")
    click.echo(f"{counts['lists of ids']:,} lists of ids, the ids on them")


def _say_left(found: Found, troubles: list[str]) -> None:
    from sfm.extensions import settings

    for trouble in troubles:
        click.echo(f"Not done: {trouble}", err=True)
    for path in found.later:
        click.echo(f"Not done yet, still being written: {path.name}", err=True)
    if found.later:
        click.echo("Run this again when these files are finished.", err=True)
    copies = sorted((settings().instance / "backups").glob("*"))
    if found.anything and copies:
        click.echo("Copies of the database from before may still hold it; delete them:", err=True)
        for path in copies:
            click.echo(f"  {path}", err=True)
