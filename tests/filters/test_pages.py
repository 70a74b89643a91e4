"""The filters' pages: adding, previewing, trying, activating, deleting, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock
from sfm.config import Settings
from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.filters import coverage_due
from sfm.models import AuditEntry, CoverageDue, Gap, Run, TwitterFilter, User
from sfm.sandbox.server import Sandbox
from sfm.users import credentials
from tests.conftest import sandbox_settings
from tests.pages import Page, checked, fields_of, page, part, submit
from tests.streams.collecting import all_gaps

LoginAs = Callable[[User], FlaskClient]


@pytest.fixture(scope="module")
def sandbox() -> object:
    with Sandbox() as running:
        yield running


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return sandbox_settings(instance_folder, database_url, sandbox)


@pytest.fixture
def mine(client: FlaskClient, reader: User, login_as: LoginAs) -> FlaskClient:
    reader.installation_token_allowed = True
    db.session.commit()
    return login_as(reader)


def send(client: FlaskClient, form: Page, action: str, status: int = 303, **typed: object) -> Page:
    """Send a form and give the page one is then on, checked like every page."""
    answer = submit(client, form, action, **typed)
    assert answer.status_code == status, answer.text
    if status == 303:
        return page(client, answer.location)
    return checked(answer, status)


def test_a_filter_is_added_and_its_people_found_at_once(mine: FlaskClient, reader: User) -> None:
    form = page(mine, "/filters/new/")
    shown = send(
        mine, form, "/filters/new/",
        name="Harbour", words="ferry, harbour wall", people="@HarborCouncil, nobody_here_9",
        do="save",
    )  # fmt: skip
    saved = db.session.query(TwitterFilter).one()
    assert (saved.user_id, saved.is_active) == (reader.id, True)
    assert list(saved.uids) == ["HarborCouncil"]
    assert saved.people_not_found == ["nobody_here_9"]
    assert "Not found on Twitter, and left out: @nobody_here_9." in shown.text
    assert "supervisord is not running" in shown.text
    assert db.session.query(AuditEntry).filter_by(action="filter.added").count() == 1


def test_the_rules_are_shown_before_anything_is_saved(mine: FlaskClient) -> None:
    form = page(mine, "/filters/new/")
    shown = send(
        mine, form, "/filters/new/", status=200,
        name="Floods", words="flood, river water", do="preview",
    )  # fmt: skip
    assert "flood OR (river water)" in shown.text
    assert "2 of 400" in shown.text
    assert "Boxes of 40 km as Twitter takes them" in shown.text
    assert db.session.query(TwitterFilter).count() == 0


BAD = [
    ({"words": ""}, "needs words, people, locations or exact rules"),
    ({"words": "-cats"}, "cannot leave words out"),
    ({"words": "x", "people": "two words"}, "a name has no blanks"),
    ({"locations": "1,2,3"}, "groups of four numbers"),
    ({"locations": "-125,25,-66,49"}, "Draw smaller boxes"),
    ({"locations": "-181,0,1,1"}, "180"),
    ({"words": "x", "name": ""}, "Give the filter a name"),
]


@pytest.mark.parametrize(("typed", "said"), BAD)
def test_what_cannot_be_saved_is_said_beside_its_field(
    mine: FlaskClient, typed: dict[str, str], said: str
) -> None:
    form = page(mine, "/filters/new/")
    values = {"name": "A filter", "words": "", "do": "save", **typed}
    shown = send(mine, form, "/filters/new/", status=422, **values)
    assert said in shown.text
    assert db.session.query(TwitterFilter).count() == 0


def existing(owner: User, name: str = "Floods", **more: object) -> TwitterFilter:
    more.setdefault("words", "flood")
    more.setdefault("uses_installation_token", True)
    found = TwitterFilter(name=name, user_id=owner.id, **more)
    db.session.add(found)
    db.session.commit()
    return found


def test_a_second_active_filter_on_one_token_is_refused_and_told_who_holds_it(
    mine: FlaskClient, superuser: User
) -> None:
    other = existing(superuser, "The other one")
    form = page(mine, "/filters/new/")
    shown = send(mine, form, "/filters/new/", status=422, name="Mine", words="x", do="save")
    assert "The other one" in shown.text
    assert f"number {other.id}" in shown.text
    form = page(mine, "/filters/new/")
    send(mine, form, "/filters/new/", name="Mine", words="x", is_active=None, do="save")
    assert db.session.query(TwitterFilter).filter_by(name="Mine").one().is_active is False


def test_two_tokens_make_two_active_filters(
    mine: FlaskClient, reader: User, superuser: User
) -> None:
    existing(superuser)
    credentials.save(reader, credentials.bearer("another-app-of-mine"))
    db.session.commit()
    form = page(mine, "/filters/new/")
    send(mine, form, "/filters/new/", name="Mine", words="x", do="save")
    assert db.session.query(TwitterFilter).filter_by(is_active=True).count() == 2


def test_a_name_that_is_taken_is_refused(mine: FlaskClient, superuser: User) -> None:
    existing(superuser, "Floods", is_active=False)
    form = page(mine, "/filters/new/")
    shown = send(mine, form, "/filters/new/", status=422, name=" Floods ", words="x", do="save")
    assert "filter of this name" in shown.text


def test_a_filter_is_seen_by_its_owner_and_superusers_only(
    client: FlaskClient, reader: User, superuser: User, login_as: LoginAs
) -> None:
    found = existing(superuser, "Not yours", is_active=False)
    login_as(reader)
    assert "Not yours" not in page(client, "/filters/").text
    for path in ("", "edit/", "delete/", "now/"):
        assert client.get(f"/filters/{found.id}/{path}").status_code == 404
    assert client.get("/admin/filters/").status_code == 403
    login_as(superuser)
    assert "Not yours" in page(client, "/admin/filters/").text
    page(client, f"/filters/{found.id}/")


def test_editing_keeps_known_people_without_asking_again(mine: FlaskClient, reader: User) -> None:
    found = existing(reader, uids={"MadeUp": 77}, people="MadeUp", is_active=False)
    before = found.changed_at
    form = page(mine, f"/filters/{found.id}/edit/")
    send(mine, form, f"/filters/{found.id}/edit/", words="flood, storm", people="madeup", do="save")
    db.session.expire_all()
    assert (found.uids, found.words) == ({"madeup": 77}, "flood, storm")
    assert found.changed_at > before


def test_activating_and_deactivating(mine: FlaskClient, reader: User) -> None:
    found = existing(reader, is_active=False)
    shown = page(mine, f"/filters/{found.id}/")
    send(mine, shown, f"/filters/{found.id}/activate/")
    db.session.expire_all()
    assert found.is_active
    assert found.active_since is not None
    shown = page(mine, f"/filters/{found.id}/")
    assert "activated and not connected yet" in shown.text
    send(mine, shown, f"/filters/{found.id}/deactivate/")
    db.session.expire_all()
    assert not found.is_active
    assert [(gap.cause, gap.who, gap.ended_at is None) for gap in all_gaps()] == [
        ("not_connected", "", False),
        ("not_active", reader.username, True),
    ]


def test_deleting_asks_for_the_name(mine: FlaskClient, reader: User) -> None:
    found = existing(reader)
    shown = page(mine, f"/filters/{found.id}/delete/")
    send(mine, shown, f"/filters/{found.id}/delete/", status=422, typed_name="Something else")
    send(mine, shown, f"/filters/{found.id}/delete/", typed_name="Floods")
    assert db.session.query(TwitterFilter).count() == 0


def test_what_a_deleted_filter_missed_stays_written_down(mine: FlaskClient, reader: User) -> None:
    found = existing(reader)
    prefix = f"twitterfilter-{found.id}"
    coverage_due.begin(found, coverage_due.ACTIVATED)
    db.session.commit()
    shown = page(mine, f"/filters/{found.id}/delete/")
    send(mine, shown, f"/filters/{found.id}/delete/", typed_name="Floods")
    db.session.expire_all()
    due = db.session.query(CoverageDue).one()
    assert (due.filter_id, due.prefix, due.end_cause) == (None, prefix, "deleted")
    (gap,) = all_gaps(prefix)
    assert gap.cause == "not_connected"
    assert gap.ended_at is not None, "nothing is missed of what nobody wants"


def test_a_trial_says_how_many_and_shows_some(
    mine: FlaskClient, reader: User, sandbox: Sandbox
) -> None:
    found = existing(reader, is_active=False, words="", rule_text="from:HarborCouncil")
    shown = page(mine, f"/filters/{found.id}/")
    assert "costs at most" in shown.text
    tried = send(mine, shown, f"/filters/{found.id}/try/", status=200)
    assert "posts of the last seven days match" in tried.text
    assert "@HarborCouncil" in tried.text


def test_a_gap_is_filled_when_asked_for_and_only_once(mine: FlaskClient, reader: User) -> None:
    found = existing(reader)
    now = clock.now()
    gap = Gap(
        filter_id=found.id, prefix=f"twitterfilter-{found.id}", cause="network",
        began_at=now - timedelta(hours=2), ended_at=now - timedelta(hours=1), lost_estimate=200,
    )  # fmt: skip
    old = Gap(
        filter_id=found.id, prefix=f"twitterfilter-{found.id}", cause="network",
        began_at=now - timedelta(days=9), ended_at=now - timedelta(days=8),
    )  # fmt: skip
    db.session.add_all([gap, old])
    shown = page(mine, f"/filters/{found.id}/")
    assert "about $1.00" in shown.text
    assert "seven days only" in shown.text
    send(mine, shown, f"/filters/{found.id}/gaps/{gap.id}/fill/")
    db.session.expire_all()
    run = db.session.query(Run).one()
    assert gap.run_id == run.id
    assert (run.kind, run.params) == ("fill_gap", {"gap": gap.id})
    token = dict(fields_of(shown.form(f"/filters/{found.id}/gaps/{gap.id}/fill/")))
    for which in (gap, old):
        answer = mine.post(f"/filters/{found.id}/gaps/{which.id}/fill/", data=token)
        assert answer.status_code == 422
        assert "cannot be filled" in answer.text


def test_the_live_part_is_asked_for_while_the_filter_is_active(
    mine: FlaskClient, reader: User
) -> None:
    found = existing(reader)
    live = part(mine, f"/filters/{found.id}/now/")
    assert "every 2s" in live.html
    found.is_active = False
    assert "every 2s" not in part(mine, f"/filters/{found.id}/now/").html


def test_the_user_of_streamsample_is_refused(app: Flask, mine: FlaskClient, reader: User) -> None:
    from dataclasses import replace

    app.extensions["sfm_settings"] = replace(
        app.extensions["sfm_settings"], twitter_default_username=reader.username.upper()
    )
    form = page(mine, "/filters/new/")
    shown = send(mine, form, "/filters/new/", status=422, name="Mine", words="x", do="save")
    assert "serve streamsample" in shown.text


def test_exact_rules_are_read_by_twitter_before_they_are_saved(mine: FlaskClient) -> None:
    form = page(mine, "/filters/new/")
    shown = send(
        mine, form, "/filters/new/", status=422,
        name="Exact", words="", rule_text="from:HarborCouncil has:links\n((unclosed", do="save",
    )  # fmt: skip
    assert "“((unclosed”" in shown.text
    assert "“from:HarborCouncil" not in shown.text
    send(mine, page(mine, "/filters/new/"), "/filters/new/", name="Exact", words="",
         rule_text="from:HarborCouncil has:links", do="save")  # fmt: skip
    assert db.session.query(TwitterFilter).one().rule_text == "from:HarborCouncil has:links"


def test_exact_rules_are_read_with_the_token_that_was_chosen(
    mine: FlaskClient, reader: User, sandbox: Sandbox
) -> None:
    """The first of a User's tokens may be refused; the filter will not connect with it."""
    credentials.save(reader, credentials.bearer("revoked-token-of-another-app"))
    chosen = credentials.save(reader, credentials.bearer(sandbox.bearer_token))
    db.session.commit()
    shown = send(
        mine, page(mine, "/filters/new/"), "/filters/new/", status=422,
        name="Exact", words="", rule_text="((unclosed", credential_id=chosen.id, do="save",
    )  # fmt: skip
    assert "“((unclosed”" in shown.text


