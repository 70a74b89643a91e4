"""Layouts saved under a name, each person their own. Nothing commits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from sfm.database import db
from sfm.errors import NotFound, WrongInput
from sfm.exports.format import Layout
from sfm.messages import Message
from sfm.models import ExportProfile, User

MAX_NAME_LENGTH = 100


def save(owner: User, name: str, layout: Layout) -> ExportProfile:
    """Keep a layout under a name; one of the same name is replaced. Raises WrongInput."""
    tidied = " ".join(name.split())
    if not tidied or len(tidied) > MAX_NAME_LENGTH:
        raise WrongInput(
            Message("The name of a profile has 1 to %(limit)s characters.", limit=MAX_NAME_LENGTH)
        )
    profile = db.session.scalar(
        select(ExportProfile).where(
            ExportProfile.owner_id == owner.id, ExportProfile.name == tidied
        )
    )
    if profile is None:
        profile = ExportProfile(owner_id=owner.id, name=tidied)
        db.session.add(profile)
    profile.layout = layout.as_json()
    db.session.flush()
    return profile


def profiles_of(owner: User) -> Sequence[ExportProfile]:
    """A person's profiles by name."""
    return db.session.scalars(
        select(ExportProfile).where(ExportProfile.owner_id == owner.id).order_by(ExportProfile.name)
    ).all()


def find(owner: User, profile_id: int) -> ExportProfile:
    """One of a person's own profiles. Raises NotFound."""
    profile = db.session.scalar(
        select(ExportProfile).where(
            ExportProfile.id == profile_id, ExportProfile.owner_id == owner.id
        )
    )
    if profile is None:
        raise NotFound(Message("There is no such profile, or it belongs to somebody else."))
    return profile


def remove(profile: ExportProfile) -> None:
    """Forget a profile; exports made with it stay."""
    db.session.delete(profile)
    db.session.flush()
