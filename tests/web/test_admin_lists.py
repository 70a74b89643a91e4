"""Adding many accounts: seen whole before anything is saved; nothing typed is lost."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from sfm.accounts import list_drafts
from sfm.accounts.list_drafts import NAMES_PER_STEP
from sfm.database import db
from sfm.models import TwitterUser, User
from sfm.sandbox.server import Sandbox
from sfm.twitter.client import Client
from sfm.web.pages.admin_list_import import LINES
from tests.collecting import added, settings
from tests.conftest import FrozenClock
from tests.factories import make_set, make_user
from tests.pages import Page, checked, page, submit, text_of

__all__ = ["settings"]

Login = Callable[[User], FlaskClient]
ADD = "/admin/twitter-users/add/"
LIST = "/admin/twitter-users/list/"
NAMES = """FerryNotes
@harborcouncil

spam_fountain
gone_fishing_9
quiet_keeper
ferrynotes
not a name
millbrook_lib
<script>alert(1)</script>
\u202eTideline_News
"""


@pytest.fixture
def boss(login_as: Login, superuser: User) -> FlaskClient:
    return login_as(superuser)


def begin(boss: FlaskClient, names: str) -> Page:
    answer = submit(boss, page(boss, ADD), LIST, names=names)
    assert answer.status_code == 303, answer.text[:2000]
    return page(boss, answer.headers["Location"])


def step(boss: FlaskClient, found: Page, verb: str, **changes: object) -> Page:
    """Press one of the list page's buttons; where it leads."""
    where = found.url.split("look-up")[0].split("save")[0] + verb
    answer = submit(boss, found, where, **changes)
    if answer.status_code == 303:
        return page(boss, answer.headers["Location"])
    return checked(answer, answer.status_code)


def verdicts(found: Page) -> dict[str, str]:
    rows = [list(row.iter("td")) for row in found.one("tbody").iter("tr")]
    return {text_of(cells[0]): text_of(cells[2]) for cells in rows}


def accounts() -> int:
    return db.session.scalar(select(func.count()).select_from(TwitterUser)) or 0


def test_a_list_is_shown_with_its_cost_before_anything_is_asked_or_saved(
    boss: FlaskClient, sandbox: Sandbox
) -> None:
    found = begin(boss, NAMES)
    assert "Names to look up 7 Calls to Twitter 1" in found.text
    assert "0.07 US dollars" in found.text
    assert verdicts(found)["7"] == "twice in the list"
    assert verdicts(found)["8"] == "not a possible name"
    assert verdicts(found)["1"] == "not looked up yet"
    assert not sandbox.served
    assert accounts() == 0


def test_each_line_gets_its_verdict_and_saving_does_what_was_shown(
    boss: FlaskClient, twitter: Client, superuser: User
) -> None:
    added(twitter, "millbrook_lib")
    target = make_set(superuser, "Harbour")
    found = step(boss, begin(boss, NAMES), "look-up/")
    assert verdicts(found) == {
        "1": "new", "2": "new", "4": "suspended", "5": "not found", "6": "protected",
        "7": "twice in the list", "8": "not a possible name", "9": "already here",
        "10": "not a possible name", "11": "new",
    }  # fmt: skip
    assert accounts() == 1
    assert "3 accounts would be added" in found.text
    saved = step(boss, found, "save/", set_id=str(target.id))
    assert "3 accounts added. 4 put into the set." in saved.text
    assert accounts() == 4
    assert set(db.session.scalars(select(TwitterUser.is_active))) == {True}, "the form's first say"
    assert len(boss.get(f"/sets/{target.id}/members.txt").text.split()) == 4


def test_protected_accounts_of_a_list_are_added_where_that_is_ticked(boss: FlaskClient) -> None:
    """U-12."""
    found = step(boss, begin(boss, "ferrynotes\nquiet_keeper"), "look-up/")
    assert "Add 1 protected account too" in found.text
    saved = step(boss, found, "save/", with_protected="y")
    assert "2 accounts added." in saved.text


