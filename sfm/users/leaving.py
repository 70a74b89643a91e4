"""A User who goes for good. Nothing here commits."""

from __future__ import annotations

from sqlalchemy import func, select

from sfm.database import db
from sfm.errors import WrongInput
from sfm.models import ExportFile, RecurringExport, TwitterFilter, TwitterUserSet, User
from sfm.users import service


def owned_by(user: User) -> dict[str, int]:
    """What is theirs and would be lost to others: how many of each kind; kinds with none left out.

    Credentials, profiles of exports and the time zone are nobody else's: they go without a word.
    """
    columns = {
        "sets": TwitterUserSet.owner_id,
        "filters": TwitterFilter.user_id,
        "exports": ExportFile.owner_id,
        "recurring exports": RecurringExport.owner_id,
    }
    found = {
        name: db.session.scalar(select(func.count()).where(column == user.id)) or 0
        for name, column in columns.items()
    }
    return {name: count for name, count in found.items() if count}


def remove(user: User, by: User) -> None:
    """Delete a User who owns nothing any more, with their credentials and sessions. Flushes.

    What they did stays in the audit log under their name. Raises WrongInput for oneself and for
    an owner, LastAdministrator.
    """
    if user.id == by.id:
        raise WrongInput("This is your own account. Ask another administrator to delete it.")
    service.require_another_administrator(user)
    if owned_by(user):
        raise WrongInput(
            f"{user.username} still owns something. Delete that first, or join this User with "
            "another one, who then gets all of it."
        )
    service.record(user, "user.deleted")
    db.session.flush()
    db.session.delete(user)
    db.session.flush()
