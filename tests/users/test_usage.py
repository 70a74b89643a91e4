"""Usage: what was read is counted, also where the page it came in is rolled back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import OperationalError

from sfm.database import begin_write, db
from sfm.models import ApiUsage, User
from sfm.runs.transactions import unit_of_work
from sfm.users.deferred_writes import DeferredWrites
from sfm.users.usage import (
    DatabaseMeter,
    Usage,
    UsageBuffer,
    usage_lines,
    usage_per_credential,
    usage_since,
    usage_this_month,
)
from tests.conftest import FrozenClock
from tests.threads import at_once

TODAY = date(2026, 11, 22)


def test_calls_add_up_per_credential_endpoint_and_day(app: Flask, clock: FrozenClock) -> None:
    meter = DatabaseMeter(db.engine)
    meter.count("a", "users", posts=0, users=100)
    meter.count("a", "users", users=50)
    meter.count("a", "tweets", posts=100)
    meter.count("b", "tweets", posts=7)
    assert usage_per_credential(TODAY) == {"a": Usage(3, 100, 150), "b": Usage(1, 7, 0)}
    assert [(line.fingerprint, line.endpoint) for line in usage_lines(TODAY)] == [
        ("a", "tweets"), ("a", "users"), ("b", "tweets"),
    ]  # fmt: skip


def test_a_day_is_a_utc_day(app: Flask, clock: FrozenClock) -> None:
    meter = DatabaseMeter(db.engine)
    clock.advance(12 * 3600 - 1)  # 23:59:59
    meter.count("a", "tweets", posts=1)
    clock.advance(1)
    meter.count("a", "tweets", posts=2)
    assert [(line.day.day, line.usage.posts) for line in usage_lines(TODAY)] == [(23, 2), (22, 1)]


def test_a_month_begins_on_its_first(app: Flask, clock: FrozenClock) -> None:
    meter = DatabaseMeter(db.engine)
    clock.advance(-22 * 86400)  # 31 October
    meter.count("a", "tweets", posts=1)
    clock.advance(22 * 86400)
    meter.count("a", "tweets", posts=2)
    assert usage_this_month("a") == Usage(1, 2, 0)
    assert usage_since(date(2026, 10, 1)) == Usage(2, 3, 0)


def test_nothing_read_is_zero(app: Flask, clock: FrozenClock) -> None:
    assert usage_this_month() == Usage(0, 0, 0)


def test_a_rolled_back_page_still_counts(app: Flask, clock: FrozenClock) -> None:
    meter = DatabaseMeter(db.engine)
    begin_write()
    db.session.add(User(username="lost"))
    db.session.flush()
    meter.count("a", "tweets", posts=100)
    db.session.rollback()
    assert db.session.scalars(select(User)).all() == []
    assert usage_this_month() == Usage(1, 100, 0)


def test_counting_inside_a_writing_transaction_waits_for_nobody(
    app: Flask, clock: FrozenClock
) -> None:
    meter = DatabaseMeter(db.engine)
    for number in range(3):
        begin_write()
        db.session.add(User(username=f"user{number}"))
        db.session.flush()
        meter.count("a", "tweets", posts=1)
        db.session.commit()
        assert db.session.scalar(select(ApiUsage.posts)) == number + 1
        db.session.rollback()


def test_what_cannot_be_written_is_written_later(app: Flask, clock: FrozenClock) -> None:
    if db.engine.dialect.name != "sqlite":
        return
    meter = DatabaseMeter(db.engine)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")  # this one comes from the pool again
    other = sqlite3.connect(db.engine.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    meter.count("a", "tweets", posts=5)
    assert usage_this_month() == Usage(0, 0, 0)
    db.session.rollback()
    other.execute("ROLLBACK")
    meter.count("a", "tweets", posts=1)
    assert usage_this_month() == Usage(2, 6, 0)


def test_no_count_is_lost_among_threads(app: Flask, clock: FrozenClock) -> None:
    meters = [DatabaseMeter(db.engine) for _ in range(4)]

    def many(meter: DatabaseMeter) -> None:
        for _ in range(25):
            meter.count("a", "tweets", posts=2)

    threads = [threading.Thread(target=many, args=(meter,)) for meter in meters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert usage_this_month() == Usage(100, 200, 0)


def test_a_buffer_is_written_with_the_page_and_once(app: Flask, clock: FrozenClock) -> None:
    buffer = UsageBuffer(db.engine)
    for posts in (100, 7):
        buffer.count("a", "tweets", posts=posts)
        with buffer.transaction():
            begin_write()
            db.session.add(User(username=f"page{posts}"))
            db.session.flush()
            buffer.write(db.session.connection())
            db.session.commit()
        buffer.write_now()
    assert usage_this_month() == Usage(2, 107, 0)


def test_a_buffer_outlives_the_page_it_was_written_with(app: Flask, clock: FrozenClock) -> None:
    buffer = UsageBuffer(db.engine)
    buffer.count("a", "tweets", posts=100)

    def page() -> None:
        db.session.add(User(username="lost"))
        db.session.flush()
        buffer.write(db.session.connection())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), buffer.transaction():
        unit_of_work(page)
    assert db.session.scalars(select(User)).all() == []
    db.session.rollback()
    assert usage_this_month() == Usage(1, 100, 0)
    buffer.write_now()
    assert usage_this_month() == Usage(1, 100, 0)


def test_a_page_that_is_saved_at_its_second_try_is_counted_once(
    app: Flask, clock: FrozenClock
) -> None:
    buffer, tries = UsageBuffer(db.engine), []

    def page() -> None:
        buffer.write(db.session.connection())
        tries.append(usage_this_month())
        if len(tries) == 1:
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorname = "SQLITE_BUSY"
            raise OperationalError("INSERT", None, busy)

    buffer.count("a", "tweets", posts=100)
    with buffer.transaction():
        unit_of_work(page)
    assert tries == [Usage(1, 100, 0), Usage(1, 100, 0)]
    assert usage_this_month() == Usage(1, 100, 0)


def test_what_no_page_came_of_is_settled_alone(app: Flask, clock: FrozenClock) -> None:
    buffer = UsageBuffer(db.engine)
    buffer.count("a", "tweets")
    with buffer.transaction():
        pass  # nothing was written here
    assert usage_this_month() == Usage(0, 0, 0)
    db.session.rollback()
    buffer.write_now()
    assert usage_this_month() == Usage(1, 0, 0)


def test_tabs_of_several_threads_add_up(app: Flask, clock: FrozenClock) -> None:
    def many() -> None:
        with app.app_context():
            buffer = UsageBuffer(db.engine)
            for _ in range(20):
                buffer.count("a", "tweets", posts=2)
                buffer.count("b", "users", users=1)
                with buffer.transaction():
                    unit_of_work(lambda: buffer.write(db.session.connection()))

    at_once(3, many)
    assert usage_per_credential(TODAY) == {"a": Usage(60, 120, 0), "b": Usage(60, 0, 60)}


def read_only(engine: Engine) -> Callable[[], None]:
    """The database may only be read, as after a failover or on a full disk."""
    if engine.dialect.name == "sqlite":
        engine.dispose()
        pragma = "PRAGMA query_only = ON"

        @event.listens_for(engine, "checkout")
        def _on_checkout(connection: Any, _record: object, _proxy: object) -> None:
            connection.execute(pragma)

        def writable() -> None:
            nonlocal pragma
            pragma = "PRAGMA query_only = OFF"

        return writable
    name = engine.url.database

    def set_to(value: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.commit()
            statement = f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'
            connection.exec_driver_sql(statement)
            connection.commit()
        engine.dispose()

    set_to("on")
    return lambda: set_to("off")


def without_table(engine: Engine) -> Callable[[], None]:
    """New code on the old tables, as in a release that is installed without a stop."""

    def rename(old: str, new: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    rename("api_usage", "usage_of_old")
    return lambda: rename("usage_of_old", "api_usage")


def without_connections(engine: Engine) -> Callable[[], None]:
    """All of the pool's connections are in use elsewhere."""
    taken = [engine.connect()]
    return lambda: taken.pop().close()


