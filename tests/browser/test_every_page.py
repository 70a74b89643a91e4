"""Every page, in both colour schemes and two widths: accessible, on-site, light, and no wider.

Each page is loaded once and looked at in all four: loading costs more than looking.
"""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page, expect

from sfm.accounts import list_drafts
from sfm.database import db
from sfm.exports.format import Layout
from sfm.exports.request import of_account
from sfm.models import ExportFile, Link, TwitterFilter, TwitterUser, User
from tests.browser.conftest import OpenAs
from tests.factories import (
    make_run,
    make_run_error,
    make_set,
    make_tweets,
    make_twitter_user,
    rename_to,
)
from tests.security.samples import stream_file

MOST_BYTES = 150_000
DESKTOP, PHONE = (1280, 900), (390, 844)
SCHEMES = ("light", "dark")
NO_PAGE = {
    "health.index", "static", "about.logo", "auth.logout", "home.now", "filters.collection",
    "sets.members_as_text", "posts.as_json", "exports.of_account", "exports.file",
    "stream_files.download", "twitter_sign_in.callback",
}  # fmt: skip
"""Answers that are files or parts of pages, or lead elsewhere."""


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
    link = Link(url_hash="0" * 64, start_url="https://t.co/x", outcome="gone", final_status=404)
    db.session.add_all([stream, link])
    db.session.commit()
    found = make_set(superuser, "A set with a rather long name for a phone", [user, gone])
    draft = list_drafts.begin(superuser.id, "anna\nnot a name\nanna")
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
        f"/admin/twitter-user-items/delete/?tweet={tweets[1]}&tweet={tweets[2]}",
        f"/admin/twitter-user-item-urls/change/?link={link.id}",
        f"/admin/twitter-user-item-urls/change/?link={link.id}&do=follow",
        "/tweets/?q=city&media=no",
        f"/twitter-item/{tweets[1]}/",
        f"/twitter-item/{tweets[3]}/links/",
        f"/runs/{run.id}/",
        f"/filters/{stream.id}/",
        f"/filters/{stream.id}/edit/",
        f"/filters/{stream.id}/delete/",
        f"/admin/users/{superuser.id}/",
        f"/admin/users/{superuser.id}/delete/",
        f"/admin/timeline-jobs/delete/?job={run.id}",
        "/admin/jobs/user_timeline/",
        f"/admin/twitter-users/list/{draft}/",
        f"/exports/{an_export(superuser, user)}/",
        f"/files/{stream_file(stream.id)}/",
        "/no/such/page/",
    ]


def an_export(owner: User, user: TwitterUser) -> int:
    order = {"criteria": of_account(user).as_json(), "layout": Layout().as_json()}
    export = ExportFile(owner_id=owner.id, title="City Archive", **order)
    db.session.add(export)
    db.session.commit()
    return export.id


def test_no_page_is_left_out(app: Flask, addresses: list[str]) -> None:
    adapter = app.url_map.bind("localhost")
    listed = {adapter.match(one.split("?")[0])[0] for one in addresses if "/no/" not in one}
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert pages - NO_PAGE == listed


@pytest.mark.timeout(600)
def test_axe_finds_nothing_and_nothing_sticks_out(
    open_as: OpenAs, superuser: User, addresses: list[str]
) -> None:
    page = open_as(superuser)
    wrong, looks = [], 0
    for address in addresses:
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        page.goto(address)
        if page.locator("h1").count() != 1:
            continue
        for width, height in (DESKTOP, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                wrong += findings(page, f"{address} {scheme} {width}")
                looks += 1
    assert not wrong
    assert looks == 4 * len(addresses)


def test_the_two_schemes_differ(open_as: OpenAs, superuser: User) -> None:
    page = open_as(superuser)
    page.goto("/about/")
    grounds = set()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_on_paper_a_dark_page_is_light_and_its_tables_are_there(
    open_as: OpenAs, superuser: User
) -> None:
    user = make_twitter_user("anna", is_active=False)
    make_tweets(user, ["hello"])
    found = make_set(superuser, "Mine", [user])
    page = open_as(superuser, color_scheme="dark")
    page.goto(f"/sets/{found.id}/")
    page.emulate_media(media="print", color_scheme="dark")
    for part in ("body", ".badge"):
        ground = page.locator(part).first.evaluate("one => getComputedStyle(one).backgroundColor")
        assert min(map(int, re.findall(r"[0-9]+", ground)[:3])) > 200, (part, ground)
    expect(page.locator("#members tbody tr")).to_be_visible()
    expect(page.locator("#members button")).to_be_hidden()
    expect(page.locator(".sidebar")).to_be_hidden()


def findings(page: Page, where: str) -> list[str]:
    result = Axe().run(page)
    found = [
        f"{where} {one['id']}: {one['nodes'][0]['html'][:160]}"
        for one in result.response["violations"]
    ]
    out = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return found + ([f"{where} sticks out by {out}"] if out > 0 else [])


WEIGH = """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
    .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""


@pytest.mark.timeout(300)
def test_every_page_is_light(open_as: OpenAs, superuser: User, addresses: list[str]) -> None:
    page = open_as(superuser)
    browser = page.context.new_cdp_session(page)
    browser.send("Network.setCacheDisabled", {"cacheDisabled": True})
    heavy = []
    for address in addresses:
        page.goto(address, wait_until="load")
        weight = page.evaluate(WEIGH)
        assert weight > 40_000, "the style sheet and htmx are among what is weighed"
        if weight > MOST_BYTES:
            heavy.append(f"{address} {weight}")
    assert not heavy


@pytest.mark.timeout(300)
def test_full_lists_are_light_too(open_as: OpenAs, superuser: User) -> None:
    accounts = [make_twitter_user(f"city_archive_{n:02}") for n in range(50)]
    text = "What the archive said of the day, at some length, with a link: https://t.co/x " * 3
    for one in accounts:
        make_tweets(one, [text[:270], "short"])
    found = make_set(superuser, "Full", accounts)
    page = open_as(superuser)
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    heavy = {}
    for address in (
        f"/sets/{found.id}/", "/tweets/", "/users/alpha/", "/admin/twitter-users/",
        "/admin/twitter-user-items/",
    ):  # fmt: skip
        page.goto(address, wait_until="load")
        assert page.locator("tbody tr, article.post").count() >= 25
        heavy[address] = page.evaluate(WEIGH)
    assert max(heavy.values()) < MOST_BYTES, heavy


def test_nobody_who_is_not_signed_in_sees_axe_findings_either(open_as: OpenAs) -> None:
    page = open_as()
    for address in ("/login/", "/about/"):
        page.goto(address)
        assert not findings(page, address)
