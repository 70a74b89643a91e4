"""What a collector knows of posts that were removed for good: none of them goes into its files.

One thread reads the register, others ask. Who reads `additions` first and the ids then has ids at
least as new.
"""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from sfm.database import db
from sfm.removals import register
from sfm.removals.redact import RemovedIds, redact

logger = logging.getLogger(__name__)

VERSION = "removals_version"  # in the figures of a heartbeat


class RemovedPosts:
    """The posts to leave out. `additions` grows each time that there are more of them."""

    def __init__(self) -> None:
        self.posts: RemovedIds | None = None
        self.version = 0  # of the register, as it is known here
        self.additions = 0

    def refresh(self) -> None:
        """Read the register again; where the database is away, what was known stays.

        In the session, which is rolled back.
        """
        try:
            connection = db.session.connection()
            version = register.version(connection)
            posts = register.refused_posts(connection)
            db.session.rollback()
        except SQLAlchemyError as exc:
            logger.warning("register of removed posts not read error=%s", type(exc).__name__)
            db.session.rollback()
            return
        before = self.posts.ids if self.posts else frozenset()
        self.posts = posts
        self.additions += bool(posts and not posts.ids <= before)
        self.version = version

    def without_removed(self, line: bytes) -> bytes | None:
        """The line without removed posts; None where nothing of it may stay."""
        posts = self.posts
        return line if posts is None else redact(line, posts)