def test_owners_only_see_their_filters_where_administrators_manage_them(
    app: Flask, mine: FlaskClient, reader: User, superuser: User, login_as: LoginAs
) -> None:
    """FILTERS_MANAGED_BY: no page and no action of an owner changes a filter or spends credits."""
    made = TwitterFilter(name="Floods", user_id=reader.id, words="flood", is_active=False)
    db.session.add(made)
    db.session.flush()
    gap = Gap(filter_id=made.id, prefix="twitterfilter-1", began_at=clock.now(), cause="restarted")
    db.session.add(gap)
    db.session.commit()
    token = dict(fields_of(page(mine, "/filters/1/").form("/filters/1/activate/")))
    app.extensions["sfm_settings"] = replace(app_settings(), filters_managed_by="administrators")
    assert "/filters/new/" not in page(mine, "/filters/").html
    shown = page(mine, "/filters/1/").html
    for action in ("edit", "activate", "delete", "try", "fill"):
        assert f"/{action}/" not in shown
    for address in ("/filters/new/", "/filters/1/edit/", "/filters/1/delete/"):
        assert "only administrators" in page(mine, address, 403).text
    for action in ("activate", "deactivate", "try", f"gaps/{gap.id}/fill", "gaps/fill"):
        answer = mine.post(f"/filters/1/{action}/", data=token)
        assert answer.status_code == 403, action
    assert page(mine, "/filters/2/edit/", 404), "what one does not see is not told"
    assert db.session.query(Run).count() == 0
    boss = login_as(superuser)
    assert "/filters/1/edit/" in page(boss, "/filters/1/").html


def test_a_gap_without_a_row_is_asked_for_by_its_times(mine: FlaskClient, reader: User) -> None:
    """One that nobody noticed; other times than those of a gap are none."""
    found = existing(reader)
    coverage_due.begin(found, coverage_due.ACTIVATED)
    due = db.session.query(CoverageDue).one()
    due.began_at = clock.now() - timedelta(hours=2)
    due.ended_at, due.end_cause = clock.now() - timedelta(hours=1), "stopped"
    db.session.commit()
    where = f"/filters/{found.id}/gaps/fill/"
    shown = page(mine, f"/filters/{found.id}/")
    send(mine, shown, where)
    gap = db.session.query(Gap).one()
    assert (gap.began_at, gap.ended_at) == (due.began_at, due.ended_at)
    assert db.session.query(Run).one().params == {"gap": gap.id}
    token = dict(fields_of(shown.form(where)))
    assert mine.post(where, data={**token, "ended": clock.now().isoformat()}).status_code == 404
    assert mine.post(where, data={**token, "ended": "noon"}).status_code == 422
    assert "asked for" in page(mine, f"/filters/{found.id}/").text
