"""Whose token a filter connects with: the one stored at the save, held for it, or none at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from sfm import clock
from sfm.database import db
from sfm.exports.recurring import due_ids
from sfm.extensions import settings as app_settings
from sfm.filters import connections, owners, reconcile, service
from sfm.filters.account_lookup import People
from sfm.filters.connections import ConnectionTaken, NoStreamCredential
from sfm.filters.drafting import FilterDraft, draft_of
from sfm.filters.remote_checks import search_client
from sfm.filters.validation import BadFilter
from sfm.models import Credential, Heartbeat, RecurringExport, TwitterFilter, User
from sfm.users import credentials
from sfm.users.service import Rights
from tests.pages import page, submit
from tests.streams.collecting import all_gaps, make_filter

NOBODY = People({}, {})
LoginAs = Callable[[User], FlaskClient]
SETTING = "token-of-the-setting"


def set_up(app: Flask, **more: object) -> None:
    app.extensions["sfm_settings"] = replace(app_settings(), **more)


def make_user(username: str, token: str = "", **more: object) -> User:
    user = User(username=username, **more)
    db.session.add(user)
    db.session.flush()
    if token:
        credentials.save(user, credentials.bearer(token))
    db.session.commit()
    return user


def saved(user: User, name: str = "Floods", **more: object) -> TwitterFilter:
    draft = FilterDraft(**{"name": name, "user_id": user.id, "words": "flood", **more})  # type: ignore[arg-type]
    made = service.save(draft, NOBODY)
    db.session.commit()
    return made


def test_a_refused_search_moves_no_stream(app: Flask) -> None:
    """K-10: the choice was stored at the save, whatever becomes of the token's state."""
    ben = make_user("ben", "token-cccccccc")
    first = credentials.of_user(ben)[0]
    second = credentials.save(ben, credentials.bearer("token-dddddddd"))
    one, two = saved(ben, "one"), saved(ben, "two")
    assert (one.credential_id, two.credential_id) == (first.id, second.id)
    before = reconcile.wanted_programs()
    for state in (credentials.OUT_OF_CREDITS, credentials.REFUSED, credentials.WORKS):
        credentials.set_state(first, state)
        db.session.commit()
        assert reconcile.wanted_programs() == before
        assert before.waiting == {}


def test_a_filter_whose_token_was_removed_is_refused_and_takes_no_other(app: Flask) -> None:
    set_up(app, twitter_bearer_token=SETTING)
    ben = make_user("ben", "token-cccccccc", installation_token_allowed=True)
    made = saved(ben)
    credentials.save(ben, credentials.bearer("token-dddddddd"))
    credentials.remove(credentials.of_user(ben)[0])
    db.session.commit()
    db.session.expire_all()
    assert made.credential_id is None
    with pytest.raises(NoStreamCredential, match="choose what it connects with"):
        connections.source_of_filter(made)


def test_the_installations_token_is_an_administrators_to_give(app: Flask) -> None:
    """X-5: for streams, and for trials, which are paid for too."""
    set_up(app, twitter_bearer_token=SETTING)
    rita = make_user("rita")
    with pytest.raises(BadFilter, match="may not use the installation's"):
        saved(rita)
    db.session.rollback()
    draft = saved(rita, is_active=False)
    with pytest.raises(NoStreamCredential, match="administrator allow"):
        search_client(draft)
    owners.set_rights(rita, Rights(True, False, installation_token_allowed=True))
    db.session.commit()
    search_client(draft)
    made = saved(rita, "Second")
    assert (made.credential_id, made.uses_installation_token) == (None, True)
    assert connections.source_of_filter(made).auth.token == SETTING
    assert saved(make_user("ada", is_superuser=True), "x", is_active=False).user.username == "ada"
    assert connections.installation_source(make_user("eve", is_superuser=True))


def test_a_right_that_is_taken_stops_the_filter_and_its_time_is_a_gap(app: Flask) -> None:
    set_up(app, twitter_bearer_token=SETTING)
    rita = make_user("rita", installation_token_allowed=True)
    made = saved(rita)
    change = owners.set_rights(rita, Rights(True, False))
    db.session.commit()
    assert [str(name) for name in change.stopped] == [f"the filter “Floods” (number {made.id})"]
    assert not made.is_active
    assert all_gaps()[-1].cause == "not_active"


SAMPLE_OF = ["a token of its own", "the setting", "the only token"]


