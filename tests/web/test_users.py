"""Reading collected accounts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from sfm.database import db
from sfm.models import FormerName, User
from tests.factories import (
    make_run,
    make_run_error,
    make_set,
    make_tweets,
    make_twitter_user,
    make_user,
    rename_to,
)
from tests.pages import page, part, text_of

Login = Callable[[User], FlaskClient]
pytestmark = pytest.mark.usefixtures("clock")


def names_on(found: object) -> list[str]:
    return [text_of(row.find("th/a")) for row in found.one("tbody").iter("tr")]  # type: ignore[attr-defined]


def test_a_to_z_pages_forward_and_back(login_as: Login, reader: User) -> None:
    for number in range(60):
        make_twitter_user(f"{'zyxwvut'[number % 7]}_{number:02}")
    client = login_as(reader)
    first = page(client, "/users/alpha/")
    on = first.one("a", rel="next").get("href") or ""
    second = page(client, on)
    third = page(client, second.one("a", rel="next").get("href") or "")
    seen = [names_on(one) for one in (first, second, third)]
    assert [len(one) for one in seen] == [25, 25, 10]
    assert sum(seen, []) == sorted(sum(seen, []))
    assert not third.all("a", rel="next")
    back = page(client, third.one("a", rel="prev").get("href") or "")
    assert names_on(back) == seen[1]
    assert names_on(part(client, on)) == seen[1]


def test_a_letter_narrows_the_list(login_as: Login, reader: User) -> None:
    for name in ("Anna", "anton", "Berta", "7eleven", "_mine"):
        make_twitter_user(name)
    client = login_as(reader)
    assert names_on(page(client, "/users/alpha/?letter=a")) == ["@Anna", "@anton"]
    assert names_on(page(client, "/users/alpha/?letter=%23")) == ["@7eleven", "@_mine"]
    assert "No collected account begins with this." in page(client, "/users/alpha/?letter=q").text


@pytest.mark.parametrize(
    "token", ["x", "!!", "WyJh", "A" * 5000, "%F0%9F%98%80", "bnVsbA", "W10", "e30"]
)
def test_page_tokens_of_nobody_are_refused_in_words(
    login_as: Login, reader: User, token: str
) -> None:
    found = page(login_as(reader), f"/users/alpha/?at={token}", 422)
    assert "Go back to the start of the list." in found.text


def test_the_token_of_another_list_is_refused(login_as: Login, reader: User) -> None:
    for number in range(30):
        make_twitter_user(f"a{number}")
    client = login_as(reader)
    on = page(client, "/users/alpha/?letter=a").one("a", rel="next").get("href") or ""
    page(client, on.replace("letter=a", "letter=b"), 422)


def test_inactive_accounts_are_marked(login_as: Login, reader: User) -> None:
    make_twitter_user("idle", is_active=False)
    assert "inactive" in page(login_as(reader), "/users/alpha/").text


def test_search_finds_pieces_former_names_and_shown_names(login_as: Login, reader: User) -> None:
    rename_to(make_twitter_user("old_harbour"), "port_news")
    make_twitter_user("museum", display_name="The 100% Harbour Museum")
    make_twitter_user("other")
    client = login_as(reader)
    assert names_on(page(client, "/search/?q=HARBOUR")) == ["@museum", "@port_news"]
    assert names_on(page(client, "/search/?q=100%25+h")) == ["@museum"]
    assert names_on(page(client, "/search/?q=@port_news")) == ["@port_news"]
    assert names_on(page(client, "/search/?q=%25")) == ["@museum"]
    assert "No account found" in page(client, "/search/?q=zzz").text
    assert "Type a name" in page(client, "/search/").text


@pytest.mark.parametrize(
    "query", ["%", "_", "\\", "'", '"', "a" * 5000, "💥", "\u202e", "<script>"]
)
def test_no_search_breaks_the_page(login_as: Login, reader: User, query: str) -> None:
    make_twitter_user("plain")
    client = login_as(reader)
    found = part(client, "/search/", query_string={"q": query})
    assert found.status == 200
    page(client, "/search/", query_string={"q": query})


def test_the_page_of_an_account(login_as: Login, reader: User, superuser: User) -> None:
    user = make_twitter_user(
        "CityArchive", display_name="City \u202eArchive", description="Keeps <i>things</i>",
        url="javascript:alert(1)", followers_count=12_345, statuses_count=99,
    )  # fmt: skip
    make_tweets(user, ["first", "second"])
    make_run_error(make_run(), user, "Twitter could not be reached.")
    make_set(reader, "Mine", [user])
    make_set(make_user("somebody"), "Not mine", [user])
    client = login_as(reader)
    found = page(client, "/twitter-user/CityArchive/")
    assert "12,345" in found.text
    assert "Keeps <i>things</i>" in found.text
    assert "Twitter could not be reached." in found.text
    assert "Mine" in found.text
    assert "Not mine" not in found.text
    assert [text_of(one) for one in found.all("p", class_="post-text")] == ["second", "first"]
    assert "/twitter-user/CityArchive.csv" in found.links()
    assert not found.all("form", action=f"/admin/twitter-users/{user.id}/collect/")
    login_as(superuser)
    assert "Not mine" in page(client, "/twitter-user/CityArchive/").text


def test_another_spelling_leads_to_twitters_own(login_as: Login, reader: User) -> None:
    make_twitter_user("CityArchive")
    answer = login_as(reader).get("/twitter-user/cityarchive/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/twitter-user/CityArchive/")


def test_an_old_name_leads_to_the_new_one_and_says_so(login_as: Login, reader: User) -> None:
    rename_to(make_twitter_user("old_name"), "new_name")
    client = login_as(reader)
    answer = client.get("/twitter-user/old_name/")
    assert answer.headers["Location"] == "/twitter-user/new_name/"
    found = page(client, "/twitter-user/new_name/")
    assert "old_name is now called new_name." in found.text
    assert "Renamed from @old_name to @new_name" in found.text


def test_a_name_that_passed_on_shows_both_accounts(login_as: Login, reader: User) -> None:
    first = rename_to(make_twitter_user("harbour"), "harbour_old")
    second = make_twitter_user("harbour")
    make_tweets(first, ["by the first"])
    make_tweets(second, ["by the second"])
    found = page(login_as(reader), "/twitter-user/harbour/")
    assert "by the second" in found.text
    assert "by the first" not in found.text
    assert f"/twitter-user/harbour_old/?uid={first.uid}" in found.links()


def test_two_former_owners_of_a_name_are_both_offered(login_as: Login, reader: User) -> None:
    first = rename_to(make_twitter_user("stage"), "stage_one")
    second = rename_to(make_twitter_user("stage"), "stage_two")
    client = login_as(reader)
    found = page(client, "/twitter-user/stage/")
    for user in (first, second):
        assert f"/twitter-user/{user.name}/?uid={user.uid}" in found.links()
        page(client, f"/twitter-user/{user.name}/?uid={user.uid}")


def test_two_that_hold_a_name_until_the_next_check_are_both_offered(
    login_as: Login, reader: User
) -> None:
    first, second = make_twitter_user("twin"), make_twitter_user("twin")
    make_tweets(first, ["from the first"])
    client = login_as(reader)
    assert "Which account?" in page(client, "/twitter-user/twin/").text
    assert "from the first" in page(client, f"/twitter-user/twin/?uid={first.uid}").text
    assert "from the first" not in page(client, f"/twitter-user/twin/?uid={second.uid}").text
    assert db.session.query(FormerName).count() == 0


@pytest.mark.parametrize("name", ["nobody", "%3Cb%3E", "a" * 500, "%F0%9F%98%80", "..", "a.b"])
def test_unknown_names_are_not_found(login_as: Login, reader: User, name: str) -> None:
    page(login_as(reader), f"/twitter-user/{name}/", 404)


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>',
    "javascript:alert(1)", "\u202ereversed\u202c", "zero\u200bwidth\u200djoin", "{{ 7*7 }}",
    "%(name)s %s %d", "&lt;b&gt;", "</p></article></main>", "\u2066isolate", "a" * 3000,
    "']);alert(1);//", "<!-- -->", "]]>", "\ufeffbom", "é́́́́́́", "𝕿𝖍𝖎𝖘",
]  # fmt: skip


def test_hostile_texts_and_names_are_shown_harmless(login_as: Login, reader: User) -> None:
    user = make_twitter_user("plain", display_name=HOSTILE[0], description=" ".join(HOSTILE))
    make_tweets(user, HOSTILE)
    client = login_as(reader)
    for address in ("/", "/twitter-user/plain/", "/users/alpha/", "/search/?q=plain"):
        found = page(client, address)
        assert len(found.all("script")) == 2, address
        assert not found.all("img", src="x")
    shown = page(client, "/twitter-user/plain/").text
    assert "<img src=x onerror=alert(1)>" in shown
    assert "{{ 7*7 }}" in shown
