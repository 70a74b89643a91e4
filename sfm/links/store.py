"""Links and their outcomes in the database. Nothing here commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sfm import clock
from sfm.database import db, has_come
from sfm.links.extract import FoundLink, host_of, links_of
from sfm.links.fetch import Followed
from sfm.links.outcomes import ANSWERED, LONGEST_RETRY, retry_at
from sfm.models import Link, LinkLook, Run, TwitterUserItem, TwitterUserItemUrl
from sfm.models.link import LOOK

RECHECK_AFTER = timedelta(days=30)  # a link looked at since then is not asked for again
_ROWS_PER_STATEMENT = 200  # rows in one statement


def register(item_ids: Sequence[int]) -> set[int]:
    """Rows for all links of these posts, which are then looked at. Gives the links' row ids."""
    links_of_items = _links_of_items(item_ids)
    ids = _link_ids({link.url_hash: link for links in links_of_items.values() for link in links})
    rows = [
        {"item_id": item, "link_id": ids[link.url_hash], "position": position,
         "expanded_url": link.expanded_url}
        for item, links in links_of_items.items()
        for position, link in enumerate(links)
    ]  # fmt: skip
    _insert_new(TwitterUserItemUrl, rows, ["item_id", "link_id"])
    now = clock.now()
    db.session.execute(
        update(TwitterUserItem)
        .where(TwitterUserItem.id.in_(item_ids))
        .values(links_checked_at=now)
        .execution_options(synchronize_session=False)
    )
    return set(ids.values())


def _links_of_items(item_ids: Sequence[int]) -> dict[int, tuple[FoundLink, ...]]:
    items = db.session.execute(
        select(
            TwitterUserItem.id, TwitterUserItem.urls, TwitterUserItem.media,
            TwitterUserItem.item_text,
        ).where(TwitterUserItem.id.in_(item_ids))
    )  # fmt: skip
    return {row.id: links_of(row.urls or (), row.media or (), row.item_text) for row in items}


def _link_ids(links: dict[str, FoundLink]) -> dict[str, int]:
    rows = [{"url_hash": key, "start_url": link.start_url} for key, link in links.items()]
    _insert_new(Link, rows, ["url_hash"])
    ids: dict[str, int] = {}
    keys = list(links)
    for start in range(0, len(keys), _ROWS_PER_STATEMENT):
        query = select(Link.url_hash, Link.id)
        query = query.where(Link.url_hash.in_(keys[start : start + _ROWS_PER_STATEMENT]))
        ids |= {row.url_hash: row.id for row in db.session.execute(query)}
    return ids


def _insert_new(table: Any, rows: list[dict[str, Any]], key: list[str]) -> None:
    """Both databases know INSERT ... ON CONFLICT DO NOTHING, in classes of their own."""
    twins: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    insert_new = twins[db.engine.dialect.name]
    defaults: dict[str, Any] = {"history": [], "final_headers": {}} if table is Link else {}
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        batch = [defaults | row for row in rows[start : start + _ROWS_PER_STATEMENT]]
        statement = insert_new(table).values(batch).on_conflict_do_nothing(index_elements=key)
        db.session.execute(statement)


def is_due() -> ColumnElement[bool]:
    """Of a link: not followed yet, for a run was cut off, or due for another try."""
    return or_(Link.outcome == "", has_come(Link.retry_at, LONGEST_RETRY))


def links_to_follow(
    link_ids: Iterable[int], *, unless_checked_since: datetime | None = None
) -> dict[str, int]:
    """Of these links those to be asked for now: start address to row id, short ones first.

    With a moment (aware UTC) all that were not asked for since then; else new, due and old ones.
    """
    since = unless_checked_since
    condition = (
        or_(is_due(), Link.checked_at < clock.now() - RECHECK_AFTER)
        if since is None
        else or_(Link.checked_at.is_(None), Link.checked_at < since)
    )
    ids = list(link_ids)
    to_ask: dict[str, int] = {}
    for start in range(0, len(ids), _ROWS_PER_STATEMENT):
        query = select(Link.start_url, Link.id).where(condition)
        query = query.where(Link.id.in_(ids[start : start + _ROWS_PER_STATEMENT]))
        to_ask |= {row.start_url: row.id for row in db.session.execute(query)}
    return dict(sorted(to_ask.items(), key=lambda pair: not FoundLink(pair[0]).is_short))


def run_started_at(run_id: int) -> datetime | None:
    """When this run was begun first (aware UTC), however often it was cut off since."""
    return db.session.scalars(select(Run.started_at).where(Run.id == run_id)).one()


def unfollowed() -> list[int]:
    """Row ids of links that an earlier run did not come to. Reads the whole table: once a run."""
    return list(db.session.scalars(select(Link.id).where(Link.outcome == "").order_by(Link.id)))


def due(count: int = 500) -> list[int]:
    """Row ids of links that are due for another try, those that have waited longest first."""
    query = select(Link.id).where(has_come(Link.retry_at, LONGEST_RETRY)).order_by(Link.retry_at)
    return list(db.session.scalars(query.limit(count)))


def save(outcomes: Sequence[Followed], ids: dict[str, int]) -> None:
    """Keep the outcomes of these links; what earlier looks found stays beside them."""
    numbers = [ids[followed.start_url] for followed in outcomes]
    query = select(Link.id, Link.attempts, Link.outcome).where(Link.id.in_(numbers))
    before = {number: (tries, outcome) for number, tries, outcome in db.session.execute(query)}
    now = clock.now()
    rows = [
        _row(followed, ids[followed.start_url], before[ids[followed.start_url]], now)
        for followed in outcomes
        if ids[followed.start_url] in before
    ]
    if rows:
        _archive_looks(list(before))
        db.session.execute(update(Link), rows)


def _archive_looks(link_ids: Sequence[int]) -> None:
    """Copy the latest look of each link to those before it, where there was one."""
    columns = [getattr(Link, name) for name in LOOK]
    looks = select(Link.id, *columns).where(Link.id.in_(link_ids), Link.outcome != "")
    db.session.execute(
        insert(LinkLook).from_select(["link_id", *LOOK], looks.order_by(Link.id)),
        execution_options={"synchronize_session": False},
    )


def _row(followed: Followed, number: int, before: tuple[int, str], now: datetime) -> dict[str, Any]:
    tries, earlier_outcome = before
    attempts = 1 if earlier_outcome in ("", "ok") else tries + 1
    answered = followed.outcome in ANSWERED
    return {
        "id": number,
        "outcome": followed.outcome,
        "history": [asdict(hop) for hop in followed.hops],
        "final_url": followed.final_url if answered else "",
        "final_status": followed.final_status if answered else None,
        "final_headers": followed.final_headers,
        "final_domain": host_of(followed.final_url or followed.start_url),
        "title": followed.page.title,
        "canonical_url": followed.page.canonical_url,
        "duration_seconds": round(followed.seconds, 3),
        "attempts": attempts,
        "checked_at": now,
        "retry_at": retry_at(followed.outcome, attempts, now),
    }
