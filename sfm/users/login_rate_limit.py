"""The rate limit of sign-ins, per name and per address; counted in the database, so that all
processes share it and a restart does not reset it.

A try is counted before the password is checked, so that no more passwords are checked at the same
time than the limits allow. A sign-in that works takes its try back.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from sfm import clock
from sfm.database import begin_write, db
from sfm.errors import SfmError
from sfm.messages import PluralMessage
from sfm.models import Attempts

WINDOW = timedelta(minutes=15)
MAX_PER_NAME_AND_ADDRESS = 5
MAX_PER_NAME = 30  # from many addresses together: above what a forgetful person does
MAX_PER_ADDRESS = 20  # a whole reading room may share one


class TooManyTries(SfmError):
    """The limit is reached until `until` (aware UTC)."""

    def __init__(self, until: datetime, *, first: bool) -> None:
        minutes = max(1, -(-int((until - clock.now()).total_seconds()) // 60))
        super().__init__(
            PluralMessage(
                "Too many sign-ins went wrong. Please wait %(num)s minute, then try again.",
                "Too many sign-ins went wrong. Please wait %(num)s minutes, then try again.",
                minutes,
            )
        )
        self.until = until
        self.first = first  # the first refusal of its window, which is worth an audit entry


@dataclass(frozen=True)
class TryBucket:
    """One count of tries, and how many are allowed in a window of 15 minutes."""

    key: str
    limit: int


def buckets(name: str, address: str) -> tuple[TryBucket, ...]:
    """The counts that a try for this name from this address adds to, the narrowest first."""
    who, where = _digest(name.strip().lower()), _digest(_network(address))
    return (
        TryBucket(f"both:{who}:{where}", MAX_PER_NAME_AND_ADDRESS),
        TryBucket(f"name:{who}", MAX_PER_NAME),
        TryBucket(f"address:{where}", MAX_PER_ADDRESS),
    )


def take(name: str, address: str) -> None:
    """Count one try. Commits on its own, so that it counts whatever follows.

    Raises TooManyTries; a try that is refused by a narrow count does not add to the wider ones.
    """
    begin_write()
    try:
        for bucket in buckets(name, address):
            count, began_at = db.session.execute(_add_one(bucket.key)).one()
            if count > bucket.limit:
                raise TooManyTries(began_at + WINDOW, first=count == bucket.limit + 1)
    finally:
        db.session.commit()


def give_back(name: str, address: str) -> None:
    """After a sign-in that works: delete the name's failures from this address. Flushes."""
    both, *wider = buckets(name, address)
    db.session.execute(delete(Attempts).where(Attempts.key == both.key))
    for bucket in wider:
        db.session.execute(
            update(Attempts)
            .where(Attempts.key == bucket.key, Attempts.count > 0)
            .values(count=Attempts.count - 1)
        )
    db.session.execute(delete(Attempts).where(Attempts.began_at < clock.now() - WINDOW))


def _add_one(key: str) -> Any:
    """One more in the present window, or the first of a new one. Both databases."""
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[db.engine.dialect.name]
    now = clock.now()
    over = Attempts.began_at <= now - WINDOW
    new = insert(Attempts).values(key=key, count=1, began_at=now)
    return new.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((over, 1), else_=Attempts.count + 1),
            "began_at": case((over, now), else_=Attempts.began_at),
        },
    ).returning(Attempts.count, Attempts.began_at)


def _network(address: str) -> str:
    """An IPv6 connection has a whole /64 to choose its address from."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def _digest(text: str) -> str:
    """What was typed as a name may be a password: it is not kept as it is."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
