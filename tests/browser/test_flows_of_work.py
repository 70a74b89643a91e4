"""What is done with what was collected, with scripts and without: searched, exported, deleted."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from sfm.database import db
from sfm.jobs import worker
from sfm.models import Run, TwitterFilter, TwitterUser, TwitterUserItem, User
from tests.browser.conftest import OpenAs
from tests.factories import make_tweets, make_twitter_user

both = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


def tweets_held() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(TwitterUserItem)) or 0


@both
def test_posts_are_searched_narrowed_down_and_exported(
    open_as: OpenAs, reader: User, scripts: bool
) -> None:
    make_tweets(make_twitter_user("anna"), ["flood in town", "flood again", "nothing of it"])
    make_tweets(make_twitter_user("berta"), ["a flood elsewhere"])
    page = open_as(reader, scripts=scripts)
    page.goto("/tweets/")
    page.get_by_label("Words in the text").fill("flood")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("article.post")).to_have_count(3)
    page.get_by_role("complementary").get_by_role("link", name="@anna").click()
    expect(page.locator("article.post")).to_have_count(2)
    assert "q=flood" in page.url
    page.go_back()
    expect(page.locator("article.post")).to_have_count(3)
    page.go_forward()
    expect(page.locator("article.post")).to_have_count(2)
    page.get_by_role("link", name="Export these").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New export")
    page.get_by_label("The data file alone", exact=True).check()
    page.get_by_role("button", name="Export", exact=True).click()
    link = page.get_by_role("link", name=re.compile("Download"))
    expect(link).to_be_visible()
    with page.expect_download() as started:
        link.click()
    lines = started.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3, "a header and two tweets"


@both
def test_a_search_that_means_nothing_is_told_and_kept(
    open_as: OpenAs, reader: User, scripts: bool
) -> None:
    page = open_as(reader, scripts=scripts)
    page.goto("/tweets/")
    page.get_by_label("Words in the text").fill('"half a quotation')
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("A quotation mark is missing")
    expect(page.get_by_label("Words in the text")).to_have_value('"half a quotation')


@both
def test_a_post_is_deleted_everywhere(open_as: OpenAs, superuser: User, scripts: bool) -> None:
    gone, _stays = make_tweets(make_twitter_user("anna"), ["goes away", "stays here"])
    page = open_as(superuser, scripts=scripts)
    page.goto(f"/twitter-item/{gone}/")
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 1 post everywhere?")
    page.get_by_label("Why").fill("The author asked")
    page.get_by_role("button", name="Delete everywhere").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Deletion of posts")
    expect(page.get_by_role("status")).to_contain_text("1 post is being deleted everywhere.")
    assert tweets_held() == 2
    assert worker.work_once()
    if not scripts:
        page.reload()
    expect(page.get_by_text("finished", exact=True)).to_be_visible()
    assert tweets_held() == 1


@both
def test_ticked_posts_are_deleted_and_no_reason_is_no(
    open_as: OpenAs, superuser: User, scripts: bool
) -> None:
    make_tweets(make_twitter_user("anna"), ["one", "two", "three"])
    page = open_as(superuser, scripts=scripts)
    page.goto("/admin/twitter-user-items/")
    for number in (0, 1):
        page.locator("tbody input").nth(number).check()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 2 posts everywhere?")
    page.get_by_label("Why").fill("   ")
    page.get_by_role("button", name="Delete everywhere").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    assert not db.session.scalars(select(Run.id)).all()
    page.get_by_label("Why").fill("Asked by Twitter")
    page.get_by_role("button", name="Delete everywhere").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Deletion of posts")
    assert worker.work_once()
    assert tweets_held() == 1


@both
def test_an_account_is_collected_deactivated_and_deleted(
    open_as: OpenAs, superuser: User, scripts: bool
) -> None:
    make_tweets(make_twitter_user("anna"), ["one", "two"])
    page = open_as(superuser, scripts=scripts)
    page.goto("/twitter-user/anna/")
    page.get_by_role("button", name="Collect now").click()
    expect(page.get_by_role("status")).to_contain_text("is waiting for its turn")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("status")).to_contain_text("no longer asked for new posts")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("link", name="Delete this account and its posts").click()
    page.get_by_label("Type anna to go on").fill("annna")
    page.get_by_role("button", name="Delete for ever").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not the name of the account.")
    page.get_by_label("Type anna to go on").fill("anna")
    page.get_by_role("button", name="Delete for ever").click()
    expect(page.get_by_role("status")).to_contain_text("anna and its 2 posts are deleted.")
    assert tweets_held() == 0
    assert db.session.scalars(select(TwitterUser.id)).all() == []


@both
def test_a_filter_is_written_looked_at_and_deleted(
    open_as: OpenAs, superuser: User, scripts: bool
) -> None:
    page = open_as(superuser, scripts=scripts)
    page.goto("/filters/new/")
    page.get_by_label("Active").uncheck()
    page.get_by_label("Name").fill("Floods")
    page.get_by_label("Words", exact=True).fill("flood, river water")
    page.get_by_role("button", name="Show the rules it becomes").click()
    expect(page.get_by_text("flood OR (river water)")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Floods")
    page.get_by_role("link", name="Delete this filter").click()
    page.get_by_label("Type Floods to go on").fill("Floods")
    page.get_by_role("button", name=re.compile("Delete")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Filters")
    db.session.rollback()
    assert db.session.scalars(select(TwitterFilter.id)).all() == []


@both
def test_a_job_of_the_schedule_is_changed_and_paused(
    open_as: OpenAs, superuser: User, scripts: bool
) -> None:
    page = open_as(superuser, scripts=scripts)
    page.goto("/admin/jobs/")
    row = page.get_by_role("row", name=re.compile("Follow the links"))
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused")
    row.get_by_role("link", name="Change").click()
    page.get_by_label("When").fill("daily at noon")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Write “off”")
    page.get_by_label("When").fill("daily 12:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Follow the links"))).to_contain_text(
        "daily at 12:00 UTC"
    )
