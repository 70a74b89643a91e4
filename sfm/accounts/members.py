"""Members of a set: their figures together, their names, and names typed to be put in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from sfm.accounts.name_rules import normalize
from sfm.accounts.names import formerly_called
from sfm.database import db
from sfm.models import TwitterUser, set_member

_NAME_BATCH = 500  # bound parameters a statement
MAX_FORMER_NAMES = 200  # former names looked up for one form


@dataclass(frozen=True)
class SetFigures:
    """What the members of a set hold together."""

    members: int
    active: int
    items: int
    oldest_at: datetime | None
    newest_at: datetime | None


@dataclass(frozen=True)
class MatchedNames:
    """Accounts of ours that were named, and the names that are none of ours."""

    ids: tuple[int, ...]
    unknown: tuple[str, ...]


def members_of(set_id: int) -> Select[Any]:
    """The members of a set, as a statement without an order."""
    joined = select(TwitterUser).join(set_member, set_member.c.twitter_user_id == TwitterUser.id)
    return joined.where(set_member.c.set_id == set_id)


def member_figures(set_id: int) -> SetFigures:
    """How many members, and what they hold, from the counts kept with each."""
    row = db.session.execute(
        members_of(set_id).with_only_columns(
            func.count(),
            func.count().filter(TwitterUser.is_active),
            func.coalesce(func.sum(TwitterUser.items_count), 0),
            func.min(TwitterUser.oldest_item_at),
            func.max(TwitterUser.newest_item_at),
        )
    ).one()
    return SetFigures(row[0], row[1], int(row[2]), row[3], row[4])


def member_names(set_id: int) -> Sequence[str]:
    """The names of all members, A to Z."""
    wanted = members_of(set_id).with_only_columns(TwitterUser.name)
    return db.session.scalars(wanted.order_by(TwitterUser.lower_name, TwitterUser.id)).all()


def match_names(text: str) -> MatchedNames:
    """Find accounts of ours by what was typed: names with blanks, commas or line ends between.

    A former name counts where only one account had it.
    """
    typed = [normalize(part) for part in re.split(r"[\s,;]+", text.replace("\x00", " "))]
    wanted = list(dict.fromkeys(name for name in typed if name))
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _NAME_BATCH):
        part = [name.lower() for name in wanted[start : start + _NAME_BATCH]]
        rows = db.session.execute(
            select(TwitterUser.lower_name, TwitterUser.id)
            .where(TwitterUser.lower_name.in_(part))
            .order_by(TwitterUser.id)
        )
        found.update({row[0]: row[1] for row in rows})
    for name in [one for one in wanted if one.lower() not in found][:MAX_FORMER_NAMES]:
        once = formerly_called(name)
        if len(once) == 1:
            found[name.lower()] = once[0].id
    ids = [found[name.lower()] for name in wanted if name.lower() in found]
    unknown = [name for name in wanted if name.lower() not in found]
    return MatchedNames(tuple(dict.fromkeys(ids)), tuple(unknown))
