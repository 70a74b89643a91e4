"""Two installations with one app token, and rules that somebody deletes at Twitter by hand."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock
from sfm.config import Settings
from sfm.database import db
from sfm.factory import create_app
from sfm.filters import installation
from sfm.models import Heartbeat, User
from sfm.networks.rules import Rule
from sfm.sandbox.server import Sandbox
from tests.conftest import sandbox_settings
from tests.pages import page
from tests.postgres_databases import new_postgres_database
from tests.streams.collecting import Process, beat_of, environment, gaps, make_filter
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "twitterfilter-1"
COMMON = "the, a, to, of, in, is"
RULE = COMMON.replace(", ", " OR ")
Collect = Callable[..., Process]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(crowd=8) as running:
        running.streams.keep_alive = 0.5
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox)


@pytest.fixture
def second_database_url(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    if database_kind == "sqlite":
        file = tmp_path / "second.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    template = request.getfixturevalue("postgres_template")
    with new_postgres_database(request.getfixturevalue("postgres_server"), template) as url:
        yield url


@pytest.fixture
def second(tmp_path: Path, second_database_url: str, sandbox: Sandbox) -> Flask:
    """Another installation: a folder and a database of its own, the same app token."""
    folder = tmp_path / "second"
    folder.mkdir(mode=0o700)
    return create_app(sandbox_settings(folder, second_database_url, sandbox))


@pytest.fixture
def collect(sandbox: Sandbox) -> Iterator[Collect]:
    """Start a collector of an installation's filter 1."""
    running: list[Process] = []

    def collect(app: Flask, *options: object) -> Process:
        env = environment(app, sandbox.url, SFM_TWITTER_BEARER_TOKEN=sandbox.bearer_token)
        running.append(Process(env, "filterstream", 1, *(options or ("--save",))))
        return running[-1]

    yield collect
    for process in running:
        process.kill()


@contextmanager
def inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def rules_at(sandbox: Sandbox) -> dict[str, str]:
    """Tags by value, of the one app there is."""
    return {
        rule.value: rule.tag or ""
        for app in sandbox.rules.counts()
        for rule in sandbox.rules.of(app)
    }


def filed() -> int:
    beat = beat_of(NAME)
    return sum(beat.figures["per_filter"].values()) if beat else 0


def collecting() -> Heartbeat:
    beat = beat_of(NAME)
    assert beat is not None
    return beat


def test_a_second_installation_leaves_the_first_ones_rules_and_says_whose_they_are(
    app: Flask, second: Flask, sandbox: Sandbox, collect: Collect
) -> None:
    """ST13, ST15: as when somebody tries a new version with the real token."""
    make_filter(words=COMMON, token=sandbox.bearer_token)
    collect(app)
    wait_for(lambda: filed() >= 5)
    before = rules_at(sandbox)
    with inside(second):
        make_filter("Floods elsewhere", "flood", sandbox.bearer_token)
        process = collect(second)
        wait_for(lambda: (beat := beat_of(NAME)) and beat.state == "waiting")
        reason = collecting().reason
    assert reason.startswith("Another installation of Social Feed Manager")
    assert "use another app token here" in reason
    assert rules_at(sandbox) == before == {RULE: Rule(RULE).tag(installation.mark())}
    count = filed()
    wait_for(lambda: filed() > count + 5)
    process.signal(signal.SIGTERM)
    process.end()
    assert rules_at(sandbox) == before
    assert collecting().figures["unmatched"] == 0
    assert gaps() == []


@pytest.mark.parametrize("left", ["nothing", "another installation's rule"])
def test_rules_deleted_by_others_are_put_back_and_their_absence_is_a_gap(
    app: Flask, client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    sandbox: Sandbox, collect: Collect, left: str,
) -> None:  # fmt: skip
    """ST13: connected, and yet nothing of ours comes."""
    made = make_filter(words=COMMON, token=sandbox.bearer_token)
    collect(app)
    wait_for(lambda: filed() >= 60)
    (app_id,) = sandbox.rules.counts()
    theirs = {"value": "harbor OR harbour OR ferry OR you OR I OR my", "tag": "sfm:0badcafe:1"}
    sandbox.rules.delete(app_id, [], [RULE], dry_run=False)
    deleted_at = clock.now()
    if left != "nothing":  # its posts lead to a look at the rules at once
        sandbox.rules.add(app_id, [theirs], dry_run=False)
    wait_for(lambda: RULE in rules_at(sandbox), seconds=90)
    wait_for(lambda: collecting().figures["rules_put_back"], seconds=30)
    back_at = clock.now()
    (gap,) = gaps()
    assert (gap.prefix, gap.cause) == (NAME, "rules_removed")
    assert gap.ended_at is not None
    assert gap.began_at <= deleted_at <= gap.ended_at <= back_at
    assert gap.lost_estimate > 0
    figures = collecting().figures
    assert figures["other_installations"] == ([] if left == "nothing" else ["0badcafe"])
    count = filed()
    wait_for(lambda: filed() > count + 5)
    if left != "nothing":
        assert theirs["value"] in rules_at(sandbox)
    shown = page(login_as(superuser), f"/filters/{made.id}/").text
    assert "Its rules had been deleted at Twitter" in shown
    assert ("another installation of Social Feed Manager" in shown) == (left != "nothing")


def test_a_trial_on_the_screen_leaves_no_rules_at_twitter(
    app: Flask, sandbox: Sandbox, collect: Collect
) -> None:
    """ST13: else whoever uses the token next gets and pays for its posts."""
    make_filter(words=COMMON, token=sandbox.bearer_token, active=False)
    process = collect(app, "--verbose")
    wait_for(sandbox.streams.active)
    wait_for(lambda: RULE in rules_at(sandbox))
    process.signal(signal.SIGTERM)
    code, _, err = process.end()
    assert code == 0, err
    assert rules_at(sandbox) == {}


def test_a_mark_is_made_once_for_a_database(app: Flask, second: Flask) -> None:
    mark = installation.mark()
    db.session.remove()
    assert installation.mark() == mark
    with inside(second):
        assert installation.mark() != mark
