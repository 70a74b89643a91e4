"""Signing in with Twitter, linking and unlinking, against the sandbox: both ways of OAuth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from sfm.config import Settings
from sfm.database import db
from sfm.models import AuditEntry, Credential, SignInState, TwitterUserSet, User
from sfm.sandbox.server import Sandbox
from sfm.users import credentials, service
from sfm.users.clients import client_for
from tests.conftest import FrozenClock, test_settings
from tests.pages import Page, checked, page, sign_in, submit
from tests.users.conftest import agree_at_twitter, by_twitter, path_of

GOOD = "seven purple umbrellas rust"
WHO = "millbrook_lib"
KINDS = ("oauth1", "oauth2")

pytestmark = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def settings(instance_folder: Path, database_url: str, twitter: Sandbox) -> Settings:
    return test_settings(
        instance_folder,
        database_url,
        twitter_api_root=twitter.url,
        twitter_consumer_key=twitter.app.consumer_key,
        twitter_consumer_secret=twitter.app.consumer_secret,
        twitter_client_id=twitter.app.client_id,
        twitter_client_secret=twitter.app.client_secret,
        twitter_sign_in=("oauth1", "oauth2"),
        twitter_entry=("anyone",),
    )


def set_up(app: Flask, **changes: object) -> None:
    app.extensions["sfm_settings"] = replace(app.extensions["sfm_settings"], **changes)  # type: ignore[arg-type]


def everyone() -> list[User]:
    return list(db.session.scalars(select(User).order_by(User.id)))


def uid_of(twitter: Sandbox, name: str = WHO) -> int:
    return int(twitter.world.find(name).uid)


def test_a_newcomer_gets_a_user_and_their_token_is_kept(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    answer = by_twitter(client, kind, WHO)
    assert (answer.status_code, answer.location) == (303, "/account/")
    found = page(client, "/account/")
    assert f"@{WHO}" in found.text
    (user,) = everyone()
    assert (user.username, user.twitter_uid, user.password_hash) == (WHO, uid_of(twitter), None)
    kept = db.session.scalars(select(Credential)).one()
    assert (kept.kind, kept.twitter_uid, kept.state) == (kind, user.twitter_uid, "works")
    assert client_for(kept).me().uid == user.twitter_uid


def test_the_same_person_again_is_the_same_user_and_token(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    for _ in range(2):
        by_twitter(client, kind, WHO)
        submit(client, page(client, "/account/"), "/logout/")
    assert len(everyone()) == 1
    assert db.session.scalar(select(func.count(Credential.id))) == 1


def test_a_person_is_known_by_number_and_not_by_name(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    service.create(WHO, GOOD)
    db.session.commit()
    by_twitter(client, kind, WHO)
    names = [user.username for user in everyone()]
    assert names == [WHO, f"{WHO}-2"]


@pytest.mark.parametrize(
    ("entry", "gets_in", "users_after"),
    [
        (("nobody",), False, 0),
        (("approval",), False, 1),
        (("anyone",), True, 1),
        (("someone_else",), False, 0),
        (("someone_else", "@Millbrook_Lib"), True, 1),
        (("approval", "millbrook_lib"), True, 1),
    ],
)
def test_who_may_enter_is_a_setting(
    app: Flask,
    client: FlaskClient,
    twitter: Sandbox,
    kind: str,
    entry: tuple[str, ...],
    gets_in: bool,
    users_after: int,
) -> None:
    set_up(app, twitter_entry=entry)
    answer = by_twitter(client, kind, WHO)
    assert answer.status_code == (303 if gets_in else 409)
    assert len(everyone()) == users_after
    if not gets_in:
        text = checked(answer, 409).text
        assert ("has to be let in" if users_after else "Nobody here is linked") in text
        assert db.session.scalar(select(func.count(Credential.id))) == 0


def test_who_was_let_in_by_an_administrator_gets_in(
    app: Flask, client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    set_up(app, twitter_entry=("approval",))
    by_twitter(client, kind, WHO)
    service.set_rights(everyone()[0], service.Rights(is_active=True, is_superuser=False))
    db.session.commit()
    assert by_twitter(client, kind, WHO).status_code == 303


def test_a_deactivated_user_does_not_get_in(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    by_twitter(client, kind, WHO)
    everyone()[0].is_active = False
    db.session.commit()
    assert "not active" in checked(by_twitter(client, kind, WHO), 409).text
    assert client.get("/account/").status_code == 302


def test_who_says_no_at_twitter_reads_what_happened(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    found = checked(by_twitter(client, kind, WHO, decision="deny"), 409)
    assert "You did not let this site use your Twitter account" in found.text
    assert everyone() == []
    assert db.session.scalar(select(func.count(SignInState.key))) == 0


def off(client: FlaskClient, kind: str) -> str:
    return submit(client, page(client, "/login/"), f"/login/twitter/{kind}/").location


def refused(client: FlaskClient, address: str) -> Page:
    found = checked(client.get(address), 409)
    assert everyone() == []
    assert client.get("/account/").status_code == 302
    return found


def test_a_callback_works_once(client: FlaskClient, twitter: Sandbox, kind: str) -> None:
    back = path_of(agree_at_twitter(off(client, kind), WHO))
    assert client.get(back).status_code == 303
    submit(client, page(client, "/account/"), "/logout/")
    assert "already used" in checked(client.get(back), 409).text
    assert client.get("/account/").status_code == 302


def test_a_callback_that_another_browser_began_is_refused(
    app: Flask, client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    back = path_of(agree_at_twitter(off(client, kind), WHO))
    stranger = app.test_client()
    assert "not begun in this browser" in refused(stranger, back).text
    off(stranger, kind)  # one that has begun something of its own is a stranger too
    assert "not begun in this browser" in refused(stranger, back).text
    assert client.get(back).status_code == 303


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?oauth_token=made-up&oauth_verifier=x",
        "?state=made-up&code=x",
        "?denied=made-up",
        "?error=access_denied",
        "?error=access_denied&state=made-up",
        "?error=%3Cscript%3E&state=x",
        "?oauth_token=%F0%9F&oauth_verifier=%ED%A0%80&state=%ED%A0%80&code=a",
        "?oauth_token=" + "a" * 4000,
    ],
)
def test_callbacks_made_up_are_a_page_that_says_so(
    client: FlaskClient, twitter: Sandbox, kind: str, query: str
) -> None:
    assert "<script>" not in refused(client, f"/login/twitter/{kind}/callback/{query}").html


def test_a_callback_without_its_proof_is_refused(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    query = parse_qs(urlsplit(agree_at_twitter(off(client, kind), WHO)).query)
    name = "oauth_token" if kind == "oauth1" else "state"
    found = refused(client, f"/login/twitter/{kind}/callback/?{name}={query[name][0]}")
    assert "without its proof" in found.text


def test_a_callback_with_a_wrong_proof_is_refused(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    back = path_of(agree_at_twitter(off(client, kind), WHO))
    assert "begin again" in refused(client, f"{back}spoilt").text


def test_a_callback_after_ten_minutes_is_refused(
    client: FlaskClient, twitter: Sandbox, kind: str, clock: FrozenClock
) -> None:
    back = path_of(agree_at_twitter(off(client, kind), WHO))
    clock.advance(10 * 60)
    assert "longer than ten minutes" in refused(client, back).text


def test_twitter_being_away_is_told_in_words(
    app: Flask, client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    back = path_of(agree_at_twitter(off(client, kind), WHO))
    set_up(app, twitter_api_root="http://127.0.0.1:9")  # the discard port: nobody listens
    assert "cannot be reached" in refused(client, back).text


def test_wrong_keys_of_our_own_are_told_in_words(
    app: Flask, client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    set_up(app, twitter_consumer_secret="wrong", twitter_client_secret="wrong")
    form = page(client, "/login/")
    answer = submit(client, form, f"/login/twitter/{kind}/")
    if kind == "oauth2":  # X is asked only when the person is back
        answer = client.get(path_of(agree_at_twitter(answer.location, WHO)))
    text = checked(answer, 409).text
    assert "refused the key" in text or "did not accept" in text


def test_a_way_that_is_switched_off_is_not_offered(
    app: Flask, client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    form = page(client, "/login/")
    set_up(app, twitter_sign_in=tuple(other for other in KINDS if other != kind))
    assert f"/login/twitter/{kind}/" not in page(client, "/login/").html
    assert "not switched on" in checked(submit(client, form, f"/login/twitter/{kind}/"), 409).text


def test_what_is_kept_meanwhile_is_encrypted_and_not_in_the_cookie(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    address = off(client, kind)
    row = db.session.scalars(select(SignInState)).one()
    query = parse_qs(urlsplit(address).query)
    key = query["oauth_token" if kind == "oauth1" else "state"][0]
    assert key not in row.key
    with client.session_transaction() as session:
        assert set(session) <= {"browser", "csrf_token", "_fresh"}
    assert len(row.value) > 100


def test_the_address_leads_to_twitter_with_pkce_and_read_scopes(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    address = off(client, kind)
    query = parse_qs(urlsplit(address).query)
    if kind == "oauth1":
        assert address.startswith(f"{twitter.url}/oauth/authenticate?oauth_token=")
        return
    assert address.startswith(f"{twitter.url}/i/oauth2/authorize?")
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == ["tweet.read users.read offline.access"]
    assert query["redirect_uri"] == ["http://localhost/login/twitter/oauth2/callback/"]


def test_starting_is_a_post_with_a_token(client: FlaskClient, twitter: Sandbox, kind: str) -> None:
    assert client.get(f"/login/twitter/{kind}/").status_code == 405
    assert client.post(f"/login/twitter/{kind}/").status_code == 400
    assert db.session.scalar(select(func.count(SignInState.key))) == 0


def test_the_next_page_is_ours_or_home(client: FlaskClient, twitter: Sandbox, kind: str) -> None:
    form = page(client, "/login/")
    for following in ("//evil.example", "https://evil.example/", "/\\evil.example"):
        address = submit(client, form, f"/login/twitter/{kind}/", next=following).location
        assert client.get(path_of(agree_at_twitter(address, WHO))).location == "/"
        form = page(client, "/about/")
        submit(client, form, "/logout/")
        form = page(client, "/login/")


# Linking ------------------------------------------------------------------------------------


@pytest.fixture
def ann(app: Flask) -> User:
    made = service.create("ann", GOOD).user
    db.session.commit()
    return made


def fresh(client: FlaskClient, account: User) -> FlaskClient:
    """Signed in by password a moment ago."""
    name = account.username
    submit(client, page(client, "/login/"), "/login/", username=name, password=GOOD)
    return client


def begin_link(client: FlaskClient, kind: str, who: str = WHO) -> str:
    started = submit(client, page(client, "/account/"), f"/account/twitter/{kind}/")
    return path_of(agree_at_twitter(started.location, who))


def test_a_user_links_after_seeing_both_names(
    client: FlaskClient, twitter: Sandbox, ann: User, kind: str
) -> None:
    answer = fresh(client, ann).get(begin_link(client, kind))
    assert answer.location == "/account/twitter/"
    assert db.session.get_one(User, ann.id).twitter_uid is None
    shown = page(client, "/account/twitter/")
    assert "ann" in shown.text
    assert f"@{WHO}" in shown.text
    assert submit(client, shown, "/account/twitter/").location == "/account/"
    found = db.session.get_one(User, ann.id)
    assert (found.twitter_uid, found.twitter_name) == (uid_of(twitter), WHO)
    assert db.session.scalars(select(Credential.user_id)).one() == ann.id
    submit(client, page(client, "/account/"), "/logout/")
    assert by_twitter(client, kind, WHO).status_code == 303
    assert "ann" in page(client, "/account/").text


def test_linking_wants_a_fresh_session(
    client: FlaskClient, twitter: Sandbox, ann: User, kind: str
) -> None:
    sign_in(client, ann)  # a session without a recent proof
    answer = submit(client, page(client, "/account/"), f"/account/twitter/{kind}/")
    assert answer.location.startswith("/login/confirm/")
    form = page(client, answer.location)
    wrong = submit(client, form, "/login/confirm/", password="not hers at all")
    assert "not your password" in checked(wrong, 422).text
    assert submit(client, form, "/login/confirm/", password=GOOD).status_code == 303
    assert begin_link(client, kind).startswith(f"/login/twitter/{kind}/callback/")


def test_somebody_who_signed_in_meanwhile_gets_no_link(
    client: FlaskClient, twitter: Sandbox, ann: User, reader: User, kind: str
) -> None:
    back = begin_link(fresh(client, ann), kind)
    with client.session_transaction() as session:
        browser = session["browser"]
    sign_in(client, reader)
    with client.session_transaction() as session:
        session["browser"] = browser
    assert "signed in as somebody else" in checked(client.get(back), 409).text
    assert {user.twitter_uid for user in everyone()} == {None}


def test_one_twitter_account_is_one_user(
    client: FlaskClient, twitter: Sandbox, ann: User, kind: str
) -> None:
    by_twitter(client, kind, WHO)
    submit(client, page(client, "/account/"), "/logout/")
    fresh(client, ann).get(begin_link(client, kind))
    shown = page(client, "/account/twitter/")
    assert f"belongs to another User here already: {WHO}" in shown.text
    assert "ask an administrator" in shown.text
    token = shown.all("input", name="csrf_token")[0].get("value")
    assert client.post("/account/twitter/", data={"csrf_token": token}).status_code == 422
    assert client.post("/account/twitter/join/", data={"csrf_token": token}).status_code == 403
    assert db.session.get_one(User, ann.id).twitter_uid is None


def test_an_administrator_joins_their_two_users_on_linking(
    client: FlaskClient, twitter: Sandbox, ann: User, kind: str
) -> None:
    by_twitter(client, kind, WHO)
    other = service.by_name(WHO)
    db.session.add(TwitterUserSet(owner_id=other.id, name="Floods"))
    ann.is_superuser = True
    submit(client, page(client, "/account/"), "/logout/")
    fresh(client, ann).get(begin_link(client, kind))
    shown = page(client, "/account/twitter/")
    answer = submit(client, shown, "/account/twitter/join/")
    assert answer.location == "/account/"
    assert f"@{WHO}" in page(client, "/account/").text
    assert [user.username for user in everyone()] == ["ann"]
    assert db.session.scalars(select(TwitterUserSet.owner_id)).one() == ann.id
    assert db.session.scalars(select(Credential.user_id)).one() == ann.id


def test_unlinking_forgets_the_token_here_and_at_twitter(
    client: FlaskClient, twitter: Sandbox, ann: User, kind: str
) -> None:
    fresh(client, ann).get(begin_link(client, kind))
    submit(client, page(client, "/account/twitter/"), "/account/twitter/")
    kept = db.session.scalars(select(Credential)).one()
    speaker = client_for(kept)
    assert speaker.me().name == WHO
    answer = submit(client, page(client, "/account/"), "/account/twitter/unlink/")
    assert answer.location == "/account/"
    assert db.session.get_one(User, ann.id).twitter_uid is None
    assert db.session.scalars(select(Credential)).all() == []
    with pytest.raises(Exception, match="Twitter"):
        speaker.me()
    assert "unlinked" in page(client, "/account/").text


def test_unlinking_works_while_twitter_is_away_and_says_so(
    app: Flask, client: FlaskClient, twitter: Sandbox, ann: User, kind: str
) -> None:
    fresh(client, ann).get(begin_link(client, kind))
    submit(client, page(client, "/account/twitter/"), "/account/twitter/")
    form = page(client, "/account/")
    set_up(app, twitter_api_root="http://127.0.0.1:9")
    submit(client, form, "/account/twitter/unlink/")
    assert "could not be told" in page(client, "/account/").text
    assert db.session.get_one(User, ann.id).twitter_uid is None


def test_who_has_no_password_cannot_unlink_themselves_out(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    by_twitter(client, kind, WHO)
    answer = submit(client, page(client, "/account/"), "/account/twitter/unlink/")
    assert "Choose a password first" in checked(answer, 422).text
    assert everyone()[0].twitter_uid is not None


def test_who_came_by_twitter_can_choose_a_password(
    client: FlaskClient, twitter: Sandbox, kind: str
) -> None:
    by_twitter(client, kind, WHO)
    form = page(client, "/account/password/")
    submit(client, form, "/account/password/", new=GOOD, again=GOOD)
    submit(client, page(client, "/account/"), "/logout/")
    fresh(client, everyone()[0])
    page(client, "/account/")


def test_what_was_done_is_in_the_audit_log_without_tokens(
    client: FlaskClient, twitter: Sandbox, ann: User, kind: str
) -> None:
    fresh(client, ann).get(begin_link(client, kind))
    submit(client, page(client, "/account/twitter/"), "/account/twitter/")
    tokens = credentials.open_secrets(db.session.scalars(select(Credential)).one())
    submit(client, page(client, "/account/"), "/account/twitter/unlink/")
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    actions = [entry.action for entry in entries]
    for action in ("sign_in.password", "user.twitter_linked", "credential.added"):
        assert action in actions
    assert actions[-2:] == ["credential.removed", "user.twitter_unlinked"]
    told = str([(entry.subject, entry.before, entry.after) for entry in entries])
    assert not [token for token in tokens.values() if token in told]
