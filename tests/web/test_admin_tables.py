"""The administration's plain tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from sfm.database import db
from sfm.models import Link, User
from tests.factories import make_run, make_run_error, make_tweets, make_twitter_user, rename_to
from tests.pages import page, part, text_of

Login = Callable[[User], FlaskClient]
pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def boss(login_as: Login, superuser: User) -> FlaskClient:
    return login_as(superuser)


def test_the_index_leads_to_every_table(boss: FlaskClient) -> None:
    links = page(boss, "/admin/").links()
    for name in ("twitter-users", "timeline-jobs", "timeline-errors", "twitter-user-items"):
        assert f"/admin/{name}/" in links
        page(boss, f"/admin/{name}/")
        part(boss, f"/admin/{name}/")


def test_items_by_account_and_kind(boss: FlaskClient) -> None:
    one = rename_to(make_twitter_user("first_name"), "second_name")
    make_tweets(one, [f"text {number}" for number in range(60)])
    make_tweets(make_twitter_user("other"), ["another"])
    found = page(boss, "/admin/twitter-user-items/?q=first_name")
    assert len(list(found.one("tbody").iter("tr"))) == 50
    rest = page(boss, found.one("a", rel="next").get("href") or "")
    assert len(list(rest.one("tbody").iter("tr"))) == 10
    assert "Nothing to show" in page(boss, "/admin/twitter-user-items/?kind=quote").text
    assert "Nothing to show" in page(boss, "/admin/twitter-user-items/?q=nobody").text


def test_jobs_by_state_and_errors_by_text(boss: FlaskClient) -> None:
    run = make_run(added=5)
    make_run(state="failed")
    make_run("update_usernames")
    make_run_error(run, make_twitter_user("lost_one"), "It is 100% gone.")
    make_run_error(run, make_twitter_user("other"), "Something else.")
    rows = page(boss, "/admin/timeline-jobs/").one("tbody")
    assert len(list(rows.iter("tr"))) == 2
    failed = page(boss, "/admin/timeline-jobs/?state=failed").one("tbody")
    assert "failed" in text_of(failed)
    for query in ("@LOST", "100%"):
        found = page(boss, "/admin/timeline-errors/", query_string={"q": query}).one("tbody")
        assert "lost_one" in text_of(found)
        assert "other" not in text_of(found)


def test_links_by_domain_or_beginning(boss: FlaskClient) -> None:
    for number, (start, domain) in enumerate(
        [("https://t.co/a", "news.example"), ("javascript:alert(1)", ""), ("https://x.co/b", "")]
    ):
        db.session.add(Link(url_hash=f"{number:064}", start_url=start, final_domain=domain))
    db.session.commit()
    found = page(boss, "/admin/twitter-user-item-urls/")
    assert "javascript:alert(1)" in found.text
    by_domain = page(boss, "/admin/twitter-user-item-urls/?q=https://news.example/")
    assert "https://t.co/a" in by_domain.text
    assert "https://x.co/b" not in by_domain.text
    assert "https://x.co/b" in page(boss, "/admin/twitter-user-item-urls/?q=https://x").text


def test_readers_see_none_of_it(login_as: Login, reader: User) -> None:
    client = login_as(reader)
    for name in ("", "timeline-jobs/", "timeline-errors/", "twitter-user-items/"):
        page(client, f"/admin/{name}", 403)
