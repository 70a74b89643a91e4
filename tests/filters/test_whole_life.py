"""A whole life of a filter: browser, a real supervisord, real collectors, the sandbox."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from sfm.config import Settings
from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.filters import reconcile
from sfm.models import Gap, Heartbeat, StreamFile, TwitterFilter, User
from sfm.sandbox.server import Sandbox
from sfm.streams import files
from sfm.streams.gap_fill import fill
from sfm.supervisord.own_conf import write_main
from sfm.users import credentials
from tests.conftest import sandbox_settings
from tests.pages import fields_of, page, submit
from tests.streams.collecting import ROOT, all_gaps, beat_of, environment
from tests.streams.conftest import zcat
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LoginAs = Callable[[User], FlaskClient]
PROGRAM = "twitterfilter-1"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(crowd=8) as running:
        running.streams.keep_alive = 0.5
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox, save_interval_seconds=600)


class Supervisor:
    """Our own supervisord, as `make run` starts it, without pages."""

    def __init__(self, app: Flask, sandbox: Sandbox) -> None:
        self.settings: Settings = app.extensions["sfm_settings"]
        self.env = environment(app, sandbox.url, SFM_TWITTER_BEARER_TOKEN=sandbox.bearer_token)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = write_main(self.settings, web=False)
        binary = Path(sys.executable).with_name("supervisord")
        self.process = subprocess.Popen(
            [binary, "-c", path], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: reconcile.supervisord_client().view().manager.is_running)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)


@pytest.fixture
def supervisor(app: Flask, sandbox: Sandbox) -> Iterator[Supervisor]:
    supervisor = Supervisor(app, sandbox)
    supervisor.start()
    yield supervisor
    supervisor.stop()
    for pid in collectors(supervisor.settings):
        os.kill(pid, signal.SIGKILL)


def collectors(settings: Settings) -> list[int]:
    """Processes that collect for this installation."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "filterstream" in (process.info["cmdline"] or []):
            try:
                mine = process.environ().get("SFM_INSTANCE") == str(settings.instance)
            except psutil.Error:
                continue
            found += [process.pid] if mine else []
    return found


def is_collecting(program: str = PROGRAM, posts: int = 1) -> bool:
    beat = beat_of(program)
    return bool(beat and beat.state == "connected" and beat.posts >= posts)


def follow_until(condition: Callable[[], object]) -> None:
    """What a stop that takes long leaves undone is done by the next round, here as in life."""
    wait_for(lambda: condition() or (reconcile.reconcile(), condition())[1])


def add_filter(client: FlaskClient, **typed: object) -> None:
    answer = submit(client, page(client, "/filters/new/"), "/filters/new/", do="save", **typed)
    assert answer.status_code == 303, answer.text


def test_from_the_first_save_to_the_last_sealed_file(
    app: Flask, client: FlaskClient, superuser: User, login_as: LoginAs, supervisor: Supervisor,
    sandbox: Sandbox,
) -> None:  # fmt: skip
    login_as(superuser)
    data = app_settings().data_folder

    # Added in the browser, it collects; how soon is measured in bench/streams.py.
    add_filter(client, name="Everything", words="the, and, a, to, of")
    wait_for(is_collecting)
    assert re.search("collecting|quiet but connected", page(client, "/status/").text)
    (pid,) = collectors(supervisor.settings)

    # Killed, it comes back by itself, with a gap.
    time.sleep(2.5)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: collectors(supervisor.settings) not in ([], [pid]))
    wait_for(lambda: (beat := beat_of(PROGRAM)) and beat.pid != pid and is_collecting())
    assert [(gap.cause, gap.ended_at is not None) for gap in all_gaps()] == [
        ("not_connected", True), ("process_lost", True),
    ]  # fmt: skip
    assert "ended without a word" in page(client, "/filters/1/").text

    # Edited while supervisord is away, the edit runs when it is back.
    supervisor.stop()
    assert collectors(supervisor.settings) == []
    form = page(client, "/filters/1/edit/")
    answer = submit(client, form, "/filters/1/edit/", words="harbour, ferry", do="save")
    assert "supervisord is not running" in page(client, answer.location).text
    supervisor.start()
    wait_for(lambda: len(collectors(supervisor.settings)) == 1)
    wait_for(lambda: (beat := beat_of(PROGRAM)) and beat.state == "connected")
    held = sandbox_rules(sandbox)
    assert held == ["harbour OR ferry"]

    # Deactivated, configuration and process are gone and the files sealed.
    submit(client, page(client, "/filters/1/"), "/filters/1/deactivate/")
    follow_until(lambda: reconcile.supervisord_client().view().processes == ())
    assert reconcile.supervisord_client().configured() == []
    assert collectors(supervisor.settings) == []
    assert not list(data.glob("*.open"))
    rows = list(db.session.query(StreamFile))
    assert sum(row.lines for row in rows) > 0
    for row in rows:
        assert zcat(files.path_of(data, row)).count(b"\n") == row.lines


