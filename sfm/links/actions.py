"""What administrators do with single links: delete them, or follow them again. Flushes only."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from sfm import audit
from sfm.database import db
from sfm.models import Link, Run, TwitterUserItemUrl, User
from sfm.runs.jobs import FETCH_URLS_NOW
from sfm.runs.queue import enqueue

_place = TwitterUserItemUrl


def links_of_ids(link_ids: Sequence[int]) -> list[Link]:
    """These links, those of them that are here, newest first."""
    query = select(Link).where(Link.id.in_(link_ids)).order_by(Link.id.desc())
    return list(db.session.scalars(query))


def posts_with(links: Sequence[Link]) -> int:
    """How many posts hold any of these links."""
    query = select(func.count(_place.item_id.distinct()))
    return db.session.scalar(query.where(_place.link_id.in_([link.id for link in links]))) or 0


def forget(links: Sequence[Link]) -> int:
    """Delete what is known of these links; how many. Their posts stay, and name them still.

    An entry in the audit log for each. A link comes back when the links of its post are followed
    again on its page.
    """
    for link in links:
        before = {"outcome": link.outcome, "ends at": link.final_url}
        audit.record(
            "link.deleted", kind="link", subject_id=link.id, subject=link.start_url, before=before
        )
    db.session.flush()
    db.session.execute(delete(Link).where(Link.id.in_([link.id for link in links])))
    return len(links)


def follow_again(links: Sequence[Link], by: User) -> Run | None:
    """A queued run that follows these links, whatever was found before; None where none is held.

    One post of each link stands for it, so its other links are followed too.
    """
    ids = [link.id for link in links]
    query = select(func.min(_place.item_id)).where(_place.link_id.in_(ids)).group_by(_place.link_id)
    items = sorted(set(db.session.scalars(query)))
    if not items:
        return None
    return follow_now(items, by)


def follow_now(item_ids: Sequence[int], by: User) -> Run | None:
    """A queued run that follows the links of these posts, whatever was found before.

    It has a place of its own, so it does not wait for a link check that is running.
    """
    params = {"item_ids": list(item_ids), "refetch": True}
    return enqueue(FETCH_URLS_NOW, params=params, requested_by_id=by.id)
