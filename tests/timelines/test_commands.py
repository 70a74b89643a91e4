"""The commands as typed: exit codes, what goes where, and never two runs at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from sfm.config import Settings
from sfm.database import db
from sfm.models import ApiUsage, Run, TwitterUser, TwitterUserItem, TwitterUserSet, User
from sfm.sandbox.server import Sandbox
from tests.collecting import held, tracked
from tests.conftest import FrozenClock

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def flask(settings: Settings) -> Iterator[Command]:
    """Starts `flask --app app …` as a process of its own, on this test's database and sandbox."""
    env = {
        "PATH": os.environ["PATH"],
        "SFM_INSTANCE": str(settings.instance),
        "SFM_DATABASE_URL": settings.database_url,
        "SFM_TWITTER_API_ROOT": settings.twitter_api_root,
        "SFM_TWITTER_BEARER_TOKEN": settings.twitter_bearer_token,
        "SFM_LOG_LEVEL": "ERROR",
        "PYTHONFAULTHANDLER": "1",
    }
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", *words],
            cwd=ROOT, env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def runs() -> list[Run]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(Run).order_by(Run.id)))


def test_a_timeline_run_says_what_came(runner: FlaskCliRunner, sandbox: Sandbox) -> None:
    person = sandbox.world.find("FerryNotes")
    user = tracked(person)
    tracked(sandbox.world.find("spam_fountain"))
    done = runner.invoke(args=["user_timeline"])
    count = len(sandbox.world.visible(person))
    assert (done.exit_code, held(user)) == (0, sandbox.world.visible(person))
    assert done.stdout == (
        f"FerryNotes: {count} new posts\n"
        f"Timeline run 1: 2 accounts, {count} new posts, 1 could not be read.\n"
    )
    assert done.stderr == "spam_fountain: Twitter has suspended the account spam_fountain.\n"
    again = runner.invoke(args=["user-timeline"])
    assert again.stdout == "Timeline run 2: 1 account, 0 new posts, 1 not asked this time.\n"


def test_what_is_waited_for_and_until_when_is_said(
    runner: FlaskCliRunner, sandbox: Sandbox, clock: FrozenClock
) -> None:
    """S-29: also where stderr is no terminal, and once for all threads."""
    for name in ("FerryNotes", "HarborCouncil", "one_post_only"):
        tracked(sandbox.world.find(name))
    sandbox.faults.add("too-many-requests", path="/2/users/*/tweets", times=1)
    began = clock.now()
    done = runner.invoke(args=["user_timeline"])
    assert done.exit_code == 0
    waits = [line for line in done.stderr.splitlines() if line.startswith("Waiting until ")]
    assert len(waits) == 1
    until, _, why = waits[0].removeprefix("Waiting until ").partition(": ")
    assert began < datetime.fromisoformat(until) <= clock.now()
    assert "limit" in why


def test_one_account_by_any_name_it_had(runner: FlaskCliRunner, sandbox: Sandbox) -> None:
    mine = tracked(sandbox.world.find("FerryNotes"))
    other = tracked(sandbox.world.find("millbrook_lib"))
    assert runner.invoke(args=["user_timeline", "--user", "@ferrynotes"]).exit_code == 0
    assert held(mine)
    assert held(other) == []
    unknown = runner.invoke(args=["user_timeline", "--user", "nobody"])
    assert unknown.exit_code == 1
    assert "There is no account called nobody here" in unknown.stderr


def test_one_account_that_cannot_be_read_is_a_failure(
    runner: FlaskCliRunner, sandbox: Sandbox
) -> None:
    tracked(sandbox.world.find("spam_fountain"))
    done = runner.invoke(args=["user_timeline", "--user", "spam_fountain"])
    assert done.exit_code == 1
    assert "suspended" in done.stderr


def test_a_wrong_key_is_one_sentence_and_changes_nothing(
    runner: FlaskCliRunner, sandbox: Sandbox
) -> None:
    user = tracked(sandbox.world.find("FerryNotes"))
    fault = sandbox.faults.add("unauthorized", times=None)
    done = runner.invoke(args=["user_timeline"])
    assert fault.fired
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: Twitter refused the key or token.")
    assert len(done.stderr.splitlines()) == 1
    db.session.refresh(user)
    assert (user.collected_at, user.failures, held(user)) == (None, 0, [])


