"""Managing collected accounts in the browser; Twitter is the sandbox."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from sfm.database import db
from sfm.models import DayTotal, Run, TwitterUser, TwitterUserItem, User
from sfm.sandbox.server import Sandbox
from sfm.twitter.client import Client
from tests.collecting import added, settings
from tests.factories import make_set, make_tweets, make_twitter_user
from tests.pages import Page, checked, checked_part, page, part, submit, text_of

__all__ = ["settings"]

Login = Callable[[User], FlaskClient]
TABLE = "/admin/twitter-users/"
ADD = "/admin/twitter-users/add/"


@pytest.fixture
def boss(login_as: Login, superuser: User) -> FlaskClient:
    return login_as(superuser)


def names_on(found: Page) -> list[str]:
    return [text_of(row.find("th/a")) for row in found.one("tbody").iter("tr")]


def run_params() -> list[dict[str, object]]:
    return list(db.session.scalars(select(Run.params)))


def test_one_account_is_looked_up_and_added(boss: FlaskClient, sandbox: Sandbox) -> None:
    answer = submit(boss, page(boss, ADD), ADD, name=" @ferrynotes ")
    user = db.session.scalars(select(TwitterUser)).one()
    assert answer.headers["Location"] == f"/twitter-user/{user.name}/"
    assert user.name == "FerryNotes"
    assert run_params() == [{"twitter_user_ids": [user.id]}]
    found = page(boss, answer.headers["Location"])
    assert "FerryNotes is added." in found.text
    assert "Added here" in found.text


def test_a_protected_account_is_added_only_with_a_plain_word(boss: FlaskClient) -> None:
    """U-12."""
    asked = checked(submit(boss, page(boss, ADD), ADD, name="members_only_x"), 422)
    assert "members_only_x is protected" in text_of(asked.one("div", class_="error-summary"))
    assert db.session.scalars(select(TwitterUser)).all() == []
    answer = submit(boss, asked, ADD, name="members_only_x", with_protected="y")
    shown = page(boss, answer.headers["Location"]).text
    assert "members_only_x is added. It is protected:" in shown
    assert "come in shortly" not in shown


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Type a name."),
        ("not a name", "name"),
        ("<script>alert(1)</script>", "name"),
        ("\u202eferry\u202c notes", "name"),
        ("nobody_at_all", "nobody_at_all"),
        ("spam_fountain", "suspended"),
        ("millbrook_lib", "here already"),
        ("a\x00b", "NUL"),
    ],
)
def test_what_cannot_be_added_is_told_in_words(
    boss: FlaskClient, twitter: Client, typed: str, said: str
) -> None:
    added(twitter, "millbrook_lib")
    found = checked(submit(boss, page(boss, ADD), ADD, name=typed), 422)
    assert said in text_of(found.one("div", class_="error-summary"))
    assert db.session.scalar(select(func.count()).select_from(TwitterUser)) == 1
    assert run_params() == []


def test_trouble_with_twitter_keeps_what_was_typed(boss: FlaskClient, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add("unavailable", times=20)
    found = checked(submit(boss, page(boss, ADD), ADD, name="ferrynotes"), 422)
    assert found.by_id("name").get("value") == "ferrynotes"
    assert fault.fired


def test_the_table_is_filtered_and_sorted_and_its_address_says_so(boss: FlaskClient) -> None:
    anna = make_twitter_user("anna", state="suspended")
    make_twitter_user("berta", is_active=False)
    carl = make_twitter_user("carl")
    make_tweets(carl, ["one", "two"])
    make_tweets(anna, ["one"])
    for address, names in [
        ("", ["@anna", "@berta", "@carl"]),
        ("?sort=-name", ["@carl", "@berta", "@anna"]),
        ("?sort=-tweets", ["@carl", "@anna", "@berta"]),
        ("?sort=newest", ["@berta", "@anna", "@carl"]),
        ("?active=no", ["@berta"]),
        ("?state=suspended", ["@anna"]),
        ("?q=AR", ["@carl"]),
        (f"?q={carl.uid}", ["@carl"]),
        ("?sort=password_hash&active=maybe&set=x", ["@anna", "@berta", "@carl"]),
    ]:
        assert names_on(page(boss, TABLE + address)) == names, address
        assert names_on(part(boss, TABLE + address)) == names, address
    found = page(boss, f"{TABLE}?q=zzz")
    assert "No account fits" in found.text
    assert found.by_id("q").get("value") == "zzz"


@pytest.mark.parametrize(
    "sort", ["name", "-name", "tweets", "-tweets", "newest", "-newest", "-added"]
)
def test_every_order_pages_through_everything_once(boss: FlaskClient, sort: str) -> None:
    for number in range(120):
        make_twitter_user(f"a{number:03}", items_count=number % 5)
    found, seen = page(boss, f"{TABLE}?sort={sort}"), []
    while True:
        seen += names_on(found)
        links = found.all("a", rel="next")
        if not links:
            break
        found = page(boss, links[0].get("href") or "")
    assert len(seen) == len(set(seen)) == 120


def test_ticked_accounts_are_deactivated_and_put_into_a_set(
    boss: FlaskClient, superuser: User
) -> None:
    users = [make_twitter_user(f"u{number}") for number in range(4)]
    ids = [user.id for user in users]
    target = make_set(superuser, "Target")
    address = f"{TABLE}?sort=-name"
    ticked = [str(users[0].id), str(users[2].id), "999999", "x"]
    form = page(boss, address)
    answer = submit(boss, form, f"{TABLE}bulk/", account=ticked, action="deactivate")
    assert answer.headers["Location"] == address
    assert "2 accounts deactivated." in page(boss, address).text
    states = dict(db.session.execute(select(TwitterUser.id, TwitterUser.is_active)).all())
    assert [states[one] for one in ids] == [False, True, False, True]
    more = {"action": "add-to-set", "set": str(target.id)}
    submit(boss, form, f"{TABLE}bulk/", account=ticked, **more)
    assert boss.get(f"/sets/{target.id}/members.txt").text == "u0\nu2\n"


def test_activating_many_looks_each_up_again(
    boss: FlaskClient, twitter: Client, sandbox: Sandbox
) -> None:
    here = added(twitter, "millbrook_lib")
    here.is_active = False
    gone = make_twitter_user("vanished", uid=424_242, is_active=False)
    ids = [str(here.id), str(gone.id)]
    form = page(boss, TABLE)
    submit(boss, form, f"{TABLE}bulk/", account=ids, action="activate")
    found = page(boss, TABLE)
    assert "1 account activated." in found.text
    assert "vanished" in found.text
    states = dict(db.session.execute(select(TwitterUser.name, TwitterUser.is_active)).all())
    assert states == {"millbrook_lib": True, "vanished": False}


def test_nothing_ticked_and_nothing_chosen_are_told(boss: FlaskClient) -> None:
    user = make_twitter_user("u")
    form = page(boss, TABLE)
    submit(boss, form, f"{TABLE}bulk/", action="deactivate")
    assert "Tick the accounts first." in page(boss, TABLE).text
    checked(submit(boss, form, f"{TABLE}bulk/", account=str(user.id), action="explode"), 422)


def test_the_way_back_is_never_off_site(boss: FlaskClient) -> None:
    make_twitter_user("u")
    form = page(boss, TABLE)
    answer = submit(boss, form, f"{TABLE}bulk/", back="//evil.example", action="deactivate")
    assert answer.headers["Location"] == TABLE


def test_an_account_is_switched_off_and_on_and_asked_for(
    boss: FlaskClient, twitter: Client
) -> None:
    user = added(twitter, "millbrook_lib")
    user_id, where = user.id, "/twitter-user/millbrook_lib/"
    found = page(boss, where)
    submit(boss, found, f"{TABLE}{user_id}/collect/")
    submit(boss, found, f"{TABLE}{user_id}/collect/")
    assert run_params() == [{"twitter_user_ids": [user_id]}]
    submit(boss, found, f"{TABLE}{user_id}/deactivate/")
    off = page(boss, where)
    assert "inactive" in off.text
    submit(boss, off, f"{TABLE}{user_id}/activate/")
    on = page(boss, where)
    assert "Activated here" in on.text
    assert "Deactivated here" in on.text


def test_a_uid_that_is_gone_cannot_be_activated(boss: FlaskClient, sandbox: Sandbox) -> None:
    user = make_twitter_user("vanished", uid=424_242, is_active=False)
    answer = submit(boss, page(boss, "/twitter-user/vanished/"), f"{TABLE}{user.id}/activate/")
    assert "vanished" in checked(answer, 422).text
    assert db.session.scalar(select(TwitterUser.is_active)) is False


def test_deleting_says_how_much_goes_and_wants_the_name(boss: FlaskClient) -> None:
    user, other = make_twitter_user("doomed"), make_twitter_user("kept")
    make_tweets(user, ["one", "two", "three"])
    make_tweets(other, ["four"])
    where = f"{TABLE}{user.id}/delete/"
    assert page(boss, "/tweets/?q=two").all("p", class_="post-text")
    asked = page(boss, where)
    assert "the 3 posts that are kept" in asked.text
    checked(submit(boss, asked, where, typed_name="kept"), 422)
    answer = submit(boss, asked, where, typed_name="@doomed")
    assert answer.headers["Location"] == TABLE
    assert "doomed and its 3 posts are deleted." in page(boss, TABLE).text
    assert db.session.scalar(select(func.count()).select_from(TwitterUserItem)) == 1
    assert db.session.scalar(select(func.sum(DayTotal.items))) == 1
    page(boss, where, 404)
    assert not page(boss, "/tweets/?q=two").all("p", class_="post-text")
    assert "four" in text_of(page(boss, "/tweets/?q=four").one("p", class_="post-text"))


def test_notes_are_kept(boss: FlaskClient) -> None:
    user = make_twitter_user("noted")
    where = f"{TABLE}{user.id}/"
    submit(boss, page(boss, where), where, notes="Asked by <the dean>")
    assert "Asked by <the dean>" in page(boss, "/twitter-user/noted/").text


def test_only_superusers_manage(login_as: Login, reader: User) -> None:
    user = make_twitter_user("u")
    client = login_as(reader)
    for address in (TABLE, ADD, f"{TABLE}{user.id}/", f"{TABLE}{user.id}/delete/", "/admin/"):
        page(client, address, 403)


def test_a_fragment_of_the_add_form_says_what_is_wrong(boss: FlaskClient) -> None:
    token = page(boss, ADD).by_id("add-form").find("input").get("value")  # type: ignore[union-attr]
    data = {"csrf_token": token, "name": "not a name"}
    answer = boss.post(ADD, data=data, headers={"HX-Request": "true"})
    assert checked_part(answer, 422).by_id("add-form").get("hx-post") == ADD
