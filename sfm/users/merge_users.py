"""Merges two Users of the same person: moves sets, filters, credentials and all else to one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint, select, update

from sfm.database import Base, db
from sfm.errors import WrongInput
from sfm.messages import Message
from sfm.models import User
from sfm.users import service

MAX_NAME_CHARACTERS = 100  # the shortest column among them


def merge(kept: User, gone: User) -> dict[str, int]:
    """Move everything of `gone` to `kept`, then remove `gone`. Flushes.

    Gives how many rows of each table moved. Sets of the same name stay two: the moved one gets
    the old owner's name behind its own. The Twitter account moves where `kept` has none. Raises
    WrongInput for the same User twice or two different Twitter accounts, LastAdministrator.
    """
    _check(kept, gone)
    _rename_what_clashes(kept, gone)
    moved = _move_rows(kept, gone)
    uid, name = gone.twitter_uid, gone.twitter_name
    gone_username = gone.username
    db.session.expire(gone)  # its rows are elsewhere: nothing may be deleted along with it
    db.session.delete(gone)
    db.session.flush()
    if uid is not None:
        kept.twitter_uid, kept.twitter_name = uid, name
    service.end_sessions(kept)
    db.session.flush()
    service.record(kept, "user.joined", before={"from": gone_username}, after=dict(moved))
    return moved


def _check(kept: User, gone: User) -> None:
    """Raises WrongInput, LastAdministrator."""
    if kept.id == gone.id:
        raise WrongInput(Message("These are the same User."))
    if kept.twitter_uid and gone.twitter_uid and kept.twitter_uid != gone.twitter_uid:
        raise WrongInput(
            Message(
                "%(first_user)s is linked to @%(first_name)s and %(second_user)s to "
                "@%(second_name)s. Unlink one of them first.",
                first_user=kept.username,
                first_name=kept.twitter_name,
                second_user=gone.username,
                second_name=gone.twitter_name,
            )
        )
    if not kept.is_active or not kept.is_superuser:
        service.require_another_administrator(gone)


def _rename_what_clashes(kept: User, gone: User) -> None:
    """Two of the same name may not have one owner: the moved one gets the old owner's name."""
    whose = gone.username[:40]
    for owner, name in _names_unique_per_user():
        table = owner.table
        names = set(db.session.scalars(select(name).where(owner == kept.id)))
        theirs = db.session.execute(select(table.c.id, name).where(owner == gone.id))
        for row_id, old in theirs.all():
            new, number = old, 1
            while new in names:
                behind = f" ({whose})" if number == 1 else f" ({whose} {number})"
                new, number = old[: MAX_NAME_CHARACTERS - len(behind)] + behind, number + 1
            names.add(new)
            if new != old:
                change = update(table).where(table.c.id == row_id).values({name: new})
                db.session.execute(change)


def _names_unique_per_user() -> list[tuple[Column[Any], Column[Any]]]:
    """The owner and name columns of tables in which one User may have a name only once."""
    owners = {column for _, column in _columns_that_name_a_user()}
    return [
        (owner, name)
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint) and len(constraint.columns) == 2
        for owner in constraint.columns
        for name in constraint.columns
        if owner in owners and name not in owners
    ]


def _move_rows(kept: User, gone: User) -> dict[str, int]:
    moved: dict[str, int] = {}
    for table, column in _columns_that_name_a_user():
        done: Any = db.session.execute(
            update(table).where(column == gone.id).values({column: kept.id})
        )
        if done.rowcount:
            moved[table.name] = moved.get(table.name, 0) + done.rowcount
    return moved


def _columns_that_name_a_user() -> list[tuple[Table, Column[int]]]:
    """Every column of every table that refers to a User: a new table is moved along by itself."""
    return [
        (table, key.parent)
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == User.__tablename__
    ]
