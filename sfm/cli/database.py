"""Commands for the database itself."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

NEW_COLUMNS = "0016"  # the revision whose columns of posts only `refill_items` can fill


@click.command("migrate_database")
@with_appcontext
def migrate_database() -> None:
    """Bring the database up to date. An SQLite file is copied first, into the instance folder.

    Safe to run at any time: with nothing to do, nothing is done.
    """
    from sfm.extensions import settings
    from sfm.setup.migrate import bring_up_to_date

    done = bring_up_to_date(settings().instance / "backups")
    if done.before == done.after:
        click.echo(f"The database is up to date (revision {done.after}).")
    else:
        click.echo(f"The database is now at revision {done.after}.")
    if done.copy:
        click.echo(f"A copy from before is kept at {done.copy}.")
    _tell_what_to_refill(done.before)


def _tell_what_to_refill(revision_before: str) -> None:
    from sfm.database import db
    from sfm.posts import queries, search_index

    if revision_before and revision_before < NEW_COLUMNS and queries.total().number:
        click.echo(
            "Posts kept before this release have columns that are still empty: polls, articles, "
            "media of quotes, and what is read from texts. Run `refill_items` when the machine has "
            "time: it fills them."
        )
    if search_index.state(db.session.connection()).is_outdated:
        click.echo(
            "The search still goes by the rules of an earlier release. "
            "Run `refill_items` when the machine has time: it makes the search anew."
        )
