"""Rate-limit headers become waits of 1 to 900 seconds, whatever they say."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from sfm.twitter.rate_headers import read_headers, wait_after

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "seconds", "reason"),
    [
        ({}, 60, "window"),
        ({"x-rate-limit-reset": str(EPOCH + 300)}, 301, "window"),
        ({"x-rate-limit-reset": str(EPOCH - 300)}, 1, "window"),
        ({"x-rate-limit-reset": str(EPOCH + 36_000)}, 900, "window"),
        ({"x-rate-limit-reset": "soon"}, 60, "window"),
        ({"x-rate-limit-reset": "-5"}, 60, "window"),
        ({"x-rate-limit-reset": "9" * 400}, 60, "window"),
        ({"x-rate-limit-reset": "٣٠٠"}, 60, "window"),
        ({"x-rate-limit-remaining": "5", "x-rate-limit-reset": str(EPOCH + 300)}, 10, "too_fast"),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(EPOCH + 300)}, 301, "window"),
        ({"x-app-limit-24hour-remaining": "0"}, 900, "daily"),
        ({"x-user-limit-24hour-remaining": "0"}, 900, "daily"),
    ],
)
def test_waits_are_clamped(headers, seconds, reason):
    wait = wait_after(headers, NOW)
    assert (wait.seconds, wait.reason) == (seconds, reason)
    assert (wait.until - NOW).total_seconds() == seconds


def test_the_wait_counts_from_the_servers_clock():
    server = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    headers = {
        "date": format_datetime(server, usegmt=True),
        "x-rate-limit-reset": str(int(server.timestamp()) + 120),
    }
    assert wait_after(headers, NOW).seconds == 121
    assert read_headers(headers, NOW).clock_is_off


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 2026 12:00:00 GMT", "\x00"])
def test_a_date_that_is_none_leaves_our_own_clock(date):
    headers = {"date": date, "x-rate-limit-reset": str(EPOCH + 120)}
    assert wait_after(headers, NOW).seconds == 121
    assert not read_headers(headers, NOW).clock_is_off


def test_a_reset_hours_ahead_is_flagged_as_a_wrong_clock():
    assert read_headers({"x-rate-limit-reset": str(EPOCH + 36_000)}, NOW).clock_is_off


def test_a_second_connection_waits_a_minute():
    wait = wait_after({"x-rate-limit-reset": str(EPOCH + 5)}, NOW, crowded=True)
    assert (wait.seconds, wait.reason) == (60, "connections")


def test_the_sentence_says_when():
    assert "12:05:01 UTC" in str(wait_after({"x-rate-limit-reset": str(EPOCH + 300)}, NOW))
