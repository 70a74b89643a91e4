"""Names of accounts: as typed, possible ones, former ones, and renaming."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import select

from sfm import clock
from sfm.database import db
from sfm.models import AccountEvent, FormerName, TwitterUser

POSSIBLE_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")  # Source: X OpenAPI, UserName
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.|mobile\.)?(?:twitter|x)\.com/", re.IGNORECASE)
# Marks without width that come along when names are copied out of documents and web pages.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def normalize(text: str) -> str:
    """The name in what was typed: without blanks, a leading @, or the address of a profile."""
    name = _INVISIBLE.sub("", text).strip()
    if match := _ADDRESS.match(name):
        name = re.split(r"[/?#]", name[match.end() :], maxsplit=1)[0]
    return name.removeprefix("@").removeprefix("\uff20").strip()


def is_possible(name: str) -> bool:
    """Whether Twitter could have an account of this name: 1 to 15 letters, digits, underscores."""
    return POSSIBLE_NAME.fullmatch(name) is not None


def formerly_called(name: str) -> list[TwitterUser]:
    """Accounts that had this name before, the latest first."""
    accounts = db.session.scalars(
        select(TwitterUser)
        .join(FormerName, FormerName.twitter_user_id == TwitterUser.id)
        .where(FormerName.lower_name == name.lower())
        .order_by(FormerName.until.desc())
    )
    return list(dict.fromkeys(accounts))


def rename(account: TwitterUser, name: str) -> bool:
    """Set a new name and keep the old one; False where it is the same. Does not flush.

    Another spelling in capitals is a new name too. Raises nothing: names need not be unique,
    since one that an account gave up may be another's already.
    """
    old = account.name
    if name == old:
        return False
    now = clock.now()
    account.former_names = {**account.former_names, _key(account, now): old}
    account.name = name
    db.session.add(_event(account, "renamed", old, name))
    if old.lower() != name.lower():
        db.session.add(FormerName(twitter_user_id=account.id, lower_name=old.lower(), until=now))
        _flag_successor(account, old)
    return True


def flag_reuse(newcomer: TwitterUser) -> list[TwitterUser]:
    """The accounts that once had the newcomer's name; an event is added to each.

    Their posts are kept apart in any case: everything goes by uid. Flushes.
    """
    former_holders = [
        account for account in formerly_called(newcomer.name) if account.id != newcomer.id
    ]
    for account in former_holders:
        db.session.add(_event(account, "name_reused", newcomer.name, str(newcomer.uid)))
    db.session.flush()
    return former_holders


def _flag_successor(account: TwitterUser, old: str) -> None:
    """Add an event where another account here has the old name already."""
    successor = db.session.scalar(
        select(TwitterUser)
        .where(TwitterUser.lower_name == old.lower(), TwitterUser.id != account.id)
        .limit(1)
    )
    if successor is not None:
        db.session.add(_event(account, "name_reused", old, str(successor.uid)))


def _event(account: TwitterUser, kind: str, before: str, after: str) -> AccountEvent:
    return AccountEvent(twitter_user_id=account.id, kind=kind, before=before, after=after)


def _key(account: TwitterUser, moment: datetime) -> str:
    """The time of detection, moved by a second while that second has a name already."""
    while (key := clock.iso(moment)) in account.former_names:
        moment += timedelta(seconds=1)
    return key
