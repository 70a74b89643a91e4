"""What a change of a User does to their filters: which stop, and that it is said before.

Flushes; the caller commits, then calls `reconcile.apply`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from sfm.database import db
from sfm.errors import SfmError, WrongInput
from sfm.filters import connections, coverage_due, service
from sfm.messages import Message, join_messages, unpack
from sfm.models import Credential, Heartbeat, TwitterFilter, User
from sfm.users import merge_users
from sfm.users import service as users
from sfm.users.service import Rights


@dataclass(frozen=True)
class OwnerChange:
    """Whether anything changed, and the filters that were deactivated by it, in words."""

    changed: bool
    stopped: tuple[str, ...] = ()


def stopped_by(user: User, rights: Rights) -> list[TwitterFilter]:
    """The active filters of a User that can no longer be collected with these rights."""
    if user.is_active and not rights.is_active:
        return active_filters([user])
    if user.may_use_installation_token and not rights.may_use_installation_token:
        return [
            twitter_filter
            for twitter_filter in active_filters([user])
            if twitter_filter.uses_installation_token
        ]
    return []


def active_filters(owners: Iterable[User]) -> list[TwitterFilter]:
    """The active filters of these Users, by number."""
    ids = [owner.id for owner in owners]
    active = select(TwitterFilter).where(TwitterFilter.is_active, TwitterFilter.user_id.in_(ids))
    return list(db.session.scalars(active.order_by(TwitterFilter.id)))


def filters_by_credential(owner: User) -> dict[int, list[TwitterFilter]]:
    """The active filters of a User that connect with an app token, by the token's id."""
    by_id: dict[int, list[TwitterFilter]] = {}
    for twitter_filter in active_filters([owner]):
        if twitter_filter.credential_id is not None:
            by_id.setdefault(twitter_filter.credential_id, []).append(twitter_filter)
    return by_id


def check_not_connected(credential: Credential) -> None:
    """Raise WrongInput where active filters connect with an app token that is to be removed."""
    connected = filters_by_credential(credential.user).get(credential.id)
    if connected:
        raise WrongInput(
            Message(
                "This app token is in use by %(names)s. Deactivate that first, or give it "
                "another app token.",
                names=join_messages(map(name_of, connected), ", "),
            )
        )


def set_rights(user: User, rights: Rights) -> OwnerChange:
    """Set a User's rights, and deactivate the filters that stop with it. Flushes.

    Raises LastAdministrator.
    """
    stopping = stopped_by(user, rights)
    changed = users.set_rights(user, rights)
    names = tuple(name_of(twitter_filter) for twitter_filter in stopping)
    cause = coverage_due.NOT_ACTIVE if rights.is_active else coverage_due.USER_DEACTIVATED
    for twitter_filter in stopping:
        service.deactivate(twitter_filter, cause)
    return OwnerChange(changed, names)


def join(kept: User, gone: User) -> OwnerChange:
    """Make one User of two, and deactivate the filters that cannot be collected afterwards.

    Flushes. To say before which those are: call it, then roll back. Raises as `merge_users.merge`.
    """
    collected = [
        twitter_filter.id
        for twitter_filter in active_filters([kept, gone])
        if not problem_of(twitter_filter)
    ]
    merge_users.merge(kept, gone)
    db.session.expire_all()
    for twitter_filter in db.session.scalars(
        select(TwitterFilter).where(TwitterFilter.user_id == kept.id).order_by(TwitterFilter.id)
    ):
        coverage_due.note_version(twitter_filter)
    stopped = []
    for twitter_filter in active_filters([kept]):
        problem = problem_of(twitter_filter) if twitter_filter.id in collected else ""
        if problem:
            stopped.append(
                Message("%(filter)s: %(why)s", filter=name_of(twitter_filter), why=problem)
            )
            service.deactivate(twitter_filter)
    return OwnerChange(True, tuple(stopped))


def problem_of(twitter_filter: TwitterFilter) -> str:
    """Why an active filter cannot be collected with what is stored for it; "" where it can."""
    try:
        source = connections.source_of_filter(twitter_filter)
        connections.check_free(twitter_filter.user, source, twitter_filter.id)
    except SfmError as exc:
        return exc.message
    return _left_out(twitter_filter.id, source.fingerprint)


def problem_of_user(user: User) -> str:
    """Why a new active filter of this User would be refused whatever it listens for; "" where it
    would not."""
    try:
        connections.check_free(user, connections.choose_source(user), None)
    except SfmError as exc:
        return exc.message
    return ""


def _left_out(filter_id: int, fingerprint: str) -> str:
    """Why the collector on this connection leaves a filter out, as it said last."""
    beats = select(Heartbeat).where(Heartbeat.fingerprint == fingerprint)
    for beat in db.session.scalars(beats):
        why = beat.figures.get("left_out", {}).get(str(filter_id), "")
        if why and connections.is_running(beat):
            return unpack(why)
    return ""


def credential_of(twitter_filter: TwitterFilter) -> str:
    """What a filter connects with, in words; "" where nothing is stored that may be used."""
    try:
        return connections.source_of_filter(twitter_filter).label
    except SfmError:
        return ""


def name_of(twitter_filter: TwitterFilter) -> str:
    """A filter in words."""
    return Message(
        "the filter “%(name)s” (number %(id)s)", name=twitter_filter.name, id=twitter_filter.id
    )


def stop_sentence(stopped: Iterable[str]) -> str:
    """What stops, in a sentence; "" for nothing."""
    names = list(stopped)
    if not names:
        return ""
    return Message("These filters stop: %(names)s.", names=join_messages(names, ", "))
