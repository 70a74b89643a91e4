"""Signing in by both OAuth versions, with clients that others wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
import tweepy
from authlib.integrations.requests_client import OAuth1Session as AuthlibOAuth1
from authlib.integrations.requests_client import OAuth2Session
from requests_oauthlib import OAuth1Session

from sfm.sandbox.apps import RegisteredApp
from sfm.sandbox.server import Sandbox
from tests.sandbox.conftest import Get
from tests.sandbox.test_real_clients import Twarc, mount

BACK = "http://127.0.0.1:5000/oauth/callback"
KEYS = ("sandbox-consumer-key", "sandbox-consumer-secret")
SCOPES = "tweet.read users.read offline.access"


@pytest.fixture
def y() -> Iterator[Sandbox]:
    """A sandbox at the machine's own time, since clients sign with that."""
    with Sandbox() as sandbox:
        yield sandbox


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: value.replace("&amp;", "&") for name, value in found}


def decide(
    y: Sandbox, address: str, who: str, decision: str = "allow", **more: str
) -> requests.Response:
    """Open the consent page as a person would, pick somebody, press a button."""
    page = requests.get(address, timeout=5)
    assert page.status_code == 200, page.text
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert action
    form = {**hidden(page.text), "person": str(y.world.find(who).uid), "decision": decision, **more}
    answer = requests.post(y.url + action[1], data=form, timeout=5, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    return answer


def returned(answer: requests.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def begin(y: Sandbox, callback: str = BACK) -> tuple[OAuth1Session, dict[str, str]]:
    session = OAuth1Session(*KEYS, callback_uri=callback)
    return session, session.fetch_request_token(f"{y.url}/oauth/request_token")


# OAuth 1.0a ---------------------------------------------------------------------------------


def test_three_legs_lead_to_a_token_that_reads_as_that_person(y: Sandbox) -> None:
    _, token = begin(y)
    assert token["oauth_callback_confirmed"] == "true"
    address = f"{y.url}/oauth/authenticate?oauth_token={token['oauth_token']}"
    back = returned(decide(y, address, "quiet_keeper"))
    assert back["oauth_token"] == token["oauth_token"]
    session = OAuth1Session(
        *KEYS, token["oauth_token"], token["oauth_token_secret"], verifier=back["oauth_verifier"]
    )
    access = session.fetch_access_token(f"{y.url}/oauth/access_token")
    person = y.world.find("quiet_keeper")
    assert (access["user_id"], access["screen_name"]) == (str(person.uid), "quiet_keeper")
    assert access["oauth_token"].startswith(f"{person.uid}-")
    user = OAuth1Session(*KEYS, access["oauth_token"], access["oauth_token_secret"])
    assert user.get(f"{y.url}/2/users/me").json()["data"]["username"] == "quiet_keeper"
    own = user.get(f"{y.url}/2/users/{person.uid}/tweets", params={"max_results": "5"}).json()
    assert len(own["data"]) >= 4, "one's own protected posts can be read"
    assert user.get(f"{y.url}/1.1/account/verify_credentials.json").json()["id_str"] == str(
        person.uid
    )


def test_authlib_signs_what_the_sandbox_accepts(y: Sandbox) -> None:
    session = AuthlibOAuth1(*KEYS, redirect_uri=f"{BACK}?next=admin&x=1")
    token = session.fetch_request_token(f"{y.url}/oauth/request_token")
    address = session.create_authorization_url(f"{y.url}/oauth/authorize")
    answer = decide(y, address, "A1")
    assert returned(answer)["next"] == "admin"
    session.parse_authorization_response(answer.headers["Location"])
    access = session.fetch_access_token(f"{y.url}/oauth/access_token")
    assert access["screen_name"] == "A1"
    assert token["oauth_token"] != access["oauth_token"]
    params = {"usernames": "A1,FerryNotes", "user.fields": "created_at,public_metrics"}
    assert len(session.get(f"{y.url}/2/users/by", params=params).json()["data"]) == 2


def test_tweepy_and_twarc_sign_for_xs_own_address(y: Sandbox) -> None:
    person = y.world.find("millbrook_lib")
    token, secret = y.oauth1.access_token(person.uid)
    client = tweepy.Client(None, *KEYS, token, secret)
    mount(client.session, y.url)
    assert client.get_me().data.username == "millbrook_lib"
    twarc = Twarc(
        y.url,
        consumer_key=KEYS[0],
        consumer_secret=KEYS[1],
        access_token=token,
        access_token_secret=secret,
    )
    pages = list(twarc.user_lookup(["A1"], usernames=True))
    assert pages[0]["data"][0]["username"] == "A1"


@pytest.mark.parametrize(("keys", "status"), [((KEYS[0], "wrong"), 401), (("wrong", KEYS[1]), 401)])
def test_wrong_consumer_keys_are_code_32(y: Sandbox, keys: tuple[str, str], status: int) -> None:
    answer = OAuth1Session(*keys, callback_uri=BACK).post(f"{y.url}/oauth/request_token")
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"] == 32


def test_wrong_token_secret_and_tampered_query_are_refused(y: Sandbox) -> None:
    token, secret = y.oauth1.access_token(y.world.find("A1").uid)
    verify = f"{y.url}/1.1/account/verify_credentials.json"
    assert OAuth1Session(*KEYS, token, secret).get(verify).ok
    wrong = OAuth1Session(*KEYS, token, secret[:-1]).get(verify)
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (401, 32)
    unknown = OAuth1Session(*KEYS, "12-abc", secret).get(verify)
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (401, 89)
    unsigned = requests.get(verify, timeout=5)
    assert (unsigned.status_code, unsigned.json()["errors"][0]["code"]) == (400, 215)
    session = OAuth1Session(*KEYS, token, secret)
    signed = session.prepare_request(requests.Request("GET", f"{y.url}/2/users/by?usernames=A1"))
    signed.prepare_auth(session.auth)
    signed.url = signed.url.replace("A1", "TideLine")  # type: ignore[union-attr]
    assert requests.Session().send(signed, timeout=5).status_code == 401


def test_same_nonce_twice_is_refused(y: Sandbox) -> None:
    token, secret = y.oauth1.access_token(y.world.find("A1").uid)
    session = OAuth1Session(*KEYS, token, secret)
    signed = session.prepare_request(requests.Request("GET", f"{y.url}/2/users/me"))
    codes = [requests.Session().send(signed, timeout=5).status_code for _ in range(2)]
    assert codes == [200, 401]


def test_old_timestamp_is_code_135(y: Sandbox) -> None:
    session = OAuth1Session(*KEYS, callback_uri=BACK, timestamp="1500000000")
    answer = session.post(f"{y.url}/oauth/request_token")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, 135)


def test_foreign_callback_is_code_415() -> None:
    listed = RegisteredApp(callbacks=("https://sfm.example.org/oauth/callback",))
    with Sandbox(app=listed) as y:
        for callback, status in (
            ("https://sfm.example.org/oauth/callback?next=1", 200),
            ("https://sfm.example.org/oauth/other", 403),
            (BACK, 403),
        ):
            session = OAuth1Session(*KEYS, callback_uri=callback)
            answer = session.post(f"{y.url}/oauth/request_token")
            assert answer.status_code == status
        assert answer.json()["errors"][0]["code"] == 415
    with Sandbox() as y:
        session = OAuth1Session(*KEYS, callback_uri="https://elsewhere.example/")
        assert session.post(f"{y.url}/oauth/request_token").status_code == 403
        assert OAuth1Session(*KEYS).post(f"{y.url}/oauth/request_token").status_code == 400


def test_denial_comes_back_as_denied(y: Sandbox) -> None:
    _, token = begin(y)
    address = f"{y.url}/oauth/authenticate?oauth_token={token['oauth_token']}"
    assert returned(decide(y, address, "A1", "deny")) == {"denied": token["oauth_token"]}
    assert requests.get(address, timeout=5).status_code == 403, "it is used up"


def test_request_token_and_verifier_serve_once(y: Sandbox) -> None:
    _, token = begin(y)
    address = f"{y.url}/oauth/authorize?oauth_token={token['oauth_token']}"
    verifier = returned(decide(y, address, "A1"))["oauth_verifier"]
    pair = (token["oauth_token"], token["oauth_token_secret"])
    path = f"{y.url}/oauth/access_token"
    wrong = OAuth1Session(*KEYS, *pair, verifier="guess").post(path)
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (401, 32)
    first = OAuth1Session(*KEYS, *pair, verifier=verifier).post(path)
    again = OAuth1Session(*KEYS, *pair, verifier=verifier).post(path)
    assert (first.status_code, again.status_code) == (200, 401)


def test_unapproved_request_token_gives_nothing(y: Sandbox) -> None:
    _, token = begin(y)
    pair = (token["oauth_token"], token["oauth_token_secret"])
    answer = OAuth1Session(*KEYS, *pair, verifier="").post(f"{y.url}/oauth/access_token")
    assert answer.status_code == 401


def test_remembered_person_is_not_asked_again_unless_forced(y: Sandbox) -> None:
    browser = requests.Session()
    _, token = begin(y)
    page = browser.get(f"{y.url}/oauth/authenticate?oauth_token={token['oauth_token']}")
    person = str(y.world.find("A1").uid)
    form = {**hidden(page.text), "person": person, "decision": "allow", "remember": "1"}
    browser.post(f"{y.url}/oauth/authenticate", data=form, allow_redirects=False)
    _, token = begin(y)
    address = f"{y.url}/oauth/authenticate?oauth_token={token['oauth_token']}"
    assert browser.get(f"{address}&force_login=true", allow_redirects=False).status_code == 200
    straight = browser.get(address, allow_redirects=False)
    assert straight.status_code == 302
    assert "oauth_verifier" in returned(straight)


def test_pin_is_shown_where_there_is_no_callback(y: Sandbox) -> None:
    _, token = begin(y, "oob")
    form = {
        "oauth_token": token["oauth_token"],
        "person": str(y.world.find("A1").uid),
        "decision": "allow",
    }
    page = requests.post(f"{y.url}/oauth/authorize", data=form, timeout=5)
    pin = re.search(r'id="pin">([^<]+)<', page.text)
    assert pin
    pair = (token["oauth_token"], token["oauth_token_secret"])
    session = OAuth1Session(*KEYS, *pair, verifier=pin[1])
    assert session.post(f"{y.url}/oauth/access_token").status_code == 200


def test_invalidated_token_is_code_89_and_the_next_is_another(y: Sandbox) -> None:
    uid = y.world.find("A1").uid
    token, secret = y.oauth1.access_token(uid)
    session = OAuth1Session(*KEYS, token, secret)
    assert session.post(f"{y.url}/1.1/oauth/invalidate_token").json() == {"access_token": token}
    answer = session.get(f"{y.url}/1.1/account/verify_credentials.json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, 89)
    assert session.get(f"{y.url}/2/users/me").status_code == 401
    assert y.oauth1.access_token(uid)[0] != token


def test_access_tokens_outlive_a_restart(y: Sandbox) -> None:
    token, secret = y.oauth1.access_token(y.world.find("A1").uid)
    with Sandbox() as again:
        session = OAuth1Session(*KEYS, token, secret)
        assert session.get(f"{again.url}/2/users/me").json()["data"]["username"] == "A1"


def test_suspended_people_cannot_be_picked_and_are_code_64(y: Sandbox) -> None:
    _, token = begin(y)
    page = requests.get(f"{y.url}/oauth/authorize?oauth_token={token['oauth_token']}", timeout=5)
    assert "@spam_fountain" not in page.text
    person = y.world.find("A1")
    pair = y.oauth1.access_token(person.uid)
    y.world.set_state(person, "suspended")
    answer = OAuth1Session(*KEYS, *pair).get(f"{y.url}/1.1/account/verify_credentials.json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, 64)


# The app's own token ------------------------------------------------------------------------


def test_app_token_comes_for_the_keys_until_it_is_invalidated(y: Sandbox) -> None:
    path, grant = f"{y.url}/oauth2/token", {"grant_type": "client_credentials"}
    wrong = requests.post(path, data=grant, auth=(KEYS[0], "x"), timeout=5)
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (403, 99)
    first, again = (requests.post(path, data=grant, auth=KEYS, timeout=5).json() for _ in range(2))
    assert first == again
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    read = f"{y.url}/2/users/by/username/A1"
    assert requests.get(read, headers=headers, timeout=5).ok
    done = {"access_token": first["access_token"]}
    path_end = f"{y.url}/oauth2/invalidate_token"
    assert requests.post(path_end, data=done, auth=KEYS, timeout=5).json() == done
    assert requests.get(read, headers=headers, timeout=5).status_code == 401


# OAuth 2.0 ----------------------------------------------------------------------------------


def oauth2_session(**more: Any) -> OAuth2Session:
    return OAuth2Session(
        "sandbox-client-id",
        "sandbox-client-secret",
        scope=SCOPES,
        redirect_uri=BACK,
        code_challenge_method="S256",
        **more,
    )


VERIFIER = "a-verifier-that-is-long-enough-for-pkce-0123456789"


def consent(y: Sandbox, session: OAuth2Session, who: str, decision: str = "allow") -> str:
    address, _ = session.create_authorization_url(
        f"{y.url}/i/oauth2/authorize", code_verifier=VERIFIER
    )
    return decide(y, address, who, decision).headers["Location"]


def signed_in(y: Sandbox, who: str = "A1") -> tuple[OAuth2Session, dict[str, Any]]:
    session = oauth2_session()
    location = consent(y, session, who)
    token = session.fetch_token(
        f"{y.url}/2/oauth2/token", authorization_response=location, code_verifier=VERIFIER
    )
    return session, token


def refresh(y: Sandbox, token: str) -> requests.Response:
    return requests.post(
        f"{y.url}/2/oauth2/token",
        data={"grant_type": "refresh_token", "refresh_token": token},
        auth=("sandbox-client-id", "sandbox-client-secret"),
        timeout=5,
    )


def test_code_and_pkce_lead_to_a_token_that_reads(y: Sandbox) -> None:
    session, token = signed_in(y, "members_only_x")
    assert token["expires_in"] == 7_200
    assert set(token["scope"].split()) == set(SCOPES.split())
    me = session.get(f"{y.url}/2/users/me").json()["data"]
    assert me["username"] == "members_only_x"
    own = session.get(f"{y.url}/2/users/{me['id']}/tweets").json()
    assert own["data"]


def test_denial_is_access_denied_with_the_state(y: Sandbox) -> None:
    location = consent(y, oauth2_session(), "A1", "deny")
    back = parse_qs(urlsplit(location).query)
    assert back["error"] == ["access_denied"]
    assert "state" in back
    assert "code" not in back


def test_refresh_rotates_and_old_access_tokens_end_with_their_time(y: Sandbox) -> None:
    _, token = signed_in(y)
    y.clock.advance(7_201)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert requests.get(f"{y.url}/2/users/me", headers=headers, timeout=5).status_code == 401
    new = refresh(y, token["refresh_token"]).json()
    assert new["refresh_token"] != token["refresh_token"]
    headers = {"Authorization": f"Bearer {new['access_token']}"}
    assert requests.get(f"{y.url}/2/users/me", headers=headers, timeout=5).status_code == 200


def test_reused_refresh_token_ends_the_whole_family(y: Sandbox) -> None:
    _, token = signed_in(y)
    new = refresh(y, token["refresh_token"]).json()
    reused = refresh(y, token["refresh_token"])
    assert reused.status_code == 400
    assert reused.json() == {
        "error": "invalid_request",
        "error_description": "Value passed for the token was invalid.",
    }
    assert refresh(y, new["refresh_token"]).status_code == 400
    headers = {"Authorization": f"Bearer {new['access_token']}"}
    assert requests.get(f"{y.url}/2/users/me", headers=headers, timeout=5).status_code == 401
    _, other = signed_in(y)
    assert refresh(y, other["refresh_token"]).ok, "other families go on"


def test_long_chain_of_refreshes_holds(y: Sandbox) -> None:
    _, token = signed_in(y)
    for _ in range(5):
        answer = refresh(y, token["refresh_token"])
        assert answer.status_code == 200
        token = answer.json()


def test_revoked_token_is_dead_with_its_family(y: Sandbox) -> None:
    session, token = signed_in(y)
    answer = session.revoke_token(f"{y.url}/2/oauth2/revoke", token["refresh_token"])
    assert answer.json() == {"revoked": True}
    assert session.get(f"{y.url}/2/users/me").status_code == 401
    assert refresh(y, token["refresh_token"]).status_code == 400


def test_code_serves_once_for_half_a_minute_with_its_verifier(y: Sandbox) -> None:
    def redeem(code: str, **more: str) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        return requests.post(
            f"{y.url}/2/oauth2/token",
            data={**form, "code_verifier": VERIFIER, **more},
            auth=("sandbox-client-id", "sandbox-client-secret"),
            timeout=5,
        )

    def code() -> str:
        location = consent(y, oauth2_session(), "A1")
        return parse_qs(urlsplit(location).query)["code"][0]

    good = code()
    assert [redeem(good).status_code, redeem(good).status_code] == [200, 400]
    assert redeem(code(), code_verifier="another").status_code == 400
    assert redeem(code(), redirect_uri=BACK + "/x").status_code == 400
    late = code()
    y.clock.advance(31)
    assert redeem(late).status_code == 400


def test_wrong_client_is_a_401(y: Sandbox) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    for auth in (("sandbox-client-id", "wrong"), ("wrong", "sandbox-client-secret")):
        answer = requests.post(f"{y.url}/2/oauth2/token", data=form, auth=auth, timeout=5)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized_client")
    form["client_id"] = "sandbox-client-id"
    assert requests.post(f"{y.url}/2/oauth2/token", data=form, timeout=5).status_code == 401


def test_public_client_needs_no_secret() -> None:
    with Sandbox(app=RegisteredApp(client_secret="")) as y:
        form = {"grant_type": "refresh_token", "client_id": "sandbox-client-id"}
        form["refresh_token"] = y.oauth2.tokens(5, tuple(SCOPES.split()))["refresh_token"]
        assert requests.post(f"{y.url}/2/oauth2/token", data=form, timeout=5).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "someone"},
        {"redirect_uri": "https://elsewhere.example/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"response_type": "token"},
        {"scope": "everything"},
        {"scope": ""},
        {"code_challenge": ""},
        {"code_challenge_method": "S1"},
        {"state": "x" * 501},
    ],
)
def test_wrong_consent_request_is_a_page_and_no_redirect(y: Sandbox, wrong: dict[str, str]) -> None:
    right = {
        "response_type": "code",
        "client_id": "sandbox-client-id",
        "redirect_uri": BACK,
        "scope": SCOPES,
        "state": "s",
        "code_challenge": "c",
        "code_challenge_method": "S256",
    }
    assert requests.get(f"{y.url}/i/oauth2/authorize", params=right, timeout=5).ok
    for call, kind in ((requests.get, "params"), (requests.post, "data")):
        send: dict[str, Any] = {kind: {**right, **wrong}}
        answer = call(f"{y.url}/i/oauth2/authorize", timeout=5, allow_redirects=False, **send)
        assert answer.status_code == 400
        assert "Location" not in answer.headers


def test_token_without_the_read_scopes_is_forbidden(y: Sandbox) -> None:
    token = y.oauth2.tokens(y.world.find("A1").uid, ("like.read",))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{y.url}/2/users/me", headers=headers, timeout=5)
    assert answer.status_code == 403
    assert "tweet.read" in answer.json()["detail"]


def test_user_tokens_have_limits_of_their_own(x: Sandbox, get: Get) -> None:
    token = x.oauth2.tokens(x.world.find("A1").uid, tuple(SCOPES.split()))["access_token"]
    x.limits.enabled = True
    x.limits.set("users/by/username", 1)
    path = f"{x.url}/2/users/by/username/A1"
    headers = {"Authorization": f"Bearer {token}"}
    codes = [requests.get(path, headers=headers, timeout=5).status_code for _ in range(2)]
    assert codes == [200, 429]
    assert get("/2/users/by/username/A1").status_code == 200


def test_faults_strike_sign_in_too(y: Sandbox) -> None:
    fault = y.faults.add("unavailable", path="/2/oauth2/token")
    assert refresh(y, "x").status_code == 503
    assert fault.fired == 1


def test_consent_page_escapes_names(y: Sandbox) -> None:
    _, token = begin(y)
    page = requests.get(f"{y.url}/oauth/authorize?oauth_token={token['oauth_token']}", timeout=5)
    assert "Plum &amp; Rye &lt;bakery&gt;" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