@pytest.mark.parametrize("sample_of", SAMPLE_OF)
def test_what_streamsample_would_take_is_held_for_it(app: Flask, sample_of: str) -> None:
    """S-30: compared is what would really be taken."""
    ann = make_user("ann", "token-of-ann" if sample_of == SAMPLE_OF[0] else "", is_superuser=True)
    name, setting = ann.username, SETTING if sample_of == SAMPLE_OF[1] else ""
    set_up(app, twitter_default_username=name, twitter_bearer_token=setting)
    rita = make_user(
        "rita", "token-of-rita" if sample_of == SAMPLE_OF[2] else "",
        installation_token_allowed=True,
    )  # fmt: skip
    user = ann if sample_of == SAMPLE_OF[0] else rita
    with pytest.raises(BadFilter, match="streamsample"):
        saved(user)
    db.session.rollback()
    assert connections.sample_source()


def test_without_a_named_user_streamsample_does_not_take_a_filters_token(app: Flask) -> None:
    set_up(app, twitter_bearer_token=SETTING)
    made = saved(make_user("rita", installation_token_allowed=True))
    with pytest.raises(ConnectionTaken, match="TWITTER_DEFAULT_USERNAME"):
        connections.sample_source()
    service.deactivate(made)
    db.session.commit()
    assert connections.sample_source().auth.token == SETTING


def test_a_streamsample_that_has_ended_holds_nothing(app: Flask) -> None:
    """K-29: its last heartbeat may be seconds old."""
    made = make_filter(active=False)
    fingerprint = connections.source_of_filter(made).fingerprint
    beat = Heartbeat(program="streamsample", fingerprint=fingerprint, state="needs_person")
    db.session.add(beat)
    db.session.commit()
    service.activate(made)


def test_a_look_up_that_was_refused_moves_no_streamsample(app: Flask) -> None:
    ann = make_user("ann", "token-cccccccc")
    second = credentials.save(ann, credentials.bearer("token-dddddddd"))
    set_up(app, twitter_default_username="ann", twitter_bearer_token=SETTING)
    credentials.set_state(credentials.of_user(ann)[0], credentials.REFUSED)
    credentials.set_state(second, credentials.WORKS)
    db.session.commit()
    assert connections.sample_source().auth.token == "token-cccccccc"


def test_who_deactivates_a_user_is_told_what_stops_before(
    app: Flask, superuser: User, login_as: LoginAs
) -> None:
    """X-6"""
    made = make_filter(owner="ben")
    ben = made.user
    db.session.add(
        RecurringExport(
            owner_id=ben.id, title="Weekly", every="week", next_at=clock.now(), criteria={},
            layout={},
        )
    )  # fmt: skip
    db.session.commit()
    assert len(due_ids()) == 1
    client = login_as(superuser)
    address = f"/admin/users/{ben.id}/"
    shown = page(client, address)
    assert "Floods" in shown.text
    assert "Weekly" in shown.text
    answer = submit(client, shown, f"{address}rights/", is_active=None)
    assert answer.status_code == 422
    assert "the filter “Floods” (number 1), the recurring export “Weekly”" in answer.text
    db.session.expire_all()
    assert made.is_active
    assert ben.is_active
    answer = submit(client, shown, f"{address}rights/", is_active=None, agreed="y")
    assert answer.status_code == 303
    db.session.expire_all()
    assert not made.is_active
    assert [(gap.cause, gap.who) for gap in all_gaps()][-1:] == [("user_deactivated", "sam.super")]
    assert reconcile.wanted_programs().programs == ()
    assert due_ids() == []


def test_the_command_names_what_stops_and_asks(app: Flask, runner: FlaskCliRunner) -> None:
    make_filter(owner="ben")
    asked = runner.invoke(args=["set_rights", "ben", "--inactive"], input="n\n")
    assert asked.exit_code == 1
    assert "the filter “Floods” (number 1)" in asked.stderr
    db.session.expire_all()
    assert db.session.query(TwitterFilter).one().is_active
    done = runner.invoke(args=["set_rights", "ben", "--inactive", "--yes"])
    assert (done.exit_code, "These filters stop" in done.stdout) == (0, True)
    db.session.expire_all()
    assert not db.session.query(TwitterFilter).one().is_active
    runner.invoke(args=["set_rights", "ben", "--active", "--installation-token"])
    db.session.expire_all()
    assert db.session.query(User).one().installation_token_allowed


def test_a_user_who_is_not_active_keeps_the_filter_and_its_words_are_edited(app: Flask) -> None:
    made = make_filter(owner="ben")
    made.user.is_active = False
    db.session.commit()
    assert reconcile.wanted_programs().programs == ()
    draft = replace(draft_of(made), words="storm")
    with pytest.raises(BadFilter, match="ben is not active"):
        service.save(draft, NOBODY, made)
    db.session.rollback()
    service.save(replace(draft, is_active=False), NOBODY, made)
    assert made.words == "storm"


