"""Whether an export was read before posts were removed for good: then it is made again."""

from __future__ import annotations

from sfm.database import db
from sfm.exports.result import ExportResult
from sfm.posts import bulk_sql
from sfm.removals import register

MAX_TRIES = 5  # of one export; each ends with a removal that came while it was made
TOO_MANY = (
    "Posts were removed each time while this was made, so it was made in vain. Ask for it again "
    "when no more are being removed."
)


def read_version() -> int:
    """The version at which posts were last taken out of what is kept, on a connection of its own.

    To be read before the view of the database that an export is made of.
    """
    with db.engine.connect() as connection:
        return register.taken_out_version(connection)


def is_current(product: ExportResult) -> bool:
    """Whether nothing was taken out since the product was read. In the session, after
    `begin_write`; nothing can be taken out between this and the commit."""
    connection = db.session.connection()
    bulk_sql.lock_writers(connection)
    return register.taken_out_version(connection) == product.removals_version
