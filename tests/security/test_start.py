"""What the start refuses: guessable keys, debugging in public, an open instance folder."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

from sfm.config import Settings
from sfm.errors import BadSetting
from sfm.factory import OneLine, create_app
from sfm.models import User
from sfm.users.encryption import KEY_FILE
from tests.conftest import TEST_KEY
from tests.pages import PageClient, sign_in

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a sysadmin would, with this environment and no other."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", *(command or ("routes",))],
        cwd=ROOT,
        env={"SFM_INSTANCE": str(folder), "PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "key",
    [
        "short",
        "x" * 31,
        "a" * 64,
        "abcabcabcabcabcabcabcabcabcabcabcabcabc",
        "changeme-changeme-changeme-changeme-1",
        "this is my super secret_key for production 123",
        "django-insecure-0123456789abcdefghijklmnopq",
    ],
)
def test_a_secret_key_that_can_be_guessed_stops_the_start(instance_folder: Path, key: str) -> None:
    with pytest.raises(BadSetting, match="SECRET_KEY") as caught:
        create_app(Settings(instance=instance_folder, secret_key=key))
    assert key not in str(caught.value)
    with pytest.raises(BadSetting, match="SECRET_KEY_FALLBACKS"):
        create_app(Settings(instance=instance_folder, secret_key_fallbacks=(key,)))


def test_a_bad_key_is_one_sentence_and_exit_2(instance_folder: Path) -> None:
    done = start(instance_folder, SFM_SECRET_KEY="canary4711")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "canary4711" not in done.stderr


def test_without_a_key_a_random_one_is_made_that_only_we_read(instance_folder: Path) -> None:
    first = create_app(Settings(instance=instance_folder)).config["SECRET_KEY"]
    assert create_app(Settings(instance=instance_folder)).config["SECRET_KEY"] == first
    file = instance_folder / "secret.key"
    assert len(first) >= 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_sessions_of_an_older_key_hold_while_it_is_a_fallback(
    app: Flask, settings: Settings, reader: User
) -> None:
    client = app.test_client()
    sign_in(client, reader)
    cookie = client.get_cookie("sfm")
    assert cookie is not None
    new = "another key that only the tests use, long enough"
    for fallbacks, status in (((TEST_KEY,), 200), ((), 302)):
        other = create_app(replace(settings, secret_key=new, secret_key_fallbacks=fallbacks))
        other.test_client_class = PageClient
        browser: FlaskClient = other.test_client()
        browser.set_cookie("sfm", cookie.value)
        assert browser.get("/account/").status_code == status


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o711, 0o777])
def test_an_instance_folder_that_others_can_read_stops_the_start(
    instance_folder: Path, mode: int
) -> None:
    instance_folder.chmod(mode)
    with pytest.raises(BadSetting, match="others may read"):
        create_app(Settings(instance=instance_folder))


@pytest.mark.slow
def test_debugging_in_public_stops_the_start(instance_folder: Path) -> None:
    run = ("--debug", "run", "--port", "0", "--host")
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        done = start(instance_folder, *run, host)
        assert (done.returncode, "FLASK_DEBUG" in done.stderr) == (2, True), done.stderr
    server = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env={"SFM_INSTANCE": str(instance_folder), "FLASK_DEBUG": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (server.returncode, "FLASK_DEBUG" in server.stderr) == (2, True)


def test_everything_made_in_the_instance_folder_is_its_owners_alone(
    app: Flask, settings: Settings
) -> None:
    """S36, whatever the umask of who started it."""
    from sfm.users.encryption import vault

    old = os.umask(0)
    try:
        create_app(settings)
        vault().seal("x")
    finally:
        os.umask(old)
    assert (settings.instance / KEY_FILE).exists()
    for path in settings.instance.rglob("*"):
        if path.suffix not in {".sqlite3"}:  # the test's own copy
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_bad_encryption_key_is_named_and_not_shown(settings: Settings) -> None:
    from sfm.users.encryption import vault

    given = (Fernet.generate_key().decode(), "canary4711")
    app = create_app(replace(settings, credential_keys=given))
    with app.app_context(), pytest.raises(BadSetting, match="CREDENTIAL_KEYS") as caught:
        vault()
    assert "canary4711" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["one\ntwo", "one\r\n2026-01-01 INFO forged", "\x1b[2Jgone", "a\u2028b", "a\x85b", "\u202eb"],
)
def test_no_text_from_outside_forges_a_line_of_the_log(text: str) -> None:
    """S45."""
    record = logging.LogRecord("sfm", logging.INFO, __file__, 1, "name=%s", (text,), None)
    line = OneLine("%(levelname)s %(message)s").format(record)
    assert line.isprintable()
    try:
        raise ValueError(text)
    except ValueError:
        record = logging.LogRecord("sfm", logging.INFO, "", 1, "oops", (), sys.exc_info())
    lines = OneLine("%(levelname)s %(message)s").format(record).splitlines()
    assert all(one.startswith("    ") for one in lines[1:])


def test_login_disabled_opens_nothing(app: Flask, client: FlaskClient) -> None:
    """Flask-Login's own switch turns its checks off; ours are not its checks."""
    app.config["LOGIN_DISABLED"] = True
    assert client.get("/account/").status_code == 302
    assert client.get("/admin/users/").status_code == 302


def test_a_fresh_installation_has_no_user(app: Flask, client: FlaskClient) -> None:
    """S50."""
    from sqlalchemy import select

    from sfm.database import db

    assert db.session.scalars(select(User)).all() == []
