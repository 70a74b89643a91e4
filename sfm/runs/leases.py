"""Leases: one holder at a time for each name, across threads, commands and hosts.

A lease runs out unless it is renewed, so a dead holder blocks nobody for long. Its number grows
with each holder (a fencing token): who stood still and was replaced can write nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sfm import clock
from sfm.database import db
from sfm.models import Lease
from sfm.runs.owner import is_dead_owner
from sfm.runs.transactions import write_alone

LEASE_SECONDS = 90
_RENEW = (  # made once, for every unit of work of every run
    update(Lease)
    .where(
        Lease.name == bindparam("lease"),
        Lease.owner == bindparam("holder"),
        Lease.epoch == bindparam("number"),
    )
    .values(expires_at=bindparam("end"))
)


@dataclass(frozen=True)
class AcquiredLease:
    """A lease that is ours."""

    name: str
    owner: str
    epoch: int


@dataclass(frozen=True)
class LeaseHolder:
    """Who has a lease, since when and until when (aware UTC)."""

    owner: str
    since: datetime
    expires_at: datetime


def take(name: str, owner: str, seconds: float = LEASE_SECONDS) -> AcquiredLease | None:
    """The lease, or None where another has it. Commits on its own.

    A lease that ran out, or whose process is certainly dead, goes to whoever asks first.
    """
    if _is_taken(name):
        return None  # most askers, every second: they need not wait for the one who writes
    try:
        return write_alone(lambda connection: _take(connection, name, owner, seconds))
    except IntegrityError:  # another asked for a name that never was, at the same moment
        return None


def _is_taken(name: str) -> bool:
    with db.engine.connect() as connection:
        row = connection.execute(
            select(Lease.owner).where(Lease.name == name, Lease.expires_at > clock.now())
        ).first()
    return row is not None and not is_dead_owner(row.owner)


def _take(connection: Connection, name: str, owner: str, seconds: float) -> AcquiredLease | None:
    now = clock.now()
    expires_at = now + timedelta(seconds=seconds)
    row = connection.execute(select(Lease.owner, Lease.epoch).where(Lease.name == name)).first()
    if row is None:
        values = {"name": name, "owner": owner, "epoch": 1, "since": now, "expires_at": expires_at}
        connection.execute(insert(Lease).values(values))
        return AcquiredLease(name, owner, 1)
    free = Lease.expires_at <= now
    if is_dead_owner(row.owner):
        free = or_(free, Lease.owner == row.owner)
    taken = connection.execute(
        update(Lease)
        .where(Lease.name == name, Lease.epoch == row.epoch, free)
        .values(owner=owner, epoch=row.epoch + 1, since=now, expires_at=expires_at)
    )
    return AcquiredLease(name, owner, row.epoch + 1) if taken.rowcount else None


def holder(name: str) -> LeaseHolder | None:
    """Who has the lease at present, None if nobody."""
    row = db.session.execute(
        select(Lease.owner, Lease.since, Lease.expires_at).where(
            Lease.name == name, Lease.expires_at > clock.now()
        )
    ).first()
    return LeaseHolder(row.owner, row.since, row.expires_at) if row else None


def renew(connection: Connection, held: AcquiredLease, seconds: float = LEASE_SECONDS) -> bool:
    """Put the end off, inside the caller's transaction; False where the lease is no longer ours."""
    mine = {"lease": held.name, "holder": held.owner, "number": held.epoch}
    end = clock.now() + timedelta(seconds=seconds)
    return bool(connection.execute(_RENEW, {**mine, "end": end}).rowcount)


def release(held: AcquiredLease) -> None:
    """Give the lease back at once. Commits on its own."""
    write_alone(lambda connection: renew(connection, held, seconds=0))


def forget(held: AcquiredLease) -> None:
    """Give back a lease whose name nobody will use again; its row goes. Commits on its own."""
    row = delete(Lease).where(Lease.name == held.name, Lease.owner == held.owner)
    write_alone(lambda connection: connection.execute(row))
