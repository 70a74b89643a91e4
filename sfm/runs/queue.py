"""The queue of runs: enqueue, start, claim, finish, recover. All but `enqueue` commit on their own.

A run is begun by a conditional UPDATE (one winner), under a lease on its kind (so that two of a
kind never overlap), and ended only by the owner of that lease.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from sfm import clock
from sfm.database import db, has_come
from sfm.errors import SfmError
from sfm.messages import Message, join_messages
from sfm.models import Lease, Run
from sfm.networks.errors import OutOfCredits
from sfm.runs import leases, shutdown
from sfm.runs.context import HEARTBEAT_SECONDS, Progress, RunContext
from sfm.runs.errors import (
    AlreadyRunning,
    Cancelled,
    DatabaseTrouble,
    Interrupted,
    LeaseLost,
    Pause,
    Postponed,
    pause_for,
)
from sfm.runs.heartbeat import heartbeats
from sfm.runs.jobs import job_of, lease_name
from sfm.runs.leases import describe_owner, is_dead_owner, new_owner
from sfm.runs.transactions import DATABASE_ERRORS, error_of, write_alone

logger = logging.getLogger(__name__)

STALE_SECONDS = 120  # a heartbeat older than this is a stopped one
MAX_CRASHES = 3
POSTPONED_SECONDS = 300
LONGEST_POSTPONEMENT = timedelta(days=2)
UNEXPECTED = Message("Something unexpected went wrong; the log has the details.")
COMMAND_ENDED = Message("Its command has ended; call it again for the rest.")
CUT_OFF = Message(
    "It was cut off: its program ended without a word. The next run goes on where it stopped."
)


def enqueue(
    name: str,
    *,
    params: Mapping[str, Any] | None = None,
    slot: str | None = None,
    origin: str = "page",
    requested_by_id: int | None = None,
) -> Run | None:
    """Add a queued run of this kind. Flushes; the caller commits.

    A run with the same params that is still queued is returned instead. With a `slot`, None where
    that slot has had its run already.
    """
    run_params = dict(params or {})
    if slot is None:
        waiting = select(Run).where(Run.kind == name, Run.state == "queued", Run.slot.is_(None))
        for run in db.session.scalars(waiting):
            if run.params == run_params:
                return run
    run = Run(
        kind=name, params=run_params, slot=slot, origin=origin, requested_by_id=requested_by_id
    )
    try:
        with db.session.begin_nested():
            db.session.add(run)
    except IntegrityError:
        return None
    return run


def start(name: str, params: Mapping[str, Any] | None = None) -> RunContext:
    """Begin a run at once, for a command. Raises AlreadyRunning, which names the other run."""
    recover_stale([name])
    owner = new_owner()
    lease = leases.take(lease_name(name, None), owner) if job_of(name).alone else None
    if job_of(name).alone and lease is None:
        raise AlreadyRunning(_who_runs(name))
    if lease:
        _recover_overtaken(name, lease)
    now = clock.now()
    row = insert(Run).values(
        kind=name, params=dict(params or {}), state="running", origin="command",
        started_at=now, heartbeat_at=now, owner=owner, attempts=1,
    )  # fmt: skip
    run_id = write_alone(lambda connection: connection.execute(row.returning(Run.id)).scalar_one())
    lease = lease or leases.take(lease_name(name, run_id), owner)
    if lease is None:
        raise AlreadyRunning(_who_runs(name))
    return RunContext(run_id, name, dict(params or {}), {}, lease, origin="command", begun_at=now)


def claim(names: Collection[str]) -> RunContext | None:
    """Begin the oldest queued run of these kinds that is due; None if there is none."""
    due = or_(Run.not_before.is_(None), has_come(Run.not_before, LONGEST_POSTPONEMENT))
    with db.engine.connect() as connection:
        waiting = connection.execute(
            select(Run.id, Run.kind)
            .where(Run.state == "queued", Run.kind.in_(names), due)
            .order_by(Run.id)
        ).all()
    taken: set[str] = set()
    for row in waiting:
        name = lease_name(row.kind, row.id)
        if name in taken:
            continue
        taken.add(name)
        run = claim_one(row.id, row.kind)
        if run:
            return run
    return None


def claim_one(run_id: int, name: str) -> RunContext | None:
    """Begin this queued run; None where another process has just begun it."""
    lease = leases.take(lease_name(name, run_id), new_owner())
    run = _begin(run_id, lease) if lease else None
    if lease and not run:
        leases.release(lease)
    return run


def _begin(run_id: int, lease: leases.AcquiredLease) -> RunContext | None:
    """Turn a queued run into a running one; None where another process just did."""
    _recover_overtaken(lease.name.removeprefix("run:"), lease)
    now = clock.now()
    begun = {
        "state": "running", "owner": lease.owner, "heartbeat_at": now, "not_before": None,
        "started_at": func.coalesce(Run.started_at, now), "attempts": Run.attempts + 1,
        "message": "",
    }  # fmt: skip
    mine = update(Run).where(Run.id == run_id, Run.state == "queued").values(begun)
    if not write_alone(lambda connection: connection.execute(mine)).rowcount:
        return None
    return context_of(run_id, lease)


def context_of(run_id: int, lease: leases.AcquiredLease) -> RunContext:
    """The run whose lease this process holds, as its row has it."""
    with db.engine.connect() as connection:
        row = connection.execute(select(Run.__table__).where(Run.id == run_id)).one()
    costs = {name: getattr(row, name) for name in vars(Progress()) if name.startswith("api_")}
    progress = Progress(done=0, added=row.added, **costs)
    return RunContext(
        run_id, row.kind, row.params, row.cursor, lease, progress,
        origin=row.origin, begun_at=row.started_at,
    )  # fmt: skip


@contextmanager
def finish(
    run: RunContext, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> Iterator[dict[str, Any]]:
    """Inside the `with`, a run is executed; at its end, the run's state is written.

    Its lease is renewed meanwhile by a thread of its own, whether it makes progress or not. What
    is put into the dictionary becomes the run's result. Errors are raised again, OutOfCredits as
    Pause. Commits on its own.
    """
    with shutdown.run_under_way():
        result: dict[str, Any] = {}
        ending = Ending("failed", UNEXPECTED)
        try:
            with heartbeats(run, heartbeat_seconds):
                yield result
            ending = Ending("finished")
        except KeyboardInterrupt:
            ending = Ending("cancelled", Message("Stopped from the keyboard."))
            raise
        except OutOfCredits as trouble:
            pause = pause_for(trouble)
            ending = _ending_of(pause, run)
            raise pause from trouble
        except SfmError as exc:
            ending = _ending_of(exc, run)
            raise
        except DATABASE_ERRORS as exc:
            sentence = error_of(exc)
            if not isinstance(sentence, SfmError):
                raise
            ending = _ending_of(sentence, run)
            raise sentence from exc
        finally:
            _end(run, ending, result)


@dataclass(frozen=True)
class Ending:
    """The state a run ends in, why, and when it may go on. Empty state: the lease is lost."""

    state: str
    message: str = ""
    not_before: datetime | None = None


def _ending_of(exc: SfmError, run: RunContext) -> Ending:
    """The run of a command ends with it; other runs are queued to go on. A pause outlasts the
    command if others can carry out a run of its kind."""
    origin, can_go_on = run.origin, bool(job_of(run.kind).function)
    if isinstance(exc, LeaseLost):
        return Ending("")
    if isinstance(exc, Cancelled):
        return Ending("cancelled", exc.message)
    if isinstance(exc, Interrupted | Postponed) and origin == "command":
        return Ending("failed", exc.message)
    if isinstance(exc, Interrupted):
        return Ending("queued", exc.message)
    if isinstance(exc, Postponed):
        later = exc.until or clock.now() + timedelta(seconds=POSTPONED_SECONDS)
        return Ending("queued", exc.message, later)
    if isinstance(exc, Pause) and not can_go_on:
        return Ending("failed", join_messages([exc.message, COMMAND_ENDED]))
    if isinstance(exc, Pause):
        return Ending("paused", exc.message, exc.until)
    return Ending("failed", exc.message)


def _end(run: RunContext, ending: Ending, result: dict[str, Any]) -> None:
    if not ending.state:
        return
    if ending.state != "finished":
        db.session.rollback()
    try:
        run.end(ending.state, ending.message, ending.not_before, result)
        logger.info("run ended run=%d kind=%s state=%s", run.id, run.kind, ending.state)
    except (SQLAlchemyError, Postponed, DatabaseTrouble):
        # Without a heartbeat the row is found stale and settled when the database is back.
        logger.exception("the end of a run could not be written run=%d", run.id)


def recover_stale(names: Collection[str] | None = None, *, silent_too: bool = True) -> int:
    """Queue or close running runs whose process has ended without writing that; how many.

    Without `silent_too`, only those of processes that have certainly ended.

    Runs of the schedule or of a page are queued again, to go on where they stopped, until they
    have crashed three times; a command's run is closed as failed, and the next one goes on from
    there.
    """
    settled, now, silence = 0, clock.now(), timedelta(seconds=STALE_SECONDS)
    for row in _running(names):
        # A heartbeat that lies ahead was written by a clock that was ahead.
        is_silent = abs(now - (row.heartbeat_at or row.queued_at)) > silence
        gone = is_dead_owner(row.owner) or (silent_too and is_silent)
        if gone and not _lease_is_alive(row):
            settled += _recover(row)
    return settled


def recover_own(run_id: int, lease: leases.AcquiredLease, *, is_crash: bool) -> int:
    """Recover a run that this process began and cannot carry out; gives its lease back."""
    mine = [row for row in _running(None) if row.id == run_id and row.owner == lease.owner]
    recovered = sum(_recover(row, is_crash=is_crash) for row in mine)
    leases.release(lease)
    return recovered


def _running(names: Collection[str] | None) -> list[Row[Any]]:
    query = select(Run.__table__).where(Run.state == "running").order_by(Run.id)
    if names is not None:
        query = query.where(Run.kind.in_(names))
    with db.engine.connect() as connection:
        return list(connection.execute(query))


def _recover_overtaken(name: str, lease: leases.AcquiredLease) -> None:
    """Recover the runs of the lease's earlier owners, who can write nothing any more."""
    for row in _running([name]):
        if row.owner != lease.owner:
            _recover(row)


