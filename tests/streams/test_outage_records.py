"""What was missed is worked out for each filter by itself, and no button or process undoes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sfm import audit
from sfm import clock as clocks
from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.filters import owners, reconcile, service
from sfm.filters.account_lookup import People
from sfm.filters.drafting import FilterDraft, draft_of
from sfm.models import (
    CoverageDue,
    CoverageSaved,
    FilterVersion,
    Gap,
    Heartbeat,
    ProgramRetry,
    TwitterFilter,
    User,
)
from tests.conftest import FrozenClock
from tests.pages import page, submit
from tests.streams.collecting import all_gaps, gaps, make_filter, saved_spans
from tests.streams.recorded import RecordedCollector

ONE, TWO = "twitterfilter-1", "twitterfilter-2"
DAY = 86_400.0


def causes(prefix: str = ONE) -> list[tuple[str, float]]:
    return [(gap.cause, round(gap.seconds)) for gap in all_gaps(prefix)]


@pytest.mark.parametrize("last_word", ["stopped", "needs_person", "connected"])
def test_restart_on_the_board_keeps_the_hole_before_it(
    client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock, last_word: str,
) -> None:  # fmt: skip
    """SV15: a process that is gone since three days, whatever its last word was."""
    make_filter("Floods")
    before = RecordedCollector(1)
    before.connect()
    if last_word != "connected":
        before.status.ended(last_word, "It ended.")
        before.say(last_word)
    clock.advance(3 * DAY)
    db.session.add(ProgramRetry(program=ONE, failures=4, next_at=clocks.now()))
    db.session.commit()
    submit(login_as(superuser), page(client, "/status/"), "/status/1/restart/")
    db.session.expire_all()
    assert db.session.get(ProgramRetry, ONE) is None
    assert db.session.get_one(Heartbeat, ONE).revision == 0, "so it is tried though nothing changed"
    clock.advance(5)
    RecordedCollector(1).connect()
    (gap,) = gaps()
    assert gap.seconds == 3 * DAY + 5


def test_each_filter_of_a_shared_connection_has_missed_its_own_time(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18: three seconds the one, ten days the other; also where the start fails at first."""
    for name, token, owner in (("One", "token-one", "ann"), ("Two", "token-two", "ben")):
        make_filter(name, token=token, owner=owner)
    RecordedCollector(2).connect()
    clock.advance(10 * DAY - 63)
    first = RecordedCollector(1)
    first.connect()
    first.post(clock, 60, 1)
    first.stop()
    clock.advance(3)
    failing = RecordedCollector(1, 2)
    failing.status.lost("503", "Over capacity.")
    failing.say("connecting")
    RecordedCollector(1, 2).connect()
    found = {gap.prefix: (gap.seconds, gap.lost_estimate) for gap in gaps(ONE) + gaps(TWO)}
    assert found == {ONE: (3, 3), TWO: (10 * DAY, 0)}


def test_the_loss_after_a_few_seconds_goes_by_the_pace_of_these(
    app: Flask, clock: FrozenClock
) -> None:
    """Seven seconds with ten posts each, then killed; half a minute is missed."""
    make_filter("Floods")
    first = RecordedCollector(1)
    first.connect()
    first.post(clock, 7, 10)
    clock.advance(30)
    RecordedCollector(1).connect()
    assert [(gap.seconds, gap.lost_estimate) for gap in gaps()] == [(30, 300)]


def test_a_filter_that_is_deactivated_while_it_cannot_connect_has_each_time_by_itself(
    app: Flask, clock: FrozenClock
) -> None:
    """ST18: the last word of its process comes later, and it is activated after 90 days."""
    made = make_filter("Floods")
    RecordedCollector(1).connect()
    clock.advance(605)
    collector = RecordedCollector(1)
    collector.status.lost("503", "Over capacity.")
    collector.say("waiting")
    service.deactivate(made)
    db.session.commit()
    collector.stop()
    clock.advance(DAY * 90)
    service.activate(service.by_id(1))
    db.session.commit()
    clock.advance(5)
    again = RecordedCollector(1)
    again.connect()
    again.stop()
    clock.advance(3)
    RecordedCollector(1).connect()
    assert causes() == [
        ("process_lost", 605), ("not_active", 90 * DAY), ("not_connected", 5), ("restarted", 3),
    ]  # fmt: skip
    assert all(gap.ended_at for gap in all_gaps())


