"""The pages of runs: what goes on, live and without JavaScript; who may stop it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from sfm.database import db
from sfm.models import Run, User
from sfm.runs import queries
from tests.conftest import FrozenClock
from tests.factories import make_run, make_run_error, make_twitter_user
from tests.pages import page, part, submit
from tests.run_lists import list_runs

Login = Callable[[User], FlaskClient]


def test_the_list_shows_runs_by_their_names(login_as: Login, reader: User) -> None:
    make_run(added=1234, done=3, total=3)
    make_run("update_usernames", "failed", message="Twitter refused the key.")
    found = page(login_as(reader), "/runs/")
    assert "Timeline run 1" in found.text
    assert "Name check 2" in found.text
    assert "1,234" in found.text
    assert "Twitter refused the key." in found.text
    assert not [one for one in found.all("div") if "hx-get" in one.attrib], "nothing goes on"
    assert "Name check" not in page(login_as(reader), "/runs/?kind=user_timeline").one("tbody").text
    nothing = page(login_as(reader), "/runs/?state=paused")
    assert "No runs" in nothing.text


def test_an_empty_list_says_how_runs_come_about(login_as: Login, reader: User) -> None:
    assert "Collect now" in page(login_as(reader), "/runs/").text


def test_a_run_that_goes_on_is_followed_and_an_ended_one_is_not(
    login_as: Login, reader: User, clock: FrozenClock
) -> None:
    run = make_run(
        state="running", done=3, total=12, message="Twitter's limit is used up.",
        waiting_until=clock.now() + timedelta(minutes=10),
    )  # fmt: skip
    client = login_as(reader)
    found = page(client, f"/runs/{run.id}/")
    assert "3 of 12 accounts" in found.text
    assert "Twitter's limit is used up." in found.text
    assert "Waiting until" in found.text
    live = part(client, f"/runs/{run.id}/").one("section")
    assert live.attrib["hx-get"] == f"/runs/{run.id}/"
    assert live.attrib["hx-trigger"] == "every 5s"
    run = queries.find(run.id)
    run.state, run.finished_at, run.waiting_until = "finished", clock.now(), None
    db.session.commit()
    assert "hx-get" not in part(client, f"/runs/{run.id}/").one("section").attrib


def test_errors_have_reasons_and_details_are_for_superusers(
    login_as: Login, reader: User, superuser: User
) -> None:
    run = make_run()
    user = make_twitter_user("CityArchive")
    error = make_run_error(run, user, "The account <b>CityArchive</b> is protected.")
    error.detail = "an answer of Twitter's"
    db.session.commit()
    plain = page(login_as(reader), f"/runs/{run.id}/")
    assert "The account <b>CityArchive</b> is protected." in plain.text
    assert "an answer of Twitter's" not in plain.text
    assert not plain.all("button", class_="button-danger")
    assert "an answer of Twitter's" in page(login_as(superuser), f"/runs/{run.id}/").text


def test_many_errors_come_page_by_page(login_as: Login, reader: User) -> None:
    run = make_run()
    user = make_twitter_user("CityArchive")
    for number in range(101):
        make_run_error(run, user, f"reason number {number}.")
    client = login_as(reader)
    first = page(client, f"/runs/{run.id}/")
    assert "reason number 99." in first.text
    assert "reason number 100." not in first.text
    after = next(link for link in first.links() if "after=" in link)
    assert "reason number 100." in page(client, after).text


def test_a_superuser_cancels_lets_go_on_and_tries_again(login_as: Login, superuser: User) -> None:
    client = login_as(superuser)
    running, paused = make_run(state="running"), make_run("update_usernames", state="paused")
    failed = make_run(state="failed")
    make_run_error(failed, make_twitter_user("CityArchive"), "Not shown at the moment.")
    submit(client, page(client, f"/runs/{running.id}/"), f"/runs/{running.id}/cancel/")
    assert queries.find(running.id).cancel_requested
    assert "stops at its next item" in page(client, f"/runs/{running.id}/").text
    submit(client, page(client, f"/runs/{paused.id}/"), f"/runs/{paused.id}/resume/")
    assert queries.find(paused.id).state == "queued"
    submit(client, page(client, f"/runs/{failed.id}/"), f"/runs/{failed.id}/retry/")
    again = list_runs()[0]
    assert (again.state, again.requested_by_id) == ("queued", superuser.id)
    assert len(again.params["twitter_user_ids"]) == 1


@pytest.mark.parametrize("action", ["cancel", "resume", "retry"])
def test_a_reader_may_watch_but_not_touch(login_as: Login, reader: User, action: str) -> None:
    run = make_run(state="running")
    assert login_as(reader).post(f"/runs/{run.id}/{action}/").status_code in (400, 403)
    assert not db.session.get_one(Run, run.id).cancel_requested


@pytest.mark.parametrize("query", [f"after={2**80}", "after=-5", "after=x", "at=nonsense"])
def test_odd_addresses_are_no_trouble(login_as: Login, reader: User, query: str) -> None:
    run = make_run()
    client = login_as(reader)
    assert client.get(f"/runs/{run.id}/?{query}").status_code == 200
    assert client.get(f"/runs/?{query}").status_code in (200, 422)


def test_a_run_that_is_not_there_is_not_found(login_as: Login, reader: User) -> None:
    assert login_as(reader).get("/runs/12345/").status_code == 404
