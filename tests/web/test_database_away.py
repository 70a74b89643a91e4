"""Pages while PostgreSQL is away: 503 in words for everybody, and one line in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from sfm.config import Settings
from sfm.database import db
from sfm.jobs.scheduler import Scheduler
from sfm.models import User
from tests.conftest import FrozenClock
from tests.outage import away, back
from tests.pages import page

HTMX = {"HX-Request": "true"}
ADDRESSES = ("/", "/status/", "/tweets/", "/filters/1/", "/runs/", "/no-such-page/")
pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])


@pytest.fixture
def outage(
    app: Flask, login_as: Callable[[User], FlaskClient], superuser: User, postgres_server: str,
    settings: Settings, clock: FrozenClock,
) -> Iterator[FlaskClient]:  # fmt: skip
    """Somebody who is signed in, and whose database has just gone away."""
    client = login_as(superuser)
    page(client, "/")
    db.session.remove()
    away(postgres_server, settings)
    yield client
    back(postgres_server, settings)


def test_every_page_says_so_in_words_also_to_whoever_is_signed_in(
    outage: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """S-25."""
    caplog.set_level(logging.INFO, "sfm")
    for address in ADDRESSES:
        answer = outage.get(address)
        assert answer.status_code == 503, address
        assert "The database is busy or cannot be reached." in answer.text
        answer = outage.get(address, headers=HTMX)
        assert answer.status_code == 503, address
        assert "cannot be reached" in answer.headers["HX-Trigger"]
    assert outage.get("/health").status_code == 503
    assert len(caplog.text.splitlines()) == 1, "one line for all of these"


def test_the_line_comes_again_each_minute_with_what_was_left_out(
    outage: FlaskClient, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        outage.get("/")
    clock.advance(61)
    outage.get("/")
    lines = [line for line in caplog.text.splitlines() if "database not available" in line]
    assert len(lines) == 2
    assert lines[1].endswith("left_out=2")


def test_the_scheduler_adds_no_lines_of_its_own(
    app: Flask, outage: FlaskClient, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = Scheduler(app)
    for _ in range(5):
        for job in scheduler.timer.get_jobs():
            job.func(*job.args)
    assert len(caplog.text.splitlines()) == 1


def test_a_command_says_so_in_a_sentence(
    outage: FlaskClient, runner: FlaskCliRunner, clock: FrozenClock
) -> None:
    """S-28: before its run is begun, too."""
    done = runner.invoke(args=["show_usage"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: The database is busy or cannot be reached.")