def test_joining_two_users_stops_no_filter_that_has_a_token(app: Flask) -> None:
    """L-25: each keeps what was stored for it."""
    first, second = make_filter(), make_filter("Second", token="token-two", owner="bob")
    change = owners.join(first.user, second.user)
    db.session.commit()
    assert change.stopped == ()
    assert len(reconcile.wanted_programs().programs) == 2


def test_joining_says_before_which_filter_it_stops(
    app: Flask, superuser: User, login_as: LoginAs
) -> None:
    """L-25: here the filter's User has no right to the installation's token afterwards."""
    set_up(app, twitter_bearer_token=SETTING)
    made = make_filter(token="", owner="bob")
    ann = make_user("ann")
    client = login_as(superuser)
    address = f"/admin/users/{ann.id}/"
    form = page(client, address)
    answer = submit(client, form, f"{address}join/", other="bob")
    assert answer.status_code == 422
    assert "the filter “Floods” (number 1): ann holds no app token" in answer.text
    db.session.expire_all()
    assert made.is_active
    answer = submit(client, form, f"{address}join/", other="bob", agreed="y")
    assert answer.status_code == 303
    db.session.expire_all()
    assert (made.is_active, made.user_id) == (False, ann.id)


def test_the_page_names_the_credential_and_greys_out_what_would_be_refused(
    app: Flask, superuser: User, login_as: LoginAs
) -> None:
    """D-3"""
    make_filter(owner="ben")
    client = login_as(superuser)
    assert "the app token without a label of ben" in page(client, "/filters/1/").text
    set_up(app, twitter_default_username="ben")
    shown = page(client, "/filters/new/")
    assert "serves streamsample, so no active filter" in shown.text
    assert "serve streamsample" in page(client, "/filters/1/").text


def test_the_form_says_before_that_an_active_filter_would_be_refused(
    app: Flask, login_as: LoginAs
) -> None:
    """D-3: the set-up of the README, and a member who holds nothing."""
    ann = make_user("ann", "token-of-ann")
    client = login_as(ann)
    assert "can be saved, but not be active" not in page(client, "/filters/new/").text
    set_up(app, twitter_default_username="ann")
    shown = page(client, "/filters/new/").text
    assert "can be saved, but not be active" in shown
    assert "ann is the User whose credentials serve streamsample" in shown
    login_as(make_user("rita"))
    assert "rita holds no app token" in page(client, "/filters/new/").text


def test_changing_the_user_alone_takes_what_fits_that_user(app: Flask) -> None:
    made = make_filter()
    bob = make_user("bob", "token-of-bob")
    service.save(replace(draft_of(made), user_id=bob.id), NOBODY, made)
    assert made.credential_id == credentials.of_user(bob)[0].id


def test_the_migration_stores_what_each_filter_connects_with_now(app: Flask) -> None:
    set_up(app, twitter_bearer_token=SETTING)
    with_token, with_setting = make_filter(), make_filter("Second", token="", owner="bob")
    credential = db.session.query(Credential).one()
    number, credential_id = with_setting.id, credential.id
    credentials.save(with_token.user, credentials.bearer("token-later"))
    db.session.commit()
    db.session.remove()
    downgrade(revision="0014")
    db.session.execute(text("UPDATE twitter_filter SET credential_id = NULL"))
    db.session.execute(text(f"UPDATE credential SET state = 'refused' WHERE id = {credential_id}"))
    db.session.commit()
    upgrade()
    first, second = db.session.query(TwitterFilter).order_by(TwitterFilter.id)
    assert first.credential_id not in (None, credential_id)
    assert (second.id, second.credential_id, second.uses_installation_token) == (number, None, True)
    assert [first.user.installation_token_allowed, second.user.installation_token_allowed] == [
        False,
        True,
    ]


def test_a_token_that_a_filter_connects_with_is_not_forgotten(
    app: Flask, client: FlaskClient, login_as: LoginAs
) -> None:
    made = make_filter(owner="ben")
    login_as(made.user)
    shown = page(client, "/account/")
    assert "connects the filter" in shown.text
    address = f"/account/credentials/{made.credential_id}/remove/"
    submit(client, shown, address)
    assert "in use by the filter “Floods” (number 1)" in page(client, "/account/").text
    assert db.session.query(Credential).count() == 1
    service.deactivate(made)
    db.session.commit()
    submit(client, page(client, "/account/"), address)
    assert db.session.query(Credential).count() == 0


def test_administrators_list_who_may_use_the_installations_token(
    app: Flask, superuser: User, login_as: LoginAs
) -> None:
    make_user("rita", installation_token_allowed=True)
    make_user("otto")
    shown = page(login_as(superuser), "/admin/users/?state=installation-token").text
    assert "rita" in shown
    assert "otto" not in shown
