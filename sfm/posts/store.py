"""Saving posts: each id once, as first captured, with its counts and its words for the search.

Saving flushes nothing and commits nothing: the caller commits, with the cursor that says how far it
got. A post that is held already is never changed by meeting it again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from sfm import clock
from sfm.adapters import NETWORK
from sfm.database import db
from sfm.messages import Message
from sfm.networks.page import PostRecord
from sfm.posts import bulk_sql, counters
from sfm.posts.bulk_sql import IndexEntry
from sfm.posts.columns import CONTENT, row_of
from sfm.posts.counters import PostCounts
from sfm.posts.tokenizer import words_of
from sfm.removals import register
from sfm.removals.redact import redact

logger = logging.getLogger(__name__)

CapturedBy = Literal["timeline", "import", "stream", "lookup", "search"]
# The TwitterUser's id, or those of many by their uid (0: of posts without any author).
Owner = int | Mapping[int, int]

COLUMNS = (
    "twitter_user_id", "twitter_id", "captured_at", "captured_by", "run_id", *CONTENT, "item_json",
)  # fmt: skip
OWN_COLUMNS = 5  # of these columns come from us; the rest is made out of the record
POSTS_PER_STATEMENT = 500  # posts in one statement
NO_DATE = Message("It has no readable date, and its id is too old to tell one.")
# What one post can be to blame for. A full disk or a locked database is none of these.
ROW_ERRORS = (DataError, IntegrityError, OverflowError, UnicodeError)


@dataclass(frozen=True)
class Rejected:
    """A post that could not be kept: its place on the page (from 0), its id, and why."""

    position: int
    twitter_id: int
    reason: str


@dataclass(frozen=True)
class Saved:
    """What became of a page. `unowned` are the uids (None: unknown) of authors without an account
    here; `removed` counts posts that were removed here for good, and were left out."""

    new: int = 0
    known: int = 0
    new_ids: tuple[int, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unowned: tuple[int | None, ...] = ()
    removed: int = 0


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A post made ready for the tables."""

    position: int
    twitter_id: int
    row: tuple[Any, ...]
    counted: PostCounts
    record: PostRecord  # for its search words, which are made only if it is new


@dataclass
class _Page:
    ready: dict[int, Prepared] = field(default_factory=dict)
    doubled: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    unowned: list[int | None] = field(default_factory=list)


def save_page(
    records: Iterable[PostRecord], *, captured_by: CapturedBy, run_id: int | None, owner: Owner
) -> Saved:
    """Keep the posts of one page that are not held yet, with counts and search words.

    `owner` is the TwitterUser whose posts these are, or a mapping from author uid to TwitterUser
    id; posts of authors that are not in it are left out and named in `unowned`. Posts that were
    removed for good are left out, and so are copies of them in others. Commits nothing.

    On SQLite the transaction must have been begun by `begin_write`. On PostgreSQL writers of posts
    take turns from here to the end of the transaction: call this before changing rows of
    `twitter_user` in it. Raises DBAPIError for trouble that is not one post's own.
    """
    connection = db.session.connection()
    page = prepare(connection, records, captured_by, run_id, owner)
    bulk_sql.lock_writers(connection)
    removed = _leave_out_removed(connection, page)
    known_ids = bulk_sql.existing_ids(connection, page.ready)
    fresh = [ready for twitter_id, ready in page.ready.items() if twitter_id not in known_ids]
    new, entries = _insert_all(connection, fresh, page.rejected)
    counters.add(connection, [ready.counted for ready in new])
    bulk_sql.index(connection, [entries[ready.twitter_id] for ready in new])
    return Saved(
        new=len(new),
        known=len(known_ids) + page.doubled,
        new_ids=tuple([ready.twitter_id for ready in new]),
        rejected=tuple(page.rejected),
        unowned=tuple(page.unowned),
        removed=removed,
    )


def _insert_all(
    connection: Connection, fresh: list[Prepared], rejected: list[Rejected]
) -> tuple[list[Prepared], dict[int, IndexEntry]]:
    """Those that are kept now, and their entries of the index."""
    entries: dict[int, IndexEntry] = {}
    new: list[Prepared] = []
    for at in range(0, len(fresh), POSTS_PER_STATEMENT):
        new += _insert(connection, fresh[at : at + POSTS_PER_STATEMENT], rejected, entries)
    return new, entries