def test_stopped_and_not_active_are_gaps_until_the_filter_is_connected_again(
    client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock,
) -> None:  # fmt: skip
    """CP20"""
    make_filter("Floods")
    collector = RecordedCollector(1)
    collector.connect()
    login_as(superuser)
    submit(client, page(client, "/status/"), "/status/1/stop/")
    collector.say("connected")  # it has not been told yet
    clock.advance(14)
    submit(client, page(client, "/status/"), "/status/1/start/")
    clock.advance(2)
    RecordedCollector(1).connect()
    submit(client, page(client, "/filters/1/"), "/filters/1/deactivate/")
    clock.advance(52)
    submit(client, page(client, "/filters/1/"), "/filters/1/activate/")
    clock.advance(2)
    RecordedCollector(1).connect()
    assert causes() == [
        ("stopped", 14), ("not_connected", 2), ("not_active", 52), ("not_connected", 2),
    ]  # fmt: skip
    shown = page(client, "/filters/1/").text
    assert f"Stopped by an administrator. By {superuser.username}." in shown
    assert "It was started and not connected yet." in shown
    assert "The filter was activated and not connected yet." in shown


def test_a_hole_before_a_stop_is_not_covered_by_it(app: Flask, clock: FrozenClock) -> None:
    """Its process was gone for three days when somebody stopped it."""
    made = make_filter("Floods")
    RecordedCollector(1).connect()
    clock.advance(3 * DAY)
    with audit.acting_as(audit.Actor(1, "ann")):
        service.hold(made, made.user)
    db.session.commit()
    now = clocks.now()
    clock.advance(1)
    assert [(gap.cause, gap.who, gap.began_at, gap.ended_at) for gap in all_gaps()] == [
        ("process_lost", "", now - timedelta(days=3), now), ("stopped", "ann", now, None),
    ]  # fmt: skip


def test_a_process_stopped_a_moment_before_its_filter_is_no_gap_of_its_own(
    app: Flask, clock: FrozenClock
) -> None:
    """Its last byte came some seconds before the stop."""
    made = make_filter("Floods")
    collector = RecordedCollector(1)
    collector.connect()
    clock.advance(7)
    service.hold(made, made.user)
    db.session.commit()
    collector.stop()
    clock.advance(10)
    assert causes() == [("stopped", 17)]


def test_held_then_deactivated_then_deleted(app: Flask, clock: FrozenClock) -> None:
    """Each time has its own cause; after the end of a filter nothing is missed any more."""
    made = make_filter("Floods")
    RecordedCollector(1).connect()
    service.hold(made, made.user)
    clock.advance(10)
    service.deactivate(made)
    clock.advance(20)
    service.delete(made)
    db.session.commit()
    clock.advance(30)
    assert causes() == [("stopped", 10), ("not_active", 20)]
    assert all(gap.ended_at for gap in all_gaps())
    assert [row.filter_id for row in db.session.query(CoverageSaved)] == [None]


