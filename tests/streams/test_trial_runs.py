"""A run for trying out, whose posts go to the screen or to another folder, is no collecting."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock
from sfm.database import db
from sfm.models import CoverageDue, CoverageSaved, Heartbeat, User
from tests.pages import page
from tests.streams.collecting import (
    Process,
    all_gaps,
    beat_of,
    environment,
    make_filter,
    saved_spans,
)
from tests.streams.fake_x import FakeX, Line
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "twitterfilter-1"


def tried_out(app: Flask, folder: Path | None = None) -> None:
    """A run of filter 1 that brings 40 posts, to the screen or into a folder, and is then asked to
    stop."""
    options = ("--save", "--dir", folder) if folder else ()
    came: list[int] = []

    def script(line: Line) -> None:
        for number in range(1, 41):
            line.post(number)
        came.append(40)
        line.hold()

    with FakeX(script) as fake:
        process = Process(environment(app, fake.url), "filterstream", 1, *options)
        try:
            wait_for(lambda: came)
            if folder:
                wait_for(lambda: list(folder.glob("*.open")))
            else:
                assert process.process.stdout is not None
                assert [process.process.stdout.readline() for _ in range(40)][-1]
            process.signal(signal.SIGINT)
            code, _, err = process.end()
            assert code == 0, err
        finally:
            process.kill()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["screen", "another folder"])
def test_a_trial_writes_no_heartbeat_and_ends_no_gap(
    app: Flask, client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    tmp_path: Path, elsewhere: bool,
) -> None:  # fmt: skip
    """CP19: the process is down since an hour, and stays so whatever goes to the screen."""
    found = make_filter()
    stopped_at = clock.now() - timedelta(hours=1)
    due = db.session.query(CoverageDue).filter_by(filter_id=found.id).one()
    due.began_at = began_at = stopped_at - timedelta(days=1)
    db.session.add(
        Heartbeat(
            program=NAME, filter_ids=[1], state="stopped", alive_at=stopped_at, beat_at=stopped_at,
            saved_until=stopped_at, pid=7,
        )
    )  # fmt: skip
    db.session.add(
        CoverageSaved(
            filter_id=1, prefix=NAME, program=NAME, pid=7, began_at=began_at, ended_at=stopped_at,
            saved_until=stopped_at, cause="network", detail="It broke.",
        )
    )  # fmt: skip
    db.session.commit()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    tried_out(app, folder if elsewhere else None)
    assert bool(list(folder.glob("*.gz"))) == elsewhere
    beat = beat_of(NAME)
    assert beat is not None
    assert (beat.pid, beat.saved_until) == (7, stopped_at)
    assert [span.pid for span in saved_spans()] == [7]
    (gap,) = all_gaps()
    assert (gap.began_at, gap.ended_at) == (stopped_at, None)
    assert "It broke." in page(login_as(superuser), "/filters/1/").text


def test_a_trial_of_a_filter_that_is_not_active_makes_no_gap(app: Flask) -> None:
    make_filter(active=False)
    tried_out(app)
    assert (beat_of(NAME), all_gaps(), saved_spans()) == (None, [], [])
