"""Posts for pages: lists page by page, one post, counts, counts per day. Reads only."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import joinedload, undefer

from sfm import clock
from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.messages import Message
from sfm.models import DayCount, DayTotal, TwitterUser, TwitterUserItem, set_member
from sfm.networks.record import MAX_ID
from sfm.page_token import decode_token, encode_token
from sfm.posts import search
from sfm.posts.search_scope import scope_of
from sfm.posts.selection import Selection

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
MAX_COUNTED = 5_000  # hits of a search are counted up to here
NOT_A_PAGE = Message(
    "This address does not lead to a page of this list. Go back to the start of the list."
)

_item = TwitterUserItem
# What a card on a list shows: all but the JSON, and without the account's own row.
CARD = (
    _item.id, _item.twitter_id, _item.twitter_user_id, _item.date_published, _item.date_is_guessed,
    _item.kind, _item.lang, _item.screen_name, _item.author_name, _item.author_verified,
    _item.item_text, _item.text_is_cut, _item.urls, _item.media, _item.mentions, _item.hashtags,
    _item.retweeted_id, _item.retweeted_screen_name, _item.quoted_id, _item.quoted_screen_name,
    _item.quoted_text, _item.in_reply_to_id, _item.in_reply_to_screen_name, _item.place,
    _item.retweet_count, _item.like_count, _item.reply_count, _item.quote_count,
    _item.possibly_sensitive, _item.withheld_in,
)  # fmt: skip


@dataclass(frozen=True)
class PostPage:
    """One page of a list, newest first, and the tokens of its neighbours (None: there is none)."""

    posts: Sequence[Row[Any]]
    newer: str | None
    older: str | None


@dataclass(frozen=True)
class Count:
    """A number of posts; `at_least` says that counting stopped there."""

    number: int
    at_least: bool = False


def _rows_of_page(selection: Selection, way: str, at: int, limit: int) -> search.Rows:
    """From the id on that the page begins behind, in the way the page goes."""
    connection = db.session.connection()
    scope = scope_of(connection, selection)
    if way == "newer":
        return search.find(connection, scope, limit, low=at + 1, ascending=True)
    return search.find(connection, scope, limit, high=at - 1)


def page(selection: Selection, token: str | None = None, size: int = PAGE_SIZE) -> PostPage:
    """The page of a selection that a token leads to, the newest without one.

    Equally fast at any depth. Raises WrongInput for a token that is not of this list, NotFound for
    a set that is not there.
    """
    size = max(1, min(size, MAX_PAGE_SIZE))
    way, at = _read_token(selection, token) if token else ("older", MAX_ID)
    rows = _rows_of_page(selection, way, at, size + 1)
    more, ids = len(rows) > size, [row[0] for row in rows[:size]]
    if not ids:
        return PostPage((), None, None)
    has_newer, has_older = token is not None, more
    if way == "newer":
        ids.reverse()
        has_newer, has_older = more, True
    return PostPage(
        cards(ids),
        _make_token(selection, "newer", ids[0]) if has_newer else None,
        _make_token(selection, "older", ids[-1]) if has_older else None,
    )


def cards(ids: Iterable[int]) -> list[Row[Any]]:
    """What cards show of these posts, newest first; ids that are not held are passed over."""
    post_ids = list(ids)
    if not post_ids:
        return []
    owner = TwitterUser.id == _item.twitter_user_id
    rows = select(*CARD, TwitterUser.name.label("account_name")).join(TwitterUser, owner)
    unsorted = db.session.execute(rows.where(_item.twitter_id.in_(post_ids))).all()
    return sorted(unsorted, key=lambda row: row.twitter_id, reverse=True)


def latest(count: int, selection: Selection | None = None) -> list[Row[Any]]:
    """The newest posts of all, or of a selection."""
    return list(page(selection or Selection(), size=count).posts)


def statement(selection: Selection, *columns: Any) -> Select[Any]:
    """A statement over all posts of a selection, newest first, for exports and longer work.

    Selects `columns`, else TwitterUserItem. Raises NotFound for a set that is not there.
    """
    connection = db.session.connection()
    query = select(*columns) if columns else select(_item)
    return search.restrict(connection, query, scope_of(connection, selection)).order_by(
        _item.twitter_id.desc()
    )


def by_twitter_id(twitter_id: int, *, with_json: bool = False) -> TwitterUserItem:
    """One post, with the account it belongs to. Raises NotFound."""
    query = select(_item).where(_item.twitter_id == twitter_id)
    if with_json:
        query = query.options(undefer("*"))
    item = db.session.scalar(query)
    if item is None:
        raise NotFound(Message("There is no such post here. It may have been deleted."))
    return item


def total(selection: Selection | None = None) -> Count:
    """How many posts a selection holds: from the kept counts, else counted up to MAX_COUNTED."""
    selection = selection or Selection()
    conditions = selection.chosen
    if not conditions:
        return Count(db.session.scalar(select(func.sum(DayTotal.items))) or 0)
    if conditions <= {"accounts"}:
        return Count(_kept_count(TwitterUser.id.in_(selection.accounts)))
    if conditions <= {"set_id"}:
        members = select(set_member.c.twitter_user_id).where(
            set_member.c.set_id == selection.set_id
        )
        return Count(_kept_count(TwitterUser.id.in_(members)))
    connection = db.session.connection()
    rows = search.find(connection, scope_of(connection, selection), MAX_COUNTED + 1)
    return Count(min(len(rows), MAX_COUNTED), len(rows) > MAX_COUNTED)


def _kept_count(which: Any) -> int:
    return db.session.scalar(select(func.sum(TwitterUser.items_count)).where(which)) or 0


def day_counts(
    last: date,
    days: int,
    *,
    account_id: int | None = None,
    set_id: int | None = None,
) -> dict[date, int]:
    """Posts per UTC day, of so many days up to the last one; days without any are left out.

    Of all accounts, or of one, or of a set's members.
    """
    first = last - timedelta(days=days - 1)
    if account_id is None and set_id is None:
        query = select(DayTotal.day, DayTotal.items).where(DayTotal.day.between(first, last))
    else:
        query = select(DayCount.day, func.sum(DayCount.items)).group_by(DayCount.day)
        query = query.where(DayCount.day.between(first, last))
        if account_id is not None:
            query = query.where(DayCount.twitter_user_id == account_id)
        if set_id is not None:
            members = select(set_member.c.twitter_user_id).where(set_member.c.set_id == set_id)
            query = query.where(DayCount.twitter_user_id.in_(members))
    return {day: int(items) for day, items in db.session.execute(query) if items}


def _fingerprint(selection: Selection) -> str:
    text = json.dumps(selection.to_args(), sort_keys=True)
    return f"{zlib.crc32(text.encode()):08x}"


def _make_token(selection: Selection, way: str, twitter_id: int) -> str:
    return encode_token(f"{_fingerprint(selection)}{way[0]}{twitter_id:x}")


def _read_token(selection: Selection, token: str) -> tuple[str, int]:
    try:
        text = decode_token(token)
        fingerprint, way, number = text[:8], text[8], text[9:]
        if fingerprint != _fingerprint(selection) or way not in "no" or len(number) > 16:
            raise ValueError
        twitter_id = int(number, 16)
        if not 0 < twitter_id < MAX_ID:
            raise ValueError
    except (ValueError, IndexError) as exc:
        raise WrongInput(NOT_A_PAGE) from exc
    return ("newer" if way == "n" else "older"), twitter_id


@dataclass(frozen=True)
class CollectionTotals:
    """Totals of posts, accounts and active accounts, and the newest post's moment."""

    items: int
    accounts: int
    active_accounts: int
    newest_at: datetime | None


