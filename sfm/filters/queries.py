"""Reads filters: for lists, for the commands, for who may see which."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import select

from sfm.config import supervised_as
from sfm.database import db
from sfm.errors import WrongInput
from sfm.filters.connections import NoStreamCredential, fingerprint_of
from sfm.messages import Message
from sfm.models import Heartbeat, TwitterFilter, User


def visible_to(reader: User | None) -> list[TwitterFilter]:
    """The filters that a User may see, active ones first, then by name; all for None."""
    statement = select(TwitterFilter).order_by(TwitterFilter.is_active.desc(), TwitterFilter.name)
    if reader is not None:
        statement = statement.where(reader.may_see(TwitterFilter.user_id))
    return list(db.session.scalars(statement))


def heartbeats() -> dict[int, Heartbeat]:
    """The last heartbeat for each filter."""
    by_filter: dict[int, Heartbeat] = {}
    for heartbeat in db.session.scalars(select(Heartbeat).order_by(Heartbeat.beat_at)):
        by_filter |= dict.fromkeys(heartbeat.filter_ids, heartbeat)
    return by_filter


def ids_of_connection(connection: str) -> tuple[int, ...]:
    """The active filters whose credential's fingerprint begins so. Raises NoStreamCredential where
    there is none."""
    active = select(TwitterFilter).where(TwitterFilter.is_active, TwitterFilter.held_at.is_(None))
    ids = tuple(
        twitter_filter.id
        for twitter_filter in db.session.scalars(active.order_by(TwitterFilter.id))
        if fingerprint_of(twitter_filter).startswith(connection)
    )
    if not ids:
        raise NoStreamCredential(Message("No active filter connects with this credential."))
    return ids


def to_collect(filter_ids: Collection[int]) -> TwitterFilter:
    """The filter that says which credential to connect with: the first active one, or, for
    somebody at a terminal, the first. Raises WrongInput, NoStreamCredential."""
    statement = select(TwitterFilter).where(TwitterFilter.id.in_(filter_ids))
    filters = list(db.session.scalars(statement.order_by(TwitterFilter.id)))
    active = [
        twitter_filter
        for twitter_filter in filters
        if twitter_filter.is_active and twitter_filter.held_at is None
    ]
    if active:
        return active[0]
    if filters and not supervised_as():
        return filters[0]
    if not filters:
        raise WrongInput(Message("There is no filter of this number; --list shows them."))
    raise NoStreamCredential(Message("The filter is not active."))


def describe_filters() -> Iterator[str]:
    """One line for each filter: number, state, name."""
    at = heartbeats()
    for twitter_filter in visible_to(None):
        heartbeat = at.get(twitter_filter.id)
        state = (
            "inactive"
            if not twitter_filter.is_active
            else heartbeat.state
            if heartbeat
            else "not started"
        )
        state = "held" if twitter_filter.is_active and twitter_filter.held_at else state
        yield f"{twitter_filter.id}\t{state}\t{twitter_filter.user.username}\t{twitter_filter.name}"
