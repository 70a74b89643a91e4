"""Commands that take posts over from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from sfm.cli.counting import many

if TYPE_CHECKING:
    from sfm.posts.importer import Imported


@click.command("import_tweets")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--add-users", is_flag=True, help="Make accounts, inactive, of unknown authors.")
@with_appcontext
def import_tweets(files: tuple[Path, ...], add_users: bool) -> None:
    """Import the posts of FILES: JSON lines of v1.1 or v2, whole response pages, also .gz.

    Posts that are here already stay as they are; importing a file twice changes nothing. Lines
    that hold no post are listed in FILE.rejects, with their number and the reason. An import
    that was cut off goes on where it stopped when it is started again.
    """
    from sfm.cli.running import running
    from sfm.posts.importer import import_files
    from sfm.runs.jobs import IMPORT_TWEETS

    params = {"files": [file.name for file in files], "add_users": add_users}
    with running(IMPORT_TWEETS, params) as (run, result):
        imported_files = import_files(run, files, add_users=add_users, tell=_show_file)
        names = ("read", "new", "known", "without_account", "removed", "unreadable",
                 "added_accounts")  # fmt: skip
        result.update(
            {name: sum(getattr(imported, name) for imported in imported_files) for name in names}
        )
    if any(imported.is_broken_off for imported in imported_files):
        sys.exit(1)


def _show_file(imported: Imported) -> None:
    if imported.went_on_at:
        click.echo(
            f"{imported.path}: went on behind line {imported.went_on_at:,}, where it was cut off."
        )
    click.echo(f"{imported.path}: {', '.join(_counts(imported))}.")
    if imported.unreadable:
        click.echo(f"{imported.path}: unreadable lines are listed in {imported.rejects}", err=True)
    if imported.without_account:
        click.echo("Say --add-users to take posts of accounts over that are not here.", err=True)
    if imported.is_broken_off:
        click.echo(f"{imported.path}: the file is damaged; what came before is kept.", err=True)


def _counts(imported: Imported) -> list[str]:
    parts = [
        many(imported.read, "post", " read"),
        f"{imported.new:,} new",
        f"{imported.known:,} known",
        f"{imported.without_account:,} without an account here",
        f"{imported.unreadable:,} unreadable",
    ]
    if imported.removed:
        parts.append(f"{imported.removed:,} removed here for good, left out")
    if imported.added_accounts:
        parts.append(many(imported.added_accounts, "account", " added, inactive"))
    return parts
