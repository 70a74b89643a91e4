"""Gaps filled from search: asked for on the page, done by the worker, and asked for again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from sfm import clock
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.extensions import settings as settings_of
from sfm.jobs import worker
from sfm.models import ApiUsage, Gap, Run, StreamFile, TwitterFilter, User
from sfm.runs import actions, queue, shutdown
from sfm.runs.leases import new_owner
from sfm.sandbox.server import Sandbox
from sfm.streams import completeness, gap_fill
from tests.conftest import sandbox_settings
from tests.pages import page, submit
from tests.streams.conftest import sealed_files, zcat
from tests.streams.indenting import IndentingProxy


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(instance_folder: object, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox)  # type: ignore[arg-type]


@pytest.fixture
def mine(client: FlaskClient, reader: User, login_as: Callable[[User], FlaskClient]) -> FlaskClient:
    return login_as(reader)


@pytest.fixture
def gap(mine: FlaskClient, reader: User) -> Gap:
    """Two days that a filter of the reader's has missed."""
    reader.installation_token_allowed = True
    found = TwitterFilter(
        name="Harbour", user_id=reader.id, rule_text="from:HarborCouncil",
        uses_installation_token=True,
    )  # fmt: skip
    db.session.add(found)
    db.session.flush()
    now = clock.now()
    gap = Gap(
        filter_id=found.id, prefix=f"twitterfilter-{found.id}", cause="network",
        began_at=now - timedelta(days=3), ended_at=now - timedelta(days=1), seconds=172_800,
        lost_estimate=200,
    )  # fmt: skip
    db.session.add(gap)
    db.session.commit()
    return gap


def ask(client: FlaskClient, gap: Gap) -> Run:
    """Press the button of the filter's page; the run that came of it."""
    here = f"/filters/{gap.filter_id}/"
    answer = submit(client, page(client, here), f"{here}gaps/{gap.id}/fill/")
    assert answer.status_code == 303, answer.text
    run: Run = db.session.query(Run).order_by(Run.id.desc()).first()  # type: ignore[assignment]
    assert (run.state, run.params) == ("queued", {"gap": gap.id})
    assert "asked for" in page(client, here).text
    return run


def no_credential(app: Flask, client: FlaskClient, gap: Gap, run: Run) -> None:
    kept = settings_of()
    app.extensions["sfm_settings"] = replace(kept, twitter_bearer_token="")
    assert worker.work_once()
    app.extensions["sfm_settings"] = kept


def rules_that_search_does_not_take(app: Flask, client: FlaskClient, gap: Gap, run: Run) -> None:
    kept = dict(gap.criteria or {})
    gap.criteria = {**kept, "locations": "not a place at all"}
    db.session.commit()
    assert worker.work_once()
    gap.criteria = kept
    db.session.commit()


def cancelled_on_its_page(app: Flask, client: FlaskClient, gap: Gap, run: Run) -> None:
    begin_write()
    actions.cancel(run.id)
    db.session.commit()


def no_folder_for_locks(app: Flask, client: FlaskClient, gap: Gap, run: Run) -> None:
    place = settings_of().instance / "run"
    if place.exists():
        place.rename(place.with_name("kept"))
    place.write_text("a file where a folder should be")
    assert worker.work_once()
    place.unlink()


def killed_again_and_again(app: Flask, client: FlaskClient, gap: Gap, run: Run) -> None:
    """As a worker that is gone leaves it at its last attempt."""
    left = {
        "state": "running", "crashes": queue.MAX_CRASHES - 1, "owner": new_owner(),
        "heartbeat_at": clock.now() - timedelta(seconds=queue.STALE_SECONDS + 1),
    }  # fmt: skip
    db.session.execute(update(Run).values(left))
    db.session.commit()
    assert queue.recover_stale() == 1


ENDS: list[tuple[Callable[..., None], str, str]] = [
    (no_credential, "failed", "holds no app token"),
    (rules_that_search_does_not_take, "failed", "not a place at all"),
    (cancelled_on_its_page, "cancelled", ""),
    (no_folder_for_locks, "failed", "Something unexpected went wrong"),
    (killed_again_and_again, "failed", "It was cut off"),
]


