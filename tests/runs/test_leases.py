"""Leases: one holder, growing numbers, dead holders replaced, late ones fenced off."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from flask import Flask
from sqlalchemy import select

from sfm.database import db
from sfm.models import Lease
from sfm.runs import leases
from sfm.runs.transactions import write_alone
from tests.conftest import FrozenClock
from tests.runs.conftest import Starter, said, tell
from tests.threads import at_once


def test_a_lease_has_one_holder_until_it_is_given_back(app: Flask) -> None:
    first = leases.take("run:x", leases.new_owner())
    assert first is not None
    assert leases.take("run:x", leases.new_owner()) is None
    leases.release(first)
    second = leases.take("run:x", leases.new_owner())
    assert second is not None
    assert second.epoch == first.epoch + 1


def test_a_lease_that_ran_out_goes_on_and_its_late_holder_is_refused(
    app: Flask, clock: FrozenClock
) -> None:
    first = leases.take("run:x", leases.new_owner(), seconds=90)
    assert first
    clock.advance(89)
    assert leases.take("run:x", leases.new_owner()) is None
    clock.advance(2)
    second = leases.take("run:x", leases.new_owner())
    assert second
    assert not write_alone(lambda connection: leases.renew(connection, first))
    assert write_alone(lambda connection: leases.renew(connection, second))


def test_renewing_puts_the_end_off(app: Flask, clock: FrozenClock) -> None:
    held = leases.take("run:x", leases.new_owner(), seconds=90)
    assert held
    for _ in range(5):
        clock.advance(60)
        assert write_alone(lambda connection: leases.renew(connection, held))
    assert leases.take("run:x", leases.new_owner()) is None


def test_a_late_holder_whom_nobody_replaced_may_go_on(app: Flask, clock: FrozenClock) -> None:
    held = leases.take("run:x", leases.new_owner(), seconds=90)
    assert held
    clock.advance(3600)
    assert write_alone(lambda connection: leases.renew(connection, held))


def test_of_many_who_ask_at_once_one_gets_it(app: Flask) -> None:
    found: list[leases.AcquiredLease | None] = []
    together = threading.Barrier(6)

    def ask() -> None:
        with app.app_context():
            together.wait()
            found.append(leases.take("run:x", leases.new_owner()))

    at_once(6, ask)
    assert len(found) == 6
    assert len([held for held in found if held]) == 1


@pytest.mark.slow
def test_the_lease_of_a_killed_process_is_free_at_once(app: Flask, other_process: Starter) -> None:
    process = other_process(
        """
from sfm.runs import leases
print(bool(leases.take("run:x", leases.new_owner())), flush=True)
sys.stdin.readline()
"""
    )
    assert said(process) == "True"
    assert leases.take("run:x", leases.new_owner()) is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert leases.take("run:x", leases.new_owner()) is not None


@pytest.mark.slow
def test_a_frozen_process_keeps_its_lease_until_it_runs_out(
    app: Flask, other_process: Starter
) -> None:
    process = other_process(
        """
from sfm.runs import leases
from sfm.runs.transactions import write_alone
held = leases.take("run:x", leases.new_owner(), seconds=1.5)
print("held", flush=True)
sys.stdin.readline()
print(write_alone(lambda c: leases.renew(c, held)), flush=True)
"""
    )
    assert said(process) == "held"
    process.send_signal(signal.SIGSTOP)
    assert leases.take("run:x", leases.new_owner()) is None
    expires_at = db.session.scalar(select(Lease.expires_at))
    assert expires_at
    while leases.holder("run:x"):
        db.session.rollback()
    assert leases.take("run:x", leases.new_owner()) is not None
    process.send_signal(signal.SIGCONT)
    tell(process)
    assert said(process) == "False", "the thawed process still believes in its lease"


def test_only_a_process_that_is_certainly_gone_counts_as_dead() -> None:
    mine = leases.new_owner()
    host, process, kernel, word = mine.split("/")
    pid, _, started = process.partition("-")
    assert pid == str(os.getpid())
    assert not leases.is_dead_owner(mine)
    assert leases.is_dead_owner(f"{host}/{pid}-{int(started) + 1}/{kernel}/{word}"), (
        "the pid was reused"
    )
    assert not leases.is_dead_owner(f"{host}/{pid}-{int(started) + 1}/00000000/{word}"), (
        "another machine"
    )
    assert not leases.is_dead_owner("something else")
    assert f"process {pid} on " in leases.describe_owner(mine)


def test_owners_fit_their_column() -> None:
    assert len(leases.new_owner()) <= 100
