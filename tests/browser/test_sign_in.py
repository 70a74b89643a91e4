"""Signing in with a real browser: password and Twitter by both ways of OAuth, against the sandbox.

The browser reports every breach of the content policy; `watch` fails the test for any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import Credential, SignInState, User
from sfm.sandbox.server import Sandbox
from sfm.users import service
from sfm.users.service import Rights
from tests.browser.conftest import OpenAs, Watch
from tests.conftest import test_settings

GOOD = "seven purple umbrellas rust"
OTHER = "nine copper lanterns drift"
WHO = "millbrook_lib"

both = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
each_way = pytest.mark.parametrize("way", ["OAuth 1.0a", "OAuth 2.0"], ids=["oauth1", "oauth2"])


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return replace(
        test_settings(instance_folder, database_url),
        twitter_api_root=sandbox.url,
        twitter_consumer_key=sandbox.app.consumer_key,
        twitter_consumer_secret=sandbox.app.consumer_secret,
        twitter_client_id=sandbox.app.client_id,
        twitter_client_secret=sandbox.app.client_secret,
        twitter_sign_in=("oauth1", "oauth2"),
        twitter_entry=("anyone",),
    )


class WatchOurs(Watch):
    """Twitter's own pages are none of ours."""

    def __init__(self, site: str, twitter: str) -> None:
        super().__init__(site)
        self.twitter = twitter

    def _request(self, request: Any) -> None:
        if not request.url.startswith(self.twitter):
            super()._request(request)

    def _console(self, message: Any) -> None:
        if not message.page or not message.page.url.startswith(self.twitter):
            super()._console(message)


@pytest.fixture
def watch(site: str, sandbox: Sandbox) -> Iterator[Watch]:
    found = WatchOurs(site, sandbox.url)
    yield found
    assert not found.wrong


def make_user(name: str, **more: Any) -> User:
    made = service.create(name, GOOD, **more).user
    db.session.commit()
    return made


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def agree(page: Page, who: str = WHO, button: str = "Authorize app") -> None:
    """On Twitter's page: pick a person, press a button."""
    expect(page.get_by_role("heading", level=1)).to_contain_text("Authorize this app")
    page.get_by_label("You are").select_option(label=_label(page, who))
    page.get_by_role("button", name=button).click()


def _label(page: Page, who: str) -> str:
    options = page.get_by_label("You are").locator("option").all_text_contents()
    return next(option for option in options if option.startswith(f"@{who} "))


@both
def test_a_one_time_password_is_changed_at_the_first_sign_in(
    open_as: OpenAs, scripts: bool
) -> None:
    made = service.create("novice")
    db.session.commit()
    page = open_as(scripts=scripts)
    sign_in(page, "novice", made.one_time_password or "")
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a password")
    page.goto("/account/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a password")
    page.get_by_label("One-time password").fill(made.one_time_password or "")
    page.get_by_label("New password", exact=True).fill("password1234")
    page.get_by_label("New password once more").fill("password1234")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("alert")).to_contain_text("too easy to guess")
    page.get_by_label("One-time password").fill(made.one_time_password or "")
    page.get_by_label("New password", exact=True).fill(OTHER)
    page.get_by_label("New password once more").fill(OTHER)
    page.get_by_role("button", name="Set the password").click()
    page.goto("/account/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your profile")