def sandbox_rules(sandbox: Sandbox) -> list[str]:
    answer = requests.get(
        f"{sandbox.url}/2/tweets/search/stream/rules",
        headers={"Authorization": f"Bearer {sandbox.bearer_token}"}, timeout=30,
    )  # fmt: skip
    return [rule["value"] for rule in answer.json().get("data", [])]


def test_supervisord_killed_leaves_one_writer_when_it_is_back(
    app: Flask, client: FlaskClient, superuser: User, login_as: LoginAs, supervisor: Supervisor
) -> None:
    """SV5: its children end with it, so that the next one starts no second."""
    login_as(superuser)
    add_filter(client, name="Everything", words="the, and, a")
    wait_for(is_collecting)
    supervisor.kill()
    supervisor.start()
    wait_for(lambda: len(collectors(supervisor.settings)) == 1)
    time.sleep(2)
    assert len(collectors(supervisor.settings)) == 1
    wait_for(is_collecting)


def test_stop_start_and_restart_on_the_board(
    client: FlaskClient, superuser: User, login_as: LoginAs, supervisor: Supervisor
) -> None:
    login_as(superuser)
    add_filter(client, name="Everything", words="the, and, a")
    wait_for(is_collecting)
    (first,) = collectors(supervisor.settings)
    submit(client, page(client, "/status/"), "/status/1/restart/")
    wait_for(lambda: collectors(supervisor.settings) not in ([], [first]))
    wait_for(is_collecting)
    restarts = [gap.who for gap in all_gaps() if gap.cause == "restarted"]
    assert restarts == [superuser.username]
    submit(client, page(client, "/status/"), "/status/1/stop/")
    follow_until(lambda: collectors(supervisor.settings) == [])
    assert "Stopped by an administrator" in page(client, "/status/").text
    reconcile.reconcile()
    time.sleep(1)
    assert collectors(supervisor.settings) == [], "a round starts no stopped filter"
    submit(client, page(client, "/status/"), "/status/1/start/")
    wait_for(lambda: (beat := beat_of(PROGRAM)) and is_collecting() and beat.state != "stopped")


def test_a_refused_token_is_tried_again_slowly_and_by_the_save_that_puts_it_right(
    app: Flask, client: FlaskClient, superuser: User, login_as: LoginAs, supervisor: Supervisor,
    sandbox: Sandbox,
) -> None:  # fmt: skip
    """ST12 under supervisord: the process stays, without a loop, and a save ends its wait."""
    login_as(superuser)
    credentials.save(superuser, credentials.bearer("revoked-token"))
    db.session.commit()
    add_filter(client, name="Everything", words="the")
    wait_for(lambda: (beat := beat_of(PROGRAM)) and beat.state == "refused")
    asked = len([one for one in sandbox.served if "stream" in one.path])
    for _ in range(3):
        reconcile.reconcile()
    (pid,) = collectors(supervisor.settings)
    assert len([one for one in sandbox.served if "stream" in one.path]) <= asked + 1 <= 4
    shown = page(client, "/status/").text
    assert "needs a person" in shown
    assert "tried again by itself" in shown
    sandbox.site.credentials.add_bearer("revoked-token")
    form = page(client, "/filters/1/edit/")
    assert submit(client, form, "/filters/1/edit/", words="the, and", do="save").status_code == 303
    wait_for(is_collecting)
    assert collectors(supervisor.settings) == [pid]


