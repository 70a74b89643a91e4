"""The official tables of waits, exactly, and never a storm of connects."""

import pytest

from sfm.networks import errors
from sfm.networks.stream import backoff_kind
from sfm.twitter import errors as x_errors
from sfm.twitter.stream_backoff import Backoff


def waits(kind, count, **more):
    backoff, now, found = Backoff(), 0.0, []
    for _ in range(count):
        backoff.connected(now)
        found.append(backoff.failed(kind, now, **more))
        now += 1000  # so far apart that only the table counts
    return found


def test_network_faults_at_once_then_a_quarter_second_more_to_sixteen():
    found = waits("network", 70)
    assert found[:5] == [0, 0.25, 0.5, 0.75, 1.0]
    assert found[64:] == [16.0] * 6


def test_http_errors_double_from_five_to_320():
    assert waits("http", 9) == [5, 10, 20, 40, 80, 160, 320, 320, 320]


def test_limits_double_from_a_minute_to_fifteen():
    assert waits("rate", 6) == [60, 120, 240, 480, 900, 900]


def test_a_refused_key_is_asked_for_after_5_15_and_60_minutes_then_hourly():
    assert waits("refused", 6) == [5, 300, 900, 3600, 3600, 3600]


def test_a_connect_that_never_came_about_is_not_counted():
    """S-26: twelve refused connects in a row leave the table as it is."""
    backoff = Backoff()
    assert [backoff.failed("network", 0.0) for _ in range(13)][-1] == 3.0
    assert backoff.crowded_seconds(0.0) == 0


@pytest.mark.parametrize(("told", "first"), [(0, 60), (300, 300), (36_000, 900), (-5, 60)])
def test_what_a_refusal_asks_for_is_kept_within_bounds(told, first):
    assert waits("rate", 1, requested_seconds=told) == [first]


@pytest.mark.parametrize(("seconds", "records"), [(30.0, 0), (30.0, 1)])
def test_a_good_connection_starts_the_table_anew(seconds, records):
    backoff = Backoff()
    for _ in range(3):
        backoff.failed("http", 0.0)
    backoff.alive(seconds, records)
    assert backoff.failed("http", 10_000.0) == 5


@pytest.mark.parametrize("records", [0, 10])
def test_a_short_connection_does_not_whatever_it_gave(records):
    """S-27"""
    backoff = Backoff()
    backoff.failed("http", 0.0)
    backoff.alive(29.9, records)
    assert backoff.failed("http", 10_000.0) == 10


@pytest.mark.parametrize("records", [0, 1])
def test_a_server_that_ends_every_connection_gets_ten_a_minute(records):
    backoff, now, connects = Backoff(), 0.0, []
    while now < 1800:
        backoff.connected(now)
        connects.append(now)
        backoff.alive(0.0, records)
        now += backoff.failed("network", now)
    for start in connects:
        assert sum(start <= one < start + 60 for one in connects) <= 10
        assert sum(start <= one < start + 900 for one in connects) <= 45
    assert len(connects) > 40


def test_the_first_reconnect_is_at_once():
    backoff = Backoff()
    backoff.connected(0.0)
    assert backoff.failed("network", 100.0) == 0


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (errors.Retry("x"), "network"),
        (errors.Retry("x", status=503), "http"),
        (x_errors.credential_problem("refused"), "refused"),
        (errors.OutOfCredits("x"), "refused"),
        (x_errors.no_rules(), "http"),
        (errors.BadRequest("x", status=409), "http"),
        (errors.BadRequest("x"), "refused"),
    ],
)
def test_refusals_find_their_table(trouble, kind):
    assert backoff_kind(trouble) == kind
