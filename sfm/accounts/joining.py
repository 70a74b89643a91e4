"""Makes one User out of two that are the same person: sets, filters, tokens and all else move."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, select, update

from sfm.accounts import users
from sfm.database import Base, db
from sfm.errors import WrongInput
from sfm.models import TwitterUserSet, User

NAME_LENGTH = 255


def join(kept: User, gone: User) -> dict[str, int]:
    """Move everything of `gone` to `kept`, then remove `gone`. Flushes.

    Gives how many rows of each table moved. Sets of the same name stay two: the moved one gets
    the old owner's name behind its own. The Twitter account moves where `kept` has none. Raises
    WrongInput for the same User twice or two different Twitter accounts, LastAdministrator.
    """
    if kept.id == gone.id:
        raise WrongInput("These are the same User.")
    if kept.twitter_uid and gone.twitter_uid and kept.twitter_uid != gone.twitter_uid:
        raise WrongInput(
            f"{kept.username} is linked to @{kept.twitter_name} and {gone.username} to "
            f"@{gone.twitter_name}. Unlink one of them first."
        )
    if not kept.is_active or not kept.is_superuser:
        users.require_another_administrator(gone)
    _rename_clashing_sets(kept, gone)
    moved = _move_rows(kept, gone)
    uid, name = gone.twitter_uid, gone.twitter_name
    lost = gone.username
    db.session.expire(gone)  # its rows are elsewhere: nothing may be deleted along with it
    db.session.delete(gone)
    db.session.flush()
    if uid is not None:
        kept.twitter_uid, kept.twitter_name = uid, name
    users.end_sessions(kept)
    db.session.flush()
    users.record(kept, "user.joined", before={"from": lost}, after=dict(moved))
    return moved


def _rename_clashing_sets(kept: User, gone: User) -> None:
    names = set(
        db.session.scalars(select(TwitterUserSet.name).where(TwitterUserSet.owner_id == kept.id))
    )
    for theirs in db.session.scalars(
        select(TwitterUserSet).where(TwitterUserSet.owner_id == gone.id)
    ).all():
        name, number = theirs.name, 1
        while name in names:
            behind = f" ({gone.username})" if number == 1 else f" ({gone.username} {number})"
            name, number = theirs.name[: NAME_LENGTH - len(behind)] + behind, number + 1
        names.add(name)
        theirs.name = name
    db.session.flush()


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
