"""What people do on the pages, with scripts and without: both ways end the same."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from sfm.database import db
from sfm.models import TwitterUser, User
from sfm.users import passwords
from sfm.web.pages.admin_list_import import LINES
from tests.browser.conftest import OpenAs
from tests.factories import make_run, make_set, make_tweets, make_twitter_user, make_user

both = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


def accounts() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(TwitterUser)) or 0


@both
def test_a_list_is_looked_up_and_saved(open_as: OpenAs, superuser: User, scripts: bool) -> None:
    page = open_as(superuser, scripts=scripts)
    page.goto("/admin/twitter-users/add/")
    page.get_by_label("Names, one a line").fill(
        "ferrynotes\nspam_fountain\nnot a name\nharborcouncil"
    )
    page.get_by_role("button", name="Show what would happen").click()
    page.get_by_role("button", name="Look them up").click()
    expect(page.get_by_role("heading", name="2 accounts would be added")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("spam_fountain"))).to_contain_text("suspended")
    assert accounts() == 0
    page.get_by_label("Or into a new set called").fill("Harbour")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour")
    expect(page.get_by_role("status")).to_contain_text("2 accounts added.")
    assert accounts() == 2


def test_lines_are_looked_through_while_the_form_is_filled_in(
    open_as: OpenAs, superuser: User
) -> None:
    page = open_as(superuser)
    page.goto("/admin/twitter-users/add/")
    names = "\n".join(["ferrynotes"] * LINES)
    page.get_by_label("Names, one a line").fill(f"{names}\nspam_fountain\nnobody_here")
    page.get_by_role("button", name="Show what would happen").click()
    page.get_by_role("button", name="Look them up").click()
    name = page.get_by_label("Or into a new set called")
    name.fill("Harbour")
    lines = page.locator("#lines tbody tr")
    page.get_by_role("link", name="not found 1").click()
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("nobody_here")
    page.get_by_role("link", name="All lines").click()
    page.get_by_role("link", name="Next page").click()
    expect(lines).to_have_count(2)
    expect(page.locator("#lines caption")).to_have_text(
        f"Lines {LINES + 1} to {LINES + 2} of {LINES + 2}"
    )
    expect(name).to_have_value("Harbour")
    page.go_back()
    expect(lines).to_have_count(LINES)
    page.reload()
    expect(lines).to_have_count(LINES)


def test_a_long_list_goes_on_by_itself(open_as: OpenAs, superuser: User) -> None:
    page = open_as(superuser)
    page.goto("/admin/twitter-users/add/")
    names = [f"nobody_{number}" for number in range(505)]
    page.get_by_label("Names, one a line").fill("\n".join(["ferrynotes", *names]))
    page.get_by_role("button", name="Show what would happen").click()
    page.get_by_role("button", name="Look them up").click()
    would = page.get_by_role("heading", name="1 account would be added")
    expect(would).to_be_visible(timeout=15_000)
    assert accounts() == 0


@both
def test_one_account_is_added_and_a_wrong_name_is_told(
    open_as: OpenAs, superuser: User, scripts: bool
) -> None:
    page = open_as(superuser, scripts=scripts)
    page.goto("/admin/twitter-users/add/")
    name = page.get_by_label("Name", exact=True)
    name.fill("nobody_at_all")
    page.get_by_role("button", name="Look up and add").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("nobody_at_all")
    if scripts:
        expect(summary).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("nobody_at_all")
    page.get_by_label("Name", exact=True).fill("@FerryNotes")
    page.get_by_role("button", name="Look up and add").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("@FerryNotes")


@both
def test_the_table_is_searched_and_back_works(
    open_as: OpenAs, superuser: User, scripts: bool
) -> None:
    for number in range(60):
        make_twitter_user(f"u{number:02}")
    page = open_as(superuser, scripts=scripts)
    page.goto("/admin/twitter-users/")
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("link", name="@u59", exact=True)).to_be_visible()
    page.get_by_label("Name or uid").fill("u59")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "q=u59" in page.url
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.go_back()
    expect(page.get_by_role("link", name="@u00", exact=True)).to_be_visible()
    assert page.locator("h1").count() == 1


@both
def test_ticked_accounts_are_deactivated(open_as: OpenAs, superuser: User, scripts: bool) -> None:
    for name in ("anna", "berta", "carl"):
        make_twitter_user(name)
    page = open_as(superuser, scripts=scripts)
    page.goto("/admin/twitter-users/")
    if scripts:
        page.get_by_label("All on this page").check()
        page.get_by_label("@carl").uncheck()
    else:
        page.get_by_label("@anna").check()
        page.get_by_label("@berta").check()
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("status")).to_contain_text("2 accounts deactivated.")
    expect(page.locator("tr.row-quiet")).to_have_count(2)


@both
def test_a_set_is_made_filled_and_deleted(open_as: OpenAs, reader: User, scripts: bool) -> None:
    make_tweets(make_twitter_user("anna"), ["hello"])
    page = open_as(reader, scripts=scripts)
    page.goto("/sets/new/")
    page.get_by_label("Name").fill("Mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mine")
    page.get_by_label("Names").fill("anna nobody")
    page.get_by_role("button", name="Put in").click()
    expect(page.get_by_role("alert")).to_contain_text("1 account put in.")
    page.goto("/sets/")
    page.get_by_role("link", name="Mine").click()
    expect(page.get_by_role("link", name="@anna").first).to_be_visible()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("link", name="Delete this set").click()
    page.get_by_label("Type Mine to go on").fill("Mine")
    page.get_by_role("button", name="Delete this set").click()
    expect(page.get_by_role("status")).to_contain_text("The set Mine is deleted.")


@both
def test_signing_in_leads_where_one_wanted_to_go(open_as: OpenAs, scripts: bool) -> None:
    make_user("rita", password_hash=passwords.hash_password("tulips in the reading room"))
    page = open_as(scripts=scripts)
    page.goto("/users/alpha/")
    page.get_by_label("Name").fill("rita")
    page.get_by_label("Password").fill("wrong wrong wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password").fill("tulips in the reading room")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Accounts")


def test_progress_moves_and_stops_asking_when_the_run_is_over(
    open_as: OpenAs, reader: User
) -> None:
    make_twitter_user("anna")
    run = make_run(state="running", total=10, done=3)
    page = open_as(reader)
    page.goto("/")
    expect(page.locator("#now progress")).to_have_attribute("value", "3")
    run.done = 8
    db.session.commit()
    expect(page.locator("#now progress")).to_have_attribute("value", "8", timeout=12_000)
    run.state = "finished"
    db.session.commit()
    expect(page.locator("#now")).to_contain_text("Nothing is running.", timeout=12_000)
    assert page.locator("#now").get_attribute("hx-get") is None


def test_signed_out_elsewhere_the_next_click_leads_to_sign_in(
    open_as: OpenAs, superuser: User
) -> None:
    for number in range(60):
        make_twitter_user(f"u{number:02}")
    page = open_as(superuser)
    page.goto("/admin/twitter-users/")
    superuser.session_key = "another"
    db.session.commit()
    page.get_by_role("link", name="Next page").click()
    expect(page).to_have_url(re.compile(r"/login/\?next=/admin/twitter-users/"))


def test_an_error_shows_as_a_message_and_the_page_stays(open_as: OpenAs, reader: User) -> None:
    found = make_set(reader, "Mine")
    page = open_as(reader)
    page.goto(f"/sets/{found.id}/edit/")
    db.session.delete(found)
    db.session.commit()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("There is no such set")
    expect(page.get_by_label("Name")).to_have_value("Mine")
    page.get_by_role("button", name="Close this message").click()
    expect(page.locator(".toast")).to_have_count(0)


def test_the_menu_opens_on_a_phone_and_the_keyboard_reaches_the_content(
    open_as: OpenAs, reader: User
) -> None:
    page = open_as(reader, viewport={"width": 390, "height": 844})
    page.goto("/about/")
    expect(page.get_by_role("link", name="Sets")).to_be_hidden()
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name="Sets").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sets")
    _tab_to_content(page)


def _tab_to_content(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
