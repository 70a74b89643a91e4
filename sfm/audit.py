"""Writes and reads the audit log. Any feature, page or command may record what a person did.

Who acts is set once, at the top (a request, a command), and is not handed through every call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select

from sfm.database import db
from sfm.models.audit import AuditEntry
from sfm.models.user import User

SECRET_WORDS = ("password", "secret", "token", "key", "fingerprint")


@dataclass(frozen=True)
class Actor:
    """Who acts: a User's id and name, and the address or terminal they act from."""

    user_id: int | None
    name: str
    address: str = ""


SYSTEM = Actor(None, "the system")
_actor: ContextVar[Actor] = ContextVar("sfm_actor", default=SYSTEM)


def actor() -> Actor:
    """Who acts in this request or command; the system itself where nobody was named."""
    return _actor.get()


def name_actor(who: Actor) -> None:
    """From here on `who` acts, until somebody else is named: for the start and end of requests."""
    _actor.set(who)


@contextmanager
def acting_as(who: Actor) -> Iterator[None]:
    """Everything recorded inside is done by `who`."""
    before = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(before)


def record(
    action: str,
    *,
    kind: str = "",
    subject_id: int | str | None = None,
    subject: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    by: Actor | None = None,
) -> AuditEntry:
    """Add one entry to the session; it stands when the caller commits, with what it tells of.

    `action` is a fixed word such as `user.deactivated`; `before` and `after` hold plain JSON
    values of the fields that changed. A value whose field sounds like a secret is left out.
    """
    who = by or actor()
    entry = AuditEntry(
        actor_id=who.user_id,
        actor=_kept(who.name, 150),
        address=_kept(who.address, 60),
        action=action,
        subject_kind=kind,
        subject_id="" if subject_id is None else str(subject_id)[:40],
        subject=_kept(subject, 500),
        before=_plain(before),
        after=_plain(after),
    )
    db.session.add(entry)
    return entry


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The two sides of what differs, ready for `record`."""
    differing = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in differing}, {n: after[n] for n in differing}


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: "(secret)" if any(word in name.lower() for word in SECRET_WORDS) else _value(value)
        for name, value in (values or {}).items()
    }


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(element) for element in value]
    return _kept(str(value), 2000)


def _kept(text: str, most: int) -> str:
    """PostgreSQL takes neither NUL nor half a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:most]


def entries(who: str, what: str, actions: Sequence[str] = ()) -> Select[Any]:
    """Entries by or about whoever's name holds `who`, of actions that hold `what` or are `actions`.

    Empty: of everybody, of every action.
    """
    query = select(AuditEntry)
    if who:
        query = query.where(
            or_(
                AuditEntry.actor.icontains(who, autoescape=True),
                AuditEntry.subject.icontains(who, autoescape=True),
            )
        )
    if what:
        by_code = AuditEntry.action.icontains(what, autoescape=True)
        query = query.where(or_(by_code, AuditEntry.action.in_(actions)))
    return query


def entries_of_user(user: User) -> Select[Any]:
    """What was done to or by one user.

    What happened before they were added was done to another, who had their id before ids were
    given out only once.
    """
    about = (
        (AuditEntry.subject_kind == "user")
        & (AuditEntry.subject_id == str(user.id))
        & (AuditEntry.at >= user.created_at)
    )
    return select(AuditEntry).where(or_(about, AuditEntry.actor_id == user.id))