def _lease_is_alive(row: Row[Any]) -> bool:
    if is_dead_owner(row.owner):
        return False
    with db.engine.connect() as connection:
        return leases.is_held(connection, Lease.owner == row.owner)


def _recover(row: Row[Any], *, is_crash: bool = True) -> int:
    crashes = row.crashes + is_crash
    again = row.origin != "command" and crashes < MAX_CRASHES
    values: dict[str, Any] = {
        "state": "queued",
        "message": Message("It was cut off, and goes on soon."),
    }
    if not again:
        values = {"state": "failed", "message": CUT_OFF, "finished_at": clock.now()}
    closed = update(Run).where(Run.id == row.id, Run.state == "running", Run.owner == row.owner)
    done = write_alone(
        lambda connection: connection.execute(
            closed.values(waiting_until=None, crashes=crashes, **values)
        )
    )
    logger.warning("stale run settled run=%d kind=%s state=%s", row.id, row.kind, values["state"])
    return done.rowcount


def _who_runs(name: str) -> str:
    running = _running([name])
    title = Message(job_of(name).title)
    if not running:
        return Message(
            "%(title)s: another one is just starting or ending. Try again in a moment.",
            title=title,
        )
    row = running[-1]
    return Message(
        "%(title)s %(id)s has been running since %(since)s (%(owner)s). Wait until it ends, or "
        "cancel it on its page.",
        title=title,
        id=row.id,
        since=clock.iso(row.started_at),
        owner=describe_owner(row.owner),
    )
