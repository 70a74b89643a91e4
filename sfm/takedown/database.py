"""Posts in the database: which have to go, which hold a copy, and taking both out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update

from sfm.database import db
from sfm.models import TwitterUserItem
from sfm.posts import delete as post_delete
from sfm.removals.redact import RemovedIds, redact

IDS_PER_STATEMENT = 500
ROWS_PER_QUERY = 50_000  # read by one statement; somebody may stop it in between

_item = TwitterUserItem


@dataclass(frozen=True)
class MatchingPosts:
    """Twitter's ids: `gone` are the posts and their retweets, `cut` those that hold a copy.
    `highest` is our own number up to which rows were looked at."""

    gone: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()
    highest: int = 0


def find(removed: RemovedIds, watch: Callable[[], object], above: int = 0) -> MatchingPosts:
    """Look through all stored posts, their JSON too; reads the whole table, changes nothing.

    With `above`, only rows whose own number is higher: those that came since another look.
    Calls `watch` between two looks of some seconds each.
    """
    named = _names_one_of(sorted(removed.ids))
    columns = (
        _item.twitter_id, _item.retweeted_id, _item.quoted_id, _item.quoted_text,
        _item.quoted_media,
    )  # fmt: skip
    gone, cut = [], []
    highest = max(above, db.session.scalar(select(func.max(_item.id))) or 0)
    for is_in_range in _id_ranges(above, highest):
        watch()
        query = select(*columns, _item.item_json).where(is_in_range, named)
        for row in db.session.execute(query.execution_options(yield_per=IDS_PER_STATEMENT)):
            redacted = redact(row.item_json.encode(), removed)
            if redacted is None or row.twitter_id in removed.ids or row.retweeted_id in removed.ids:
                gone.append(row.twitter_id)
            elif redacted != row.item_json.encode() or _quotes(row, removed):
                cut.append(row.twitter_id)
    return MatchingPosts(tuple(gone), tuple(cut), highest)


def _names_one_of(ids: list[int]) -> ColumnElement[bool]:
    return or_(
        _item.twitter_id.in_(ids),
        _item.retweeted_id.in_(ids),
        *(_item.item_json.contains(str(number)) for number in ids),
    )


def _quotes(row: Any, removed: RemovedIds) -> bool:
    return row.quoted_id in removed.ids and bool(row.quoted_text or row.quoted_media)


def _id_ranges(above: int, highest: int) -> Iterator[ColumnElement[bool]]:
    """The table in pieces, by our own numbers."""
    lowest = db.session.scalar(select(func.min(_item.id)).where(_item.id > above))
    if lowest is None:
        return
    for low in range(lowest, highest + 1, ROWS_PER_QUERY):
        yield _item.id.between(low, min(low + ROWS_PER_QUERY - 1, highest))


def remove(matches: MatchingPosts, removed: RemovedIds) -> None:
    """Take them out, with links that no other post has. In the session; the caller commits."""
    post_delete.delete_posts(matches.gone)
    for number in matches.cut:
        _cut(number, removed)
    db.session.flush()


def _cut(twitter_id: int, removed: RemovedIds) -> None:
    here = _item.twitter_id == twitter_id
    row = db.session.execute(select(_item.item_json, _item.quoted_id).where(here)).one_or_none()
    redacted = redact(row.item_json.encode(), removed) if row else None
    if row is None or redacted is None:
        return
    values: dict[str, Any] = {"item_json": redacted.decode()}
    if row.quoted_id in removed.ids:
        values |= {"quoted_text": "", "quoted_media": []}
    db.session.execute(update(_item).where(here).values(values))
