"""The full-text index as a whole: what of it is up to date, and making it anew. Commits nothing.

The index has a version (`tokenizer.VERSION`). While it is made anew, rows up to `done_to_id` are in
it, those behind it up to `goes_to_id` are not yet; what is saved meanwhile is indexed with it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select, text

from sfm.models import TwitterUserItem
from sfm.posts import bulk_sql, tokenizer
from sfm.posts.tokenizer import Words


class IndexState(NamedTuple):
    """The index's version, and how far making it anew has come (None: it is whole)."""

    version: int
    done_to_id: int | None
    goes_to_id: int | None

    @property
    def is_outdated(self) -> bool:
        """Whether it was made by the rules of an earlier release: `refill_items` makes it anew."""
        return self.version != tokenizer.VERSION


def state(connection: Connection) -> IndexState:
    """How the index stands."""
    row = connection.execute(
        text("SELECT version, done_to_id, goes_to_id FROM tweet_search_state")
    ).one()
    return IndexState(*row)


def is_indexed(now: IndexState, item_id: int) -> bool:
    """Whether the index holds this row (by its own number) with the words of today's rules."""
    if now.is_outdated:
        return False
    if now.done_to_id is None or now.goes_to_id is None:
        return True
    return item_id <= now.done_to_id or item_id > now.goes_to_id


def begin_rebuild(connection: Connection) -> None:
    """Empty the index; from here on `advance` says how far it is filled again."""
    bulk_sql.lock_writers(connection)
    bulk_sql.empty_index(connection)
    last = connection.scalar(select(func.max(TwitterUserItem.id))) or 0
    connection.execute(
        text(
            "UPDATE tweet_search_state SET version = :version, done_to_id = 0, goes_to_id = :last"
        ),
        {"version": tokenizer.VERSION, "last": last},
    )


def advance(connection: Connection, item_id: int) -> None:
    """All rows up to this one are in the index; once all are, it is whole."""
    connection.execute(
        text(
            "UPDATE tweet_search_state SET "
            "done_to_id = CASE WHEN :done >= goes_to_id THEN NULL ELSE CAST(:done AS bigint) END, "
            "goes_to_id = CASE WHEN :done >= goes_to_id THEN NULL ELSE goes_to_id END "
            "WHERE goes_to_id IS NOT NULL"
        ),
        {"done": item_id},
    )


def words_of_row(row: Row[Any] | TwitterUserItem) -> Words:
    """The words that a stored post is found by."""
    return tokenizer.words_of(
        row.item_text, row.hashtags, row.mentions, row.twitter_user_id, row.lang
    )
