"""Hands a run that this process has begun over to another one, which goes on with its lease."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import Connection, select, update

from sfm import clock
from sfm.database import db
from sfm.models import Lease, Run
from sfm.runs import database_clock, queue
from sfm.runs.context import RunContext
from sfm.runs.leases import LEASE_SECONDS, AcquiredLease, new_owner
from sfm.runs.transactions import write_alone


def encode(run: RunContext) -> bytes:
    """The run in one line, for `take_over` in the other process."""
    lease = {"name": run.lease.name, "owner": run.lease.owner, "epoch": run.lease.epoch}
    return json.dumps({"run": run.id, "lease": lease}).encode() + b"\n"


def take_over(line: bytes) -> RunContext | None:
    """The run out of `encode`, as this process's own: who handed it over can write no more for it.

    None where the run is not the other's any more. Commits on its own.
    """
    values = json.loads(line)
    given = AcquiredLease(**values["lease"])
    mine = AcquiredLease(given.name, new_owner(), given.epoch + 1)

    def change(connection: Connection) -> bool:
        run = update(Run).where(
            Run.id == values["run"], Run.state == "running", Run.owner == given.owner
        )
        if not connection.execute(run.values(owner=mine.owner, heartbeat_at=clock.now())).rowcount:
            return False
        end = database_clock.now(connection) + timedelta(seconds=LEASE_SECONDS)
        lease = update(Lease).where(Lease.name == given.name, Lease.owner == given.owner)
        connection.execute(lease.values(owner=mine.owner, epoch=mine.epoch, expires_at=end))
        return True

    return queue.context_of(values["run"], mine) if write_alone(change) else None


def recover_left(run: RunContext, *, was_asked: bool) -> bool:
    """After the other process has ended: queue or close the run if it ended without a word; whether
    it did. `was_asked`: to stop, which is no crash before it began. Commits on its own."""
    with db.engine.connect() as connection:
        query = select(Run.state, Run.owner).where(Run.id == run.id)
        row = connection.execute(query).first()
    if row is None or row.state != "running":
        return False
    if row.owner == run.lease.owner:  # it never took the run over
        return queue.recover_own(run.id, run.lease, is_crash=not was_asked) > 0
    return queue.recover_stale([run.kind], silent_too=False) > 0
