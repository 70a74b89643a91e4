"""Signing in and out, one's own account, and the administration of Users, as pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from sfm.database import db
from sfm.models import AuditEntry, Credential, TwitterFilter, TwitterUserSet, User
from sfm.users import credentials, passwords, service
from sfm.users.service import Rights
from tests.conftest import FrozenClock
from tests.pages import Page, checked, checked_part, page, sign_in, submit

GOOD = "seven purple umbrellas rust"
OTHER = "nine copper lanterns drift"
TOKEN = "AAAAAAAAAAAAAAAAAAAAAcanary4711xyz"

LoginAs = Callable[[User], FlaskClient]


@pytest.fixture
def ann(app: object) -> User:
    made = service.create("ann", GOOD).user
    db.session.commit()
    return made


def sign_in_by_form(client: FlaskClient, name: str, password: str, to: str = "/login/") -> object:
    return submit(client, page(client, to), "/login/", username=name, password=password)


def test_signing_in_leads_to_where_one_wanted_to_go(client: FlaskClient, ann: User) -> None:
    asked = client.get("/account/")
    assert asked.status_code == 302
    answer = submit(client, page(client, asked.location), "/login/", username="ann", password=GOOD)
    assert (answer.status_code, answer.location) == (303, "/account/")
    assert "ann" in page(client, "/account/").text


def test_a_wrong_password_keeps_the_name_and_not_the_password(
    client: FlaskClient, ann: User
) -> None:
    form = page(client, "/login/")
    answer = submit(client, form, "/login/", username="ann", password="wrong canary-4711")
    found = checked(answer, 422)
    assert "do not fit together" in found.text
    assert found.one("input", name="username").get("value") == "ann"
    assert "canary-4711" not in found.html


def test_too_many_wrong_passwords_are_a_page_that_says_when(
    client: FlaskClient, ann: User, clock: FrozenClock
) -> None:
    form = page(client, "/login/")
    for _ in range(5):
        submit(client, form, "/login/", username="ann", password="wrong")
    answer = submit(client, form, "/login/", username="ann", password=GOOD)
    assert "wait 15 minutes" in checked(answer, 429).text


def test_a_session_holds_nothing_from_before_signing_in(client: FlaskClient, ann: User) -> None:
    form = page(client, "/login/")
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
        before = session["csrf_token"]
    submit(client, form, "/login/", username="ann", password=GOOD)
    page(client, "/account/")
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["csrf_token"] != before


def old_sessions_are_over(client: FlaskClient, cookie: str) -> bool:
    client.set_cookie("sfm", cookie)
    return client.get("/account/").status_code == 302


def cookie_of(client: FlaskClient) -> str:
    found = client.get_cookie("sfm")
    assert found is not None
    return found.value


def test_a_copied_cookie_is_worthless_after_sign_out(client: FlaskClient, ann: User) -> None:
    sign_in_by_form(client, "ann", GOOD)
    cookie = cookie_of(client)
    assert not old_sessions_are_over(client, cookie)
    answer = submit(client, page(client, "/account/"), "/logout/")
    assert (answer.status_code, answer.location) == (303, "/login/")
    assert old_sessions_are_over(client, cookie)


def test_a_copied_cookie_is_worthless_after_a_new_password(client: FlaskClient, ann: User) -> None:
    sign_in_by_form(client, "ann", GOOD)
    cookie = cookie_of(client)
    form = page(client, "/account/password/")
    answer = submit(client, form, "/account/password/", present=GOOD, new=OTHER, again=OTHER)
    assert answer.status_code == 303
    page(client, "/account/")  # the session that changed it goes on
    assert old_sessions_are_over(client, cookie)
    assert passwords.matches(db.session.get_one(User, ann.id).password_hash, OTHER)


@pytest.mark.parametrize(
    "rights", [Rights(is_active=True, is_superuser=True), Rights(False, False)]
)
def test_a_copied_cookie_is_worthless_after_a_change_of_rights(
    client: FlaskClient, ann: User, rights: Rights
) -> None:
    sign_in_by_form(client, "ann", GOOD)
    cookie = cookie_of(client)
    service.set_rights(ann, rights)
    db.session.commit()
    assert old_sessions_are_over(client, cookie)


def test_the_deactivated_are_out_with_the_next_request(login_as: LoginAs, ann: User) -> None:
    client = login_as(ann)
    page(client, "/account/")
    ann.is_active = False
    db.session.commit()
    answer = client.get("/account/")
    assert (answer.status_code, answer.location) == (302, "/login/?next=/account/")
    answer = client.get("/account/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login/?next=/account/")


def test_a_one_time_password_leads_to_ones_own_and_nowhere_else(
    client: FlaskClient, app: object
) -> None:
    made = service.create("ben")
    db.session.commit()
    password = made.one_time_password or ""
    sign_in_by_form(client, "ben", password)
    for address in ("/", "/account/"):
        assert client.get(address).location == "/account/password/"
    form = page(client, "/account/password/")
    assert "one-time password" in form.text
    refused = submit(
        client, form, "/account/password/", present=password, new="short", again="short"
    )
    assert "12 characters" in checked(refused, 422).text
    kept = submit(
        client, form, "/account/password/", present=password, new=password, again=password
    )
    assert "This is the present password." in checked(kept, 422).text
    answer = submit(client, form, "/account/password/", present=password, new=OTHER, again=OTHER)
    assert answer.location == "/"
    page(client, "/account/")
    assert not db.session.get_one(User, made.user.id).must_change_password


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"present": "wrong", "new": OTHER, "again": OTHER}, "not your present password"),
        ({"present": GOOD, "new": OTHER, "again": GOOD}, "not the same"),
        ({"present": GOOD, "new": "password1234", "again": "password1234"}, "easy to guess"),
        ({"present": GOOD, "new": "ann" * 5, "again": "ann" * 5}, "easy to guess"),
    ],
)
def test_a_new_password_is_refused_in_words(
    login_as: LoginAs, ann: User, fields: dict[str, str], word: str
) -> None:
    client = login_as(ann)
    form = page(client, "/account/password/")
    found = checked(submit(client, form, "/account/password/", **fields), 422)
    assert word in found.text
    assert OTHER not in found.html
    assert passwords.matches(db.session.get_one(User, ann.id).password_hash, GOOD)


def keep_token(client: FlaskClient, token: str = TOKEN, label: str = "Our app") -> Page:
    form = page(client, "/account/")
    submit(client, form, "/account/credentials/", secret=token, label=label)
    return page(client, "/account/")


def test_a_token_goes_in_and_never_comes_out(login_as: LoginAs, ann: User) -> None:
    found = keep_token(login_as(ann))
    assert "Our app" in found.text
    assert TOKEN not in found.html
    kept = db.session.scalars(select(Credential)).one()
    assert credentials.open_secrets(kept)["token"] == TOKEN


def test_a_token_that_is_refused_is_not_shown_again(login_as: LoginAs, ann: User) -> None:
    client = login_as(ann)
    form = page(client, "/account/")
    found = checked(submit(client, form, "/account/credentials/", secret="canary with blanks"), 422)
    assert "no blanks" in found.text
    assert "canary" not in found.html


def test_forgetting_a_token_answers_with_the_list_alone_for_htmx(
    login_as: LoginAs, ann: User
) -> None:
    client = login_as(ann)
    found = keep_token(client)
    address = next(a for a in actions(found) if a.endswith("/remove/"))
    token = found.all("input", name="csrf_token")[0].get("value")
    answer = client.post(address, data={"csrf_token": token}, headers={"HX-Request": "true"})
    assert "None is kept" in checked_part(answer).text
    assert "forgotten" in answer.headers["HX-Trigger"]
    assert db.session.scalars(select(Credential)).all() == []


def actions(found: Page) -> list[str]:
    return [form.get("action") or "" for form in found.all("form")]


def test_somebody_elses_credential_is_not_there(login_as: LoginAs, ann: User, reader: User) -> None:
    keep_token(login_as(ann))
    kept = db.session.scalars(select(Credential)).one().id
    client = login_as(reader)
    token = page(client, "/account/").all("input", name="csrf_token")[0].get("value")
    for what in ("check", "remove"):
        answer = client.post(f"/account/credentials/{kept}/{what}/", data={"csrf_token": token})
        assert answer.status_code == 404
    assert db.session.scalars(select(Credential.id)).all() == [kept]


def test_times_follow_the_chosen_zone(login_as: LoginAs, ann: User) -> None:
    client = login_as(ann)
    form = page(client, "/account/")
    submit(client, form, "/account/time-zone/", time_zone="Asia/Tokyo")
    assert db.session.get_one(User, ann.id).time_zone == "Asia/Tokyo"
    token = form.all("input", name="csrf_token")[0].get("value")
    bad = {"time_zone": "Mars/Olympus", "csrf_token": token}
    assert client.post("/account/time-zone/", data=bad).status_code == 422


def test_signing_out_everywhere_else_keeps_this_session(client: FlaskClient, ann: User) -> None:
    sign_in_by_form(client, "ann", GOOD)
    cookie = cookie_of(client)
    submit(client, page(client, "/account/"), "/account/end-sessions/")
    page(client, "/account/")
    assert old_sessions_are_over(client, cookie)


def test_users_are_listed_and_found(login_as: LoginAs, superuser: User, ann: User) -> None:
    client = login_as(superuser)
    assert "ann" in page(client, "/admin/users/").text
    found = page(client, "/admin/users/?q=AN&state=active")
    assert "ann" in found.text
    assert "sam.super" not in text_of_table(found)
    assert "ann" not in text_of_table(page(client, "/admin/users/?q=%25"))
    answer = client.get("/admin/users/?q=nobody", headers={"HX-Request": "true"})
    assert "Nobody fits" in checked_part(answer).text


def text_of_table(found: Page) -> str:
    from tests.pages import text_of

    return text_of(found.by_id("users"))


def test_an_added_user_signs_in_with_the_password_shown_once(
    login_as: LoginAs, superuser: User
) -> None:
    client = login_as(superuser)
    form = page(client, "/admin/users/add/")
    answer = submit(client, form, "/admin/users/add/", username="cleo", is_superuser=None)
    found = checked(answer)
    password = found.by_id("one-time-password").text or ""
    cleo = service.by_name("cleo")
    assert passwords.matches(cleo.password_hash, password)
    assert (cleo.is_superuser, cleo.must_change_password) == (False, True)
    assert password not in page(client, f"/admin/users/{cleo.id}/").html


def test_a_taken_name_is_refused_in_the_form(login_as: LoginAs, superuser: User, ann: User) -> None:
    client = login_as(superuser)
    form = page(client, "/admin/users/add/")
    answer = submit(client, form, "/admin/users/add/", username="Ann")
    assert "already is a User called Ann" in checked(answer, 422).text


def test_rights_change_by_form_and_are_in_the_trail(
    login_as: LoginAs, superuser: User, ann: User
) -> None:
    client = login_as(superuser)
    address = f"/admin/users/{ann.id}/"
    submit(client, page(client, address), f"{address}rights/", is_active=None)
    assert not db.session.get_one(User, ann.id).is_active
    found = page(client, address)
    assert "User deactivated" in found.text
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "user.deactivated")
    ).one()
    assert (entry.actor, entry.subject, entry.address) == ("sam.super", "ann", "127.0.0.1")
    assert (entry.before, entry.after) == ({"is_active": True}, {"is_active": False})


def test_the_last_administrator_cannot_be_removed_by_form(
    login_as: LoginAs, superuser: User
) -> None:
    client = login_as(superuser)
    address = f"/admin/users/{superuser.id}/"
    answer = submit(client, page(client, address), f"{address}rights/", is_superuser=None)
    assert "last active administrator" in checked(answer, 422).text
    assert db.session.get_one(User, superuser.id).is_superuser


def test_a_reset_password_is_shown_once_and_works(
    login_as: LoginAs, superuser: User, ann: User
) -> None:
    client = login_as(superuser)
    address = f"/admin/users/{ann.id}/"
    answer = submit(client, page(client, address), f"{address}reset-password/")
    password = checked(answer).by_id("one-time-password").text or ""
    assert passwords.matches(db.session.get_one(User, ann.id).password_hash, password)


def test_an_administrator_ends_somebodys_sessions(
    app: object, client: FlaskClient, superuser: User, ann: User
) -> None:
    sign_in_by_form(client, "ann", GOOD)
    cookie = cookie_of(client)
    sign_in(client, superuser)
    address = f"/admin/users/{ann.id}/"
    submit(client, page(client, address), f"{address}end-sessions/")
    assert old_sessions_are_over(client, cookie)


def test_who_waits_is_let_in(login_as: LoginAs, superuser: User, ann: User) -> None:
    ann.is_active, ann.awaits_approval = False, True
    db.session.commit()
    client = login_as(superuser)
    assert "ann" in text_of_table(page(client, "/admin/users/?state=waiting"))
    address = f"/admin/users/{ann.id}/"
    submit(client, page(client, address), f"{address}approve/")
    found = db.session.get_one(User, ann.id)
    assert (found.is_active, found.awaits_approval) == (True, False)


def test_joining_moves_sets_filters_tokens_and_the_twitter_account(
    login_as: LoginAs, superuser: User, ann: User, reader: User
) -> None:
    for owner in (ann, reader):
        db.session.add(TwitterUserSet(owner_id=owner.id, name="Elections"))
    db.session.add(TwitterFilter(name="Floods", user_id=reader.id))
    credentials.save(reader, credentials.bearer(TOKEN))
    reader.twitter_uid, reader.twitter_name = 4711, "rita"
    db.session.commit()
    client = login_as(superuser)
    address = f"/admin/users/{ann.id}/"
    answer = submit(client, page(client, address), f"{address}join/", other="rita.reader")
    assert answer.status_code == 303
    names = db.session.scalars(
        select(TwitterUserSet.name).where(TwitterUserSet.owner_id == ann.id).order_by("id")
    ).all()
    assert list(names) == ["Elections", "Elections (rita.reader)"]
    assert db.session.scalars(select(TwitterFilter.user_id)).one() == ann.id
    assert db.session.scalars(select(Credential.user_id)).one() == ann.id
    assert db.session.get_one(User, ann.id).twitter_uid == 4711
    assert service.find("rita.reader") is None


@pytest.mark.parametrize(
    ("other", "word"),
    [("nobody", "no User called"), ("ann", "the same User"), ("sam.super", "last active")],
)
def test_joining_refuses_in_words(
    login_as: LoginAs, superuser: User, ann: User, other: str, word: str
) -> None:
    client = login_as(superuser)
    address = f"/admin/users/{ann.id}/"
    answer = submit(client, page(client, address), f"{address}join/", other=other)
    assert word in checked(answer, 422).text


def test_joining_refuses_two_different_twitter_accounts(
    login_as: LoginAs, superuser: User, ann: User, reader: User
) -> None:
    ann.twitter_uid, ann.twitter_name = 1, "one"
    reader.twitter_uid, reader.twitter_name = 2, "two"
    db.session.commit()
    client = login_as(superuser)
    address = f"/admin/users/{ann.id}/"
    answer = submit(client, page(client, address), f"{address}join/", other="rita.reader")
    assert "Unlink one of them" in checked(answer, 422).text


def test_the_audit_log_is_searched_and_paged(login_as: LoginAs, superuser: User) -> None:
    from sfm import audit

    for number in range(60):
        audit.record("thing.done" if number % 2 else "thing.begun", subject=f"thing {number:02}")
    db.session.commit()
    client = login_as(superuser)
    first = page(client, "/admin/audit/")
    assert "thing 59" in first.text
    assert "thing 05" not in first.text
    following = next(link for link in first.links() if "at=" in link)
    assert "thing 05" in page(client, following).text
    assert "thing.done" not in page(client, "/admin/audit/?what=begun").text
    audit.record("user.made_administrator", subject="thing 99", after={"is_superuser": True})
    db.session.commit()
    found = page(client, "/admin/audit/?what=an+Administrator").text
    assert "made an administrator thing 99 is superuser: yes" in found
    part = client.get("/admin/audit/?who=thing+07", headers={"HX-Request": "true"})
    assert "thing 07" in checked_part(part).text


def test_hostile_names_in_the_log_stay_text(login_as: LoginAs, superuser: User) -> None:
    from sfm import audit

    audit.record("thing.done", subject="<script>alert(1)</script>\u202e", after={"<b>": "<i>"})
    db.session.commit()
    found = page(login_as(superuser), "/admin/audit/")
    assert "<script>alert" not in found.html
    assert "<i>" not in found.html
