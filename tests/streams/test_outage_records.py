"""What was missed is worked out for each filter by itself, and no button or process undoes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import clock as clocks
from sfm.database import db
from sfm.filters import service
from sfm.models import Gap, Heartbeat, ProgramRetry, TwitterFilter, User
from sfm.streams.manifest import Manifest, outage_before
from sfm.streams.status import Status
from tests.conftest import FrozenClock
from tests.pages import page, submit
from tests.streams.collecting import gaps, make_filter

ONE, TWO = "twitterfilter-1", "twitterfilter-2"


def said(program: str, ids: list[int], ago: timedelta, **more: object) -> None:
    """A collector's last word, so long ago."""
    at = clocks.now() - ago
    values = {"state": "stopped", "alive_at": at, "saved_until": at, "posts_a_minute": 0.0, **more}
    db.session.add(Heartbeat(program=program, filter_ids=ids, beat_at=at, **values))
    db.session.commit()


def long_active(name: str, token: str, owner: str) -> TwitterFilter:
    made = make_filter(name, token=token, owner=owner)
    made.active_since = clocks.now() - timedelta(days=40)
    db.session.commit()
    return made


class Collector:
    """What a collector notes, without its connection."""

    def __init__(self, program: str, *ids: int) -> None:
        self.program, self.ids = program, list(ids)
        self.status, self.manifest = Status(), Manifest(Path("/nowhere"), program)
        self.prefixes = [f"twitterfilter-{number}" for number in ids]
        self.status.add_outages(outage_before(self.prefixes))
        db.session.rollback()

    def connect(self) -> None:
        self.status.alive()
        self.status.connection_restored()
        self.say("connected")

    def say(self, state: str) -> None:
        beat = Heartbeat(
            program=self.program, filter_ids=self.ids, beat_at=clocks.now(), state=state,
            alive_at=self.status.alive_at, saved_until=self.status.alive_at,
            posts_a_minute=self.status.posts_a_minute,
        )  # fmt: skip
        saving = self.prefixes if state == "connected" else []
        going_on = self.status.open_outages()
        assert self.manifest.write(beat, self.status.outages, going_on, self.prefixes, saving)


@pytest.mark.parametrize("state", ["stopped", "needs_person", "connected"])
def test_restart_on_the_board_keeps_the_hole_before_it(
    client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock, state: str,
) -> None:  # fmt: skip
    """SV15: a process that is gone since three days, whatever its last word was."""
    long_active("Floods", "token-one", "ann")
    said(ONE, [1], timedelta(days=3), state=state, revision=2**62)
    db.session.add(ProgramRetry(program=ONE, failures=4, next_at=clocks.now()))
    db.session.commit()
    before = outage_before([ONE])
    assert [one.began_at for one in before] == [clocks.now() - timedelta(days=3)]
    submit(login_as(superuser), page(client, "/status/"), "/status/1/restart/")
    db.session.expire_all()
    assert outage_before([ONE]) == before
    assert db.session.get(ProgramRetry, ONE) is None
    assert db.session.get_one(Heartbeat, ONE).revision == 0, "so it is tried though nothing changed"
    collector = Collector(ONE, 1)
    clock.advance(5)
    collector.connect()
    (gap,) = gaps()
    assert gap.seconds == pytest.approx(3 * 86_400 + 5)


def test_each_filter_of_a_shared_connection_has_missed_its_own_time(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18: three seconds the one, ten days the other; also where the start fails at first."""
    for name, token, owner in (("One", "token-one", "ann"), ("Two", "token-two", "ben")):
        long_active(name, token, owner)
    said(ONE, [1], timedelta(seconds=3), posts_a_minute=60.0)
    said(TWO, [2], timedelta(days=10))
    Collector(ONE, 1, 2).say("connecting")
    collector = Collector(ONE, 1, 2)
    collector.connect()
    found = {gap.prefix: (gap.seconds, gap.lost_estimate) for gap in gaps()}
    assert len(gaps()) == 2
    assert found == {ONE: (3, 3), TWO: (864_000, 0)}


def test_what_ended_when_a_filter_was_deactivated_is_not_opened_again(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18: the last word of its process comes later, and it is activated after 90 days."""
    made = long_active("Floods", "token-one", "ann")
    said(ONE, [1], timedelta(seconds=600), state="connected")
    clock.advance(5)
    collector = Collector(ONE, 1)
    collector.say("waiting")
    service.deactivate(made)
    db.session.commit()
    collector.say("stopped")
    clock.advance(86_400 * 90)
    service.activate(service.by_id(1))
    db.session.commit()
    clock.advance(5)
    again = Collector(ONE, 1)
    again.connect()
    again.say("stopped")
    clock.advance(3)
    Collector(ONE, 1).connect()
    assert [(gap.cause, gap.seconds) for gap in gaps()] == [
        ("process_lost", 605), ("not_active", 86_400 * 90), ("not_connected", 5), ("restarted", 3),
    ]  # fmt: skip
    assert all(gap.ended_at for gap in gaps())


def test_a_gap_that_nobody_ended_ends_where_posts_were_saved_again(
    app: Flask, clock: FrozenClock
) -> None:
    long_active("Floods", "token-one", "ann")
    now = clocks.now()
    db.session.add(Gap(filter_id=1, prefix=ONE, cause="network", began_at=now - timedelta(days=9)))
    said(ONE, [1], timedelta(days=2))
    Collector(ONE, 1).connect()
    assert [(gap.cause, gap.began_at, gap.ended_at) for gap in gaps()] == [
        ("network", now - timedelta(days=9), now - timedelta(days=2)),
        ("restarted", now - timedelta(days=2), now),
    ]


def test_stopped_and_not_active_are_gaps_until_the_filter_is_connected_again(
    client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock,
) -> None:  # fmt: skip
    """CP20"""
    long_active("Floods", "token-one", "ann")
    collector = Collector(ONE, 1)
    collector.connect()
    login_as(superuser)
    submit(client, page(client, "/status/"), "/status/1/stop/")
    collector.say("connected")  # it has not been told yet
    clock.advance(14)
    submit(client, page(client, "/status/"), "/status/1/start/")
    clock.advance(2)
    Collector(ONE, 1).connect()
    submit(client, page(client, "/filters/1/"), "/filters/1/deactivate/")
    clock.advance(52)
    submit(client, page(client, "/filters/1/"), "/filters/1/activate/")
    clock.advance(2)
    Collector(ONE, 1).connect()
    assert [(gap.cause, gap.seconds) for gap in gaps()] == [
        ("stopped", 14), ("not_connected", 2), ("not_active", 52), ("not_connected", 2),
    ]  # fmt: skip
    assert "Stopped by an administrator." in page(client, "/filters/1/").text


def test_a_hole_before_a_stop_is_not_covered_by_it(app: Flask, clock: FrozenClock) -> None:
    """Its process was gone for three days when somebody stopped it."""
    made = long_active("Floods", "token-one", "ann")
    said(ONE, [1], timedelta(days=3), state="connected")
    service.hold(made, made.user)
    db.session.commit()
    now = clocks.now()
    assert [(gap.cause, gap.began_at, gap.ended_at) for gap in gaps()] == [
        ("not_collecting", now - timedelta(days=3), now), ("stopped", now, None),
    ]  # fmt: skip