@both
@each_way
def test_a_newcomer_signs_in_with_twitter(open_as: OpenAs, scripts: bool, way: str) -> None:
    page = open_as(scripts=scripts)
    page.goto("/account/")  # sent to sign in, and back here afterwards
    page.get_by_role("button", name=f"Sign in with Twitter ({way})").click()
    agree(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your profile")
    expect(page.locator("main")).to_contain_text(f"Linked to @{WHO}")
    db.session.rollback()
    assert db.session.scalars(select(Credential.state)).all() == ["works"]


@each_way
def test_who_refuses_at_twitter_reads_what_happened(open_as: OpenAs, way: str) -> None:
    page = open_as()
    page.goto("/login/")
    page.get_by_role("button", name=f"Sign in with Twitter ({way})").click()
    agree(page, button="Cancel")
    expect(page.get_by_role("alert")).to_contain_text("You did not let this site use")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    db.session.rollback()
    assert db.session.scalars(select(User)).all() == []
    assert db.session.scalars(select(SignInState)).all() == []


@both
@each_way
def test_an_account_is_linked_and_unlinked(open_as: OpenAs, scripts: bool, way: str) -> None:
    ann = make_user("ann")
    page = open_as(scripts=scripts)
    sign_in(page, "ann", GOOD)
    page.goto("/account/")
    page.get_by_role("button", name=f"Link by {way}").click()
    agree(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Link a Twitter account")
    expect(page.locator("main")).to_contain_text("ann")
    expect(page.locator("main")).to_contain_text(f"@{WHO}")
    page.get_by_role("button", name="Link them").click()
    expect(page.locator("main")).to_contain_text(f"Linked to @{WHO}")
    expect(page.locator("#credentials")).to_contain_text(f"Twitter sign-in ({way})")
    page.get_by_role("button", name="Unlink it").click()
    expect(page.get_by_role("status")).to_contain_text("Your Twitter account is unlinked.")
    expect(page.locator("#credentials")).to_contain_text("None is kept.")
    db.session.rollback()
    assert db.session.get_one(User, ann.id).twitter_uid is None


def test_whoever_is_deactivated_in_the_middle_is_out(open_as: OpenAs) -> None:
    boss, ann = make_user("boss", superuser=True), make_user("ann")
    hers, theirs = open_as(), open_as()
    sign_in(hers, "ann", GOOD)
    hers.goto("/account/")
    hers.get_by_label("An app's bearer token").fill("AAAAAAAAAAAAAAAAAAAA-typed")
    sign_in(theirs, "boss", GOOD)
    theirs.goto(f"/admin/users/{ann.id}/")
    theirs.get_by_label("Active").uncheck()
    theirs.get_by_role("button", name="Save the rights").click()
    expect(theirs.get_by_role("status")).to_contain_text("All sessions of this User have ended")
    expect(theirs.locator("main")).to_contain_text("User deactivated")
    hers.get_by_role("button", name="Keep this token").click()
    expect(hers.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(hers, "ann", GOOD)
    expect(hers.get_by_role("alert")).to_contain_text("This account is not active")
    db.session.rollback()
    assert db.session.scalars(select(Credential)).all() == []
    assert db.session.get_one(User, boss.id).is_active


@each_way
def test_whoever_is_deactivated_while_at_twitter_is_not_let_in(open_as: OpenAs, way: str) -> None:
    page = open_as()
    page.goto("/login/")
    page.get_by_role("button", name=f"Sign in with Twitter ({way})").click()
    agree(page)
    page.goto("/account/")
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    page.get_by_role("button", name=f"Sign in with Twitter ({way})").click()
    begin_write()
    user = db.session.scalars(select(User)).one()
    service.set_rights(user, Rights(is_active=False, is_superuser=False))
    db.session.commit()
    agree(page)
    expect(page.get_by_role("alert")).to_contain_text("This account is not active")


@both
def test_an_administrator_adds_and_finds_people(open_as: OpenAs, scripts: bool) -> None:
    make_user("boss", superuser=True)
    page = open_as(scripts=scripts)
    sign_in(page, "boss", GOOD)
    page.goto("/admin/users/")
    page.get_by_role("link", name="Add a User").click()
    page.get_by_label("Name").fill("cleo")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#one-time-password")).to_have_text(re.compile(r"^(\w{5}-){3}\w{5}$"))
    page.goto("/admin/users/")
    page.get_by_label("Name").fill("CLE")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#users tbody tr")).to_have_count(1)
    assert "q=CLE" in page.url


@both
def test_a_credential_is_checked_and_forgotten(
    open_as: OpenAs, sandbox: Sandbox, scripts: bool
) -> None:
    make_user("ann")
    page = open_as(scripts=scripts)
    sign_in(page, "ann", GOOD)
    page.goto("/account/")
    page.get_by_label("An app's bearer token").fill(sandbox.bearer_token)
    page.get_by_label("A name for it").fill("Our app")
    page.get_by_role("button", name="Keep this token").click()
    row = page.locator("#credentials tbody tr")
    expect(row).to_contain_text("not tried yet")
    row.get_by_role("button", name="Check").click()
    expect(row).to_contain_text("works")
    expect(page.get_by_role("status")).to_contain_text("Twitter accepts it.")
    row.get_by_role("button", name="Forget").click()
    expect(page.locator("#credentials")).to_contain_text("None is kept.")
    assert sandbox.bearer_token not in page.content()


def test_a_session_ends_in_every_browser(open_as: OpenAs, app: Flask) -> None:
    make_user("ann")
    one, two = open_as(), open_as()
    for page in (one, two):
        sign_in(page, "ann", GOOD)
        page.goto("/account/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your profile")
    one.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(one.get_by_role("heading", level=1)).to_have_text("Sign in")
    two.goto("/account/")
    expect(two.get_by_role("heading", level=1)).to_have_text("Sign in")
