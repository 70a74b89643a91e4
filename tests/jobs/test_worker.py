"""What is due is queued once per slot, caught up once, and carried out whatever goes wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.errors import NotFound, WrongInput
from sfm.jobs import worker
from sfm.jobs.scheduler import Leadership
from sfm.models import Event, Run, ScheduledJob
from sfm.runs import actions, queries, scheduled_jobs
from sfm.runs import queue as run_queue
from sfm.runs.jobs import JOBS, Job, function_of, scheduled, with_runs
from sfm.sandbox.server import Sandbox
from tests.collecting import held, sandbox, tracked
from tests.conftest import FrozenClock, sandbox_settings
from tests.run_lists import list_runs

__all__ = ["sandbox"]
HOUR = 3600


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    """Of the plan, only the timelines and the reconciling are on."""
    off = {job.setting: "off" for job in scheduled()}
    del off["schedule_timelines"], off["schedule_reconcile"]
    return sandbox_settings(instance_folder, database_url, sandbox, **off)


def slots(kind: str = "user_timeline") -> list[str]:
    db.session.rollback()
    found = db.session.scalars(select(Run.slot).where(Run.kind == kind).order_by(Run.id))
    return [slot.partition("@")[2] for slot in found if slot]


def queue() -> int:
    done = worker.queue_due()
    db.session.rollback()
    return done


def work_all() -> None:
    while worker.work_once():
        db.session.rollback()


def test_every_job_and_kind_has_a_function_that_can_be_imported(app: Flask) -> None:
    for name in with_runs():
        assert callable(function_of(name))
    ticks = [job for job in scheduled() if not job.has_runs]
    for job in ticks:
        assert callable(function_of(job.name))
    assert {job.name for job in JOBS.values() if not job.has_runs} == {job.name for job in ticks}
    assert {job.name for job in scheduled()} <= {*with_runs(), *(job.name for job in ticks)}
    assert len(with_runs()) == 13


def test_a_new_installation_begins_with_the_next_slot(app: Flask, clock: FrozenClock) -> None:
    assert queue() == 0
    clock.advance(5 * HOUR)
    assert queue() == 0
    clock.advance(HOUR)
    assert queue() == 1
    assert slots() == ["2026-11-22T18:00:00Z"]
    assert queue() == 0


def test_each_slot_has_one_run_whoever_asks(app: Flask, clock: FrozenClock) -> None:
    queue()
    for _ in range(8):
        clock.advance(HOUR)
        for _ in range(3):
            queue()
        work_all()
    assert slots() == ["2026-11-22T18:00:00Z"]
    clock.advance(10 * HOUR)
    queue()
    assert slots()[-1] == "2026-11-23T06:00:00Z"


def test_what_was_missed_is_caught_up_once(app: Flask, clock: FrozenClock) -> None:
    """JB9: nobody was there for two days."""
    queue()
    clock.advance(48 * HOUR + 120)
    assert queue() == 1
    assert slots() == ["2026-11-24T12:00:00Z"]
    assert queue() == 0


def test_a_clock_set_back_brings_no_slot_twice(app: Flask, clock: FrozenClock) -> None:
    """JB12."""
    queue()
    clock.advance(6 * HOUR)
    assert queue() == 1
    clock.advance(-1 * HOUR)
    assert queue() == 0
    clock.advance(1 * HOUR + 60)
    assert queue() == 0
    assert slots() == ["2026-11-22T18:00:00Z"]


def test_a_clock_that_was_ahead_once_does_not_silence_the_schedule(
    app: Flask, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    """JB12: the machine was 30 days ahead for one round, then its clock was put right."""
    queue()
    clock.advance(30 * 24 * HOUR)
    assert queue() == 1
    worker.run_frequent_jobs()
    clock.advance(-30 * 24 * HOUR)
    work_all()
    for _ in range(24):
        clock.advance(HOUR)
        queue()
        work_all()
    assert slots()[1:] == [
        "2026-11-22T18:00:00Z",
        "2026-11-23T00:00:00Z",
        "2026-11-23T06:00:00Z",
        "2026-11-23T12:00:00Z",
    ]
    assert "clock that was ahead" in caplog.text
    worker.run_frequent_jobs()
    clock.advance(30)
    assert worker.run_frequent_jobs() == 1


def test_a_job_by_cron_runs_at_the_times_of_cron(app: Flask, clock: FrozenClock) -> None:
    queue()
    begin_write()
    scheduled_jobs.change_schedule("user_timeline", text="30 13,14 * * 0", paused=False)
    db.session.commit()
    shown = {planned.job.name: planned for planned in scheduled_jobs.job_statuses()}[
        "user_timeline"
    ]
    assert shown.words == "at the times of cron’s “30 13,14 * * 0”, in UTC"
    assert shown.next_at == clock.now() + timedelta(minutes=90)
    for _ in range(60):
        clock.advance(HOUR / 4)
        queue()
        work_all()
    assert slots() == ["2026-11-22T13:30:00Z", "2026-11-22T14:30:00Z"]


def test_a_paused_job_is_not_queued_and_not_caught_up(app: Flask, clock: FrozenClock) -> None:
    queue()
    begin_write()
    scheduled_jobs.change_schedule("user_timeline", text="every 6 h", paused=True)
    db.session.commit()
    clock.advance(7 * HOUR)
    assert queue() == 0
    begin_write()
    scheduled_jobs.change_schedule("user_timeline", text="every 6 h", paused=False)
    db.session.commit()
    assert queue() == 0
    clock.advance(5 * HOUR)
    assert queue() == 1


def test_a_changed_schedule_counts_from_now(app: Flask, clock: FrozenClock) -> None:
    queue()
    begin_write()
    scheduled_jobs.change_schedule("user_timeline", text="Every 2 H", paused=False)
    db.session.commit()
    assert queue() == 0
    clock.advance(2 * HOUR)
    assert queue() == 1
    assert db.session.get_one(ScheduledJob, "user_timeline").schedule == "every 2 h"
    begin_write()
    with pytest.raises(WrongInput):
        scheduled_jobs.change_schedule("user_timeline", text="now and then", paused=False)
    db.session.rollback()
    with pytest.raises(NotFound):
        scheduled_jobs.change_schedule("no_such_job", text=None, paused=False)


def test_the_overview_says_when_each_job_was_and_will_be(
    app: Flask, clock: FrozenClock, sandbox: Sandbox
) -> None:
    queue()
    clock.advance(6 * HOUR)
    queue()
    work_all()
    shown = {one.job.name: one for one in scheduled_jobs.job_statuses()}
    timelines = shown["user_timeline"]
    assert timelines.words == "every 6 hours"
    assert timelines.last_outcome == "finished"
    assert timelines.last_at == clock.now()
    assert timelines.next_at
    assert timelines.next_at.hour == 0
    assert shown["update_usernames"].last_at is None


def test_run_now_queues_at_once_and_only_once(app: Flask) -> None:
    begin_write()
    first = scheduled_jobs.run_now("user_timeline")
    second = scheduled_jobs.run_now("user_timeline")
    assert first is not None
    assert first == second
    assert scheduled_jobs.run_now("reconcile") is None
    db.session.commit()


def test_the_scheduled_run_collects(app: Flask, sandbox: Sandbox, clock: FrozenClock) -> None:
    person = sandbox.world.find("FerryNotes")
    user = tracked(person)
    queue()
    clock.advance(6 * HOUR)
    queue()
    work_all()
    assert held(user) == sandbox.world.visible(person)
    run = list_runs(kind="user_timeline")[0]
    assert (run.state, run.origin, run.attempts) == ("finished", "schedule", 1)
    assert run.result["new"] == run.added == len(held(user))


def test_all_jobs_end_well_on_an_empty_installation(app: Flask, sandbox: Sandbox) -> None:
    begin_write()
    for job in scheduled():
        scheduled_jobs.run_now(job.name)
    db.session.commit()
    work_all()
    states = {run.kind: (run.state, run.message) for run in list_runs()}
    assert states == {job.name: ("finished", "") for job in scheduled() if job.has_runs}


def test_an_unexpected_error_fails_its_run_and_the_worker_goes_on(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("Test run", "Test runs", "items", "items")
    monkeypatch.setitem(JOBS, "odd", Job("odd", *words, function="tests.jobs.functions:breaks"))
    monkeypatch.setitem(JOBS, "fine", Job("fine", *words, function="tests.jobs.functions:counts"))
    run_queue.enqueue("odd")
    run_queue.enqueue("fine", params={"n": 3})
    db.session.commit()
    work_all()
    states = {run.kind: run for run in list_runs()}
    assert states["odd"].state == "failed"
    assert states["odd"].message == run_queue.UNEXPECTED
    assert (states["fine"].state, states["fine"].result) == ("finished", {"counted": 3})


def test_a_paused_run_is_noted_and_goes_on_with_the_new_period(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    """AP2: one alert, no retry, and on it goes when the period turns."""
    person = sandbox.world.find("FerryNotes")
    user = tracked(person)
    fault = sandbox.faults.add("usage-capped-daily")
    run_queue.enqueue("user_timeline")
    db.session.commit()
    work_all()
    assert fault.fired == 1
    assert list_runs()[0].state == "paused"
    noted = db.session.scalars(select(Event)).one()
    assert (noted.kind, noted.severity, noted.over_at) == ("run_paused", "warning", None)
    clock.advance(HOUR)
    queue()
    work_all()
    assert fault.fired == 1
    assert held(user) == []
    clock.advance(11 * HOUR + 1)
    queue()
    work_all()
    assert held(user) == sandbox.world.visible(person)
    db.session.expire_all()
    assert db.session.scalars(select(Event)).one().over_at == clock.now()


def alarms() -> list[str]:
    """What the first page says that lasts."""
    db.session.expire_all()
    return [event.message for event in queries.open_events(5)]


def out_of_credits(sandbox: Sandbox) -> Run:
    """A timeline run that is paused, with its alarm."""
    sandbox.faults.add("credits-depleted", times=None)
    run_queue.enqueue("user_timeline")
    db.session.commit()
    work_all()
    run = list_runs(kind="user_timeline")[0]
    assert run.state == "paused"
    assert alarms() == [run.message]
    return run


def test_a_paused_run_that_is_cancelled_alarms_no_longer(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    tracked(sandbox.world.find("FerryNotes"))
    run = out_of_credits(sandbox)
    begin_write()
    actions.cancel(run.id)
    db.session.commit()
    assert alarms() == []


def test_the_alarm_lasts_while_another_run_of_the_kind_is_paused(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    user = tracked(sandbox.world.find("FerryNotes"))
    run = out_of_credits(sandbox)
    told = run.message
    other = Run(kind=run.kind, state="paused", params={"twitter_user_ids": [user.id]})
    db.session.add(other)
    db.session.commit()
    begin_write()
    actions.cancel(run.id)
    db.session.commit()
    assert alarms() == [told]
    begin_write()
    actions.cancel(other.id)
    db.session.commit()
    assert alarms() == []


def test_a_paused_run_that_goes_on_and_fails_otherwise_alarms_no_longer(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    tracked(sandbox.world.find("FerryNotes"))
    run = out_of_credits(sandbox)
    sandbox.faults.clear()
    refused = sandbox.faults.add("unauthorized", times=None)
    begin_write()
    actions.resume(run.id)
    db.session.commit()
    work_all()
    assert refused.fired
    failed = list_runs(kind="user_timeline")[0]
    assert (failed.id, failed.state) == (run.id, "failed")
    assert alarms() == []
    assert [one.id for one in queries.failed_runs()] == [run.id]


def test_while_a_run_is_paused_no_other_is_queued_for_its_job(
    app: Flask, sandbox: Sandbox, clock: FrozenClock
) -> None:
    """Out of credits: one run waits for an administrator, however many slots go by."""
    tracked(sandbox.world.find("FerryNotes"))
    fault = sandbox.faults.add("credits-depleted", times=None)
    queue()
    for _ in range(5):
        clock.advance(6 * HOUR)
        queue()
        work_all()
    assert fault.fired == 1
    assert [run.state for run in list_runs(kind="user_timeline")] == ["paused"]


def test_late_runs_do_not_pile_up(app: Flask, clock: FrozenClock) -> None:
    queue()
    for _ in range(5):
        clock.advance(6 * HOUR)
        queue()
    assert len(list_runs(kind="user_timeline")) == worker.MAX_WAITING_RUNS


def test_runs_of_a_dead_process_are_taken_up_by_the_leader(
    app: Flask, clock: FrozenClock, sandbox: Sandbox
) -> None:
    run_queue.enqueue("user_timeline", origin="schedule", slot="user_timeline@x")
    db.session.commit()
    assert run_queue.claim(["user_timeline"])
    clock.advance(run_queue.STALE_SECONDS + 1)
    queue()
    work_all()
    run = list_runs(kind="user_timeline")[-1]
    assert (run.state, run.attempts) == ("finished", 2)


def test_a_cancelled_run_never_begins(app: Flask) -> None:
    run = run_queue.enqueue("user_timeline")
    assert run
    actions.cancel(run.id)
    db.session.commit()
    assert not worker.work_once()


def test_a_tick_keeps_its_last_time_and_makes_no_run(
    app: Flask, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile = JOBS["reconcile"]
    tick = replace(reconcile, function="tests.jobs.functions:tick")
    monkeypatch.setitem(JOBS, "reconcile", tick)
    worker.run_frequent_jobs()
    clock.advance(30)
    assert worker.run_frequent_jobs() == 1
    assert worker.run_frequent_jobs() == 0
    row = db.session.get_one(ScheduledJob, "reconcile")
    assert (row.last_outcome, row.last_started_at) == ("finished", clock.now())
    assert list_runs() == []
    broken = replace(reconcile, function="tests.jobs.functions:broken_tick")
    monkeypatch.setitem(JOBS, "reconcile", broken)
    clock.advance(30)
    assert worker.run_frequent_jobs() == 1
    db.session.expire_all()
    assert db.session.get_one(ScheduledJob, "reconcile").last_outcome == run_queue.UNEXPECTED


def test_one_process_leads_until_it_resigns_or_stands_still(app: Flask, clock: FrozenClock) -> None:
    """JB7."""
    first, second = Leadership(), Leadership()
    assert first.acquire_or_renew()
    assert not second.acquire_or_renew()
    for _ in range(10):
        clock.advance(5)
        assert first.acquire_or_renew()
        assert not second.acquire_or_renew()
    clock.advance(21)
    assert second.acquire_or_renew(), "the first has stood still past its lease"
    assert not first.acquire_or_renew(), "and notices when it looks again"
    second.release()
    assert first.acquire_or_renew()
