"""About how many posts a gap has cost, through kills and restarts of the process that had it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock as clocks
from sfm.database import db
from sfm.models import Gap, Heartbeat, TwitterFilter, User
from tests.conftest import FrozenClock
from tests.pages import page
from tests.streams.collecting import all_gaps, gaps, make_filter
from tests.streams.recorded import RecordedCollector

PREFIX = "twitterfilter-1"


def at_work(clock: FrozenClock, each_second: int = 2) -> RecordedCollector:
    """A collector of a new filter after a minute of so many posts a second."""
    make_filter()
    clock.advance(1)
    collector = RecordedCollector(1)
    collector.connect()
    collector.post(clock, 60, each_second)
    return collector


@pytest.mark.parametrize("is_killed", [True, False])
def test_what_was_missed_while_no_process_ran_goes_by_the_pace_of_the_last_heartbeat(
    app: Flask, clock: FrozenClock, is_killed: bool
) -> None:
    """ST18: killed, or stopped and started again."""
    collector = at_work(clock)
    if not is_killed:
        collector.stop()
    clock.advance(600)
    gap = all_gaps()[-1]
    assert (gap.ended_at, gap.lost_estimate) == (None, 2 * 600)
    clock.advance(60)
    RecordedCollector(1).connect()
    (gap,) = gaps()
    assert (gap.seconds, gap.lost_estimate) == (660, 2 * 660)


def test_a_process_killed_in_an_outage_hands_its_pace_on(app: Flask, clock: FrozenClock) -> None:
    """ST18: its heartbeats of that time say nothing came, and are not what counts."""
    first = at_work(clock)
    first.status.lost("network")
    first.say("connecting")
    clock.advance(300)
    first.say("connecting")
    beat = db.session.get(Heartbeat, PREFIX)
    assert beat is not None
    assert beat.posts_a_minute == 0
    assert [gap.lost_estimate for gap in all_gaps()[1:]] == [600]
    later = first
    for waited in (600, 900):
        clock.advance(300)
        later = RecordedCollector(1)
        later.status.lost("503")
        later.say("connecting")
        gap = all_gaps()[-1]
        assert (gap.cause, gap.lost_estimate) == ("network", 2 * waited)
    later.connect()
    (gap,) = gaps()
    assert (gap.cause, gap.lost_estimate) == ("network", 1800)


def test_where_nothing_came_before_nobody_knows(app: Flask, clock: FrozenClock) -> None:
    first = at_work(clock, each_second=0)
    first.status.lost("network")
    clock.advance(120)
    first.connect()
    assert [(gap.cause, gap.lost_estimate) for gap in gaps()] == [("network", 0)]


def test_a_slow_streams_short_outage_may_have_cost_a_post(app: Flask, clock: FrozenClock) -> None:
    collector = at_work(clock, each_second=0)
    collector.status.alive(3)
    clock.advance(10)
    collector.status.alive()
    collector.say("connected")
    collector.status.lost("network")
    clock.advance(2)
    collector.connect()
    assert [gap.lost_estimate for gap in gaps()] == [1]


def test_the_page_says_where_nobody_knows_what_was_missed(
    client: FlaskClient, reader: User, login_as: Callable[[User], FlaskClient]
) -> None:
    """Of gaps that were written down before there was a ledger."""
    found = TwitterFilter(name="Floods", user_id=reader.id, words="flood")
    db.session.add(found)
    db.session.flush()
    ended_at = clocks.now() - timedelta(hours=1)
    for lost in (0, 1234):
        db.session.add(
            Gap(
                filter_id=found.id, prefix=PREFIX, cause="network", lost_estimate=lost,
                began_at=ended_at - timedelta(hours=1, seconds=lost), ended_at=ended_at,
                seconds=3600,
            )
        )  # fmt: skip
    shown = page(login_as(reader), f"/filters/{found.id}/").text
    assert "3,600 network unknown Fill it, at $0.005 a post" in shown
    assert "3,600 network 1,234 Fill it, about $6.17" in shown
