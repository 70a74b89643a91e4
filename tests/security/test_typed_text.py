"""What a form without a token that fits shows again of what was typed: nothing that may be secret.

Every route that takes a form is sent every field that any form has, and some that none has.
"""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sfm.web.forms import form_fields, harmless_fields
from tests.pages import sign_in
from tests.security.samples import People, make_owned, people
from tests.security.walk import WITHOUT_TOKEN, is_safe, stops

pytestmark = pytest.mark.timeout(600)

# Nobody types a secret into these, and to lose one hurts. A new one is a decision of its own.
HARMLESS = {
    "locations", "name", "names", "new_set", "notes", "people", "profile_name", "reason",
    "rule_text", "words",
}  # fmt: skip
SECRETS = {"present", "new", "again", "password", "secret"}
UNKNOWN = {"pin", "passphrase", "bearer", "action", "back", "next"}
SAME_SITE = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def crowd(app: Flask) -> People:
    return people()


def canaries() -> dict[str, str]:
    names = form_fields() | SECRETS | UNKNOWN
    return {name: f"canary-{number}-typed" for number, name in enumerate(sorted(names))}


def shown_in(answer: TestResponse, typed: dict[str, str]) -> set[str]:
    whole = answer.text + "".join(f"{name}: {value}" for name, value in answer.headers)
    return {name for name, value in typed.items() if value in whole}


@pytest.mark.slow
@pytest.mark.parametrize("session", ["signed in", "ended"])
def test_no_form_without_its_token_shows_more_than_its_fields_declare_harmless(
    app: Flask, client: FlaskClient, crowd: People, session: str
) -> None:
    owned = make_owned(crowd.owner)
    typed = canaries()
    assert form_fields() > SECRETS | HARMLESS
    if session == "signed in":
        sign_in(client, crowd.superuser)
    walked: dict[str, set[str]] = {}
    for stop in stops(app, owned):
        if is_safe(stop) or stop.endpoint in WITHOUT_TOKEN:
            continue
        for headers in (SAME_SITE, {**SAME_SITE, "HX-Request": "true"}):
            for token in ({}, {"csrf_token": "token-of-another-session"}):
                data = {**typed, **token}
                answer = client.open(stop.address, method=stop.method, data=data, headers=headers)
                assert answer.status_code == 400, stop
                assert "token-of-another-session" not in answer.text
                walked[str(stop)] = walked.get(str(stop), set()) | shown_in(answer, typed)
    assert len(walked) > 20
    assert {name for shown in walked.values() for name in shown} == HARMLESS
    assert all(shown == HARMLESS for shown in walked.values())


def test_a_password_is_not_shown_by_a_form_whose_session_has_ended(
    app: Flask, client: FlaskClient, crowd: People
) -> None:
    sign_in(client, crowd.viewer)
    typed = {"present": "MyOldPassword-Zebra", "new": "correct-horse-NEW", "again": "other-NEW"}
    answer = client.post("/account/password/", data=typed, headers=SAME_SITE)
    assert answer.status_code == 400
    assert not shown_in(answer, typed)
    assert "What you had typed" not in answer.text


def test_a_name_is_harmless_only_where_every_form_says_so(app: Flask) -> None:
    assert harmless_fields() == HARMLESS


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        (SAME_SITE, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Referer": "http://localhost/sets/new/"}, True),
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://evil.example", "Referer": "http://localhost/"}, False),
        ({"Origin": "null", "Referer": "http://localhost/"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Referer": "https://evil.example/?http://localhost/"}, False),
        ({"Referer": "http://localhost@evil.example/"}, False),
        ({"Referer": "http://["}, False),
    ],
)
def test_no_other_site_has_text_of_its_own_shown_at_our_address(
    client: FlaskClient, headers: dict[str, str], shown: bool
) -> None:
    answer = client.post("/sets/new/", data={"notes": "Call 555-0100 at once"}, headers=headers)
    assert answer.status_code == 400
    assert bool(re.search("Call 555-0100", answer.text)) is shown
