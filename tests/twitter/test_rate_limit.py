"""Windows are used fully and never overrun, per credential and endpoint."""

from email.utils import format_datetime

import pytest

from sfm import clock as clock_module
from sfm.twitter.endpoints import POSTS, SEARCH, TIMELINE
from sfm.twitter.rate_headers import wait_after
from sfm.twitter.rate_limit import Limiter
from tests.threads import at_once


def headers(remaining, seconds, limit=900):
    now = clock_module.now()
    return {
        "date": format_datetime(now, usegmt=True),
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": str(int(now.timestamp()) + seconds),
    }


def one_call(limiter, told=None, endpoint=SEARCH, who="a"):
    wait = limiter.take(who, endpoint, app=False)
    assert wait is None, str(wait)
    limiter.note(who, endpoint, told)


def test_published_limits_hold_until_an_answer_tells(clock):
    limiter = Limiter()
    for _ in range(SEARCH.user_limit):
        one_call(limiter, {})
    wait = limiter.take("a", SEARCH, app=False)
    assert (wait.seconds, wait.reason) == (900, "window")
    clock.advance(900)
    assert limiter.take("a", SEARCH, app=False) is None


def test_an_apps_limit_is_its_own(clock):
    limiter = Limiter()
    assert limiter.take("a", TIMELINE, app=True) is None
    assert limiter.states()[0].limit == TIMELINE.app_limit


def test_a_spent_window_waits_for_its_reset_and_not_longer(clock):
    limiter = Limiter()
    one_call(limiter, headers(0, 120))
    wait = limiter.take("a", SEARCH, app=False)
    assert wait.seconds == 121
    assert (wait.until - clock.now()).total_seconds() == 121
    clock.advance(121)
    assert limiter.take("a", SEARCH, app=False) is None


def test_other_endpoints_and_credentials_go_on(clock):
    limiter = Limiter()
    one_call(limiter, headers(0, 120))
    assert limiter.take("a", SEARCH, app=False) is not None
    assert limiter.take("a", POSTS, app=False) is None
    assert limiter.take("b", SEARCH, app=False) is None


def test_the_servers_word_beats_our_count(clock):
    limiter = Limiter()
    one_call(limiter, headers(1_000_000, 900, limit=1_000_001))
    assert limiter.states()[0].remaining == 1_000_000


def test_answers_that_overtake_each_other_do_not_give_calls_back(clock):
    limiter = Limiter()
    for _ in range(3):
        assert limiter.take("a", SEARCH, app=False) is None
    limiter.note("a", SEARCH, headers(5, 120))
    limiter.note("a", SEARCH, headers(4, 120))
    limiter.note("a", SEARCH, headers(6, 120))
    assert limiter.states()[0].remaining == 3


@pytest.mark.parametrize(
    ("reset", "seconds"), [(None, 60), (-300, 1), (0, 1), (36_000, 900), (300, 301)]
)
def test_refusals_are_clamped(clock, reset, seconds):
    limiter = Limiter()
    told = headers(0, reset) if reset is not None else {}
    assert limiter.take("a", SEARCH, app=False) is None
    limiter.note("a", SEARCH, told, wait_after(told, clock.now()))
    assert limiter.take("a", SEARCH, app=False).seconds == seconds


def test_too_fast_holds_shortly_and_leaves_the_window(clock):
    limiter = Limiter()
    told = headers(50, 600)
    assert limiter.take("a", SEARCH, app=False) is None
    limiter.note("a", SEARCH, told, wait_after(told, clock.now()))
    wait = limiter.take("a", SEARCH, app=False)
    assert (wait.seconds, wait.reason) == (10, "too_fast")
    clock.advance(10)
    assert limiter.take("a", SEARCH, app=False) is None


def test_a_call_without_an_answer_is_not_in_flight_for_ever(clock):
    limiter = Limiter()
    for _ in range(5):
        one_call(limiter, None)
    one_call(limiter, headers(10, 120))
    assert limiter.states()[0].remaining == 10


def test_a_wrong_clock_is_flagged_and_the_wait_is_right_all_the_same(clock):
    limiter = Limiter()
    told = headers(0, 120)
    clock.moment = clock.moment.replace(year=2030)  # ours, not the server's
    one_call(limiter, told)
    assert limiter.clock_is_off
    assert limiter.take("a", SEARCH, app=False).seconds == 121


def test_our_clock_set_back_does_not_lengthen_a_wait(clock):
    limiter = Limiter()
    one_call(limiter, headers(0, 120))
    clock.moment = clock.moment.replace(year=2020)
    clock.elapsed += 100
    assert limiter.take("a", SEARCH, app=False).seconds == 21


def test_threads_together_never_take_more_than_there_is(clock):
    limiter, taken = Limiter(), []
    one_call(limiter, headers(100, 600, limit=101))

    def work():
        while limiter.take("a", SEARCH, app=False) is None:
            taken.append(1)

    at_once(8, work)
    assert len(taken) == 100


def test_asking_takes_no_time(clock):
    limiter = Limiter()
    one_call(limiter, headers(0, 120))
    limiter.take("a", SEARCH, app=False)
    assert clock.slept == []
