"""Renewing OAuth 2.0 sign-ins: once only, stored before use, never lost (AP13)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from sfm import clock as clock_module
from sfm.config import Settings
from sfm.database import begin_write, db
from sfm.models import Credential, User
from sfm.networks.errors import CredentialProblem, Retry
from sfm.sandbox.server import Sandbox
from sfm.twitter.auth import UserToken
from sfm.users import credentials, service
from sfm.users.clients import client_for
from sfm.users.credentials import NewCredential
from sfm.users.encryption import vault
from sfm.users.token_refresh import Renewer
from tests.conftest import test_settings
from tests.threads import at_once

SCOPES = ("tweet.read", "users.read", "offline.access")
GOOD = "seven purple umbrellas rust"


@pytest.fixture
def settings(instance_folder: Path, database_url: str, twitter: Sandbox) -> Settings:
    return test_settings(
        instance_folder,
        database_url,
        twitter_api_root=twitter.url,
        twitter_client_id=twitter.app.client_id,
        twitter_client_secret=twitter.app.client_secret,
    )


@pytest.fixture
def signed_in(app: Flask, twitter: Sandbox) -> Credential:
    """A credential whose access token is too old by our clock."""
    uid = int(twitter.world.find("millbrook_lib").uid)
    answer = twitter.oauth2.tokens(uid, SCOPES)
    new = NewCredential(
        "oauth2",
        {"access_token": answer["access_token"], "refresh_token": answer["refresh_token"]},
        twitter_uid=uid,
        expires_at=clock_module.now() - timedelta(minutes=1),
    )
    kept = credentials.save(service.create("ann", GOOD).user, new)
    db.session.commit()
    return kept


def stored(credential: Credential) -> dict[str, str]:
    db.session.rollback()
    return credentials.open_secrets(
        db.session.get_one(Credential, credential.id, populate_existing=True)
    )


def refreshes(twitter: Sandbox) -> int:
    return sum(served.path == "/2/oauth2/token" for served in twitter.served)


def test_a_stale_token_is_renewed_and_stored_before_the_call(
    signed_in: Credential, twitter: Sandbox
) -> None:
    before = stored(signed_in)
    assert client_for(signed_in).me().name == "millbrook_lib"
    after = stored(signed_in)
    assert refreshes(twitter) == 1
    assert before["access_token"] != after["access_token"]
    assert before["refresh_token"] != after["refresh_token"]
    assert client_for(db.session.get_one(Credential, signed_in.id)).me().name == "millbrook_lib"
    assert refreshes(twitter) == 1


def test_many_threads_renew_once(app: Flask, signed_in: Credential, twitter: Sandbox) -> None:
    credential_id, names = signed_in.id, []

    def ask() -> None:
        with app.app_context():
            names.append(client_for(db.session.get_one(Credential, credential_id)).me().name)

    at_once(6, ask)
    assert names == ["millbrook_lib"] * 6
    assert refreshes(twitter) == 1


PROCESS = """
import sys
from sfm.factory import create_app
from sfm import config
from sfm.database import db
from sfm.models import Credential
app = create_app(config.from_env())
with app.app_context():
    from sfm.users.clients import client_for
    credential = db.session.get_one(Credential, int(sys.argv[1]))
    client = client_for(credential)
    print("ready", flush=True)
    sys.stdin.readline()
    print(client.me().name)
"""


@pytest.mark.slow
def test_four_processes_renew_once(
    app: Flask, settings: Settings, signed_in: Credential, twitter: Sandbox
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SFM_INSTANCE": str(settings.instance),
        "SFM_DATABASE_URL": settings.database_url,
        "SFM_TWITTER_API_ROOT": twitter.url,
        "SFM_TWITTER_CLIENT_ID": twitter.app.client_id,
        "SFM_TWITTER_CLIENT_SECRET": twitter.app.client_secret,
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(signed_in.id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).resolve().parents[2],
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in started] == ["millbrook_lib\n"] * 4
    assert refreshes(twitter) == 1


def test_a_refused_refresh_asks_for_a_new_sign_in(signed_in: Credential, twitter: Sandbox) -> None:
    twitter.oauth2._dead.update(
        note["family"] for note in [twitter.oauth2._read(stored(signed_in)["access_token"])] if note
    )
    with pytest.raises(CredentialProblem) as caught:
        client_for(signed_in).me()
    assert caught.value.kind == "sign_in_again"
    db.session.rollback()
    state = db.session.scalar(select(Credential.state).where(Credential.id == signed_in.id))
    assert state == "needs_sign_in"


@pytest.mark.parametrize("kind", ["internal-error", "bad-gateway", "cut-body"])
def test_a_passing_fault_keeps_the_sign_in(
    signed_in: Credential, twitter: Sandbox, kind: str
) -> None:
    before = stored(signed_in)
    fault = twitter.faults.add(kind, path="/2/oauth2/token", times=1, method="*")
    with pytest.raises(Retry):
        client_for(signed_in).me()
    assert fault.fired == 1
    assert stored(signed_in) == before


def renewer(app: Flask, credential: Credential, log: list[str]) -> Renewer:
    def renew(refresh_token: str) -> UserToken:
        log.append(refresh_token)
        return UserToken(
            f"access-{len(log)}", clock_module.now() + timedelta(hours=2), f"refresh-{len(log)}"
        )

    folder = app.extensions["sfm_settings"].instance
    return Renewer(db.engine, vault(), folder, credential.id, renew)


def old_token(credential: Credential) -> UserToken:
    kept = stored(credential)
    return UserToken(kept["access_token"], None, kept["refresh_token"])


def test_nothing_is_renewed_inside_a_transaction_that_could_not_store_it(
    app: Flask, signed_in: Credential
) -> None:
    log: list[str] = []
    old = old_token(signed_in)
    if db.engine.dialect.name != "sqlite":
        assert renewer(app, signed_in, log)(old).access_token == "access-1"
        return
    begin_write()
    db.session.add(User(username="ben"))
    db.session.flush()
    with pytest.raises(Retry):
        renewer(app, signed_in, log)(old)
    assert log == []


def test_a_token_that_could_not_be_stored_is_not_lost(app: Flask, signed_in: Credential) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("a locked file is SQLite's trouble")
    log: list[str] = []
    old = old_token(signed_in)
    renew = renewer(app, signed_in, log)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")  # comes from the pool again
    other = sqlite3.connect(db.engine.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retry, match="could not be saved"):
        renew(old)
    spare = next(app.extensions["sfm_settings"].instance.glob("renewal-*.token"))
    assert b"access-1" not in spare.read_bytes()
    assert spare.stat().st_mode & 0o077 == 0
    other.execute("ROLLBACK")
    assert renew(old).access_token == "access-1"
    assert len(log) == 1
    assert stored(signed_in)["refresh_token"] == "refresh-1"
    assert not spare.exists()


def test_a_spare_token_of_an_older_sign_in_is_not_used(app: Flask, signed_in: Credential) -> None:
    log: list[str] = []
    renew = renewer(app, signed_in, log)
    old = old_token(signed_in)
    first = renew(old)
    renew._keep_spare({"access_token": "stray", "refresh_token": "stray"}, first, old)
    assert renew(first).access_token == "access-2"
