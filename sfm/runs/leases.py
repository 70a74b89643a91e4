"""Leases: one owner at a time for each name, across threads, processes and hosts; owners' names.

A lease expires unless it is renewed, so a dead owner blocks nobody for long. Its epoch grows with
each owner (a fencing token): an owner that was replaced can write nothing more.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sfm.database import db
from sfm.models import Lease
from sfm.runs import database_clock
from sfm.runs.transactions import write_alone

logger = logging.getLogger(__name__)

LEASE_SECONDS = 90
LONGEST = timedelta(seconds=2 * LEASE_SECONDS)  # no lease is taken for so long
MAX_HOST_CHARACTERS = 40  # of an owner's name
_RENEW = (  # built once, for every unit of work of every run
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
    """A lease that this process has taken."""

    name: str
    owner: str
    epoch: int


@dataclass(frozen=True)
class LeaseHolder:
    """The owner of a lease, since when and until when (aware UTC)."""

    owner: str
    since: datetime
    expires_at: datetime


def take(name: str, owner: str, seconds: float = LEASE_SECONDS) -> AcquiredLease | None:
    """Take the lease; None where another owner has it. Commits on its own.

    A lease that has expired, or whose process is certainly dead, goes to the first that asks; so
    does one that expires later than any lease can, unless its process lives. All by the
    database's clock.
    """
    if _is_taken(name):
        return None  # the usual answer, every second: no wait for a writer
    try:
        return write_alone(lambda connection: _take(connection, name, owner, seconds))
    except IntegrityError:  # another process made the row of a new name at the same moment
        return None


def _is_taken(name: str) -> bool:
    with db.engine.connect() as connection:
        return is_held(connection, Lease.name == name)


def is_held(connection: Connection, which: ColumnElement[bool]) -> bool:
    """Whether a lease of these is somebody's at present."""
    now = database_clock.now(connection)
    rows = connection.execute(
        select(Lease.owner, Lease.expires_at).where(which, Lease.expires_at > now)
    )
    return any(not _is_void(row.owner, row.expires_at, now) for row in rows)


def _is_void(owner: str, expires_at: datetime, now: datetime) -> bool:
    """Whether the owner has certainly ended, or a clock that was ahead wrote when it expires."""
    if is_dead_owner(owner):
        return True
    if expires_at <= now + LONGEST or is_living_owner(owner):
        return False
    logger.warning("a lease was taken by a clock that was ahead expires_at=%s", expires_at)
    return True


def _take(connection: Connection, name: str, owner: str, seconds: float) -> AcquiredLease | None:
    now = database_clock.now(connection)
    expires_at = now + timedelta(seconds=seconds)
    row = connection.execute(
        select(Lease.owner, Lease.epoch, Lease.expires_at).where(Lease.name == name)
    ).first()
    if row is None:
        values = {"name": name, "owner": owner, "epoch": 1, "since": now, "expires_at": expires_at}
        connection.execute(insert(Lease).values(values))
        return AcquiredLease(name, owner, 1)
    free = Lease.expires_at <= now
    if is_dead_owner(row.owner):
        free = or_(free, Lease.owner == row.owner)
    elif _is_void(row.owner, row.expires_at, now):
        free = or_(free, Lease.expires_at > now + LONGEST)
    taken = connection.execute(
        update(Lease)
        .where(Lease.name == name, Lease.epoch == row.epoch, free)
        .values(owner=owner, epoch=row.epoch + 1, since=now, expires_at=expires_at)
    )
    return AcquiredLease(name, owner, row.epoch + 1) if taken.rowcount else None


def holder(name: str) -> LeaseHolder | None:
    """The present owner of the lease, None if there is none."""
    now = database_clock.now(db.session.connection())
    row = db.session.execute(
        select(Lease.owner, Lease.since, Lease.expires_at).where(
            Lease.name == name, Lease.expires_at > now
        )
    ).first()
    return LeaseHolder(row.owner, row.since, row.expires_at) if row else None


def renew(connection: Connection, lease: AcquiredLease, seconds: float = LEASE_SECONDS) -> bool:
    """Extend the lease in the caller's transaction; False where it is no longer ours."""
    mine = {"lease": lease.name, "holder": lease.owner, "number": lease.epoch}
    end = database_clock.now(connection) + timedelta(seconds=seconds)
    return bool(connection.execute(_RENEW, {**mine, "end": end}).rowcount)


def release(lease: AcquiredLease) -> None:
    """Give the lease back at once. Commits on its own."""
    write_alone(lambda connection: renew(connection, lease, seconds=0))


def forget(lease: AcquiredLease) -> None:
    """Give back a lease whose name is not used again; deletes its row. Commits on its own."""
    row = delete(Lease).where(Lease.name == lease.name, Lease.owner == lease.owner)
    write_alone(lambda connection: connection.execute(row))


def new_owner() -> str:
    """A new owner's name: host, process id and start, kernel, and random digits."""
    pid = os.getpid()
    host = os.uname().nodename[:MAX_HOST_CHARACTERS]
    return f"{host}/{pid}-{_start_time(pid)}/{_kernel_id()}/{secrets.token_hex(4)}"


def is_dead_owner(owner: str) -> bool:
    """Whether the owner was a process of this very kernel that has certainly ended."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[2] != _kernel_id() or not _kernel_id():
        return False
    pid, _, started = parts[1].partition("-")
    return pid.isdigit() and _start_time(int(pid)) != started


def is_living_owner(owner: str) -> bool:
    """Whether the owner is a process of this very kernel that certainly lives."""
    parts = owner.split("/")
    if len(parts) != 4 or not _kernel_id() or parts[2] != _kernel_id():
        return False
    pid, _, started = parts[1].partition("-")
    return pid.isdigit() and _start_time(int(pid)) == started


def describe_owner(owner: str) -> str:
    """`process 4711 on archive1`, for a sentence."""
    parts = owner.split("/")
    return f"process {parts[1].partition('-')[0]} on {parts[0]}" if len(parts) == 4 else owner


def _start_time(pid: int) -> str:
    """The process's start in clock ticks since boot; empty for one that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return "" if fields[0] in ("Z", "X") else fields[19]


@functools.cache
def _kernel_id() -> str:
    """An id of this machine or container since its boot; empty without Linux's /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]
