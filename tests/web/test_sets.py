"""Sets of accounts: own ones, and a superuser's all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from sfm.database import db
from sfm.models import TwitterUser, TwitterUserSet, User
from tests.factories import make_set, make_tweets, make_twitter_user, make_user
from tests.pages import checked, checked_part, page, part, submit, text_of

Login = Callable[[User], FlaskClient]
pytestmark = pytest.mark.usefixtures("clock")
HTMX = {"HX-Request": "true"}


def test_a_set_is_made_changed_and_deleted(login_as: Login, reader: User) -> None:
    client = login_as(reader)
    made = submit(
        client, page(client, "/sets/new/"), "/sets/new/", name=" My  thesis ", notes="Why"
    )
    where = made.headers["Location"]
    found = page(client, where)
    assert text_of(found.one("h1")) == "My thesis"
    assert "Nobody is in this set yet" in found.text
    edited = submit(
        client, page(client, f"{where}edit/"), f"{where}edit/", name="Thesis <b>", notes=""
    )
    assert edited.status_code == 303
    asked = page(client, f"{where}delete/")
    wrong = checked(submit(client, asked, f"{where}delete/", typed_name="thesis"), 422)
    assert "This is not the name of the set." in wrong.text
    gone = submit(client, asked, f"{where}delete/", typed_name="Thesis <b>")
    assert gone.headers["Location"] == "/sets/"
    page(client, where, 404)


def test_bad_input_is_shown_again_with_what_was_typed(login_as: Login, reader: User) -> None:
    make_set(reader, "Taken")
    client = login_as(reader)
    form = page(client, "/sets/new/")
    for name in ("", "   ", "Taken", "x" * 300):
        found = checked(
            submit(client, form, "/sets/new/", name=name, notes="Long <b>notes</b>"), 422
        )
        assert found.all("div", class_="error-summary"), name
        assert text_of(found.one("textarea")) == "Long <b>notes</b>"
    assert "NUL" in checked(submit(client, form, "/sets/new/", name="a\x00b"), 422).text
    assert db.session.query(TwitterUserSet).count() == 1


def test_htmx_gets_the_form_again_and_then_the_way_on(login_as: Login, reader: User) -> None:
    client = login_as(reader)
    token = page(client, "/sets/new/").by_id("set-form").find("input").get("value")  # type: ignore[union-attr]
    bad = client.post("/sets/new/", data={"csrf_token": token, "name": ""}, headers=HTMX)
    assert checked_part(bad, 422).by_id("set-form").get("hx-post") == "/sets/new/"
    good = client.post("/sets/new/", data={"csrf_token": token, "name": "New"}, headers=HTMX)
    assert good.status_code == 204
    assert good.headers["HX-Redirect"].startswith("/sets/")


def test_the_page_of_a_set(login_as: Login, reader: User) -> None:
    members = [make_twitter_user(name) for name in ("alpha", "beta", "gamma")]
    make_tweets(members[0], ["one", "two"])
    make_tweets(members[1], ["three"])
    found_set = make_set(reader, "Three", members)
    client = login_as(reader)
    found = page(client, f"/sets/{found_set.id}/")
    assert "As a text file" in found.text
    assert sorted(text_of(one) for one in found.all("p", class_="post-text")) == [
        "one",
        "three",
        "two",
    ]
    figures = {
        text_of(stat.find("dt")): text_of(stat.find("dd"))
        for stat in found.all("div", class_="stat")
    }
    assert (figures["accounts"], figures["posts kept"]) == ("3", "3")
    names = client.get(f"/sets/{found_set.id}/members.txt")
    assert names.text == "alpha\nbeta\ngamma\n"
    assert names.headers["Content-Disposition"].startswith("attachment")
    assert part(client, f"/sets/{found_set.id}/").by_id("members") is not None


def test_members_are_put_in_and_taken_out(login_as: Login, reader: User) -> None:
    members = [make_twitter_user(name) for name in ("alpha", "beta")]
    found_set = make_set(reader, "Pair")
    client, where = login_as(reader), f"/sets/{found_set.id}/"
    form = page(client, where)
    submit(client, form, f"{where}members/add/", names="@Alpha, https://x.com/beta")
    assert client.get(f"{where}members.txt").text == "alpha\nbeta\n"
    again = checked(submit(client, form, f"{where}members/add/", names="nobody alpha"), 422)
    assert text_of(again.one("textarea")) == "nobody"
    ticked = [str(members[0].id)]
    submit(client, page(client, where), f"{where}members/remove/", account=ticked)
    assert client.get(f"{where}members.txt").text == "beta\n"


def test_others_sets_are_not_there(login_as: Login, reader: User, superuser: User) -> None:
    theirs = make_set(make_user("somebody"), "Theirs", [make_twitter_user("x")])
    client = login_as(reader)
    for rest in ("", "edit/", "delete/", "members.txt"):
        page(client, f"/sets/{theirs.id}/{rest}", 404)
    form = page(client, "/sets/new/").by_id("set-form")
    value = form.find("input").get("value")  # type: ignore[union-attr]
    for rest in ("edit/", "delete/", "members/add/", "members/remove/"):
        answer = client.post(f"/sets/{theirs.id}/{rest}", data={"csrf_token": value, "names": "x"})
        assert answer.status_code == 404
    assert "Theirs" not in page(client, "/sets/").text
    login_as(superuser)
    assert "Theirs" in page(client, "/sets/").text
    page(client, f"/sets/{theirs.id}/edit/")
    assert db.session.query(TwitterUser).count() == 1


def test_two_owners_may_use_the_same_name(login_as: Login, reader: User, superuser: User) -> None:
    make_set(superuser, "Elections")
    client = login_as(reader)
    answer = submit(client, page(client, "/sets/new/"), "/sets/new/", name="Elections")
    assert answer.status_code == 303


def test_sets_are_found_by_a_piece_of_the_name(login_as: Login, reader: User) -> None:
    for name in ("100% local", "Elections", "elections 2"):
        make_set(reader, name)
    client = login_as(reader)
    rows = page(client, "/sets/?q=ELECT").one("tbody")
    assert [text_of(row.find("th")) for row in rows.iter("tr")] == ["Elections", "elections 2"]
    assert "100% local" in page(client, "/sets/?q=%25").text
    assert "No set found" in page(client, "/sets/?q=zzz").text


def test_each_member_has_its_own_small_chart_in_words_and_lines(
    login_as: Login, reader: User
) -> None:
    busy, silent = make_twitter_user("busy"), make_twitter_user("silent")
    make_tweets(busy, ["one", "two", "three"])
    found = make_set(reader, "Two", [busy, silent])
    client = login_as(reader)
    sent: list[str] = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    table = page(client, f"/sets/{found.id}/").by_id("members").find(".//tbody")
    event.remove(db.engine, "before_cursor_execute", note)
    assert table is not None
    first, second = table.iter("tr")
    drawn, line = first.find(".//svg"), first.find(".//polygon")
    assert drawn is not None
    assert line is not None
    assert drawn.get("aria-label") == "3 posts, 3 a day at most"
    assert len((line.get("points") or "").split()) == 31 + 2
    assert second.find(".//svg") is None
    assert "@silent none" in text_of(second).replace("@silent 0", "@silent")
    assert sum("FROM day_count" in one for one in sent) == 2, "one for the set, one for its members"
