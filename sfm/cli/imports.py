"""Commands that take tweets over from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from sfm.posts.importer import Imported


@click.command("import_tweets")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--add-users", is_flag=True, help="Make accounts, inactive, of unknown authors.")
@with_appcontext
def import_tweets(files: tuple[Path, ...], add_users: bool) -> None:
    """Import the tweets of FILES: JSON lines of v1.1 or v2, whole response pages, also .gz.

    Tweets that are here already stay as they are; importing a file twice changes nothing. Lines
    that hold no tweet are listed in FILE.rejects, with their number and the reason. An import
    that was cut off goes on where it stopped when it is started again.
    """
    from sfm.cli.running import running
    from sfm.posts.importer import import_files
    from sfm.runs.jobs import IMPORT_TWEETS

    params = {"files": [file.name for file in files], "add_users": add_users}
    with running(IMPORT_TWEETS, params) as (run, result):
        found = import_files(run, files, add_users=add_users, tell=_tell)
        names = ("read", "new", "known", "without_account", "removed", "unreadable",
                 "added_accounts")  # fmt: skip
        result.update({name: sum(getattr(one, name) for one in found) for name in names})
    if any(one.is_broken_off for one in found):
        sys.exit(1)


def _tell(one: Imported) -> None:
    if one.went_on_at:
        click.echo(f"{one.path}: went on behind line {one.went_on_at:,}, where it was cut off.")
    parts = [
        f"{one.read:,} tweets read",
        f"{one.new:,} new",
        f"{one.known:,} known",
        f"{one.without_account:,} without a tracked account",
        f"{one.unreadable:,} unreadable",
    ]
    if one.removed:
        parts.append(f"{one.removed:,} removed here for good, left out")
    if one.added_accounts:
        parts.append(f"{one.added_accounts:,} accounts added, inactive")
    click.echo(f"{one.path}: {', '.join(parts)}.")
    if one.unreadable:
        click.echo(f"{one.path}: unreadable lines are listed in {one.rejects}", err=True)
    if one.without_account:
        click.echo("Say --add-users to take tweets of accounts over that are not here.", err=True)
    if one.is_broken_off:
        click.echo(f"{one.path}: the file is damaged; what came before is kept.", err=True)