def _leave_out_removed(connection: Connection, page: _Page) -> int:
    """Take posts out of the page that are in the register of removed posts; how many.

    A quote of one stays without its copy. To be called as the one writer of posts.
    """
    removed = register.refused_posts(connection)
    if removed is None:
        return 0
    before = len(page.ready)
    stamp = bulk_sql.stamp_for(connection)
    for twitter_id, ready in list(page.ready.items()):
        raw = ready.record.raw
        left = redact(raw, removed)
        if left is None:
            del page.ready[twitter_id]
        elif left != raw:
            record = PostRecord(left, NETWORK.parse_line(left))
            page.ready[twitter_id] = _prepared(
                ready.position, record, ready.row[:OWN_COLUMNS], stamp
            )
    return before - len(page.ready)


def prepare(
    connection: Connection,
    records: Iterable[PostRecord],
    captured_by: CapturedBy,
    run_id: int | None,
    owner: Owner,
) -> _Page:
    """Rows and counts of a page's posts; each id once."""
    page, stamp = _Page(), bulk_sql.stamp_for(connection)
    now = stamp(clock.now())
    for position, record in enumerate(records):
        post = record.post
        user_id = owner if isinstance(owner, int) else owner.get(post.author_uid or 0)
        if user_id is None:
            page.unowned.append(post.author_uid)
        elif post.twitter_id in page.ready:
            page.doubled += 1
        elif post.created_at is None:
            page.rejected.append(Rejected(position, post.twitter_id, NO_DATE))
        else:
            capture = (user_id, post.twitter_id, now, captured_by, run_id)
            page.ready[post.twitter_id] = _prepared(position, record, capture, stamp)
    return page


def _prepared(
    position: int, record: PostRecord, capture: tuple[Any, ...], stamp: bulk_sql.Stamp
) -> Prepared:
    """The row of one post. `capture` are its first columns: how it came to be kept."""
    post, user_id = record.post, capture[0]
    assert post.created_at is not None  # noqa: S101  (looked at before)
    content = row_of(post, post.created_at, stamp)
    text = record.raw.decode("utf-8", "replace")
    return Prepared(
        position,
        post.twitter_id,
        (*capture, *content, text),
        PostCounts(user_id, post.twitter_id, post.created_at),
        record,
    )


def index_entry(user_id: int, record: PostRecord) -> IndexEntry:
    """What a post is found by."""
    post = record.post
    lang = (post.lang or "")[:10]
    words = words_of(post.text, post.hashtags, post.mentions, user_id, lang)
    return IndexEntry(post.twitter_id, words)


def _insert(
    connection: Connection,
    batch: list[Prepared],
    rejected: list[Rejected],
    entries: dict[int, IndexEntry],
) -> list[Prepared]:
    """Store a batch; where one of it spoils it, each by itself."""
    why = _try_rows(connection, _rows(batch, entries))
    if why is None:
        return batch
    logger.warning("page refused as a whole posts=%d error=%s", len(batch), type(why).__name__)
    kept = []
    for prepared in batch:
        why = _try_rows(connection, [prepared.row])
        if why is None:
            kept.append(prepared)
            continue
        logger.warning("post refused id=%d error=%s", prepared.twitter_id, type(why).__name__)
        reason = Message("The database cannot hold one of its values.")
        rejected.append(Rejected(prepared.position, prepared.twitter_id, reason))
    return kept


def _rows(batch: list[Prepared], entries: dict[int, IndexEntry]) -> Iterator[tuple[Any, ...]]:
    """The rows of a batch; while PostgreSQL stores one, what it is found by is made."""
    for prepared in batch:
        yield prepared.row
        entries[prepared.twitter_id] = index_entry(prepared.counted.user_id, prepared.record)


def _try_rows(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> Exception | None:
    """Store rows, or none of them and why, where one of them is to blame.

    Other trouble is raised as it is: a full disk has ended SQLite's whole transaction already, so
    that going back to the savepoint would only hide it behind another error.
    """
    savepoint = connection.begin_nested()
    try:
        bulk_sql.insert(connection, "twitter_user_item", COLUMNS, rows)
    except ROW_ERRORS as exc:
        savepoint.rollback()
        return exc
    savepoint.commit()
    return None