def test_the_list_can_be_saved_inactive_and_into_a_new_set(
    boss: FlaskClient, superuser: User
) -> None:
    found = step(boss, begin(boss, "ferrynotes\nharborcouncil"), "look-up/")
    saved = step(boss, found, "save/", new_set="Harbour <b>", active=None)
    assert text_of(saved.one("h1")) == "Harbour <b>"
    assert set(db.session.scalars(select(TwitterUser.is_active))) == {False}


def test_a_file_and_a_paste_go_together(boss: FlaskClient) -> None:
    upload = (io.BytesIO(b"\xef\xbb\xbfharborcouncil\r\nspam_fountain\xff\r\n"), "names.txt")
    answer = submit(boss, page(boss, ADD), LIST, names="ferrynotes", file=upload)
    found = page(boss, answer.headers["Location"])
    assert "Names to look up 2" in found.text
    assert "harborcouncil" in found.text


def test_nothing_and_too_much_are_told_and_nothing_typed_is_lost(boss: FlaskClient) -> None:
    assert (
        "Paste at least one name"
        in checked(submit(boss, page(boss, ADD), LIST, names=" \n"), 422).text
    )
    many = "\n".join(f"name_{number}" for number in range(50_001))
    found = checked(submit(boss, page(boss, ADD), LIST, names=many), 422)
    assert "50,000" in text_of(found.one("div", class_="error-summary"))
    kept = next(one for one in found.all("textarea") if one.get("name") == "names")
    assert (kept.text or "").strip() == many


@pytest.mark.slow
def test_fifty_thousand_names_are_taken_and_shown_bounded(boss: FlaskClient) -> None:
    found = begin(boss, "\n".join(f"name_{number}" for number in range(50_000)))
    assert "Names to look up 50,000 Calls to Twitter 500" in found.text
    assert f"Lines 1 to {LINES} of 50,000" in found.text
    assert len(found.html) < 200_000


def lines_of(found: Page) -> dict[str, str]:
    """The choices above the table: each verdict's address."""
    return {text_of(one): one.get("href") or "" for one in found.one("ul", class_="tabs").iter("a")}


def test_the_lines_of_each_verdict_are_shown_together(boss: FlaskClient, twitter: Client) -> None:
    names = [f"nobody_here_{number}" for number in range(3)]
    filling = ["ferrynotes"] * LINES
    found = step(boss, begin(boss, "\n".join([*filling, *names])), "look-up/")
    assert lines_of(found).keys() == {
        f"All lines {LINES + 3}", f"twice in the list {LINES - 1}", "new 1", "not found 3"
    }  # fmt: skip
    first = [text for text in lines_of(found) if "All" not in text][0]
    assert first == "not found 3", "what has to be looked at comes first"
    missing = page(boss, lines_of(found)["not found 3"])
    assert verdicts(missing) == {str(LINES + place): "not found" for place in (1, 2, 3)}
    chosen = [text_of(one) for one in missing.all("a") if one.get("aria-current") == "true"]
    assert chosen == ["not found 3"]
    assert "1 account would be added" in missing.text, "the form stays on the page"


def test_pages_lead_through_all_lines_and_back(boss: FlaskClient) -> None:
    total = 2 * LINES + 7
    found = begin(boss, "\n\n".join(f"n{number}" for number in range(total)))
    seen: list[str] = []
    there = [found]
    while on := [one.get("href") for one in there[-1].all("a") if one.get("rel") == "next"]:
        seen += verdicts(there[-1])
        there.append(page(boss, on[0] or ""))
    seen += verdicts(there[-1])
    assert seen == [f"{line:,}" for line in range(1, 2 * total, 2)]
    assert len(there) == 3
    for one, before in ((there[2], there[1]), (there[1], there[0])):
        (back,) = [link.get("href") for link in one.all("a") if link.get("rel") == "prev"]
        assert verdicts(page(boss, back or "")) == verdicts(before)


