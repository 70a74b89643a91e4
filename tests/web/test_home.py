"""The first page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient

from sfm.models import User
from sfm.runs import events
from tests.conftest import FrozenClock
from tests.factories import make_run, make_run_error, make_tweets, make_twitter_user
from tests.pages import page, part, text_of

Login = Callable[[User], FlaskClient]


def test_an_empty_site_says_what_to_do_next(
    clock: FrozenClock, login_as: Login, superuser: User
) -> None:
    found = page(login_as(superuser), "/")
    assert "Nothing is collected yet" in found.text
    assert "/admin/twitter-users/add/" in found.links()


def test_a_reader_is_not_sent_to_pages_that_are_not_theirs(
    clock: FrozenClock, login_as: Login, reader: User
) -> None:
    found = page(login_as(reader), "/")
    assert "An administrator can add accounts." in found.text
    assert not [link for link in found.links() if link.startswith("/admin/")]


def test_counts_chart_table_and_latest_tweets(
    clock: FrozenClock, login_as: Login, reader: User
) -> None:
    user = make_twitter_user("CityArchive")
    make_twitter_user("closed", is_active=False)
    make_tweets(user, ["older", "old"], at=clock.now() - timedelta(days=40))
    make_tweets(user, ["three", "two", "one & only <b>"])
    found = page(login_as(reader), "/")
    figures = {
        text_of(stat.find("dt")): text_of(stat.find("dd"))
        for stat in found.all("div", class_="stat")
    }
    assert figures["tweets held"] == "5"
    assert figures["tweets in 31 days"] == "3"
    assert figures["accounts 1 of them active"] == "2"
    assert len(found.all("rect")) == 31
    rows = [[text_of(cell) for cell in row.iter("td")] for row in found.one("tbody").iter("tr")]
    assert rows[0] == ["22 Nov 2026", "3"]
    assert len(rows) == 31
    texts = [text_of(tweet) for tweet in found.all("p", class_="tweet-text")]
    assert texts == ["one & only <b>", "two", "three", "old", "older"]


def test_what_runs_and_what_went_wrong(
    clock: FrozenClock, login_as: Login, superuser: User
) -> None:
    user = make_twitter_user("gone_account")
    over = make_run(added=7)
    make_run_error(over, user, "gone_account is suspended by Twitter.")
    make_run(state="running", total=20, done=5, added=3, message="Reading CityArchive")
    client = login_as(superuser)
    found = page(client, "/")
    assert found.one("progress").get("value") == "5"
    assert "Reading CityArchive" in found.text
    assert "gone_account is suspended by Twitter." in found.text
    assert "7 new tweets" in found.text
    assert "Free on disk" in found.text
    now = part(client, "/home/now/").by_id("now")
    assert now.get("hx-get") == "/home/now/"
    assert text_of(now) == text_of(found.by_id("now"))


def test_asking_stops_when_nothing_runs(clock: FrozenClock, login_as: Login, reader: User) -> None:
    client = login_as(reader)
    assert part(client, "/home/now/").by_id("now").get("hx-get") is None
    page(client, "/home/now/")


def test_what_lasts_is_told_until_it_is_over(
    clock: FrozenClock, login_as: Login, superuser: User
) -> None:
    kept = {"severity": "trouble", "subject": "disk", "lasting": True}
    events.note("disk_full", "The disk is nearly full.", **kept)  # type: ignore[arg-type]
    events.note("added", "Something was noticed.")
    client = login_as(superuser)
    assert "The disk is nearly full." in page(client, "/").text
    assert "Something was noticed." not in page(client, "/").text
    events.over("disk_full", subject="disk")
    assert "The disk is nearly full." not in page(client, "/").text
