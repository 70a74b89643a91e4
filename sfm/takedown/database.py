"""Tweets in the database: which have to go, which hold a copy, and taking both out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update

from sfm.database import db
from sfm.models import Link, TwitterUserItem, TwitterUserItemUrl
from sfm.posts import delete as post_delete
from sfm.removals.redact import Wanted, without

AT_ONCE = 500
ROWS_A_LOOK = 50_000  # read by one statement; somebody may stop it in between

_item = TwitterUserItem


@dataclass(frozen=True)
class Stored:
    """Twitter's ids: `gone` are the tweets and their retweets, `cut` those that hold a copy.
    `highest` is our own number up to which rows were looked at."""

    gone: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()
    highest: int = 0


def find(wanted: Wanted, watch: Callable[[], object], above: int = 0) -> Stored:
    """Look through all stored tweets, their JSON too; reads the whole table, changes nothing.

    With `above`, only rows whose own number is higher: those that came since another look.
    Calls `watch` between two looks of some seconds each.
    """
    ids = sorted(wanted.ids)
    named = or_(
        _item.twitter_id.in_(ids),
        _item.retweeted_id.in_(ids),
        *(_item.item_json.contains(str(number)) for number in ids),
    )
    columns = (_item.twitter_id, _item.retweeted_id, _item.quoted_id, _item.quoted_text)
    gone, cut = [], []
    highest = max(above, db.session.scalar(select(func.max(_item.id))) or 0)
    for some in _looks(above, highest):
        watch()
        asked = select(*columns, _item.item_json).where(some, named)
        for row in db.session.execute(asked.execution_options(yield_per=AT_ONCE)):
            left = without(row.item_json.encode(), wanted)
            if left is None or row.twitter_id in wanted.ids or row.retweeted_id in wanted.ids:
                gone.append(row.twitter_id)
            elif left != row.item_json.encode() or _quotes(row, wanted):
                cut.append(row.twitter_id)
    return Stored(tuple(gone), tuple(cut), highest)


def _quotes(row: Any, wanted: Wanted) -> bool:
    return row.quoted_id in wanted.ids and bool(row.quoted_text)


def _looks(above: int, highest: int) -> Iterator[ColumnElement[bool]]:
    """The table in pieces, by our own numbers."""
    lowest = db.session.scalar(select(func.min(_item.id)).where(_item.id > above))
    if lowest is None:
        return
    for low in range(lowest, highest + 1, ROWS_A_LOOK):
        yield _item.id.between(low, min(low + ROWS_A_LOOK - 1, highest))


def remove(found: Stored, wanted: Wanted) -> None:
    """Take them out, with links that nothing else has. In the session; the caller commits."""
    links = _links_of(found.gone)
    post_delete.delete_posts(found.gone)
    for at in range(0, len(links), AT_ONCE):
        still = select(TwitterUserItemUrl.id).where(TwitterUserItemUrl.link_id == Link.id)
        some = Link.id.in_(links[at : at + AT_ONCE])
        db.session.execute(delete(Link).where(some, ~still.exists()))
    for number in found.cut:
        _cut(number, wanted)
    db.session.flush()


def _links_of(twitter_ids: Sequence[int]) -> list[int]:
    links: set[int] = set()
    for at in range(0, len(twitter_ids), AT_ONCE):
        held = select(TwitterUserItemUrl.link_id).join(
            _item, _item.id == TwitterUserItemUrl.item_id
        )
        some = _item.twitter_id.in_(twitter_ids[at : at + AT_ONCE])
        links |= set(db.session.scalars(held.where(some)))
    return sorted(links)


def _cut(twitter_id: int, wanted: Wanted) -> None:
    here = _item.twitter_id == twitter_id
    row = db.session.execute(select(_item.item_json, _item.quoted_id).where(here)).one_or_none()
    left = without(row.item_json.encode(), wanted) if row else None
    if row is None or left is None:
        return
    values = {"item_json": left.decode()}
    if row.quoted_id in wanted.ids:
        values["quoted_text"] = ""
    db.session.execute(update(_item).where(here).values(values))
