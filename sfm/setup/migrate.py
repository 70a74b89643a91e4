"""Brings the database up to date, with a copy of an SQLite file put aside first."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import upgrade

from sfm import clock
from sfm.database import db
from sfm.errors import SfmError
from sfm.extensions import settings
from sfm.messages import Message
from sfm.setup.numbers import count_on_above_files


@dataclass(frozen=True)
class MigrationResult:
    """What was done: revisions before and after (empty: no tables yet), and the copy if any."""

    before: str
    after: str
    copy: Path | None


def bring_up_to_date(folder: Path) -> MigrationResult:
    """Run every migration that is missing; a filled SQLite file is copied into `folder` first.

    Each migration is one transaction on both databases: killed half-way, the database is as it
    was before that migration, and the next call goes on. A copy that was put back counts on above
    the numbers of files made since. Raises SfmError where the database was made by a newer release.
    """
    done = _migrate(folder)
    count_on_above_files(settings().data_folder)
    return done


def _migrate(folder: Path) -> MigrationResult:
    before = present_revision()
    head = _scripts().get_current_head() or ""
    if before == head:
        return MigrationResult(before, before, None)
    if before and before not in {script.revision for script in _scripts().walk_revisions()}:
        raise SfmError(
            Message(
                "The database is of a newer release (revision %(before)s) than this program. "
                "Install that release, or restore a copy made before it.",
                before=before,
            ),
            permanent=True,
        )
    copy = copy_sqlite(folder, before) if before else None
    db.session.remove()
    upgrade()
    return MigrationResult(before, head, copy)


def present_revision() -> str:
    """The revision that the database is at; empty for a database without our tables."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def copy_sqlite(folder: Path, revision: str) -> Path | None:
    """A whole and consistent copy of an SQLite database, made while others may write to it.

    None on PostgreSQL, whose backups are pg_dump's work. Source: SQLite's online backup.
    """
    file = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not file:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = clock.iso(clock.now()).replace(":", "-")
    target = folder / f"before-{revision}-{moment}.sqlite3"
    target.touch(mode=0o600)
    with sqlite3.connect(file) as source, sqlite3.connect(target) as copy:
        source.backup(copy)
    return target


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(current_app.extensions["migrate"].migrate.get_config())
