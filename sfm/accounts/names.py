"""Names come and go, uids stay. What we do when Twitter shows another name for a uid we hold."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.models import AccountEvent, FormerName, TwitterUser


def rename(twitter_user: TwitterUser, name: str) -> bool:
    """Take a new name over, keeping the old one; False where it is the same.

    Another spelling in capitals is a new name too. Raises nothing: names need not be unique,
    since one that an account gave up may be another's already.
    """
    old = twitter_user.name
    if name == old:
        return False
    now = clock.now()
    twitter_user.former_names = {**twitter_user.former_names, _key(twitter_user, now): old}
    twitter_user.name = name
    db.session.add(_event(twitter_user, "renamed", old, name))
    if old.lower() != name.lower():
        db.session.add(
            FormerName(twitter_user_id=twitter_user.id, lower_name=old.lower(), until=now)
        )
        _flag_successor(twitter_user, old)
    return True


def flag_reuse(newcomer: TwitterUser) -> list[TwitterUser]:
    """The accounts that once had the newcomer's name; each gets a note in its life line.

    Their tweets are kept apart in any case: everything goes by uid. Flushes.
    """
    former = [user for user in formerly_called(newcomer.name) if user.id != newcomer.id]
    for user in former:
        db.session.add(_event(user, "name_reused", newcomer.name, str(newcomer.uid)))
    db.session.flush()
    return former


def _flag_successor(twitter_user: TwitterUser, old: str) -> None:
    """Where one of ours has taken the old name already, say so in the life line."""
    successor = db.session.scalar(
        select(TwitterUser)
        .where(TwitterUser.lower_name == old.lower(), TwitterUser.id != twitter_user.id)
        .limit(1)
    )
    if successor is not None:
        db.session.add(_event(twitter_user, "name_reused", old, str(successor.uid)))


def formerly_called(name: str) -> list[TwitterUser]:
    """Accounts that gave this name up, those of late first."""
    accounts = db.session.scalars(
        select(TwitterUser)
        .join(FormerName, FormerName.twitter_user_id == TwitterUser.id)
        .where(FormerName.lower_name == name.lower())
        .order_by(FormerName.until.desc())
    )
    return list(dict.fromkeys(accounts))


def _event(twitter_user: TwitterUser, kind: str, before: str, after: str) -> AccountEvent:
    return AccountEvent(twitter_user_id=twitter_user.id, kind=kind, before=before, after=after)


def _key(twitter_user: TwitterUser, moment: datetime) -> str:
    """The time of detection; a second later where that second has a name already."""
    while (key := clock.iso(moment)) in twitter_user.former_names:
        moment += timedelta(seconds=1)
    return key


POSSIBLE_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")  # Source: X OpenAPI, UserName
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.|mobile\.)?(?:twitter|x)\.com/", re.IGNORECASE)
# Marks without width that come along when names are copied out of documents and web pages.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def normalize(text: str) -> str:
    """The name in what was typed: without blanks, a leading @, or the address of a profile."""
    name = _UNSEEN.sub("", text).strip()
    if match := _ADDRESS.match(name):
        name = re.split(r"[/?#]", name[match.end() :], maxsplit=1)[0]
    return name.removeprefix("@").removeprefix("\uff20").strip()


def is_possible(name: str) -> bool:
    """Whether Twitter could have an account of this name: 1 to 15 letters, digits, underscores."""
    return POSSIBLE_NAME.fullmatch(name) is not None
