"""Commands for the database itself."""

from __future__ import annotations

import click
from flask.cli import with_appcontext


@click.command("migrate_database")
@with_appcontext
def migrate_database() -> None:
    """Bring the database up to date. An SQLite file is copied first, into the instance folder.

    Safe to run at any time: with nothing to do, nothing is done.
    """
    from sfm.database import db
    from sfm.extensions import settings
    from sfm.posts import search_index
    from sfm.setup.migrate import bring_up_to_date

    done = bring_up_to_date(settings().instance / "backups")
    if done.before == done.after:
        click.echo(f"The database is up to date (revision {done.after}).")
    else:
        click.echo(f"The database is now at revision {done.after}.")
    if done.copy:
        click.echo(f"A copy from before is kept at {done.copy}.")
    if search_index.state(db.session.connection()).is_outdated:
        click.echo(
            "The search still goes by the rules of an earlier release. "
            "Run `refill_items` when the machine has time: it makes the search anew."
        )
