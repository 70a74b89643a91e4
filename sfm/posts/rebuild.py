"""Filling the columns of kept posts from their JSON again, when the rules for it change.

Goes through the table by its own numbers, a batch a transaction, and may be cut off anywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, select, update

from sfm.adapters import NETWORK
from sfm.database import db
from sfm.models import Run, TwitterUserItem
from sfm.networks.page import PostRecord
from sfm.networks.record import Unreadable
from sfm.posts import bulk_sql, search_index
from sfm.posts.bulk_sql import IndexEntry
from sfm.posts.columns import CONTENT, row_of
from sfm.posts.count_check import verify_in_slices
from sfm.posts.store import index_entry
from sfm.runs.context import RunContext
from sfm.runs.jobs import REFILL_ITEMS
from sfm.runs.transactions import unit_of_work

BATCH = 500
LISTS = ("hashtags", "mentions", "urls", "media", "edit_history", "quoted_media", "polls")

_item = TwitterUserItem.__table__


@dataclass
class Refilled:
    """How many posts were read, changed, and unreadable."""

    seen: int = 0
    changed: int = 0
    unreadable: int = 0


def refill(run: RunContext) -> Refilled:
    """Fill the columns of all posts from their JSON, and make the index anew if its rules changed.

    Commits once per batch. Continues a run that was cut off. Counts are checked at the end.
    """
    totals = Refilled()
    at = _begin()
    last = db.session.scalar(select(func.max(TwitterUserItem.id))) or 0
    run.set_status(
        "Making posts anew", total=db.session.scalar(select(func.count(TwitterUserItem.id)))
    )
    while at < last:
        run.check()
        step, at = unit_of_work(partial(_batch, run, at))
        totals.seen += step.seen
        totals.changed += step.changed
        totals.unreadable += step.unreadable
        run.advance(step.seen, step.changed, saved=True)
        run.save_cursor({"done_to_id": at})
    verify_in_slices(run, lambda _difference: None)
    run.save_cursor({})
    return totals


def _begin() -> int:
    """Where to start: behind what a run that was cut off has done, else at the beginning."""
    ended = select(Run.cursor).where(
        Run.kind == REFILL_ITEMS, Run.state.in_(("failed", "cancelled"))
    )
    cursor = db.session.scalar(ended.order_by(Run.id.desc()).limit(1)) or {}
    at = int(cursor.get("done_to_id", 0))
    now = search_index.state(db.session.connection())
    db.session.rollback()
    if now.is_outdated:
        unit_of_work(lambda: search_index.begin_rebuild(db.session.connection()))
        return 0
    return min(at, now.done_to_id) if now.done_to_id is not None else at


def _batch(run: RunContext, at: int) -> tuple[Refilled, int]:
    connection = db.session.connection()
    bulk_sql.lock_writers(connection)
    query = select(_item).where(_item.c.id > at).order_by(_item.c.id).limit(BATCH)
    rows = connection.execute(query).all()
    done_to = rows[-1].id if rows else at
    counts = Refilled(seen=len(rows))
    before, after = [], []
    index = search_index.state(connection)
    for row in rows:
        entry = _refill_row(connection, row, counts)
        old = IndexEntry(row.twitter_id, search_index.words_of_row(row))
        indexed = search_index.is_indexed(index, row.id)
        if not indexed or (entry is not None and entry != old):
            before += [old] if indexed else []
            after.append(entry or old)
    bulk_sql.unindex(connection, before)
    bulk_sql.index(connection, after)
    search_index.advance(connection, done_to)
    run.check_lease(added=counts.changed)
    return counts, done_to


def _refill_row(connection: Connection, row: Any, counts: Refilled) -> IndexEntry | None:
    """Bring one row up to date; what it is to be found by, None where its JSON is unreadable."""
    raw = row.item_json.encode()
    try:
        record = PostRecord(raw, NETWORK.parse_line(raw))
    except Unreadable:
        counts.unreadable += 1
        return None
    published = record.post.created_at or row.date_published
    values = row_of(record.post, published, lambda moment: moment)
    fresh = dict(zip(CONTENT, values, strict=True))
    fresh |= {name: json.loads(fresh[name]) for name in LISTS}
    changed = {name: value for name, value in fresh.items() if value != getattr(row, name)}
    if changed:
        connection.execute(update(TwitterUserItem).where(_item.c.id == row.id).values(changed))
        counts.changed += 1
    return index_entry(row.twitter_user_id, record)