def test_another_user_is_connected_by_the_save_itself_and_the_time_between_is_a_gap(
    app: Flask, client: FlaskClient, superuser: User, login_as: LoginAs, supervisor: Supervisor,
    sandbox: Sandbox,
) -> None:  # fmt: skip
    """SV16: nothing else but the save starts the process anew; no round of the half minute runs."""
    ben = User(username="ben")
    db.session.add(ben)
    db.session.flush()
    sandbox.site.credentials.add_bearer("token-of-ben")
    credentials.save(ben, credentials.bearer("token-of-ben"))
    db.session.commit()
    ben_id = ben.id
    login_as(superuser)
    add_filter(client, name="Everything", words="the, and, a, to, of")
    wait_for(is_collecting)
    (first,) = collectors(supervisor.settings)
    before = beat_of(PROGRAM)
    assert before is not None
    fingerprint = before.fingerprint
    form = page(client, "/filters/1/edit/")
    answer = submit(client, form, "/filters/1/edit/", user_id=ben_id, do="save")
    assert answer.status_code == 303, answer.text
    wait_for(lambda: (beat := beat_of(PROGRAM)) and beat.pid != first and is_collecting())
    beat = beat_of(PROGRAM)
    assert beat is not None
    assert beat.fingerprint != fingerprint
    gaps = all_gaps()
    assert [(gap.cause, gap.ended_at is not None) for gap in gaps] == [
        ("not_connected", True), ("credential_changed", True),
    ]  # fmt: skip
    assert gaps[0].ended_at
    assert gaps[0].ended_at <= gaps[1].began_at
    assert gaps[1].who == superuser.username
    assert "given another User or app token" in page(client, "/filters/1/").text
    log = (supervisor.settings.instance / "logs" / f"{PROGRAM}.err.log").read_text()
    assert "There is no active filter" not in log


def test_a_gap_is_filled_from_search_without_doubles(
    app: Flask, client: FlaskClient, superuser: User, login_as: LoginAs, supervisor: Supervisor,
    sandbox: Sandbox,
) -> None:  # fmt: skip
    login_as(superuser)
    add_filter(client, name="Everything", words="the, and, a, to, of, in, is")
    wait_for(lambda: is_collecting(posts=3))
    supervisor.stop()
    time.sleep(8)
    supervisor.start()
    wait_for(lambda: is_collecting(posts=3))
    submit(client, page(client, "/filters/1/"), "/filters/1/deactivate/")
    follow_until(lambda: collectors(supervisor.settings) == [])
    (hole,) = [gap for gap in all_gaps() if gap.cause == "restarted"]
    assert hole.seconds > 7
    shown = page(client, "/filters/1/")
    times = {"began": hole.began_at.isoformat(), "ended": hole.ended_at.isoformat()}  # type: ignore[union-attr]
    answer = submit(client, shown, "/filters/1/gaps/fill/", **times)
    assert answer.status_code == 303, answer.text
    gap = db.session.query(Gap).filter_by(cause="asked_for").one()
    assert (gap.began_at, gap.ended_at) == (hole.began_at, hole.ended_at)
    sandbox.clock.advance(60)
    found = db.session.get(TwitterFilter, 1)
    assert found is not None
    from sfm.users.clients import default_client

    before = held_ids(app_settings().data_folder)
    result = fill(
        gap.id, default_client(), app_settings().data_folder, app_settings().instance / "run"
    )
    db.session.rollback()
    after = held_ids(app_settings().data_folder)
    assert result["posts"] == len(after) - len(before) > 0
    assert len(after) == len(set(after))
    row = db.session.query(StreamFile).filter_by(origin="gap_fill").one()
    assert row.lines == result["posts"]
    assert db.session.get(Gap, gap.id).filled == "filled"  # type: ignore[union-attr]
    assert (
        "filled from search"
        in page(client, f"/files/?stream={PROGRAM}&day={row.begun_at:%Y-%m-%d}").text
    )
    assert db.session.query(Heartbeat).count() == 1


