"""Runs that compute for minutes are carried out by a process of their own."""

from __future__ import annotations

import os
import threading

import psutil
import pytest
from flask import Flask
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.jobs import run_process, worker
from sfm.models import Run
from sfm.runs import handover, queue, shutdown
from sfm.runs.errors import LeaseLost
from sfm.runs.transactions import unit_of_work
from tests.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the web process and its child have in common."""
    monkeypatch.setenv("SFM_INSTANCE", str(settings.instance))
    monkeypatch.setenv("SFM_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("SFM_SECRET_KEY", settings.secret_key)


def queued() -> None:
    queue.enqueue("check_counts")
    db.session.commit()


def only_run() -> Run:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Run)).one()


def test_a_run_that_computes_is_carried_out_by_another_process(
    app: Flask, environment: None
) -> None:
    queued()
    assert worker.work_once(run_process.carry_out)
    run = only_run()
    assert (run.state, run.attempts, run.crashes) == ("finished", 1, 0)
    assert run.owner.split("/")[1].partition("-")[0] != str(os.getpid())
    queued()
    assert worker.work_once(run_process.carry_out), "its lease was given back"


def test_other_runs_stay_in_this_process(app: Flask, environment: None) -> None:
    queue.enqueue("check_credentials")
    db.session.commit()
    assert worker.work_once(run_process.carry_out)
    assert only_run().owner.split("/")[1].partition("-")[0] == str(os.getpid())


def in_thread(app: Flask) -> threading.Thread:
    def work() -> None:
        with app.app_context():
            worker.work_once(run_process.carry_out)
            db.session.remove()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def our_children() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "run_process" in " ".join(child.cmdline())]


def test_a_process_that_is_killed_leaves_a_run_that_goes_on(app: Flask, environment: None) -> None:
    queued()
    thread = in_thread(app)
    wait_for(our_children)
    our_children()[0].kill()
    thread.join()
    run = only_run()
    assert (run.state, run.crashes) == ("queued", 1)
    assert worker.work_once()
    assert only_run().state == "finished"


def test_the_process_stops_with_this_one_and_that_is_no_crash(
    app: Flask, environment: None
) -> None:
    queued()
    shutdown.request_stop()
    try:
        in_thread(app).join()
    finally:
        shutdown.clear_stop()
    run = only_run()
    assert (run.state, run.crashes) == ("queued", 0)
    assert worker.work_once()
    assert only_run().state == "finished"


def test_who_has_handed_a_run_over_writes_no_more_for_it(app: Flask) -> None:
    queued()
    first = queue.claim(["check_counts"])
    assert first
    second = handover.take_over(handover.encode(first))
    assert second
    assert handover.take_over(handover.encode(first)) is None
    with pytest.raises(LeaseLost):
        unit_of_work(first.check_lease)
    unit_of_work(second.check_lease)
