"""Leases: one holder at a time for each name, across threads, commands and hosts.

A lease runs out unless it is renewed, so a dead holder blocks nobody for long. Its number grows
with each holder (a fencing token): who stood still and was replaced can write nothing any more.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sfm import clock
from sfm.database import db
from sfm.models import Lease
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


def renew(connection: Connection, lease: AcquiredLease, seconds: float = LEASE_SECONDS) -> bool:
    """Put the end off, inside the caller's transaction; False where the lease is no longer ours."""
    mine = {"lease": lease.name, "holder": lease.owner, "number": lease.epoch}
    end = clock.now() + timedelta(seconds=seconds)
    return bool(connection.execute(_RENEW, {**mine, "end": end}).rowcount)


def release(lease: AcquiredLease) -> None:
    """Give the lease back at once. Commits on its own."""
    write_alone(lambda connection: renew(connection, lease, seconds=0))


def forget(lease: AcquiredLease) -> None:
    """Give back a lease whose name nobody will use again; its row goes. Commits on its own."""
    row = delete(Lease).where(Lease.name == lease.name, Lease.owner == lease.owner)
    write_alone(lambda connection: connection.execute(row))


HOST_CHARACTERS = 40


def new_owner() -> str:
    """A name for one holder in this process: host, process, kernel, and a word of its own."""
    pid = os.getpid()
    host = os.uname().nodename[:HOST_CHARACTERS]
    return f"{host}/{pid}-{_started(pid)}/{_kernel()}/{secrets.token_hex(4)}"


def is_dead_owner(owner: str) -> bool:
    """True only where it is certain: a process of this very kernel that is no longer there."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[2] != _kernel() or not _kernel():
        return False
    pid, _, started = parts[1].partition("-")
    return pid.isdigit() and _started(int(pid)) != started


def describe_owner(owner: str) -> str:
    """`process 4711 on archive1`, for a sentence."""
    parts = owner.split("/")
    return f"process {parts[1].partition('-')[0]} on {parts[0]}" if len(parts) == 4 else owner


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot; empty for one that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return "" if fields[0] in ("Z", "X") else fields[19]


@functools.cache
def _kernel() -> str:
    """Tells machines and containers apart; empty where Linux's own files are not there."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]
