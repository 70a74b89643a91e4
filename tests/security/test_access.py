"""Every route against everybody who may knock; every unsafe one without its token; no GET writes.

The routes come from the app itself. One without an access rule, or whose address names a thing
that samples.py does not know, fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from sfm.config import Settings
from sfm.database import Base, db
from sfm.models import User
from tests.conftest import test_settings
from tests.pages import page, sign_in
from tests.security.samples import People, make_owned, people
from tests.security.walk import WITHOUT_TOKEN, Stop, is_safe, stops

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# The sample's own owner finds nothing at these: no file was made for it.
NOTHING_TO_SEE = {"exports.file"}
# These answer to GET and write. What each may do is in docs/security.md, S7.
WRITES_ON_GET = {
    "twitter_sign_in.callback": "what the protocol prescribes; worth nothing without our own state",
    "exports.file": "counts the download, and says in the audit log who took what",
    "exports.of_account": "an old address: makes the file, and says in the audit log who took it",
}

IDENTITIES = ("anonymous", "viewer", "owner", "other_owner", "superuser", "deactivated")


@pytest.fixture
def settings(instance_folder: Path, database_url: str) -> Settings:
    """Twitter is at the discard port: what is asked of it fails at once."""
    plain = test_settings(instance_folder, database_url)
    return replace(
        plain,
        twitter_api_root="http://127.0.0.1:9",
        twitter_sign_in=("oauth1", "oauth2"),
        twitter_consumer_key="key",
        twitter_consumer_secret="secret",
        twitter_client_id="client",
    )


@pytest.fixture
def crowd(app: Flask) -> People:
    return people()


@pytest.fixture
def owned(crowd: People) -> dict[str, int]:
    return make_owned(crowd.owner)


def knock(client: FlaskClient, crowd: People, identity: str, stop: Stop) -> TestResponse:
    """One request as this person, with the token of a page of their own."""
    client.delete_cookie("sfm")
    if identity != "anonymous":
        account = db.session.get(User, getattr(crowd, identity).id)
        assert account is not None
        sign_in(client, account)
    if is_safe(stop):
        return client.get(stop.address)
    form = page(client, "/about/" if identity not in ("anonymous", "deactivated") else "/login/")
    token = form.all("input", name="csrf_token")[0].get("value")
    return client.post(stop.address, data={"csrf_token": token})


def verdict(answer: TestResponse) -> str:
    """What became of somebody who knocked."""
    to_sign_in = answer.status_code == 302 and (answer.location or "").startswith("/login/?next=")
    if to_sign_in or answer.status_code == 401:
        return "sent to sign in"
    if answer.status_code == 500:
        return "broken"
    return {403: "refused", 404: "not there"}.get(answer.status_code, "let in")


def expected(stop: Stop, identity: str) -> set[str]:
    """What may become of them, by the route's own rule."""
    if stop.rule.who == "public":
        return {"let in", "not there"}
    if identity in ("anonymous", "deactivated"):
        return {"sent to sign in"}
    if stop.rule.who == "superuser":
        return {"let in", "not there"} if identity == "superuser" else {"refused"}
    if stop.rule.who == "owner":
        if identity == "superuser":
            return {"let in", "not there"}
        if not stop.names_a_thing:  # things are named in the form: none is, here
            return {"let in", "not there"}
        if identity != "owner":
            return {"not there"}
        return {"let in", "not there"} if stop.endpoint in NOTHING_TO_SEE else {"let in"}
    return {"let in", "not there"}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_every_route_lets_in_whom_its_rule_says(
    app: Flask, client: FlaskClient, crowd: People, owned: dict[str, int], identity: str
) -> None:
    wrong, walked = [], 0
    # What only reads first: what deletes would take away what the others ask for.
    for stop in sorted(stops(app, owned), key=lambda stop: (not is_safe(stop), _deletes(stop))):
        found = verdict(knock(client, crowd, identity, stop))
        walked += 1
        if found not in expected(stop, identity):
            wrong.append(f"{stop}: {found}, not {expected(stop, identity)}")
    assert walked > 40
    assert not wrong


def _deletes(stop: Stop) -> bool:
    return any(word in stop.address for word in ("delete", "remove", "forget", "cancel"))


def test_every_unsafe_method_without_a_token_is_refused(
    app: Flask, client: FlaskClient, crowd: People, owned: dict[str, int]
) -> None:
    sign_in(client, crowd.superuser)
    before = contents()
    unsafe = [stop for stop in stops(app, owned) if not is_safe(stop)]
    assert len(unsafe) > 20
    open_to_all = set()
    for stop in unsafe:
        for more in ({}, {"csrf_token": ""}, {"csrf_token": "made-up"}):
            for headers in ({}, {"HX-Request": "true"}):
                answer = client.open(stop.address, method=stop.method, data=more, headers=headers)
                if answer.status_code != 400:
                    open_to_all.add(stop.endpoint)
    assert open_to_all == WITHOUT_TOKEN
    assert contents() == before


def test_no_get_writes(
    app: Flask, client: FlaskClient, crowd: People, owned: dict[str, int]
) -> None:
    safe = [stop for stop in stops(app, owned) if is_safe(stop)]
    assert len(safe) > 20
    wrote: set[str] = set()
    for identity in ("superuser", "owner"):
        sign_in(client, getattr(crowd, identity))
        before = contents()
        for stop in safe:
            for headers in ({}, {"HX-Request": "true"}):
                client.get(stop.address, headers=headers)
                after = contents()
                if after != before:
                    wrote.add(stop.endpoint)
                    before = after
    assert wrote <= set(WRITES_ON_GET)


def contents() -> str:
    """A hash of everything in the database."""
    db.session.commit()
    whole = hashlib.sha256()
    for table in Base.metadata.sorted_tables:
        rows = db.session.execute(select(table)).all()
        whole.update(f"{table.name} {sorted(map(repr, rows))}".encode())
    db.session.rollback()
    return whole.hexdigest()


def test_a_form_reads_the_fields_it_lists_and_no_others(
    client: FlaskClient, crowd: People, owned: dict[str, int]
) -> None:
    """S41: rights do not come in with a form for something else."""
    sign_in(client, crowd.viewer)
    token = page(client, "/account/").all("input", name="csrf_token")[0].get("value")
    smuggled = {
        "csrf_token": token,
        "is_superuser": "1",
        "is_active": "1",
        "user_id": str(crowd.owner.id),
        "owner_id": str(crowd.owner.id),
        "username": "superuser",
    }
    forms: Iterator[tuple[str, dict[str, str]]] = iter(
        [
            ("/account/time-zone/", {"time_zone": "Europe/Berlin"}),
            ("/account/credentials/", {"secret": "AAAAAAAAAAAAAAAAAAAA-mine", "label": "x"}),
        ]
    )
    for address, fields in forms:
        assert client.post(address, data={**smuggled, **fields}).status_code == 303
    viewer = db.session.get_one(User, crowd.viewer.id)
    assert (viewer.is_superuser, viewer.username, viewer.time_zone) == (
        False, "viewer", "Europe/Berlin",
    )  # fmt: skip
    assert [one.label for one in viewer.credentials] == ["x"]
