"""About how many posts a gap has cost, through kills and restarts of the process that had it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock as clocks
from sfm.database import db
from sfm.models import Gap, Heartbeat, TwitterFilter, User
from sfm.streams.manifest import Manifest, outage_before
from sfm.streams.status import Status
from tests.conftest import FrozenClock
from tests.pages import page
from tests.streams.collecting import gaps, make_filter

PREFIX, PROGRAM = "twitterfilter-1", "twitterfilter-1"
KILLED_TAKES = 1  # second: the batch that goes with a process


class Collector:
    """What a collector notes in the database, without its connection."""

    def __init__(self) -> None:
        self.status = Status()
        self.manifest = Manifest(Path("/nowhere"), PROGRAM)
        before = outage_before([PREFIX])
        db.session.rollback()
        if before:
            self.status.add_outages(before)

    def post(self, clock: FrozenClock, seconds: int, each_second: int) -> None:
        for _ in range(seconds):
            self.status.alive(each_second)
            clock.advance(1)
        self.status.alive()

    def beat(self, state: str) -> None:
        status = self.status
        beat = Heartbeat(
            program=PROGRAM, filter_ids=[1], beat_at=clocks.now(), state=state,
            since=status.since, alive_at=status.alive_at, posts=status.posts,
            posts_a_minute=status.posts_a_minute,
        )  # fmt: skip
        assert self.manifest.write(beat, status.outages, status.open_outages(), [PREFIX])


def at_work(clock: FrozenClock, each_second: int = 2) -> Collector:
    """A collector of a new filter after a minute of so many posts a second."""
    make_filter()
    clock.advance(1)
    collector = Collector()
    collector.post(clock, 60, each_second)
    collector.beat("connected")
    return collector


@pytest.mark.parametrize(("last_word", "more"), [("connected", KILLED_TAKES), ("stopped", 0)])
def test_what_was_missed_while_no_process_ran_goes_by_the_pace_of_the_last_heartbeat(
    app: Flask, clock: FrozenClock, last_word: str, more: int
) -> None:
    """ST18: killed, or stopped and started again."""
    at_work(clock).beat(last_word)
    clock.advance(600)
    again = Collector()
    again.beat("connecting")
    (gap,) = gaps()
    assert (gap.ended_at, gap.lost_estimate) == (None, 2 * (600 + more))
    clock.advance(60)
    again.status.connection_restored()
    again.beat("connected")
    (gap,) = gaps()
    assert (gap.seconds, gap.lost_estimate) == (660 + more, 2 * (660 + more))


def test_a_process_killed_in_an_outage_hands_its_pace_on(app: Flask, clock: FrozenClock) -> None:
    """ST18: its heartbeats of that time say nothing came, and are not what counts."""
    first = at_work(clock)
    first.status.lost("network")
    clock.advance(300)
    first.beat("connecting")
    beat = db.session.get(Heartbeat, PROGRAM)
    assert beat is not None
    assert beat.posts_a_minute == 0
    assert [gap.lost_estimate for gap in gaps()] == [600]
    for waited in (600, 900):
        clock.advance(300)
        later = Collector()
        later.beat("connecting")
        (gap,) = gaps()
        assert gap.cause == "network"
        assert 2 * waited <= gap.lost_estimate <= 2 * waited + 10
    later.status.connection_restored()
    later.beat("connected")
    (gap,) = gaps()
    assert gap.ended_at is not None
    assert 1800 <= gap.lost_estimate <= 1810


def test_a_process_that_knows_nothing_leaves_an_estimate_as_it_is(
    app: Flask, clock: FrozenClock
) -> None:
    first = at_work(clock, each_second=0)
    first.status.lost("network")
    clock.advance(120)
    first.beat("connecting")
    (gap,) = gaps()
    assert gap.lost_estimate == 0, "nothing came, so nothing is known"
    gap.lost_estimate, gap.lost_counted, gap.seconds = 40, 3, None
    db.session.commit()
    again = Collector()
    again.status.connection_restored()
    again.beat("connected")
    (gap,) = gaps()
    assert gap.ended_at is not None
    assert (gap.lost_estimate, gap.lost_counted) == (40, 3)


def test_a_slow_streams_short_outage_may_have_cost_a_post(app: Flask, clock: FrozenClock) -> None:
    make_filter()
    clock.advance(1)
    collector = Collector()
    collector.status.alive(3)
    clock.advance(10)
    collector.status.alive()
    collector.status.lost("network")
    clock.advance(2)
    collector.status.connection_restored()
    collector.beat("connected")
    assert [gap.lost_estimate for gap in gaps()] == [1]


def test_the_page_says_where_nobody_knows_what_was_missed(
    client: FlaskClient, reader: User, login_as: Callable[[User], FlaskClient]
) -> None:
    found = TwitterFilter(name="Floods", user_id=reader.id, words="flood")
    db.session.add(found)
    db.session.flush()
    ended_at = clocks.now() - timedelta(hours=1)
    for lost in (0, 1234):
        db.session.add(
            Gap(
                filter_id=found.id, prefix=PREFIX, cause="network", lost_estimate=lost,
                began_at=ended_at - timedelta(hours=1), ended_at=ended_at, seconds=3600,
            )
        )  # fmt: skip
    shown = page(login_as(reader), f"/filters/{found.id}/").text
    assert "3,600 network unknown Fill it, at $0.005 a post" in shown
    assert "3,600 network 1,234 Fill it, about $6.17" in shown