@pytest.mark.parametrize("command", ["user_timeline", "update_usernames", "populate_uids"])
def test_without_a_key_nothing_begins(
    instance_folder: Path, database_url: str, command: str
) -> None:
    from sfm.factory import create_app
    from tests.conftest import test_settings

    app = create_app(test_settings(instance_folder, database_url))
    done = app.test_cli_runner().invoke(args=[command])
    assert done.exit_code == 1
    assert "set_credential" in done.stderr
    with app.app_context():
        assert runs() == []
        db.session.remove()
        db.engine.dispose()


def test_names_are_looked_up_a_hundred_at_a_time(runner: FlaskCliRunner, sandbox: Sandbox) -> None:
    people = [one for one in sandbox.world.people if one.state == "active"]
    for person in people:
        tracked(person)
    inactive = tracked(sandbox.world.find("spam_fountain"), is_active=False)
    world = sandbox.world
    world.rename(world.find("FerryNotes"), "FerryLog")
    world.set_state(world.find("millbrook_lib"), "suspended")
    sandbox.site.served.clear()
    done = runner.invoke(args=["update_usernames"])
    assert done.exit_code == 0, done.stderr
    assert "FerryNotes is now called FerryLog.\n" in done.stdout
    assert "millbrook_lib: was open, is suspended now.\n" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        f"{len(people)} accounts looked up, 1 renamed, 1 with another state."
    )
    assert len(sandbox.served) == 1
    db.session.refresh(inactive)
    assert inactive.checked_at is None
    assert runs()[-1].added == 2
    again = runner.invoke(args=["update_usernames", "--user", "ferrynotes"])
    assert "1 account looked up, 0 renamed, 0 with another state." in again.stdout


def test_missing_uids_are_filled_in_once(runner: FlaskCliRunner, sandbox: Sandbox) -> None:
    db.session.add(TwitterUser(uid=None, name="FerryNotes"))
    db.session.add(TwitterUser(uid=None, name="nobody_at_all"))
    db.session.commit()
    tracked(sandbox.world.find("millbrook_lib"))
    db.session.add(TwitterUser(uid=None, name="Millbrook_Lib"))
    db.session.commit()
    done = runner.invoke(args=["populate_uids"])
    assert done.exit_code == 0, done.stderr
    assert "deprecated" in done.stderr
    assert done.stdout.endswith("1 uid filled in, 2 could not be.\n")
    uid = db.session.scalar(select(TwitterUser.uid).where(TwitterUser.name == "FerryNotes"))
    assert uid == sandbox.world.find("FerryNotes").uid


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "names.txt"
    file.write_text("\ufeff@ferrynotes\n\nnobody_at_all\nquiet_keeper\nspam_fountain\nFERRYNOTES\n")
    return file


def test_a_list_is_answered_line_by_line(
    runner: FlaskCliRunner, listed: Path, superuser: User
) -> None:
    done = runner.invoke(args=["add_userlist", str(listed), "--setname", "Ferries", "--yes"])
    assert done.exit_code == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()[:-1]]
    assert [(number, name, what.split(":")[0]) for number, name, what in lines] == [
        ("1", "FerryNotes", "added"),
        ("3", "nobody_at_all", "not found"),
        ("4", "quiet_keeper", "not added, protected"),
        ("5", "spam_fountain", "suspended"),
        ("6", "FERRYNOTES", "twice in the list"),
    ]
    assert done.stdout.splitlines()[-1] == "5 lines, 1 added, 1 put into the set."
    again = runner.invoke(args=["add_userlist", str(listed), "--setname", "Ferries"])
    assert again.exit_code == 0
    assert "1\tFerryNotes\talready here" in again.stdout
    assert again.stdout.splitlines()[-1] == "5 lines, 0 added."
    found = db.session.scalars(select(TwitterUserSet)).one()
    assert (found.owner_id, len(found.members)) == (superuser.id, 1)
    protected = runner.invoke(args=["add_userlist", str(listed), "--protected"])
    assert "4\tquiet_keeper\tadded, protected: The account quiet_keeper is" in protected.stdout
    assert protected.stdout.splitlines()[-1] == "5 lines, 1 added."


def test_a_new_set_is_not_made_unasked(
    runner: FlaskCliRunner, listed: Path, superuser: User, sandbox: Sandbox
) -> None:
    done = runner.invoke(args=["add_userlist", str(listed), "--setname", "Ferries"])
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert sandbox.served == []
    assert db.session.scalar(select(func.count()).select_from(TwitterUserSet)) == 0