def held_ids(data: Path) -> list[int]:
    return [
        int(number)
        for path in sorted(data.glob("*Z.gz"))
        for number in re.findall(rb'^\{"data":\{.*?"id":"(\d+)"', zcat(path), re.M)
    ]


WORKERS = 4
AT_ONCE = 20


@pytest.fixture
def web(app: Flask, supervisor: Supervisor, tmp_path: Path) -> Iterator[str]:
    """The pages as four real gunicorn workers; their address. `web.log` names who answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [
        sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--worker-class", "gthread",
        "--threads", "8", "--bind", address, "--no-control-socket",
        "--access-logfile", str(tmp_path / "web.log"),
        "--access-logformat", "%(p)s %(m)s %(U)s %(s)s", "wsgi:app",
    ]  # fmt: skip
    quiet = {"SFM_SCHEDULE_RECONCILE": "off", "SFM_SCHEDULE_TIMELINES": "off"}
    process = psutil.Popen(
        command, cwd=ROOT, env={**supervisor.env, **quiet}, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: len(process.children()) == WORKERS)
        wait_for(lambda: answers(f"http://{address}/login/"))
        yield f"http://{address}"
    finally:
        for child in process.children(recursive=True):
            child.kill()
        process.kill()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=60).ok
    except requests.ConnectionError:
        return False


def test_twenty_press_start_at_four_workers_and_one_process_runs(
    client: FlaskClient, superuser: User, login_as: LoginAs, supervisor: Supervisor, web: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    """SV13: everybody gets a friendly answer."""
    login_as(superuser)
    add_filter(client, name="Everything", words="the, and, a")
    wait_for(is_collecting)
    board = page(client, "/status/")
    submit(client, board, "/status/1/stop/")
    follow_until(lambda: collectors(supervisor.settings) == [])
    form = dict(fields_of(page(client, "/status/").form("/status/1/start/")))
    cookie = client.get_cookie("sfm")
    assert cookie is not None

    ready = threading.Barrier(AT_ONCE)

    def press(_: int) -> requests.Response:
        with requests.Session() as browser:
            browser.cookies.set("sfm", cookie.value, domain="127.0.0.1")
            ready.wait(60)
            return browser.post(f"{web}/status/1/start/", data=form, timeout=60)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        pages = list(pool.map(press, range(AT_ONCE)))
    for shown in pages:
        assert (shown.status_code, shown.url) == (200, f"{web}/status/"), shown.text[:2000]
        assert "Started: Everything." in shown.text or "Saved." in shown.text
    pressed = [
        line.split()[0]
        for line in (tmp_path / "web.log").read_text().splitlines()
        if " POST /status/1/start/ 303" in line
    ]
    assert len(pressed) == AT_ONCE
    assert len(set(pressed)) > 1, "one worker alone answered"
    wait_for(is_collecting)
    (pid,) = collectors(supervisor.settings)
    (process,) = reconcile.supervisord_client().view().processes
    assert process.pid == pid
    log = (supervisor.settings.instance / "logs" / "supervisord.log").read_text()
    assert log.count(f"spawned: '{PROGRAM}'") == 2, "once for the save, once for all the twenty"
