"""The schedule's page: what is due when, pause, change, run now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.database import db
from sfm.jobs import worker
from sfm.models import AuditEntry, ScheduledJob, User
from sfm.runs.jobs import JOBS, Job, scheduled
from tests.conftest import FrozenClock
from tests.factories import make_run
from tests.pages import page, submit
from tests.run_lists import list_runs

Login = Callable[[User], FlaskClient]


def job(name: str) -> ScheduledJob:
    db.session.expire_all()
    return db.session.get_one(ScheduledJob, name)


def test_the_plan_says_when_each_job_is_due_and_was(
    login_as: Login, superuser: User, clock: FrozenClock
) -> None:
    make_run()
    found = page(login_as(superuser), "/admin/jobs/")
    for one in scheduled():
        assert one.purpose in found.text
    assert "every 6 hours" in found.text
    assert "Sundays at 03:15 UTC" in found.text
    assert "/runs/1/" in found.links()


def test_a_job_is_changed_and_set_back(login_as: Login, superuser: User) -> None:
    client = login_as(superuser)
    address = "/admin/jobs/user_timeline/"
    submit(client, page(client, address), address, schedule="every 2 h")
    assert job("user_timeline").schedule == "every 2 h"
    assert "every 2 hours" in page(client, "/admin/jobs/").text
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "job.changed")).one()
    assert (entry.before, entry.after) == ({"schedule": "every 6 h"}, {"schedule": "every 2 h"})
    submit(client, page(client, address), address, schedule="0 */3 * * *")
    assert "cron’s “0 */3 * * *”, in UTC" in page(client, "/admin/jobs/").text
    submit(client, page(client, address), address, as_delivered="y")
    assert job("user_timeline").schedule is None


def test_words_that_mean_nothing_are_refused_and_kept_in_the_form(
    login_as: Login, superuser: User
) -> None:
    client = login_as(superuser)
    address = "/admin/jobs/user_timeline/"
    answer = submit(client, page(client, address), address, schedule="whenever it rains")
    assert answer.status_code == 422
    assert "every 6 h" in answer.text
    assert "whenever it rains" in answer.text


def test_a_job_is_paused_goes_on_and_runs_now(login_as: Login, superuser: User) -> None:
    client = login_as(superuser)
    submit(client, page(client, "/admin/jobs/"), "/admin/jobs/user_timeline/pause/")
    assert job("user_timeline").paused
    submit(client, page(client, "/admin/jobs/"), "/admin/jobs/user_timeline/pause/")
    assert not job("user_timeline").paused
    submit(client, page(client, "/admin/jobs/"), "/admin/jobs/user_timeline/run/")
    run = list_runs()[0]
    assert (run.kind, run.state, run.requested_by_id) == ("user_timeline", "queued", superuser.id)


def test_the_schedule_is_for_superusers(login_as: Login, reader: User) -> None:
    assert login_as(reader).get("/admin/jobs/").status_code == 403
    assert login_as(reader).get("/admin/jobs/user_timeline/").status_code == 403


def test_a_job_that_is_not_there_is_not_found(login_as: Login, superuser: User) -> None:
    assert login_as(superuser).get("/admin/jobs/no_such_job/").status_code == 404


def test_adding_a_job_is_one_line_and_one_function(
    login_as: Login, superuser: User, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that only the table knows is scheduled, carried out and shown like the others."""
    line = Job(
        "water_plants", "Watering", "Waterings", "litres", "plants", "Water the plants",
        function="tests.jobs.functions:waters", schedule="every 6 h",
    )  # fmt: skip
    monkeypatch.setitem(JOBS, line.name, line)
    client = login_as(superuser)
    schedule_page = page(client, "/admin/jobs/")
    assert "Water the plants" in schedule_page.text
    worker.queue_due()
    clock.advance(6 * 3600)
    worker.queue_due()
    while worker.work_once():
        pass
    db.session.expire_all()
    run = list_runs(kind="water_plants")[0]
    assert (run.state, run.origin, run.added) == ("finished", "schedule", 7)
    assert run.result == {"watered": 2}
    shown = page(client, f"/runs/{run.id}/").text
    assert f"Watering {run.id}" in shown
    assert "Litres" in shown
    assert "Waterings" in page(client, "/runs/?kind=water_plants").text
    address = "/admin/jobs/water_plants/"
    submit(client, page(client, address), address, schedule="off")
    assert job("water_plants").schedule == "off"
