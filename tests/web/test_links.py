"""Pages about links: those of one post with every step, by domain, and those that failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.database import db
from sfm.links.extract import hash_of
from sfm.models import Link, TwitterUserItem, TwitterUserItemUrl, User
from sfm.runs import queue
from sfm.runs.jobs import FETCH_URLS, with_runs
from tests.pages import page, part, submit, text_of
from tests.posts.making import make_tweet, make_user

Login = Callable[[User], FlaskClient]
pytestmark = pytest.mark.usefixtures("clock")
WHEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def signed(login_as: Callable[[User], FlaskClient], reader: User) -> FlaskClient:
    return login_as(reader)


def make_link(start: str, outcome: str = "ok", final: str = "", **more: object) -> Link:
    more.setdefault("final_status", 200 if final else None)
    link = Link(
        start_url=start, url_hash=hash_of(start), outcome=outcome, final_url=final,
        final_domain=final.split("/")[2] if final else "", checked_at=WHEN if outcome else None,
        **more,
    )  # fmt: skip
    db.session.add(link)
    db.session.flush()
    return link


def tweet_with(link: Link) -> TwitterUserItem:
    make_tweet(make_user("ann"), "Flood")
    item = db.session.scalars(select(TwitterUserItem)).one()
    db.session.add(TwitterUserItemUrl(item_id=item.id, link_id=link.id, position=0))
    db.session.commit()
    return item


def test_a_posts_links_show_every_step(signed: FlaskClient) -> None:
    steps = [
        {"url": "http://a.example/", "method": "HEAD", "status": 301, "headers": {"X-A": "<b>"},
         "seconds": 0.25},
        {"url": "http://b.example/", "method": "HEAD", "status": None, "headers": {},
         "seconds": 1.0},
    ]  # fmt: skip
    own = "javascript:alert(1)//own.example"
    item = tweet_with(make_link("http://a.example/", "timeout", history=steps, canonical_url=own))
    found = page(signed, f"/twitter-item/{item.twitter_id}/links/")
    assert "the site did not answer in time" in found.text
    assert own in found.text
    assert own not in found.links(), "what a page says of itself leads nowhere"
    assert [text_of(row)[:7] for row in found.all("tr")[1:]] == ["1, HEAD", "2, HEAD"]
    assert "<b>" in found.text
    assert (
        text_of(part(signed, f"/twitter-item/{item.twitter_id}/links/").one("h2"))
        == "http://a.example/"
    )


def test_links_can_be_followed_on_demand_beside_a_running_check(signed: FlaskClient) -> None:
    """U-13."""
    item = tweet_with(make_link("http://a.example/", ""))
    address = f"/twitter-item/{item.twitter_id}/links/"
    submit(signed, page(signed, address), address)
    params = {"item_ids": [item.id], "refetch": True}
    db.session.rollback()
    check = queue.start(FETCH_URLS)
    asked_for = queue.claim(with_runs())
    assert asked_for is not None
    assert asked_for.id != check.id
    assert asked_for.params == params
    assert queue.claim(with_runs()) is None


def test_a_post_without_links_has_none_to_follow(signed: FlaskClient) -> None:
    """U-13."""
    make_tweet(make_user("ann"), "Nothing")
    item = db.session.scalars(select(TwitterUserItem)).one()
    address = f"/twitter-item/{item.twitter_id}/links/"
    assert "Follow the links now" in page(signed, address).text, "not looked at yet"
    item.links_checked_at = WHEN
    db.session.commit()
    shown = page(signed, address).text
    assert "This post holds no link." in shown
    assert "Follow the links now" not in shown


def test_a_post_that_is_not_here_has_no_links(signed: FlaskClient) -> None:
    page(signed, "/twitter-item/12345/links/", 404)


def test_links_by_outcome_and_domain(signed: FlaskClient) -> None:
    make_link("http://t.example/1", "ok", "http://site.example/a", title="A <title>")
    make_link("http://t.example/2", "ok", "http://sub.site.example/b")
    make_link("http://t.example/3", "gone", "http://other.example/c", final_status=404)
    make_link("http://t.example/4", "")
    db.session.commit()

    def shown(query: str) -> list[str]:
        rows = page(signed, f"/links/{query}").one("tbody").iter("tr")
        return [text_of(row).split()[0][-1] for row in rows]

    assert shown("") == ["4", "3", "2", "1"]
    assert shown("?outcome=failed") == ["3"]
    assert shown("?outcome=waiting") == ["4"]
    assert shown("?outcome=ok") == ["2", "1"]
    assert shown("?domain=site.example") == ["2", "1"]
    assert shown("?domain=www.OTHER.example") == ["3"]
    assert "No link fits" in page(signed, "/links/?domain=nowhere.example").text
    assert "A <title>" in part(signed, "/links/?outcome=ok").text
    page(signed, "/links/?outcome=nonsense", 404)


def test_links_by_how_long_they_took(login_as: Login, superuser: User) -> None:
    """D-37: for readers, and in the table of administrators."""
    client = login_as(superuser)
    make_link("http://t.example/1", "ok", "http://site.example/a", duration_seconds=0.4)
    make_link("http://t.example/2", "timeout", duration_seconds=30.0)
    make_link("http://t.example/3", "ok", "http://site.example/c", duration_seconds=12.25)
    make_link("http://t.example/4", "")
    db.session.commit()

    def shown(address: str) -> list[str]:
        bodies = page(client, address).all("tbody")
        return [n for n in "1234" if any(f"http://t.example/{n}" in text_of(b) for b in bodies)]

    for table in ("/links/", "/admin/twitter-user-item-urls/"):
        assert shown(table) == ["1", "2", "3", "4"]
        assert shown(f"{table}?seconds=10") == ["2", "3"]
        assert shown(f"{table}?seconds=10&outcome=ok") == ["3"]
        assert shown(f"{table}?outcome=failed") == ["2"]
        assert shown(f"{table}?outcome=waiting") == ["4"]
        assert "12.2" in page(client, table).text
        page(client, f"{table}?seconds=11", 404)
        page(client, f"{table}?outcome=nonsense", 404)


def test_counts_by_outcome_and_domain_come_apart_from_the_list(signed: FlaskClient) -> None:
    make_link("http://t.example/1", "ok", "http://site.example/a")
    make_link("http://t.example/2", "ok", "http://site.example/b")
    make_link("http://t.example/3", "gone", "http://other.example/c")
    db.session.commit()
    whole = page(signed, "/links/")
    assert whole.one("div", id="link-counts").get("hx-get") == "/links/counts/"
    assert "/links/counts/" in whole.links(), "without scripts it is a link"
    for shown in (page(signed, "/links/counts/"), part(signed, "/links/counts/")):
        counted = [
            " ".join(text_of(one).split()) for one in shown.one("div", id="link-counts").iter("dd")
        ]
        assert counted == ["2", "1", "2", "1"]


def test_addresses_that_are_no_web_addresses_are_no_links(signed: FlaskClient) -> None:
    make_link("javascript:alert(1)", "invalid", "")
    db.session.commit()
    assert not [one for one in page(signed, "/links/").links() if one.startswith("javascript")]


def test_the_lists_turn_pages(signed: FlaskClient) -> None:
    for number in range(60):
        make_link(f"http://t.example/{number}")
    db.session.commit()
    first = page(signed, "/links/")
    assert len(list(first.one("tbody").iter("tr"))) == 50
    rest = page(signed, first.one("a", rel="next").get("href") or "")
    assert len(list(rest.one("tbody").iter("tr"))) == 10
