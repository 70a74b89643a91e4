"""The first page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element

from flask import Flask
from flask.testing import FlaskClient

from sfm.clock import now
from sfm.database import db
from sfm.jobs.worker import work_once
from sfm.models import Run, User
from sfm.runs import events, queue
from tests.conftest import FrozenClock
from tests.factories import make_run, make_run_error, make_tweets, make_twitter_user
from tests.pages import Page, page, part, text_of
from tests.run_lists import list_runs

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


def test_counts_chart_table_and_latest_posts(
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
    assert figures["posts kept"] == "5"
    assert figures["posts in 31 days"] == "3"
    assert figures["accounts 1 of them active"] == "2"
    assert len(found.all("rect")) == 31
    rows = [[text_of(cell) for cell in row.iter("td")] for row in found.one("tbody").iter("tr")]
    assert rows[0] == ["22 Nov 2026", "3"]
    assert len(rows) == 31
    texts = [text_of(tweet) for tweet in found.all("p", class_="post-text")]
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
    assert "7 new posts" in found.text
    assert "Free on disk" in found.text
    now = part(client, "/home/now/").by_id("now")
    assert now.get("hx-get") == "/home/now/"
    assert text_without_free_space(now) == text_without_free_space(found.by_id("now"))


def text_without_free_space(element: Element) -> str:
    """Its text, with a blank for the free space on disk, which differs from moment to moment."""
    text, found = re.subn(r"(?<=Free on disk )[\d.,]+ [kMGT]?B(?= of \d)", "…", text_of(element))
    assert found == 1, text
    return text


def test_asking_stops_when_nothing_runs(clock: FrozenClock, login_as: Login, reader: User) -> None:
    client = login_as(reader)
    assert part(client, "/home/now/").by_id("now").get("hx-get") is None
    page(client, "/home/now/")


def test_what_lasts_is_told_until_it_is_over(
    clock: FrozenClock, login_as: Login, superuser: User
) -> None:
    kept = {"severity": "trouble", "subject": "disk", "lasting": True}
    events.open_event("disk_full", "The disk is nearly full.", **kept)  # type: ignore[arg-type]
    events.open_event("added", "Something was noticed.")
    client = login_as(superuser)
    assert "The disk is nearly full." in page(client, "/").text
    assert "Something was noticed." not in page(client, "/").text
    events.close_event("disk_full", subject="disk")
    assert "The disk is nearly full." not in page(client, "/").text


REFUSED = "Twitter refuses the key. Enter a new one."


def ended(kind: str, state: str, hours_ago: float, **more: Any) -> Run:
    at = now() - timedelta(hours=hours_ago)
    times = {"queued_at": at - timedelta(minutes=5), "finished_at": at}
    return make_run(kind, state, **{**times, **more})


def went_wrong(found: Page) -> list[str]:
    return [text_of(line) for line in found.all("li") if "failed" in text_of(line).split()]


def test_a_run_that_failed_as_a_whole_is_told_with_its_reason_and_page(
    clock: FrozenClock, login_as: Login, reader: User
) -> None:
    ended("user_timeline", "finished", 3, added=7)
    ended("user_timeline", "failed", 2, message="The database was away.")
    failed = ended("user_timeline", "failed", 1, message=REFUSED)
    ended("fetch_urls", "cancelled", 1)
    found = page(login_as(reader), "/")
    (line,) = went_wrong(found)
    assert REFUSED in line
    assert f"/runs/{failed.id}/" in found.links()
    assert "/runs/?state=failed" in found.links()
    facts = [text_of(fact) for fact in found.by_id("now").iter("dd")]
    assert facts[0].startswith("failed"), "the last job is told with its state"
    assert facts[0].endswith("0 new posts")


def test_a_collection_that_found_no_key_is_told(
    app: Flask, clock: FrozenClock, login_as: Login, reader: User
) -> None:
    client = login_as(reader)
    queue.enqueue("user_timeline")
    db.session.commit()
    assert work_once()
    (run,) = list_runs()
    assert (run.state, bool(run.message)) == ("failed", True)
    assert run.message in went_wrong(page(client, "/"))[0]


def test_a_failed_run_is_told_until_a_good_one_has_followed(
    clock: FrozenClock, login_as: Login, reader: User
) -> None:
    client = login_as(reader)
    ended("fetch_urls", "finished", 1)  # another kind says nothing of it
    ended("user_timeline", "failed", 5, message=REFUSED)
    ended("user_timeline", "finished", 4, params={"twitter_user_ids": [1]})
    ended("user_timeline", "cancelled", 3)
    ended("user_timeline", "finished", 6)
    assert [REFUSED in line for line in went_wrong(page(client, "/"))] == [True]
    ended("user_timeline", "finished", 2)
    assert went_wrong(page(client, "/")) == []
    part_of_it = {"params": {"twitter_user_ids": [1]}}
    ended("user_timeline", "failed", 1, message="The lease was lost.", **part_of_it)
    assert "The lease was lost." in went_wrong(page(client, "/"))[0]
    ended("user_timeline", "finished", 0.5, params={"twitter_user_ids": [2]})
    assert went_wrong(page(client, "/")) == []


def test_what_failed_long_ago_is_no_news(clock: FrozenClock, login_as: Login, reader: User) -> None:
    ended("import_tweets", "failed", 32 * 24, message="The file is damaged.")
    assert went_wrong(page(login_as(reader), "/")) == []
    ended("import_tweets", "failed", 30 * 24, message="The file is cut short.")
    assert "The file is cut short." in went_wrong(page(login_as(reader), "/"))[0]
