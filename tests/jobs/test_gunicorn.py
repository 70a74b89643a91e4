"""Four real gunicorn workers on one database: each slot runs once, whoever is killed meanwhile.

The long form (100 slots, a kill every few seconds) runs with `make faults`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from flask import Flask
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.models import Lease, Run, ScheduledJob
from sfm.runs import queue
from sfm.sandbox.server import Sandbox
from tests.collecting import held, tracked
from tests.conftest import sandbox_settings
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SLOT_SECONDS = 2
LONG = os.environ.get("SFM_FAULTS") == "long"
SLOTS = 100 if LONG else 6
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
GRACEFUL_SECONDS = 20


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in real time."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox)


Starter = Callable[..., psutil.Popen]


@pytest.fixture
def gunicorn(settings: Settings, tmp_path: Path) -> Iterator[Starter]:
    """Starts gunicorn with four workers, whose timelines are due every two seconds."""
    started: list[psutil.Popen] = []

    def start(**more: str) -> psutil.Popen:
        log = (tmp_path / f"gunicorn-{len(started)}.log").open("w")
        process = psutil.Popen(
            [
                sys.executable, "-m", "gunicorn", "--workers", "4", "--worker-class", "gthread",
                "--threads", "2", "--bind", f"127.0.0.1:{free_port()}",
                "--graceful-timeout", str(GRACEFUL_SECONDS), "--no-control-socket", "wsgi:app",
            ],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "SFM_INSTANCE": str(settings.instance),
                "SFM_DATABASE_URL": settings.database_url,
                "SFM_SECRET_KEY": settings.secret_key,
                "SFM_TWITTER_API_ROOT": settings.twitter_api_root,
                "SFM_TWITTER_BEARER_TOKEN": settings.twitter_bearer_token,
                "SFM_SCHEDULE_TIMELINES": f"every {SLOT_SECONDS} s",
                "SFM_SCHEDULE_RECONCILE": "off",
                **more,
            },
            stdout=log,
            stderr=log,
        )  # fmt: skip
        started.append(process)
        wait_for(lambda: len(process.children()) == 4)
        return process

    yield start
    for process in started:
        if process.is_running():
            for child in process.children(recursive=True):
                child.kill()
            process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def leader() -> int | None:
    """The process that leads, None while nobody does."""
    db.session.rollback()
    now = datetime.now(UTC)
    owner = db.session.scalar(
        select(Lease.owner).where(Lease.name == "leader:scheduler", Lease.expires_at > now)
    )
    db.session.rollback()
    return int(owner.split("/")[1].partition("-")[0]) if owner else None


def finished() -> list[Run]:
    """Timelines that were due and are done; at a whole hour other jobs are due too."""
    db.session.rollback()
    db.session.expire_all()
    done = Run.slot.is_not(None), Run.kind == "user_timeline", Run.state == "finished"
    return list(db.session.scalars(select(Run).where(*done).order_by(Run.id)))


def test_each_slot_runs_once_while_leaders_are_killed(
    app: Flask, gunicorn: Starter, sandbox: Sandbox
) -> None:
    """JB6, JB7."""
    tracked(sandbox.world.find("one_post_only"))
    master = gunicorn()
    wait_for(lambda: finished())
    kills, worst, kill_at = 0, 0.0, 2
    while len(finished()) < SLOTS:
        if len(finished()) >= kill_at and (pid := leader()):
            os.kill(pid, signal.SIGKILL)
            kills += 1
            began = time.monotonic()
            wait_for(lambda pid=pid: leader() not in (None, pid), 30)
            worst = max(worst, time.monotonic() - began)
            kill_at += 2
        time.sleep(0.2)
    assert kills >= (SLOTS - 2) // 2
    assert worst < 30
    runs = finished()
    times = [datetime.fromisoformat(run.slot.partition("@")[2]) for run in runs if run.slot]
    assert len(set(times)) == len(times)
    gaps = [(b - a).total_seconds() for a, b in zip(times, times[1:], strict=False)]
    assert all(gap % SLOT_SECONDS == 0 and gap > 0 for gap in gaps)
    assert sum(gap > SLOT_SECONDS for gap in gaps) <= kills, "only a change of leader skips a slot"
    kept = db.session.get_one(ScheduledJob, "user_timeline").last_slot_at
    assert kept
    assert len(master.children()) == 4, "gunicorn has replaced what was killed"


def test_a_run_whose_process_is_killed_goes_on_in_another(
    app: Flask, gunicorn: Starter, sandbox: Sandbox
) -> None:
    """JB10 with real workers: the same rows as an undisturbed run."""
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    slow = sandbox.faults.add("slow", query="pagination_token", after=2, seconds=40)
    gunicorn(SFM_SCHEDULE_TIMELINES="off")
    queue.enqueue("user_timeline")
    db.session.commit()
    wait_for(lambda: slow.fired)
    db.session.expire_all()
    owner = db.session.scalars(select(Run.owner)).one()
    db.session.rollback()
    os.kill(int(owner.split("/")[1].partition("-")[0]), signal.SIGKILL)
    assert len(held(user)) <= 300

    def over() -> bool:
        db.session.rollback()
        return db.session.scalars(select(Run.state)).one() == "finished"

    wait_for(over)
    assert held(user) == sandbox.world.visible(person)
    db.session.expire_all()
    run = db.session.scalars(select(Run)).one()
    assert (run.attempts, run.added) == (2, len(held(user)))


def test_a_deploy_stops_a_run_at_its_next_item_and_it_goes_on_after_it(
    app: Flask, gunicorn: Starter, sandbox: Sandbox
) -> None:
    """JB13: SIGTERM to gunicorn in the middle of a run."""
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    slow = sandbox.faults.add("slow", path="/2/users/*/tweets", after=1, seconds=1, times=4)
    first = gunicorn(SFM_SCHEDULE_TIMELINES="off")
    queue.enqueue("user_timeline")
    db.session.commit()
    wait_for(lambda: slow.fired)
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    first.wait(timeout=100)
    assert time.monotonic() - began < GRACEFUL_SECONDS, "gunicorn did not have to kill it"
    db.session.rollback()
    run = db.session.scalars(select(Run)).one()
    assert run.state == "queued"
    assert 0 < len(held(user)) < len(sandbox.world.visible(person))
    gunicorn(SFM_SCHEDULE_TIMELINES="off")
    wait_for(lambda: held(user) == sandbox.world.visible(person))


def test_a_frozen_leader_is_replaced_and_its_slots_are_not_doubled(
    app: Flask, gunicorn: Starter, sandbox: Sandbox
) -> None:
    """JB9: stopped for longer than its lease; what was due meanwhile is caught up once."""
    gunicorn()
    wait_for(lambda: finished())
    frozen = leader()
    assert frozen
    os.kill(frozen, signal.SIGSTOP)
    try:
        wait_for(lambda: leader() not in (None, frozen), 40)
        count = len(finished())
        wait_for(lambda: len(finished()) > count)
    finally:
        os.kill(frozen, signal.SIGCONT)
    time.sleep(3)
    slots = [run.slot for run in finished()]
    assert len(set(slots)) == len(slots)
    assert leader() != frozen


def test_with_the_scheduler_off_nothing_is_done(app: Flask, gunicorn: Starter) -> None:
    gunicorn(SFM_SCHEDULER="off")
    queue.enqueue("user_timeline")
    db.session.commit()
    time.sleep(3)
    db.session.rollback()
    assert db.session.scalars(select(Run.state)).one() == "queued"
    assert leader() is None
