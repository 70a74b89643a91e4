"""Secrets planted everywhere one can be entered are looked for everywhere one could turn up (S17):
logs, the database, pages, configuration, process lists, error pages. None may be found.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from sfm import audit
from sfm.config import Settings
from sfm.database import Base, db
from sfm.models import Credential, User
from sfm.sandbox.apps import RegisteredApp
from sfm.sandbox.server import Sandbox
from sfm.users import credentials, service, sign_in, twitter_sign_in
from sfm.users.clients import client_for, default_client
from tests.conftest import test_settings
from tests.pages import page, submit
from tests.security.samples import make_owned, people
from tests.security.walk import is_safe, stops
from tests.users.conftest import agree_at_twitter, path_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PASSWORD = "canary purple umbrella 4711"
CANARIES = {
    "password": PASSWORD,
    "wrong password": "canary-typed-wrong-4712",
    "bearer": "canary-bearer-AAAAAAAAAAAAAAAAAAAA-4713",
    "settings bearer": "canary-settings-AAAAAAAAAAAAAAAAAA-4714",
    "consumer secret": "canary-consumer-secret-4715",
    "client secret": "canary-client-secret-4716",
    "secret key": "canary-session-key-zyxwvutsrqponmlk-4717",
    "access token": "4718-canaryaccesstokenabcdefghijk",
    "access token secret": "canaryaccesstokensecret4719abcdefgh",
}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sandbox() -> object:
    app = RegisteredApp(
        consumer_secret=CANARIES["consumer secret"], client_secret=CANARIES["client secret"]
    )
    with Sandbox(seed=7, bearer_tokens=(CANARIES["bearer"],), app=app) as sandbox:
        yield sandbox


@pytest.fixture
def settings(instance_folder: Path, database_url: str, sandbox: Sandbox) -> Settings:
    return replace(
        test_settings(instance_folder, database_url),
        secret_key=CANARIES["secret key"],
        twitter_api_root=sandbox.url,
        twitter_bearer_token=CANARIES["settings bearer"],
        twitter_consumer_key=sandbox.app.consumer_key,
        twitter_consumer_secret=CANARIES["consumer secret"],
        twitter_client_id=sandbox.app.client_id,
        twitter_client_secret=CANARIES["client secret"],
        twitter_sign_in=("oauth1", "oauth2"),
        twitter_entry=("anyone",),
    )


def found_in(whole: str | bytes, more: dict[str, str] | None = None) -> list[str]:
    text_ = whole.decode("utf-8", "replace") if isinstance(whole, bytes) else whole
    return [name for name, value in {**CANARIES, **(more or {})}.items() if value in text_]


@pytest.fixture
def planted(
    app: Flask, client: FlaskClient, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> dict[str, str]:
    """Everything that takes a secret has been given one, and has been used; gives more of them."""
    caplog.set_level(logging.DEBUG)
    boss = service.create("boss", PASSWORD, superuser=True).user
    kept = credentials.save(boss, credentials.bearer(CANARIES["bearer"]))
    credentials.save(
        boss, credentials.oauth1(CANARIES["access token"], CANARIES["access token secret"])
    )
    one_time = service.create("novice").one_time_password or ""
    db.session.commit()
    for name, password in (("boss", CANARIES["wrong password"]), (PASSWORD, "x")):
        with pytest.raises(sign_in.SignInRefused):
            sign_in.with_password(name, password, "127.0.0.1")
    client_for(kept).account_by_name("millbrook_lib")
    with pytest.raises(Exception, match="Twitter"):
        default_client().account_by_name("millbrook_lib")  # the setting's token is refused
    tokens = {}
    for kind in ("oauth1", "oauth2"):
        form = page(client, "/login/")
        off = submit(client, form, f"/login/twitter/{kind}/").location
        client.get(path_of(agree_at_twitter(off, "millbrook_lib")))
        submit(client, page(client, "/account/"), "/logout/")
    for credential in db.session.scalars(select(Credential)):
        for name, value in credentials.open_secrets(credential).items():
            tokens[f"{credential.kind} {credential.id} {name}"] = value
    return {"one-time password": one_time, **tokens}


def test_the_canaries_were_really_planted(app: Flask, planted: dict[str, str]) -> None:
    kept = [credentials.open_secrets(one) for one in db.session.scalars(select(Credential))]
    assert found_in(str(kept)) == ["bearer", "access token", "access token secret"]
    assert len(planted) >= 8
    assert twitter_sign_in.enabled_methods() == ("oauth1", "oauth2")


def test_no_secret_is_in_the_log(planted: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    records = caplog.get_records("setup")
    assert len(records) > 10
    lines = [record.getMessage() + str(record.exc_text or "") for record in records]
    assert found_in("\n".join(lines), planted) == []


def test_no_secret_is_in_the_database(
    app: Flask, settings: Settings, planted: dict[str, str]
) -> None:
    db.session.commit()
    rows = [
        repr(row)
        for table in Base.metadata.sorted_tables
        for row in db.session.execute(select(table)).all()
    ]
    assert len(rows) > 5
    assert found_in("\n".join(rows), planted) == []
    if db.engine.dialect.name == "sqlite":
        for file in settings.instance.glob("sfm.sqlite3*"):
            assert found_in(file.read_bytes(), planted) == [], file


def test_no_secret_is_on_any_page(app: Flask, client: FlaskClient, planted: dict[str, str]) -> None:
    owned = make_owned(people().owner)
    submit(client, page(client, "/login/"), "/login/", username="boss", password=PASSWORD)
    seen, wrong = 0, []
    for stop in stops(app, owned):
        if not is_safe(stop):
            continue
        answer = client.get(stop.address)
        seen += 1
        whole = answer.get_data() + str(answer.headers).encode()
        wrong += [f"{stop}: {name}" for name in found_in(whole, planted)]
    boss = service.by_name("boss")
    for address in (f"/admin/users/{boss.id}/", "/account/", "/admin/audit/"):
        wrong += [f"{address}: {name}" for name in found_in(page(client, address).html, planted)]
    assert seen > 20
    assert not wrong


def test_no_secret_is_on_an_error_page_or_in_its_log(
    app: Flask, client: FlaskClient, planted: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """A statement that fails has its values hidden; a form that is refused is not shown whole."""
    fields = {"username": "boss", "password": PASSWORD, "secret": CANARIES["bearer"]}
    refused = client.post("/login/", data=fields)  # without a token
    assert refused.status_code == 400
    assert found_in(refused.get_data(), planted) == []
    with pytest.raises(Exception, match="parameters hidden") as caught:
        db.session.execute(
            text("INSERT INTO user_account (username) VALUES (:name)"),
            {"name": CANARIES["bearer"]},
        )
    db.session.rollback()
    logging.getLogger("sfm.test").exception("failed", exc_info=caught.value)
    lines = [record.getMessage() + str(record.exc_info) for record in caplog.records]
    assert found_in("\n".join(lines), planted) == []


def test_no_secret_is_in_a_repr(app: Flask, settings: Settings, planted: dict[str, str]) -> None:
    shown = [repr(settings), repr(app.extensions["sfm_settings"])]
    for credential in db.session.scalars(select(Credential)):
        shown += [repr(credential), repr(credential.user)]
        if credential.kind != "oauth2":
            client = client_for(credential)
            shown += [repr(client), repr(client.transport.auth)]
    assert found_in(" ".join(shown), planted) == []


def test_no_secret_is_in_the_process_list(
    app: Flask, settings: Settings, planted: dict[str, str]
) -> None:
    """Commands read secrets from stdin; what the system shows of a process holds none."""
    environment = {
        "PATH": os.environ["PATH"],
        "SFM_INSTANCE": str(settings.instance),
        "SFM_DATABASE_URL": settings.database_url,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "set_credential", "novice"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown: list[bytes] = []
    stop = threading.Event()

    def watch() -> None:
        folder = Path(f"/proc/{process.pid}")
        while not stop.wait(0.02):
            for name in ("cmdline", "environ"):
                try:
                    shown.append((folder / name).read_bytes())
                except OSError:
                    return

    watcher = threading.Thread(target=watch)
    watcher.start()
    secret = "canary-from-stdin-AAAAAAAAAAAAAA-4720"
    output, _ = process.communicate(secret, timeout=60)
    stop.set()
    watcher.join()
    assert process.returncode == 0, output
    assert any(b"set_credential" in one for one in shown)
    assert found_in(b"".join(shown) + output.encode(), {"from stdin": secret}) == []


def test_the_audit_log_leaves_out_what_sounds_like_a_secret(app: Flask) -> None:
    entry = audit.record("thing.done", after={"bearer_token": CANARIES["bearer"], "name": "x"})
    assert entry.after == {"bearer_token": "(secret)", "name": "x"}


def test_no_secret_is_in_what_supervisord_reads(
    app: Flask, settings: Settings, planted: dict[str, str]
) -> None:
    """S31, S32: the configuration of a filter holds its number and fixed words."""
    from sfm.supervisord.conf import Program, render
    from sfm.supervisord.paths import paths_of

    written = render(Program((1, 2), revision=3), paths_of(settings))
    assert "twitterfilter-1-2" in written
    assert found_in(written, planted) == []


def test_a_deactivated_person_is_told_nothing_that_is_kept(
    client: FlaskClient, planted: dict[str, str]
) -> None:
    boss = service.by_name("boss")
    service.create("second", PASSWORD + " two", superuser=True)
    service.set_rights(boss, service.Rights(is_active=False, is_superuser=False))
    db.session.commit()
    form = page(client, "/login/")
    answer = submit(client, form, "/login/", username="boss", password=PASSWORD)
    assert "not active" in answer.text
    assert found_in(answer.text, planted) == []
    assert db.session.get_one(User, boss.id).session_key not in answer.text