@pytest.mark.parametrize("is_back", [True, False])
def test_a_restart_is_named_and_not_told_as_a_crash(
    client: FlaskClient, superuser: User, login_as: Callable[[User], FlaskClient],
    clock: FrozenClock, is_back: bool,
) -> None:  # fmt: skip
    """It was pressed while the process was well; the end of a later one is none of its doing."""
    make_filter("Floods")
    first = RecordedCollector(1)
    first.connect()
    clock.advance(100)
    first.status.alive()
    submit(login_as(superuser), page(client, "/status/"), "/status/1/restart/")
    clock.advance(2)
    first.stop()
    clock.advance(5)
    if is_back:
        second = RecordedCollector(1)
        second.connect()
        clock.advance(100)
        second.status.alive()
        second.stop()
        clock.advance(9)
        RecordedCollector(1).connect()
    told = [(gap.cause, round(gap.seconds), gap.who) for gap in all_gaps()]
    expected = [("restarted", 7, superuser.username), ("restarted", 9, "")]
    assert told == (expected if is_back else expected[:1])
    shown = page(client, "/filters/1/").text
    assert f"Restarted by an administrator. By {superuser.username}." in shown
    assert ("stopped and started again" in shown) == is_back
    assert [span.ended_at for span in db.session.query(CoverageDue)][1:] == [None]


def test_a_filter_that_waits_for_the_connection_of_another_says_so(
    app: Flask, clock: FrozenClock
) -> None:
    """Connections are no longer shared, then shared again."""
    make_filter("One")
    make_filter("Two")
    both = RecordedCollector(1, 2)
    both.connect()
    clock.advance(100)
    both.status.alive()
    reconcile.reconcile()
    both.stop()
    RecordedCollector(1).connect()
    clock.advance(30)
    reconcile.reconcile()
    clock.advance(20)
    (gap,) = all_gaps(TWO)
    assert (gap.cause, gap.detail) == ("connection_held", "Filter 1 holds the connection.")
    assert (gap.ended_at, round(gap.seconds), gap.is_due) == (None, 50, True)
    app.extensions["sfm_settings"] = replace(app_settings(), share_stream_connections=True)
    reconcile.reconcile()
    clock.advance(2)
    again = RecordedCollector(1, 2)
    again.connect()
    again.stop()
    clock.advance(9)
    gaps_of_two = all_gaps(TWO)
    assert [(gap.cause, round(gap.seconds)) for gap in gaps_of_two] == [
        ("connection_held", 52), ("restarted", 9),
    ]  # fmt: skip
    assert gaps_of_two[1].detail == "The stream process was stopped."
    assert "connection_held" not in [gap.cause for gap in all_gaps(ONE)]
    assert [row.ended_at is not None for row in db.session.query(Gap)] == [True]


def test_who_changed_words_or_user_is_named_with_the_gap(app: Flask, clock: FrozenClock) -> None:
    """Two edits before the rules of the first were at Twitter; then another User."""
    made = make_filter("Floods", owner="ann")
    ben = make_filter("Other", token="token-two", owner="ben", active=False).user
    collector = RecordedCollector(1)
    collector.connect()
    clock.advance(60)
    collector.status.alive()
    edit(made, "eve", words="storm")
    collector.say("connected")
    collector.status.rules_changed(ONE, made.changed_at)
    clock.advance(1)
    assert [(gap.cause, gap.who) for gap in all_gaps()] == [], "not written yet"
    edit(service.by_id(1), "root", words="storm, hail")
    clock.advance(2)
    collector.status.alive()
    collector.status.rules_in_force([ONE])
    collector.say("connected")
    clock.advance(60)
    collector.status.alive()
    edit(service.by_id(1), "joe", user_id=ben.id)
    clock.advance(1)
    collector.stop()
    clock.advance(100)
    expected = [("changed", "eve, root", 3), ("credential_changed", "joe", 101)]
    told = [(gap.cause, gap.who, round(gap.seconds)) for gap in all_gaps()]
    assert told == expected, "while it goes on"
    RecordedCollector(1, fingerprint="e" * 64).connect()
    assert [(gap.cause, gap.who, round(gap.seconds)) for gap in all_gaps()] == expected


def edit(made: TwitterFilter, who: str, **fields: object) -> None:
    """A save of the form by somebody, with these fields changed. Commits."""
    draft = replace(draft_of(made, is_active=True), **fields)  # type: ignore[arg-type]
    if "user_id" in fields:
        draft = replace(draft, credential_id=None, uses_installation_token=False)
    with audit.acting_as(audit.Actor(None, who)):
        service.save(draft, People({}, {}), made)
    db.session.commit()