def test_whose_set_it_is_has_to_be_said_where_it_is_not_clear(
    runner: FlaskCliRunner, listed: Path, superuser: User, reader: User
) -> None:
    unclear = runner.invoke(args=["add_userlist", str(listed), "--setname", "Ferries", "--yes"])
    assert unclear.exit_code == 2
    assert "--user" in unclear.stderr
    named = runner.invoke(
        args=["add_userlist", str(listed), "--setname", "F", "--yes", "--user", reader.username]
    )
    assert named.exit_code == 0
    assert db.session.scalars(select(TwitterUserSet)).one().owner_id == reader.id


def test_a_list_that_is_not_there_is_wrong_usage(runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["add_userlist", "no-such-file"]).exit_code == 2


@pytest.mark.slow
def test_two_runs_never_overlap(app: Flask, sandbox: Sandbox, flask: Command) -> None:
    """JB8 with two processes: the second leaves with a sentence; the first ends untouched."""
    person = sandbox.world.find("FerryNotes")
    user = tracked(person)
    slow = sandbox.faults.add("slow", path="/2/users/*/tweets", seconds=3)
    first = flask("user_timeline")
    _until_fired(slow)
    first.send_signal(signal.SIGSTOP)  # it cannot end before the second has looked
    second = flask("user_timeline")
    out, err = second.communicate(timeout=100)
    first.send_signal(signal.SIGCONT)
    assert (second.returncode, out) == (1, "")
    assert err.startswith("Error: Timeline run 1 has been running since ")
    assert f"process {first.pid} on " in err
    assert first.wait(timeout=60) == 0
    assert held(user) == sandbox.world.visible(person)
    assert [run.state for run in runs()] == ["finished"]


@pytest.mark.slow
def test_a_killed_run_is_taken_up_by_the_next_command(
    app: Flask, sandbox: Sandbox, flask: Command
) -> None:
    """JB10 with kill -9 in the middle of a real process."""
    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    slow = sandbox.faults.add("slow", query="pagination_token", after=2, seconds=30)
    first = flask("user_timeline")
    _until_fired(slow)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert 290 < len(held(user)) <= 300
    assert metered() == (3, len(held(user))), "the calls that were answered, and all of them"
    second = flask("user_timeline")
    assert second.wait(timeout=60) == 0
    assert held(user) == sandbox.world.visible(person)
    assert [run.state for run in runs()] == ["failed", "finished"]
    count = len(sandbox.world.visible(person))
    assert db.session.scalar(select(func.count()).select_from(TwitterUserItem)) == count
    # Each page once, and the question whether there is anything newer.
    assert metered() == (-(-count // 100) + 1, count)


def metered() -> tuple[int, int]:
    """Calls and posts as the database has them."""
    db.session.rollback()
    calls, posts = func.sum(ApiUsage.calls), func.sum(ApiUsage.posts)
    found = db.session.execute(select(calls, posts)).one()
    return int(found[0] or 0), int(found[1] or 0)


@pytest.mark.slow
def test_a_frozen_run_that_is_overtaken_writes_nothing_when_it_thaws(
    app: Flask, sandbox: Sandbox, flask: Command
) -> None:
    """JB8: stopped past its lease (which the test lets run out), then continued."""
    from sqlalchemy import update

    from sfm.models import Lease
    from sfm.runs.transactions import write_alone

    person = sandbox.world.find("HarborCouncil")
    user = tracked(person)
    slow = sandbox.faults.add("slow", query="pagination_token", after=1, seconds=3)
    first = flask("user_timeline")
    _until_fired(slow)
    first.send_signal(signal.SIGSTOP)
    past = update(Lease).values(expires_at=Lease.since)
    write_alone(lambda connection: connection.execute(past))
    second = flask("user_timeline")
    assert second.wait(timeout=60) == 0
    first.send_signal(signal.SIGCONT)
    _out, err = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "another one has taken its place" in err
    assert held(user) == sandbox.world.visible(person)
    assert [run.state for run in runs()] == ["failed", "finished"]


@pytest.mark.slow
def test_sigterm_ends_a_run_at_its_next_item(app: Flask, sandbox: Sandbox, flask: Command) -> None:
    """JB13, for commands."""
    for name in ("FerryNotes", "millbrook_lib"):
        tracked(sandbox.world.find(name))
    slow = sandbox.faults.add("slow", path="/2/users/*/tweets", seconds=2, times=None)
    process = flask("user_timeline")
    _until_fired(slow)
    process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=100)
    assert process.returncode == 1, err
    assert runs()[0].state == "failed"
    assert "asked to stop" in runs()[0].message


def _until_fired(fault: object) -> None:
    import time

    ends = time.monotonic() + 60
    while not fault.fired and time.monotonic() < ends:  # type: ignore[attr-defined]
        time.sleep(0.05)
    assert fault.fired  # type: ignore[attr-defined]
