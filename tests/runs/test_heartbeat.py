"""A run that works in silence is begun by no one else; one that stood still writes no more."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select, update

from sfm import clock as clock_module
from sfm.database import db
from sfm.models import Lease, Run
from sfm.runs import actions, queue
from sfm.runs.context import RunContext
from sfm.runs.errors import Cancelled, LeaseLost
from sfm.runs.transactions import unit_of_work
from tests.conftest import FrozenClock
from tests.runs.conftest import Starter, said, tell
from tests.waiting import wait_for

OFTEN = 0.02  # seconds between two heartbeats


def claimed(kind: str = "fill_gap") -> RunContext:
    queue.enqueue(kind)
    db.session.commit()
    run = queue.claim([kind])
    assert run
    return run


def heartbeat() -> datetime | None:
    with db.engine.connect() as connection:
        return connection.scalar(select(Run.heartbeat_at))


def state() -> str | None:
    with db.engine.connect() as connection:
        return connection.scalar(select(Run.state))


def test_a_run_that_works_in_silence_is_neither_settled_nor_begun_twice(
    app: Flask, clock: FrozenClock
) -> None:
    with queue.finish(claimed(), OFTEN):
        for _ in range(3):  # six minutes within one step
            clock.advance(queue.STALE_SECONDS + 1)
            wait_for(lambda: heartbeat() == clock_module.now())
        assert queue.recover_stale() == 0
        assert queue.claim(["fill_gap"]) is None
    assert state() == "finished"


def test_what_is_not_beaten_for_is_settled(app: Flask, clock: FrozenClock) -> None:
    """The counterpart: without the thread, the same run is taken for dead."""
    run = claimed()
    clock.advance(queue.STALE_SECONDS + 1)
    assert queue.recover_stale() == 1
    with queue.finish(run, OFTEN):
        wait_for(lambda: run.lost)
        with pytest.raises(LeaseLost):
            unit_of_work(run.check_lease)
    assert state() == "queued"


def test_while_heartbeats_could_not_be_written_only_dead_processes_are_settled(
    app: Flask, clock: FrozenClock
) -> None:
    claimed()
    clock.advance(queue.STALE_SECONDS + 1)
    assert queue.recover_stale(silent_too=False) == 0
    assert state() == "running"


def test_a_silent_run_hears_that_it_was_cancelled(app: Flask) -> None:
    run = claimed()
    actions.cancel(run.id)
    db.session.commit()

    def work() -> None:
        with queue.finish(run, OFTEN):
            wait_for(lambda: run.cancelled)
            run.check()

    with pytest.raises(Cancelled):
        work()
    assert state() == "cancelled"


@pytest.mark.slow
def test_a_frozen_process_that_wakes_up_writes_nothing_more(
    app: Flask, other_process: Starter
) -> None:
    process = other_process(
        """
from sfm.database import db
from sfm.runs import queue
from sfm.runs.errors import LeaseLost
from sfm.runs.transactions import unit_of_work
queue.enqueue("fill_gap")
db.session.commit()
run = queue.claim(["fill_gap"])
with queue.finish(run, 0.1):
    print("works", flush=True)
    sys.stdin.readline()
    try:
        unit_of_work(lambda: run.check_lease(added=1))
        print("written", flush=True)
    except LeaseLost:
        print("fenced", flush=True)
"""
    )
    assert said(process) == "works"
    process.send_signal(signal.SIGSTOP)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)  # as after minutes in which it stood still
    db.session.execute(update(Run).values(heartbeat_at=long_ago))
    db.session.execute(update(Lease).values(expires_at=long_ago))
    db.session.commit()
    assert queue.recover_stale() == 1
    assert queue.claim(["fill_gap"]) is not None
    process.send_signal(signal.SIGCONT)
    tell(process)
    assert said(process) == "fenced"
