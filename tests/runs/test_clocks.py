"""A clock that was ahead once, that is set back, or that differs from the other hosts'."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from sfm import clock as clock_module
from sfm.accounts import lifecycle
from sfm.database import db
from sfm.jobs import worker
from sfm.links import store
from sfm.models import Lease, Link, Run, TwitterUser
from sfm.runs import leases, queue
from sfm.timelines.due import due_accounts
from tests.conftest import FrozenClock

MONTH = timedelta(days=30)
OTHER_HOST = "elsewhere/1-1/00000000/abcd"


class FastClock(clock_module.SystemClock):
    """Of a host whose clock is an hour ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)

    machine_now = now


@pytest.fixture
def fast_clock() -> Iterator[None]:
    before = clock_module.use(FastClock())
    yield
    clock_module.use(before)


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_leases_are_compared_by_the_databases_clock(
    app: Flask, fast_clock: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Hosts that are over 90 s apart took each other's leases."""
    other = clock_module.use(clock_module.SystemClock())
    assert leases.take("run:x", leases.new_owner()) is not None
    clock_module.use(other)
    app.extensions.pop("sfm_clock_difference")  # the other host has its own
    assert leases.take("run:x", OTHER_HOST) is None
    assert leases.take("run:y", OTHER_HOST) is not None
    ends = db.session.scalar(select(Lease.expires_at).where(Lease.name == "run:y"))
    assert ends is not None
    assert ends < datetime.now(UTC) + timedelta(minutes=30)
    assert "clock differs from the database's" in caplog.text


def test_a_lease_that_a_clock_ahead_wrote_blocks_nobody(
    app: Flask, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a reboot, or of another host: nobody knows whether its process lives."""
    assert leases.take("run:x", OTHER_HOST) is not None
    assert leases.take("run:y", leases.new_owner()) is not None
    db.session.execute(update(Lease).values(expires_at=clock.now() + MONTH))
    db.session.commit()
    assert leases.take("run:x", leases.new_owner()) is not None
    assert leases.take("run:y", OTHER_HOST) is None, "this process lives, and will renew it"
    assert "clock that was ahead" in caplog.text


def test_a_heartbeat_that_lies_ahead_is_no_sign_of_life(app: Flask, clock: FrozenClock) -> None:
    queue.enqueue("user_timeline")
    db.session.commit()
    assert queue.claim(["user_timeline"])
    ahead = clock.now() + MONTH
    db.session.execute(update(Run).values(heartbeat_at=ahead, owner=OTHER_HOST))
    db.session.execute(update(Lease).values(expires_at=ahead, owner=OTHER_HOST))
    db.session.commit()
    assert queue.recover_stale() == 1
    assert queue.claim(["user_timeline"]) is not None


@pytest.mark.parametrize(("state", "ahead"), [("queued", MONTH), ("paused", 2 * MONTH)])
def test_a_run_is_not_put_off_for_longer_than_any_run_is(
    app: Flask, clock: FrozenClock, state: str, ahead: timedelta
) -> None:
    db.session.add(Run(kind="user_timeline", state=state, not_before=clock.now() + ahead))
    db.session.commit()
    worker.queue_due(frozenset())
    assert queue.claim(["user_timeline"]) is not None


def test_a_wait_does_not_grow_when_the_clock_is_set_back(app: Flask, clock: FrozenClock) -> None:
    run = queue.start("user_timeline")
    plain_sleep = clock.sleep

    def sleep(seconds: float) -> None:
        plain_sleep(seconds)
        if len(clock.slept) == 10:
            clock.moment -= timedelta(hours=1)

    clock.sleep = sleep  # type: ignore[method-assign]
    run.wait(clock.now() + timedelta(seconds=900), "Twitter's limit is used up.")
    assert sum(clock.slept) == 900


def test_an_account_is_not_left_out_for_longer_than_any_is(
    app: Flask, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    waits = {"until its time": lifecycle.ASK_AGAIN_AFTER, "by a clock ahead": MONTH}
    for number, (name, ahead) in enumerate(waits.items(), 1):
        db.session.add(TwitterUser(uid=number, name=name, ask_again_at=clock.now() + ahead))
    db.session.commit()
    due = due_accounts(clock.now())
    assert (list(due.names.values()), due.not_due) == (["by a clock ahead"], 1)
    assert "clock that was ahead count=1" in caplog.text


def test_a_link_does_not_wait_for_longer_than_any_does(app: Flask, clock: FrozenClock) -> None:
    for number, ahead in enumerate((timedelta(days=7), MONTH), 1):
        link = Link(url_hash=str(number), start_url=f"https://example.org/{number}")
        link.outcome, link.retry_at = "timeout", clock.now() + ahead
        link.history, link.final_headers = [], {}
        db.session.add(link)
    db.session.commit()
    links = db.session.scalars(select(Link.url_hash).where(Link.id.in_(store.due())))
    assert list(links) == ["2"]
