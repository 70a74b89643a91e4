"""What the posts of a selection are like, in counts: to narrow a search down. Bounded in cost.

The newest 5,000 at most (1,000 of words in a large set) are looked at, by the index alone; of a
larger selection the counts are those among them, and say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select

from sfm.database import db
from sfm.models import TwitterUser, TwitterUserSet, set_member
from sfm.posts import search
from sfm.posts.queries import MAX_COUNTED
from sfm.posts.search_scope import scope_of
from sfm.posts.selection import Selection

COLUMNS = (
    "item.twitter_id, item.twitter_user_id, item.kind, item.lang, item.has_link, item.has_media, "
    "item.month"
)
MAX_SHOWN = 10
MAX_READ_IN_LARGE_SETS = (
    1_000  # of words in a large set: hits of everybody else's have to be passed over
)


@dataclass(frozen=True)
class Facet:
    """One value that a selection can be narrowed down to: what addresses say, and the count."""

    value: str
    label: str
    posts: int


@dataclass(frozen=True)
class Facets:
    """Counts among the posts looked at; `complete` says that these are all of the selection.

    `months` are UTC months as 2026-11; accounts and sets are the ten with most posts.
    """

    looked_at: int
    complete: bool
    kinds: tuple[Facet, ...] = ()
    langs: tuple[Facet, ...] = ()
    links: tuple[Facet, ...] = ()
    media: tuple[Facet, ...] = ()
    months: tuple[Facet, ...] = ()
    accounts: tuple[Facet, ...] = ()
    sets: tuple[Facet, ...] = ()


def facets(selection: Selection, set_ids: Collection[int] = ()) -> Facets:
    """What the newest 5,000 posts of a selection are like; `set_ids` are the sets to count for.

    Raises NotFound as `queries.page`.
    """
    connection = db.session.connection()
    scope = scope_of(connection, selection)
    is_slow = scope.node is not None and scope.has_many_accounts
    most = MAX_READ_IN_LARGE_SETS if is_slow else MAX_COUNTED
    rows = search.find(connection, scope, most + 1, columns=COLUMNS)
    if not rows:
        return Facets(0, complete=True)
    return _facets_of(rows[:most], set_ids, complete=len(rows) <= most)


def _facets_of(rows: search.Rows, set_ids: Collection[int], *, complete: bool) -> Facets:
    _ids, users, kinds, langs, links, media, months = zip(*rows, strict=True)
    by_user = Counter(users)
    return Facets(
        looked_at=len(rows),
        complete=complete,
        kinds=_ranked(Counter(kinds)),
        langs=_ranked(Counter(lang for lang in langs if lang)),
        links=_yes_no(Counter(map(bool, links))),
        media=_yes_no(Counter(map(bool, media))),
        months=_months(Counter(months)),
        accounts=_accounts(by_user),
        sets=_sets(by_user, set_ids),
    )


def _ranked(counts: Counter[str]) -> tuple[Facet, ...]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_SHOWN]
    return tuple(Facet(value, value, posts) for value, posts in ranked)


def _yes_no(counts: Counter[bool]) -> tuple[Facet, ...]:
    counted = [("yes", counts[True]), ("no", counts[False])]
    return tuple(Facet(value, value, posts) for value, posts in counted if posts)


def _months(counts: Counter[int]) -> tuple[Facet, ...]:
    newest = sorted(counts.items(), reverse=True)
    named = [(f"{month // 100}-{month % 100:02d}", posts) for month, posts in newest]
    return tuple(Facet(name, name, posts) for name, posts in named)


def _accounts(counts: Counter[int]) -> tuple[Facet, ...]:
    most = counts.most_common(MAX_SHOWN)
    names = _names(user_id for user_id, _posts in most)
    return tuple(
        Facet(str(account_id), names.get(account_id, str(account_id)), posts)
        for account_id, posts in most
    )


def _names(ids: Iterable[int]) -> dict[int, str]:
    query = select(TwitterUser.id, TwitterUser.name).where(TwitterUser.id.in_(list(ids)))
    return {row.id: row.name for row in db.session.execute(query)}


def _sets(counts: Counter[int], set_ids: Collection[int]) -> tuple[Facet, ...]:
    """A post counts for every set that its account is in."""
    member = set_member.c
    memberships = select(member.set_id, member.twitter_user_id)
    memberships = memberships.where(member.set_id.in_(set_ids))
    if len(counts) <= MAX_SHOWN * 10:
        memberships = memberships.where(member.twitter_user_id.in_(list(counts)))
    by_set: Counter[int] = Counter()
    for set_id, user_id in db.session.execute(memberships):
        by_set[set_id] += counts.get(user_id, 0)
    most = [pair for pair in by_set.most_common(MAX_SHOWN) if pair[1]]
    query = select(TwitterUserSet.id, TwitterUserSet.name)
    query = query.where(TwitterUserSet.id.in_([set_id for set_id, _posts in most]))
    names = {row.id: row.name for row in db.session.execute(query)} if most else {}
    return tuple(Facet(str(most_set_id), names[most_set_id], posts) for most_set_id, posts in most)
