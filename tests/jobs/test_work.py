"""With the scheduler off, the command `work` does what pages ask for; pages say if nobody does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import db
from sfm.jobs import worker
from sfm.jobs.scheduler import Leadership
from sfm.models import Run, User
from sfm.runs import presence, queue
from sfm.runs.errors import Pause
from sfm.runs.transactions import unit_of_work
from sfm.sandbox.server import Sandbox
from tests.collecting import held, sandbox, tracked
from tests.conftest import FrozenClock, sandbox_settings
from tests.pages import page
from tests.waiting import wait_for

__all__ = ["sandbox"]


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox, scheduler=False)


def states(kind: str) -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Run.state).where(Run.kind == kind).order_by(Run.id)))


def test_what_was_asked_for_is_done_by_a_command(
    app: Flask, runner: FlaskCliRunner, sandbox: Sandbox, clock: FrozenClock
) -> None:
    """L-18: a first timeline, a run that was cut off, and recurring exports."""
    person = sandbox.world.find("one_post_only")
    user = tracked(person)
    queue.enqueue("user_timeline", params={"twitter_user_ids": [user.id]})
    db.session.commit()
    assert queue.claim(["user_timeline"])
    clock.advance(queue.STALE_SECONDS + 1)
    done = runner.invoke(args=["work", "--once"])
    assert (done.exit_code, done.stdout) == (0, "1 run carried out.\n")
    assert states("user_timeline") == ["finished"]
    assert held(db.session.merge(user)) == sandbox.world.visible(person)
    clock.advance(25 * 3600)
    runner.invoke(args=["work", "--once"])
    assert states("tidy_exports") == ["finished"], "the upkeep that no cron line calls"
    assert states("user_timeline") == ["finished"], "the rest of the schedule is cron's"


def test_it_goes_on_and_on_until_it_is_asked_to_stop(
    app: Flask, runner: FlaskCliRunner, sandbox: Sandbox
) -> None:
    def ask_then_stop() -> None:
        with app.app_context():
            for _ in range(2):
                unit_of_work(lambda: queue.enqueue("check_counts"))
                wait_for(lambda: set(states("check_counts")) == {"finished"})
            db.session.remove()
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=ask_then_stop)
    thread.start()
    done = runner.invoke(args=["work"])
    thread.join()
    assert (done.exit_code, done.stdout) == (0, "2 runs carried out.\n")
    assert signal.getsignal(signal.SIGTERM) == before


def test_pages_say_that_nobody_does_what_is_asked_for(
    app: Flask, login_as: Callable[[User], FlaskClient], reader: User, runner: FlaskCliRunner,
    clock: FrozenClock,
) -> None:  # fmt: skip
    client = login_as(reader)
    nobody = "Nobody does what is asked for here"
    assert nobody not in page(client, "/").text, "nothing is asked for"
    queue.enqueue("check_counts")
    db.session.commit()
    assert nobody in page(client, "/").text
    assert nobody in page(client, "/runs/").text
    presence.record_command()
    assert nobody not in page(client, "/").text
    clock.advance(16 * 60)
    assert nobody in page(client, "/").text
    leader = Leadership()
    assert leader.acquire_or_renew()
    assert nobody not in page(client, "/").text
    leader.release()
    assert nobody not in page(client, "/").text, "seen lately"


def test_a_paused_command_that_nobody_else_can_carry_out_ends_with_a_sentence(app: Flask) -> None:
    """K-26: it stayed paused, then queued, for ever."""
    run = queue.start("fetch_tweets_by_id")
    with pytest.raises(Pause), queue.finish(run):
        raise Pause("No credits left.")
    row = db.session.get_one(Run, run.id)
    assert row.state == "failed"
    assert row.message == "No credits left. Its command has ended; call it again for the rest."


def test_a_paused_command_that_others_can_carry_out_goes_on(
    app: Flask, clock: FrozenClock, sandbox: Sandbox
) -> None:
    run = queue.start("user_timeline")
    with pytest.raises(Pause), queue.finish(run):
        raise Pause("No credits left today.", clock.now())
    assert states("user_timeline") == ["paused"]
    clock.advance(1)
    worker.queue_due()
    assert worker.work_once()
    assert states("user_timeline") == ["finished"]


def test_what_an_earlier_release_left_waiting_for_a_command_is_ended(app: Flask) -> None:
    for state in ("paused", "queued"):
        db.session.add(Run(kind="fetch_tweets_by_id", state=state))
    db.session.commit()
    worker.queue_due()
    assert states("fetch_tweets_by_id") == ["failed", "failed"]
