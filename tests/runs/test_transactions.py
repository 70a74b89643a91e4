"""Units of work on a database that is busy, read-only, gone or full (JB1-JB5)."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, func, insert, select, text, update
from sqlalchemy.engine import make_url

from sfm.config import Settings
from sfm.database import SPARE_CONNECTIONS, begin_write, db
from sfm.extensions import settings as settings_of
from sfm.factory import create_app
from sfm.models import Run
from sfm.runs import queue
from sfm.runs.errors import DatabaseTrouble, Postponed
from sfm.runs.transactions import AWAY, PATIENCE_SECONDS, short_write, unit_of_work, write_alone
from tests import conftest
from tests.conftest import FrozenClock
from tests.outage import away, back
from tests.threads import at_once

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"])


@pytest.fixture
def impatient(app: Flask) -> None:
    """Both databases give up waiting for a lock after 0.1 s, so that tests need not wait."""

    @event.listens_for(db.engine, "connect")
    def _on_connect(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        if db.engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA busy_timeout = 100")
        else:
            cursor.execute("SET lock_timeout = '100ms'")
            connection.commit()  # type: ignore[attr-defined]
        cursor.close()

    db.session.remove()
    db.engine.dispose()


@pytest.fixture
def blocker(app: Flask, settings: Settings) -> Iterator[object]:
    """Another connection, outside of our pool."""
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite":
        other: object = sqlite3.connect(url.database or "", isolation_level=None)
    else:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        other = psycopg.connect(plain, autocommit=True)
    yield other
    other.close()  # type: ignore[attr-defined]


def block(other: object) -> None:
    if isinstance(other, sqlite3.Connection):
        other.execute("BEGIN IMMEDIATE")
    else:
        assert isinstance(other, psycopg.Connection)
        other.execute("BEGIN")
        other.execute("LOCK TABLE run IN EXCLUSIVE MODE")


def add_run(kind: str) -> None:
    db.session.add(Run(kind=kind))
    db.session.flush()


def kinds() -> list[str]:
    return list(db.session.scalars(select(Run.kind).order_by(Run.id)))


def test_a_locked_database_is_tried_for_half_a_minute_then_postponed(
    app: Flask, impatient: None, blocker: object, clock: FrozenClock
) -> None:
    tried: list[int] = []
    began = clock.monotonic()
    block(blocker)

    @event.listens_for(db.engine, "handle_error")
    def _seen(_context: object) -> None:
        tried.append(1)

    with pytest.raises(Postponed, match="busy"):
        unit_of_work(lambda: add_run("first"))
    assert len(tried) > 3
    assert 20 < clock.monotonic() - began <= PATIENCE_SECONDS
    blocker.execute("ROLLBACK")  # type: ignore[attr-defined]
    assert kinds() == [], "nothing partial"
    unit_of_work(lambda: add_run("second"))
    assert kinds() == ["second"], "the session is fit for the next unit (JB2)"


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_postgresql_that_restarts_is_waited_for_as_long_as_a_locked_sqlite(
    app: Flask, clock: FrozenClock, postgres_server: str, settings: Settings
) -> None:
    """S-28: it refuses at once, so three quick tries were over in three seconds."""
    unit_of_work(lambda: add_run("first"))
    away(postgres_server, settings)
    plain_sleep = clock.sleep

    def sleep(seconds: float) -> None:
        plain_sleep(seconds)
        if clock.monotonic() > 15:
            back(postgres_server, settings)

    clock.sleep = sleep  # type: ignore[method-assign]
    unit_of_work(lambda: add_run("second"))
    assert kinds() == ["first", "second"]
    db.session.remove()
    clock.sleep = plain_sleep  # type: ignore[method-assign]
    away(postgres_server, settings)
    with pytest.raises(Postponed, match="could not be reached"):
        unit_of_work(lambda: add_run("third"))
    back(postgres_server, settings)


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_run_whose_database_goes_away_ends_with_a_sentence_and_a_state(
    app: Flask, clock: FrozenClock, postgres_server: str, settings: Settings
) -> None:
    run = queue.start("user_timeline")
    plain_sleep = clock.sleep

    def sleep(seconds: float) -> None:
        plain_sleep(seconds)
        back(postgres_server, settings)

    def work() -> None:
        with queue.finish(run):
            away(postgres_server, settings)
            clock.sleep = sleep  # type: ignore[method-assign]
            kinds()  # a plain read, of no unit of work

    with pytest.raises(Postponed, match="could not be reached"):
        work()
    row = db.session.get_one(Run, run.id)
    assert (row.state, row.message) == ("failed", AWAY)


def test_a_lock_that_goes_away_costs_nothing_but_time(
    app: Flask, impatient: None, blocker: object
) -> None:
    block(blocker)
    tries: list[int] = []

    @event.listens_for(db.engine, "handle_error")
    def _seen(_context: object) -> None:
        tries.append(1)
        if len(tries) == 2:
            blocker.execute("ROLLBACK")  # type: ignore[attr-defined]

    write_alone(lambda connection: connection.execute(update(Run).values(done=1)))
    unit_of_work(lambda: add_run("first"))
    assert len(tries) == 2
    assert kinds() == ["first"]


def test_a_pool_that_is_used_up_is_a_busy_database(app: Flask, clock: FrozenClock) -> None:
    """K-21: it is tried again and put off in words, not failed unexpectedly."""
    pool = db.engine.pool
    timeout, pool._timeout = pool._timeout, 0.01  # type: ignore[attr-defined]
    room = settings_of().database_threads + SPARE_CONNECTIONS
    taken = [db.engine.connect() for _ in range(room)]
    try:
        with pytest.raises(Postponed, match="busy"):
            unit_of_work(lambda: add_run("first"))
        with pytest.raises(Postponed, match="busy"):
            write_alone(lambda connection: connection.execute(update(Run).values(done=1)))
    finally:
        for connection in taken:
            connection.close()
        pool._timeout = timeout  # type: ignore[attr-defined]
    unit_of_work(lambda: add_run("second"))


def test_a_unit_that_fails_leaves_nothing_and_a_fit_session(app: Flask) -> None:
    def fails() -> None:
        add_run("first")
        db.session.add(Run(kind="twice", slot="s"))
        db.session.add(Run(kind="twice", slot="s"))
        db.session.flush()

    with pytest.raises(Exception, match=r"(?i)unique"):
        unit_of_work(fails)
    unit_of_work(lambda: add_run("second"))
    assert kinds() == ["second"]


def test_who_reads_before_writing_is_not_thrown_out(app: Flask) -> None:
    """JB3: between our read and our write another one would commit, if it could."""
    got_in: list[bool] = []

    def another() -> None:
        with app.app_context():
            write_alone(lambda connection: connection.execute(update(Run).values(done=5)))
            got_in.append(True)

    unit_of_work(lambda: add_run("first"))
    thread = threading.Thread(target=another)

    def reads_then_writes() -> None:
        assert kinds() == ["first"]
        thread.start()
        thread.join(0.3)
        db.session.execute(update(Run).values(added=Run.added + 1))

    unit_of_work(reads_then_writes)
    thread.join()
    assert got_in
    run = db.session.scalars(select(Run)).one()
    assert (run.added, run.done) == (1, 5)


def test_counting_loses_nothing_between_threads(app: Flask) -> None:
    """JB4."""
    unit_of_work(lambda: add_run("first"))

    def count() -> None:
        with app.app_context():
            for _ in range(10):
                unit_of_work(lambda: db.session.execute(update(Run).values(added=Run.added + 1)))

    at_once(4, count)
    assert db.session.scalar(select(func.sum(Run.added))) == 40


def test_a_short_write_inside_a_unit_of_work_is_refused_at_once(app: Flask) -> None:
    begin_write()
    if db.engine.dialect.name == "sqlite":
        with pytest.raises(RuntimeError), short_write():
            pass
    db.session.rollback()
    with short_write() as connection:
        connection.execute(update(Run).values(done=1))


def test_what_is_written_shortly_is_seen_while_the_session_reads(app: Flask) -> None:
    assert kinds() == []
    write_alone(lambda connection: connection.execute(insert(Run).values(kind="x")))
    with db.engine.connect() as connection:
        assert connection.execute(select(Run.kind)).scalar() == "x"


def test_a_read_only_database_is_told_in_words(app: Flask, settings: Settings) -> None:
    def make_read_only(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        if db.engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("SET default_transaction_read_only = on")
            connection.commit()  # type: ignore[attr-defined]
        cursor.close()

    event.listen(db.engine, "connect", make_read_only)
    db.session.remove()
    db.engine.dispose()
    with pytest.raises(DatabaseTrouble, match="may only be read"):
        unit_of_work(lambda: add_run("first"))
    event.remove(db.engine, "connect", make_read_only)
    db.engine.dispose()
    unit_of_work(lambda: add_run("second"))
    assert kinds() == ["second"]


@sqlite_only
def test_a_database_file_that_is_gone_is_told_in_words(app: Flask, settings: Settings) -> None:
    db.session.remove()
    db.engine.dispose()
    file = Path(make_url(settings.database).database or "")
    away = file.parent.with_name("away")
    file.parent.rename(away)
    with pytest.raises(DatabaseTrouble, match="cannot be opened"):
        unit_of_work(lambda: add_run("first"))
    away.rename(file.parent)
    unit_of_work(lambda: add_run("second"))
    assert kinds() == ["second"]


@pytest.mark.slow
@sqlite_only
def test_a_full_disk_is_told_in_words_and_the_database_stays_whole(
    tmp_path: Path, sqlite_template: Path, database_kind: str
) -> None:
    """JB5 on a real small file system, where this machine lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    file = disk / "sfm.sqlite3"
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small file system here")
    try:
        disk.chmod(0o700)
        shutil.copyfile(sqlite_template, file)
        app = create_app(conftest.test_settings(disk, f"sqlite:///{file}"))
        with app.app_context():
            fill_up(disk / "ballast")
            with pytest.raises(DatabaseTrouble, match=r"disk is full|disk reports errors"):
                unit_of_work(lambda: add_long_run("first"))
            (disk / "ballast").unlink()
            unit_of_work(lambda: add_run("second"))
            assert kinds() == ["second"]
            assert db.session.scalar(text("PRAGMA integrity_check")) == "ok"
            db.session.remove()
            db.engine.dispose()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill_up(file: Path) -> None:
    with file.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(b"x" * 1024):
            pass


def add_long_run(kind: str) -> None:
    db.session.add(Run(kind=kind, message="x" * 200_000))
    db.session.flush()
