"""gunicorn replaces a worker in the middle of a run: the run stops politely and goes on at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from flask import Flask
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.models import Run
from sfm.runs import queue
from sfm.sandbox.server import Sandbox
from tests.collecting import held, tracked
from tests.conftest import sandbox_settings
from tests.exports.serving import gunicorn
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MAX_REQUESTS = 20
ONE_WORKER = (
    "--workers", "1", "--worker-class", "gthread", "--threads", "2", "--timeout", "6",
    "--graceful-timeout", "20", "--max-requests", str(MAX_REQUESTS),
)  # fmt: skip


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in real time."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox)


def only_run() -> Run:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Run)).one()


def answers(site: str) -> bool:
    return requests.get(f"{site}/health", timeout=30).ok


def worker_of(master: psutil.Popen) -> int | None:
    children = master.children()
    return children[0].pid if children else None


@pytest.mark.parametrize("replaced_by", ["requests", "HUP"])
def test_a_worker_is_replaced_in_the_middle_of_a_run_which_goes_on_in_the_next(
    app: Flask, settings: Settings, sandbox: Sandbox, tmp_path: Path, replaced_by: str
) -> None:
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    slow = sandbox.faults.add("slow", path="/2/users/*/tweets", after=1, seconds=1, times=4)
    asked = {
        "SFM_TWITTER_API_ROOT": settings.twitter_api_root,
        "SFM_TWITTER_BEARER_TOKEN": settings.twitter_bearer_token,
    }
    log = tmp_path / "gunicorn.log"
    with gunicorn(settings, log, *ONE_WORKER, **asked) as (site, master):
        wait_for(lambda: worker_of(master))
        wait_for(lambda: "Booting worker" in log.read_text())
        first = worker_of(master)
        queue.enqueue("user_timeline")
        db.session.commit()
        wait_for(lambda: slow.fired)
        if replaced_by == "HUP":
            master.send_signal(signal.SIGHUP)
        for _ in range(MAX_REQUESTS + 5):
            assert answers(site), "while the worker is replaced, pages are answered"
        wait_for(lambda: worker_of(master) not in (None, first))
        wait_for(lambda: only_run().state == "finished")
        assert answers(site)
    run = only_run()
    assert run.attempts > 1, "it was stopped in the middle"
    assert run.crashes == 0
    assert held(user) == sandbox.world.visible(person)
    assert "WORKER TIMEOUT" not in log.read_text()