def test_another_credential_is_told_as_the_cause(app: Flask, clock: FrozenClock) -> None:
    make_filter("Floods")
    first = RecordedCollector(1)
    first.connect()
    first.stop()
    clock.advance(21)
    RecordedCollector(1, fingerprint="e" * 64).connect()
    assert [(gap.cause, gap.seconds) for gap in gaps()] == [("credential_changed", 21)]


def test_other_words_are_a_gap_from_their_save_until_their_rules_are_at_twitter(
    app: Flask, clock: FrozenClock
) -> None:
    make_filter("Floods")
    collector = RecordedCollector(1)
    collector.connect()
    clock.advance(60)
    collector.status.alive()
    collector.say("connected")
    changed_at = clocks.now() - timedelta(seconds=2)  # the save was noticed so much later
    collector.status.rules_changed(ONE, changed_at)
    collector.say("connected")
    clock.advance(1)
    collector.status.rules_in_force([ONE])
    collector.say("connected")
    (gap,) = gaps()
    assert (gap.cause, gap.began_at, gap.seconds) == ("changed", changed_at, 3)


def test_what_was_left_out_within_a_span_is_a_gap_of_its_own_filter(
    app: Flask, clock: FrozenClock
) -> None:
    for name, token, owner in (("One", "token-one", "ann"), ("Two", "token-two", "ben")):
        make_filter(name, token=token, owner=owner)
    collector = RecordedCollector(1, 2)
    collector.connect()
    clock.advance(10)
    collector.status.dropped(TWO, 31, clocks.now() - timedelta(seconds=4))
    collector.status.alive()
    collector.say("connected")
    assert gaps(ONE) == []
    (gap,) = gaps(TWO)
    assert (gap.cause, gap.seconds, gap.lost_counted) == ("too_slow", 4, 31)


@pytest.mark.parametrize("step", [3600, -3600])
def test_a_clock_that_is_set_ends_a_span_and_claims_no_time_that_did_not_pass(
    app: Flask, clock: FrozenClock, step: int
) -> None:
    make_filter("Floods")
    collector = RecordedCollector(1)
    collector.connect()
    clock.advance(7200)
    collector.post(clock, 60, 1)
    clock.moment += timedelta(seconds=step)
    collector.say("connected")
    collector.post(clock, 60, 1)
    first, second = saved_spans()
    assert (first.saved_until - first.began_at).total_seconds() == 7260
    assert (second.saved_until - second.began_at).total_seconds() == 60
    assert first.cause == "clock_set"
    if step > 0:
        (gap,) = gaps()
        assert (gap.cause, gap.seconds) == ("clock_set", step)
    else:
        clock.advance(1000)
        (gap,) = [gap for gap in all_gaps() if gap.ended_at is None]
        assert gap.began_at == second.saved_until, "what the old time claimed is not believed"


def test_what_a_filter_listened_for_is_kept_with_who_changed_it(
    app: Flask, clock: FrozenClock
) -> None:
    """S-5: also where its User was made one with another, and nothing where nothing changed."""
    made = make_filter("Floods", owner="ann")
    ben = User(username="ben")
    db.session.add(ben)
    db.session.commit()
    clock.advance(60)
    with audit.acting_as(audit.Actor(None, "root")):
        service.hold(made, ben)
        draft = FilterDraft(name="Floods", user_id=made.user_id, words="storm")
        service.save(draft, People({}, {}), made)
        clock.advance(60)
        owners.join(ben, made.user)
    db.session.commit()
    versions = db.session.query(FilterVersion).order_by(FilterVersion.id)
    assert [(row.words, row.username, row.changed_by) for row in versions] == [
        ("flood", "ann", ""), ("storm", "ann", "root"), ("storm", "ben", "root"),
    ]  # fmt: skip
    assert [row.ended_at for row in versions] == [row.began_at for row in versions][1:] + [None]
