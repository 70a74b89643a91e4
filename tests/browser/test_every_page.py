"""Every page, in both colour schemes and two widths: accessible, on-site, light, and no wider."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page

from sfm.database import db
from sfm.models import TwitterFilter, User
from tests.browser.conftest import OpenAs
from tests.factories import (
    make_run,
    make_run_error,
    make_set,
    make_tweets,
    make_twitter_user,
    rename_to,
)

MOST_BYTES = 150_000
DESKTOP, PHONE = (1280, 900), (390, 844)
NO_PAGE = {"health.index", "static"}


@pytest.fixture
def addresses(app: Flask, superuser: User) -> list[str]:
    """Every page that is opened with GET, filled with something to show."""
    user = make_twitter_user("CityArchive", display_name="City Archive", description="Keeps things")
    gone = make_twitter_user("gone_one", is_active=False, state="suspended", state_reason="Gone.")
    rename_to(user, "CityArchives")
    tweets = make_tweets(
        user, ["RT @a: b", "A long one " * 20, "مكتبة المدينة", "https://t.co/x #tag"]
    )
    run = make_run(added=4, total=2, done=2)
    make_run_error(run, gone, "gone_one is suspended by Twitter.")
    make_run(state="running", total=10, done=3)
    stream = TwitterFilter(name="Floods", user_id=superuser.id, is_active=False, words="flood")
    db.session.add(stream)
    db.session.commit()
    found = make_set(superuser, "A set with a rather long name for a phone", [user, gone])
    plain = sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and rule.endpoint not in NO_PAGE
    )
    return [
        *plain,
        "/twitter-user/CityArchives/",
        "/twitter-user/gone_one/",
        "/search/?q=city",
        "/search/?q=nothing",
        f"/sets/{found.id}/",
        f"/sets/{found.id}/edit/",
        f"/sets/{found.id}/delete/",
        f"/admin/twitter-users/{user.id}/",
        f"/admin/twitter-users/{user.id}/delete/",
        "/tweets/?q=city&media=no",
        f"/twitter-item/{tweets[1]}/",
        f"/twitter-item/{tweets[3]}/links/",
        f"/runs/{run.id}/",
        f"/filters/{stream.id}/",
        f"/filters/{stream.id}/edit/",
        f"/filters/{stream.id}/delete/",
        f"/admin/users/{superuser.id}/",
        "/no/such/page/",
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_axe_finds_nothing_and_nothing_sticks_out(
    open_as: OpenAs, superuser: User, addresses: list[str], scheme: str, size: tuple[int, int]
) -> None:
    width, height = size
    page = open_as(superuser, color_scheme=scheme, viewport={"width": width, "height": height})
    wrong = []
    for address in addresses:
        page.goto(address)
        if page.locator("h1").count() != 1:
            continue  # a download or a plain answer
        wrong += findings(page, address)
    assert not wrong


def findings(page: Page, address: str) -> list[str]:
    result = Axe().run(page)
    found = [
        f"{address} {one['id']}: {one['nodes'][0]['html'][:160]}"
        for one in result.response["violations"]
    ]
    out = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return found + ([f"{address} sticks out by {out}"] if out > 0 else [])


WEIGH = """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
    .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""


@pytest.mark.timeout(300)
def test_every_page_is_light(open_as: OpenAs, superuser: User, addresses: list[str]) -> None:
    heavy = []
    for address in addresses:
        page = open_as(superuser)  # nothing kept from the page before
        page.goto(address, wait_until="load")
        weight = page.evaluate(WEIGH)
        assert weight > 0
        if weight > MOST_BYTES:
            heavy.append(f"{address} {weight}")
        page.context.close()
    assert not heavy


def test_nobody_who_is_not_signed_in_sees_axe_findings_either(open_as: OpenAs) -> None:
    page = open_as()
    for address in ("/login/", "/about/"):
        page.goto(address)
        assert not findings(page, address)
