"""What SQLite keeps of deleted rows in its file: freed pages, and words until segments are merged.

Source: SQLite's pages on PRAGMA secure_delete and on FTS5's 'merge' command. PostgreSQL's vacuum
frees deleted rows by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

from sfm.database import begin_write, db
from sfm.posts import bulk_sql

PAGES_PER_STEP = 1000  # of the index a step: others may write in between


def overwrite_deleted() -> None:
    """From here on, what this connection deletes is overwritten with zeros. In the session."""
    if bulk_sql.is_sqlite(db.session.connection()):
        db.session.execute(text("PRAGMA secure_delete = ON"))


def merge_words(watch: Callable[[], object]) -> None:
    """Merge the index, step by step, until no segment has the words of deleted posts. Commits.

    `watch` is called before each step and may raise to stop.
    """
    pages = -PAGES_PER_STEP  # less than none: all segments are to become one
    watch()
    while _step(pages):
        watch()
        pages = PAGES_PER_STEP
    _empty_the_log()


def _step(pages: int) -> bool:
    """One step; False where there is nothing to merge any more."""
    begin_write()
    connection = db.session.connection()
    if not bulk_sql.is_sqlite(connection):
        db.session.rollback()
        return False
    overwrite_deleted()
    before = _changes(connection)
    order = "INSERT INTO tweet_search (tweet_search, rank) VALUES ('merge', :pages)"
    connection.execute(text(order), {"pages": pages})
    worked = _changes(connection) - before >= 2  # the order itself counts as one
    db.session.commit()
    return worked


def _changes(connection: Connection) -> int:
    driver = connection.connection.driver_connection
    return int(driver.total_changes) if driver is not None else 0


def _empty_the_log() -> None:
    """Old pages stay in the log until it is emptied; readers may put that off till later."""
    if db.engine.dialect.name == "sqlite":
        raw = db.engine.raw_connection()  # outside any transaction
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
