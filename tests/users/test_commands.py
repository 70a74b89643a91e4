"""The commands for Users and credentials: what they say, keep and refuse."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select

from sfm.database import begin_write, db
from sfm.models import AuditEntry, Credential, User
from sfm.users import credentials, passwords, service
from sfm.users.encryption import KEY_FILE, UnreadableSecret
from sfm.users.usage import DatabaseMeter
from tests.conftest import FrozenClock

TOKEN = "AAAAAAAAAAAAAAAAAAAAAcanary4711%3Dxyz"
GOOD = "seven purple umbrellas rust"


def test_create_user_prints_a_one_time_password_that_works(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["create_user", "ann", "--superuser"])
    assert result.exit_code == 0
    found = re.search(r"shown only now: (\S+)", result.stdout)
    assert found
    ann = service.by_name("ann")
    assert passwords.matches(ann.password_hash, found[1])
    assert (ann.is_superuser, ann.must_change_password, ann.is_active) == (True, True, True)


def test_create_user_takes_a_password_from_stdin_and_shows_none(runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["create-user", "ben", "--password-stdin"], input=GOOD + "\n")
    assert (result.exit_code, result.stdout) == (0, "Added the User ben.\n")
    ben = service.by_name("BEN")
    assert passwords.matches(ben.password_hash, GOOD)
    assert not ben.must_change_password


@pytest.mark.parametrize(
    ("name", "password", "word"),
    [
        ("ann", GOOD, "already"),
        ("ANN", GOOD, "already"),
        ("a/b", GOOD, "begins with a letter"),
        ("", GOOD, "begins with a letter"),
        ("x\n", "short", "12 characters"),
        ("ben", "password1234", "easy to guess"),
        ("georgina", "georgina2026", "easy to guess"),
        ("ben", "x" * 257, "at most 256"),
    ],
)
def test_create_user_refuses_in_one_sentence(
    runner: FlaskCliRunner, name: str, password: str, word: str
) -> None:
    runner.invoke(args=["create_user", "ann"])
    result = runner.invoke(args=["create_user", name, "--password-stdin"], input=password)
    assert result.exit_code == 2
    assert word in result.stderr
    assert password not in result.stderr
    assert [user.username for user in db.session.scalars(select(User))] == ["ann"]


def test_create_user_if_none_makes_the_first_only(runner: FlaskCliRunner) -> None:
    for name in ("admin", "second"):
        assert runner.invoke(args=["create_user", name, "--superuser", "--if-none"]).exit_code == 0
    assert [user.username for user in db.session.scalars(select(User))] == ["admin"]


def test_reset_password_prints_one_that_works_and_ends_sessions(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["create_user", "ann", "--password-stdin"], input=GOOD)
    before = service.by_name("ann").session_key
    db.session.rollback()
    result = runner.invoke(args=["reset_password", "ANN"])
    found = re.search(r"shown only now: (\S+)", result.stdout)
    assert found
    ann = service.by_name("ann")
    assert passwords.matches(ann.password_hash, found[1])
    assert ann.must_change_password
    assert ann.session_key != before
    assert runner.invoke(args=["reset_password", "nobody"]).exit_code == 1


def test_set_credential_keeps_the_token_encrypted(runner: FlaskCliRunner, app: Flask) -> None:
    runner.invoke(args=["create_user", "ann"])
    result = runner.invoke(args=["set_credential", "ann", "--label", "Our app"], input=TOKEN)
    assert (result.exit_code, result.stdout) == (0, "Kept the app bearer token for ann.\n")
    kept = db.session.scalars(select(Credential)).one()
    assert credentials.open_secrets(kept) == {"token": TOKEN}
    assert TOKEN.encode() not in kept.secret
    assert TOKEN not in repr(kept) + kept.fingerprint + kept.label


def test_set_credential_reads_a_file_of_an_access_token(
    runner: FlaskCliRunner, tmp_path: Path
) -> None:
    runner.invoke(args=["create_user", "ann"])
    file = tmp_path / "token"
    file.write_text("4711-abcdefghijklmnopqrstuvwxyz\nabcdefghijklmnopqrstuvwxyz0123\n")
    result = runner.invoke(args=["set_credential", "ann", "--kind", "oauth1", "--file", str(file)])
    assert result.exit_code == 0
    assert db.session.scalars(select(Credential)).one().twitter_uid == 4711


@pytest.mark.parametrize(
    ("user", "secret", "word"),
    [
        ("nobody", TOKEN, "no User called"),
        ("ann", "", "No bearer token"),
        ("ann", "short", "whole"),
        ("ann", TOKEN + " and more of it", "blanks"),
        ("ann", TOKEN + "\u2028x", "whole"),
    ],
)
def test_set_credential_refuses_what_cannot_be_one(
    runner: FlaskCliRunner, user: str, secret: str, word: str
) -> None:
    runner.invoke(args=["create_user", "ann"])
    result = runner.invoke(args=["set_credential", user], input=secret)
    assert result.exit_code == (1 if user == "nobody" else 2)
    assert word in result.stderr
    assert TOKEN not in result.output
    assert db.session.scalars(select(Credential)).all() == []


def test_one_credential_belongs_to_one_user(runner: FlaskCliRunner) -> None:
    for name in ("ann", "ben"):
        runner.invoke(args=["create_user", name])
    runner.invoke(args=["set_credential", "ann"], input=TOKEN)
    result = runner.invoke(args=["set_credential", "ben"], input=TOKEN)
    assert result.exit_code == 2
    assert "ann already holds this credential" in result.stderr


def test_the_same_credential_again_replaces_itself(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["create_user", "ann"])
    for label in ("first", "second"):
        runner.invoke(args=["set_credential", "ann", "--label", label], input=TOKEN)
    assert db.session.scalars(select(Credential)).one().label == "second"


def test_what_was_done_is_in_the_audit_log_without_the_secret(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["create_user", "ann", "--superuser"])
    runner.invoke(args=["set_credential", "ann"], input=TOKEN)
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("user.created", "ann"),
        ("credential.added", "ann"),
    ]
    assert all("command line" in entry.actor for entry in entries)
    assert TOKEN not in str([entry.after for entry in entries])


def test_show_usage_names_users_and_sums(
    runner: FlaskCliRunner, app: Flask, clock: FrozenClock
) -> None:
    runner.invoke(args=["create_user", "ann"])
    runner.invoke(args=["set_credential", "ann", "--label", "Our app"], input=TOKEN)
    mark = db.session.scalars(select(Credential.fingerprint)).one()
    db.session.rollback()  # or the command, in the same session, would go on seeing the past
    meter = DatabaseMeter(db.engine)
    meter.count(mark, "tweets", calls=12, posts=1200)
    meter.count("f" * 64, "users", users=3)
    chosen = replace(app.extensions["sfm_settings"], twitter_bearer_token=TOKEN + "2")
    app.extensions["sfm_settings"] = chosen
    meter.count(credentials.bearer(TOKEN + "2").fingerprint, "tweets", posts=5)
    text = runner.invoke(args=["show_usage"]).stdout
    assert re.search(r"the setting TWITTER_BEARER_TOKEN +1 +5 +0", text)
    assert re.search(r"ann: Our app +12 +1,200 +0", text)
    assert re.search(r"ffffffffffff +1 +0 +3", text)
    assert re.search(r"2026-11-22 +ann: Our app +tweets +12", text)


def test_rotated_credentials_open_with_the_new_key_alone(
    runner: FlaskCliRunner, app: Flask, instance_folder: Path
) -> None:
    runner.invoke(args=["create_user", "ann"])
    for number in range(3):
        runner.invoke(args=["set_credential", "ann"], input=f"{TOKEN}{number}")
    old = (instance_folder / KEY_FILE).read_text()
    assert "encrypted anew: 3" in runner.invoke(args=["rotate_keys"]).stdout
    both = (instance_folder / KEY_FILE).read_text()
    assert both.endswith(old)
    assert "forgotten: 1" in runner.invoke(args=["rotate_keys", "--forget-old"]).stdout
    rows = db.session.scalars(select(Credential).order_by(Credential.id)).all()
    assert [credentials.open_secrets(row)["token"] for row in rows] == [
        f"{TOKEN}{n}" for n in range(3)
    ]
    (instance_folder / KEY_FILE).write_text(old)
    with pytest.raises(UnreadableSecret):
        credentials.open_secrets(rows[0])


@pytest.mark.slow
def test_keys_are_rotated_while_credentials_come_in(runner: FlaskCliRunner, app: Flask) -> None:
    """S15: nothing that is written meanwhile becomes unreadable."""
    service.create("ann", GOOD)
    db.session.commit()
    stop = threading.Event()
    written: list[str] = []

    def write() -> None:
        with app.app_context():
            while not stop.is_set():
                token = f"{TOKEN}{len(written)}"
                begin_write()
                credentials.save(service.by_name("ann"), credentials.bearer(token))
                db.session.commit()
                written.append(token)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for arguments in (["rotate_keys"], ["rotate_keys"], ["rotate_keys"]):
            assert runner.invoke(args=arguments).exit_code == 0
    finally:
        stop.set()
        writer.join()
    assert runner.invoke(args=["rotate_keys", "--forget-old"]).exit_code == 0
    db.session.rollback()
    rows = db.session.scalars(select(Credential).order_by(Credential.id)).all()
    assert len(written) > 3
    assert [credentials.open_secrets(row)["token"] for row in rows] == written
    assert len({row.key_id for row in rows}) == 1