@pytest.mark.parametrize(("end", "state", "told"), ENDS, ids=[end.__name__ for end, _, _ in ENDS])
def test_however_its_run_ends_a_gap_can_be_asked_for_again_and_filled(
    app: Flask, mine: FlaskClient, gap: Gap,
    end: Callable[..., None], state: str, told: str,
) -> None:  # fmt: skip
    """ST18: search reaches back seven days only, so a gap may not stay asked for."""
    run = ask(mine, gap)
    end(app, mine, gap, run)
    db.session.expire_all()
    assert run.state == state
    assert told in run.message
    shown = page(mine, f"/filters/{gap.filter_id}/").text
    assert run.message in shown
    assert ask(mine, gap).id != run.id
    assert worker.work_once()
    db.session.expire_all()
    assert gap.filled == "filled"
    assert gap.filled_posts > 0
    assert f"{gap.filled_posts} posts from search." in page(mine, f"/filters/{gap.filter_id}/").text


def test_a_run_that_waits_for_its_turn_keeps_the_gap_asked_for(mine: FlaskClient, gap: Gap) -> None:
    run = ask(mine, gap)
    for state in ("running", "paused", "queued"):
        db.session.execute(update(Run).values(state=state))
        db.session.commit()
        gaps = completeness.of_prefix(gap.prefix).gaps
        (prospect,) = gap_fill.fill_estimates(gaps).values()
        assert (prospect.is_asked, prospect.why_not) == (True, "It is asked for already.")
        assert gap.run_id == run.id


def test_a_search_stops_at_its_next_page_and_begins_again_later(
    app: Flask, mine: FlaskClient, gap: Gap
) -> None:
    """K-11: neither SIGTERM nor "Cancel" was heard before the last page."""
    run = ask(mine, gap)
    shutdown.request_stop()
    try:
        assert worker.work_once()
    finally:
        shutdown.clear_stop()
    db.session.expire_all()
    assert (run.state, run.api_calls) == ("queued", 1)
    assert not gap.filled
    assert worker.work_once()
    db.session.expire_all()
    assert run.state == "finished"


def test_a_run_cut_off_after_its_gap_was_filled_changes_nothing_when_it_goes_on(
    mine: FlaskClient, gap: Gap
) -> None:
    run = ask(mine, gap)
    assert worker.work_once()
    db.session.expire_all()
    posts = gap.filled_posts
    assert posts > 0
    again = {"state": "queued", "finished_at": None}
    db.session.execute(update(Run).where(Run.id == run.id).values(again))
    db.session.commit()
    assert worker.work_once()
    db.session.expire_all()
    assert (run.state, gap.filled, gap.filled_posts) == ("finished", "filled", posts)


def test_posts_of_an_indented_answer_are_one_line_each(
    app: Flask, mine: FlaskClient, gap: Gap, sandbox: Sandbox
) -> None:
    """ST18: the file is one of lines, whatever came between the parts of the JSON."""
    run = ask(mine, gap)
    with IndentingProxy(sandbox.url) as proxy:
        app.extensions["sfm_settings"] = replace(settings_of(), twitter_api_root=proxy.url)
        assert worker.work_once()
    db.session.expire_all()
    assert run.state == "finished", run.message
    lines = [
        line
        for path in sealed_files(settings_of().data_folder)
        for line in zcat(path).split(b"\n")[:-1]
    ]
    (row,) = db.session.query(StreamFile).filter_by(origin="gap_fill")
    assert len(lines) == gap.filled_posts == row.lines > 0
    assert all(json.loads(line)["data"]["id"] for line in lines)
    # K-23: what the search cost stands on the run, as in the table of usage.
    is_search = ApiUsage.endpoint == "tweets/search/recent"
    usage = select(func.sum(ApiUsage.calls), func.sum(ApiUsage.posts)).where(is_search)
    assert db.session.execute(usage).one() == (run.api_calls, run.api_posts)
    assert run.api_posts >= gap.filled_posts