def collection_totals() -> CollectionTotals:
    """The totals of the whole collection, from the kept counts."""
    items = db.session.scalar(select(func.coalesce(func.sum(DayTotal.items), 0)))
    accounts, active, newest = db.session.execute(
        select(
            func.count(),
            func.count().filter(TwitterUser.is_active),
            func.max(TwitterUser.newest_item_at),
        )
    ).one()
    return CollectionTotals(int(items or 0), accounts, active, newest)


def today_utc() -> date:
    """Today's date in UTC."""
    return clock.now().astimezone(UTC).date()


def day_counts_of_each(
    user_ids: Sequence[int], last: date, days: int
) -> dict[int, dict[date, int]]:
    """Posts per UTC day of each account that has any, of so many days up to the last one.

    One statement over the kept counts, however many accounts.
    """
    first = last - timedelta(days=days - 1)
    query = select(DayCount.twitter_user_id, DayCount.day, DayCount.items).where(
        DayCount.twitter_user_id.in_(user_ids), DayCount.day.between(first, last)
    )
    counts: defaultdict[int, dict[date, int]] = defaultdict(dict)
    for user_id, day, items in db.session.execute(query) if user_ids else ():
        counts[user_id][day] = items
    return dict(counts)


def of_accounts(account_ids: Sequence[int] | None, kind: str = "") -> Select[Any]:
    """Posts with the accounts they belong to: of these accounts (None: of all), of this kind."""
    posts = select(_item).options(joinedload(_item.twitter_user))
    if account_ids is not None:
        posts = posts.where(_item.twitter_user_id.in_(account_ids))
    return posts.where(_item.kind == kind) if kind else posts


def existing_ids(twitter_ids: Sequence[int]) -> set[int]:
    """Those of these Twitter ids whose posts are kept here."""
    if not twitter_ids:
        return set()
    return set(
        db.session.scalars(select(_item.twitter_id).where(_item.twitter_id.in_(twitter_ids)))
    )