@pytest.mark.parametrize(
    "query", ["verdict=lost", "verdict=suspended", "at=x", f"at={2**63}", "at=99", "at=-1"]
)
def test_an_address_that_means_nothing_shows_all_lines(boss: FlaskClient, query: str) -> None:
    found = begin(boss, "ferrynotes\nferrynotes")
    assert len(verdicts(page(boss, f"{found.url}?{query}"))) == 2


def test_looking_up_goes_on_where_twitter_made_us_wait(
    boss: FlaskClient, sandbox: Sandbox, clock: FrozenClock
) -> None:
    found = begin(boss, "ferrynotes\nharborcouncil")
    fault = sandbox.faults.add("unavailable", times=20)
    stuck = step(boss, found, "look-up/")
    assert fault.fired
    assert "The list is kept." in stuck.text
    sandbox.faults.clear()
    clock.advance(1000)
    again = step(boss, stuck, "look-up/")
    assert verdicts(again) == {"1": "new", "2": "new"}


def test_a_long_list_is_looked_up_in_steps_that_ask_by_themselves(
    boss: FlaskClient, sandbox: Sandbox
) -> None:
    names = "\n".join(f"n{number}" for number in range(NAMES_PER_STEP + 10))
    first = step(boss, begin(boss, names), "look-up/")
    assert f"{NAMES_PER_STEP} of {NAMES_PER_STEP + 10} looked up" in first.text
    form = first.form(first.url)
    assert "load" in (form.get("hx-trigger") or "")
    second = step(boss, first, "look-up/")
    assert "No account would be added" in second.text or "0 accounts would be added" in second.text


def test_a_list_is_its_owners_alone(boss: FlaskClient, login_as: Login, reader: User) -> None:
    found = begin(boss, "ferrynotes")
    login_as(make_user("other", is_superuser=True))
    page(boss, found.url, 404)
    login_as(reader)
    page(boss, found.url, 403)
    for token in ("x", "..%2f..%2fsecret", "0" * 24, "g" * 24):
        login_as(make_user(is_superuser=True))
        assert boss.get(f"{LIST}{token}/").status_code == 404


def test_a_list_can_be_given_up(boss: FlaskClient) -> None:
    found = begin(boss, "ferrynotes")
    step(boss, found, "give-up/")
    page(boss, found.url, 404)


def test_saving_twice_adds_once(boss: FlaskClient) -> None:
    found = step(boss, begin(boss, "ferrynotes"), "look-up/")
    step(boss, found, "save/")
    assert step(boss, found, "save/").status == 404
    assert accounts() == 1


def test_saving_before_looking_up_is_refused(boss: FlaskClient) -> None:
    found = begin(boss, "ferrynotes")
    token = found.form(f"{found.url}look-up/").find("input")
    data = {"csrf_token": token.get("value"), "set_id": "0"}  # type: ignore[union-attr]
    answer = boss.post(f"{found.url}save/", data=data)
    assert answer.status_code == 422
    assert accounts() == 0


def test_somebody_elses_set_is_refused(boss: FlaskClient) -> None:
    found = step(boss, begin(boss, "ferrynotes"), "look-up/")
    again = step(boss, found, "save/", set_id="9999")
    assert again.status == 422
    assert accounts() == 0


def test_a_set_deleted_while_its_list_is_saved_is_told_and_nothing_goes_into_another(
    boss: FlaskClient, superuser: User
) -> None:
    target = make_set(superuser, "Harbour")
    found = step(boss, begin(boss, "ferrynotes\nharborcouncil"), "look-up/")
    token = found.url.split("/")[4]
    draft = list_drafts.find(superuser.id, token)
    draft.saved, draft.set_id = 1, target.id  # its first piece is saved
    list_drafts.keep(token, draft)
    db.session.delete(target)
    db.session.commit()
    refused = step(boss, found, "save/")
    assert "The set was deleted meanwhile." in refused.text
    assert accounts() == 0
    assert "1 account added." in step(boss, refused, "save/").text
