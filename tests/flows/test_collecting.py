"""From a list of names to the posts on the page, with what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient, FlaskCliRunner

from sfm.jobs import worker
from sfm.models import User
from sfm.sandbox.server import Sandbox
from tests.conftest import FrozenClock
from tests.pages import page, submit

Login = Callable[[User], FlaskClient]


@pytest.mark.slow
def test_a_list_becomes_posts_on_pages_through_limits_renames_and_suspensions(
    runner: FlaskCliRunner,
    sandbox: Sandbox,
    login_as: Login,
    superuser: User,
    clock: FrozenClock,
    tmp_path: Path,
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("@FerryNotes\nmillbrook_lib\nspam_fountain\n")
    listed = runner.invoke(args=["add_userlist", str(names), "--setname", "Harbour", "--yes"])
    assert listed.exit_code == 0, listed.stderr
    assert "3 lines, 2 added, 2 put into the set." in listed.stdout

    limited = sandbox.faults.add("too-many-requests", path="/2/users/*/tweets", after=2)
    collected = runner.invoke(args=["user_timeline"])
    assert collected.exit_code == 0, collected.stderr
    assert limited.fired == 1

    world = sandbox.world
    newest = world.add_post(world.find("FerryNotes"), "The 07:10 ferry is late <again> & again").id
    world.rename(world.find("FerryNotes"), "FerryLog")
    world.set_state(world.find("millbrook_lib"), "suspended")
    clock.advance(60)

    client = login_as(superuser)
    submit(client, page(client, "/admin/jobs/"), "/admin/jobs/user_timeline/run/")
    assert worker.work_once()
    run = page(client, "/runs/3/")
    assert "finished" in run.text
    assert "Twitter has suspended the account millbrook_lib." in run.text

    account = page(client, "/twitter-user/FerryLog/")
    assert "The 07:10 ferry is late <again> & again" in account.text
    assert str(newest) in "".join(account.links())
    old = client.get("/twitter-user/FerryNotes/", follow_redirects=True)
    assert old.status_code == 200
    assert "FerryLog" in old.text
    gone = page(client, "/twitter-user/millbrook_lib/")
    assert "suspended" in gone.text
