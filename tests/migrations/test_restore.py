"""Copies that are put back: what was kept is there again, row for row."""

from __future__ import annotations

import hashlib
import shutil
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade

from sfm.database import begin_write, db
from sfm.factory import create_app
from sfm.posts.count_check import verify_counts
from sfm.setup.migrate import copy_sqlite
from tests.conftest import test_settings
from tests.factories import make_run, make_set, make_tweets, make_twitter_user, make_user
from tests.migrations.killing import bring_up
from tests.rounds import rounds
from tests.waiting import wait_for

PAGE = 5


@pytest.fixture
def file(app: Flask) -> Path:
    """The SQLite file of a small collection."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("copies of PostgreSQL are pg_dump's work")
    account = make_twitter_user("harbor")
    make_tweets(account, ["one flood", "two floods", "three"])
    make_set(make_user("ann"), "City", [account])
    make_run()
    return Path(db.engine.url.database or "")


def rows(file: Path) -> dict[str, str]:
    """Of each of our tables a hash of all its rows; what the search makes for itself left out."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ours = sorted(
            name for (name,) in names if not name.startswith(("tweet_search", "sqlite_stat"))
        )
        return {
            name: hashlib.sha256(
                "\n".join(map(repr, connection.execute(f"SELECT * FROM {name}"))).encode()
            ).hexdigest()
            for name in ours
        }


def put_back(copy: Path, file: Path) -> None:
    """As docs/operations.md says: the old file goes with what was still to be written into it."""
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, file)


def tweets_of(file: Path) -> dict[int, tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT twitter_id, * FROM twitter_user_item")
        return {row[0]: row[1:] for row in found}


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(rounds(900, 3600))
def test_a_migration_killed_at_any_statement_loses_nothing(file: Path, tmp_path: Path) -> None:
    """JB15: the next one ends as an undisturbed one, and the copy made first can be put back."""
    downgrade(revision="0001")
    db.session.remove()
    db.engine.dispose()
    start = tmp_path / "start.sqlite3"
    shutil.copy(file, start)
    before = rows(start)
    whole = bring_up(file, tmp_path / "copies-0")
    assert whole.returncode == 0, whole.stderr
    undisturbed, statements = rows(file), int(whole.stdout)
    assert statements >= 5
    for number in sorted({*range(1, statements + 1, rounds(statements // 2, 1)), statements}):
        put_back(start, file)
        copies = tmp_path / f"copies-{number}"
        killed = bring_up(file, copies, number)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        (copy,) = copies.iterdir()
        assert rows(copy) == before
        assert bring_up(file, tmp_path / f"again-{number}").returncode == 0
        assert rows(file) == undisturbed
        put_back(copy, file)
        assert bring_up(file, tmp_path / f"back-{number}").returncode == 0
        assert rows(file) == undisturbed


@pytest.mark.slow
def test_a_copy_made_while_others_write_is_one_moment_of_the_collection(
    app: Flask, file: Path, tmp_path: Path
) -> None:
    """JB16: put back, every post is what it was, and every count fits."""
    stop, pages = threading.Event(), [0]

    def write() -> None:
        with app.app_context():
            account = make_twitter_user("writer")
            while not stop.is_set():
                make_tweets(account, [f"page {pages[0]} number {n}" for n in range(PAGE)])
                pages[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    copies = []
    try:
        for number in range(5):
            seen = pages[0]
            wait_for(lambda seen=seen: pages[0] > seen)
            copy = copy_sqlite(tmp_path / f"copies-{number}", "x")
            assert copy is not None
            copies.append(copy)
    finally:
        stop.set()
        writer.join()
    written = tweets_of(file)
    for copy in copies:
        kept = tweets_of(copy)
        assert (len(kept) - 3) % PAGE == 0, "no half page"
        assert all(written[number] == row for number, row in kept.items())
    assert len(written) > len(tweets_of(copies[0])) > 3
    back = tmp_path / "another" / "sfm.sqlite3"
    back.parent.mkdir(mode=0o700)
    put_back(copies[-1], back)
    another = create_app(test_settings(back.parent, f"sqlite:///{back}"))
    with another.app_context():
        begin_write()
        assert verify_counts(repair=False) == []
        db.session.remove()
        db.engine.dispose()