@pytest.mark.parametrize("trouble", [read_only, without_table, without_connections])
def test_counting_raises_nothing_whatever_the_trouble_is_called(
    app: Flask, clock: FrozenClock, caplog: pytest.LogCaptureFixture,
    trouble: Callable[[Engine], Callable[[], None]],
) -> None:  # fmt: skip
    """K-14: else a collector ends at its first call that is counted."""
    engine = create_engine(db.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    try:
        meter = DatabaseMeter(engine)
        heal = trouble(engine)
        for _ in range(5):
            meter.count("a", "stream", posts=5)
        assert caplog.text.count("not written yet") == 1, "one line an outage"
        heal()
        meter.count("a", "stream", posts=1)
        assert usage_this_month() == Usage(6, 26, 0)
    finally:
        engine.dispose()


def test_one_write_that_is_refused_delays_no_other(app: Flask, clock: FrozenClock) -> None:
    writes = DeferredWrites(db.engine)
    row = {"fingerprint": "a", "endpoint": "x", "day": TODAY, "calls": 1, "posts": 0, "users": 0}

    def refused(connection: Connection) -> None:
        connection.execute(insert(ApiUsage), [row, row])

    begin_write()  # so that, on SQLite, both wait for the same transaction
    writes.write(refused)
    writes.write(lambda connection: connection.execute(insert(ApiUsage), row))
    db.session.rollback()
    assert usage_this_month() == Usage(1, 0, 0)
    writes.flush()
    assert usage_this_month() == Usage(1, 0, 0)
