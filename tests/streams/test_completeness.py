"""A filter's page claims no more of its completeness than the record proves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from sfm import clock as clocks
from sfm.database import db
from sfm.filters import service
from sfm.filters.account_lookup import People
from sfm.filters.drafting import FilterDraft
from sfm.models import Gap, TwitterFilter, User
from tests.conftest import FrozenClock
from tests.pages import page
from tests.streams.collecting import make_filter
from tests.streams.recorded import RecordedCollector

DAY = 86_400
Login = Callable[[User], FlaskClient]


@pytest.fixture
def signed_in(client: FlaskClient, superuser: User, login_as: Login) -> FlaskClient:
    return login_as(superuser)


def saved(user: User, **more: object) -> TwitterFilter:
    """A filter as the form saves it, at noon."""
    made = service.save(
        FilterDraft(**{"name": "Floods", "user_id": user.id, "words": "flood", **more}),  # type: ignore[arg-type]
        People({}, {}),
    )
    db.session.commit()
    return made


@pytest.fixture
def token(app: object) -> User:
    """A User with an app token."""
    made = make_filter("Other", active=False)
    return made.user


def told(client: FlaskClient) -> str:
    number = db.session.query(TwitterFilter.id).order_by(TwitterFilter.id.desc()).first()
    assert number is not None
    text = page(client, f"/filters/{number[0]}/").text
    assert "all the time" not in text
    return text


def test_the_list_of_filters_says_the_same_of_the_last_seven_days(
    signed_in: FlaskClient, token: User, clock: FrozenClock
) -> None:
    made = saved(token)
    collector = RecordedCollector(made.id)
    collector.connect()
    for _ in range(10):
        clock.advance(DAY)
        collector.status.alive()
        collector.say("connected")
    assert (
        "Its posts were saved without a gap of a second from 2026-11-25 12:00:00 UTC to "
        "2026-12-02 12:00:00 UTC." in page(signed_in, "/filters/").text
    )


def test_a_filter_that_was_never_connected_has_collected_nothing(
    signed_in: FlaskClient, token: User, clock: FrozenClock
) -> None:
    saved(token)
    clock.advance(300)
    text = told(signed_in)
    assert "It has collected nothing since 2026-11-22 12:00:00 UTC: it was not connected." in text
    assert "activated and not connected yet" in text


def test_a_filter_that_collects_says_from_when_to_when_and_where_not(
    signed_in: FlaskClient, token: User, clock: FrozenClock
) -> None:
    made = saved(token)
    clock.advance(10)
    collector = RecordedCollector(made.id)
    collector.connect()
    clock.advance(DAY)
    collector.status.alive()
    collector.say("connected")
    assert (
        "Its posts were saved without a gap of a second from 2026-11-22 12:00:10 UTC to "
        "2026-11-23 12:00:10 UTC." in told(signed_in)
    )
    service.hold(service.by_id(made.id), token)
    db.session.commit()
    clock.advance(14)
    service.release(service.by_id(made.id))
    db.session.commit()
    again = RecordedCollector(made.id)
    again.connect()
    clock.advance(100)
    again.status.alive()
    again.say("connected")
    text = told(signed_in)
    assert "from 2026-11-22 12:00:10 UTC to 2026-11-23 12:02:04 UTC, but for its gaps." in text
    assert "Stopped by an administrator." in text
    assert "unknown whether" not in text
    assert "nothing is saved" not in text


def test_after_the_last_word_of_its_process_nothing_is_saved(
    signed_in: FlaskClient, token: User, clock: FrozenClock
) -> None:
    made = saved(token)
    collector = RecordedCollector(made.id)
    collector.connect()
    clock.advance(60)
    text = told(signed_in)
    assert "nothing is saved" not in text, "it may still be at work"
    assert "There is no gap." in text
    clock.advance(3540)
    collector.status.alive()
    collector.say("connected")
    clock.advance(61)
    text = told(signed_in)
    assert "After 2026-11-22 13:00:00 UTC nothing is saved." in text
    assert "goes on 61 No process was collecting." in text


def test_a_filter_that_was_deactivated_is_not_called_complete(
    signed_in: FlaskClient, token: User, clock: FrozenClock
) -> None:
    saved(token, is_active=False)
    clock.advance(52)
    text = told(signed_in)
    assert "It has collected nothing since 2026-11-22 12:00:00 UTC: it was not connected." in text
    assert "The filter was not active." in text


@pytest.mark.parametrize("has_gap", [False, True])
def test_a_filter_from_before_such_times_were_recorded_is_unknown(
    signed_in: FlaskClient, token: User, clock: FrozenClock, has_gap: bool
) -> None:
    """Its stops and the time before its first connection are in no row; what is, is shown."""
    made = TwitterFilter(name="Floods", user_id=token.id, words="flood")
    db.session.add(made)
    db.session.flush()
    clock.advance(DAY)
    if has_gap:
        at = clocks.now() - timedelta(hours=2)
        db.session.add(
            Gap(
                filter_id=made.id, prefix=f"twitterfilter-{made.id}", cause="network", began_at=at,
                ended_at=at + timedelta(hours=1),
            )
        )  # fmt: skip
    db.session.commit()
    text = told(signed_in)
    assert (
        "It is unknown whether it was connected between 2026-11-22 12:00:00 UTC and "
        "2026-11-23 12:00:00 UTC." in text
    )
    assert ("3,600 network" in text) == has_gap


def test_a_full_disk_shows_while_it_lasts_and_is_no_gap_when_all_was_saved(
    signed_in: FlaskClient, token: User, clock: FrozenClock
) -> None:
    made = saved(token)
    collector = RecordedCollector(made.id)
    collector.connect()
    clock.advance(10)
    collector.oldest_unsaved = clocks.monotonic()
    collector.status.disk_failed("The disk is full.")
    clock.advance(90)
    collector.status.alive()
    collector.say("storage")
    text = told(signed_in)
    assert "After 2026-11-22 12:00:10 UTC nothing is saved." in text
    assert "goes on 90 The disk is full." in text
    collector.oldest_unsaved = None
    collector.status.disk_recovered()
    collector.say("connected")
    assert "There is no gap." in told(signed_in)
