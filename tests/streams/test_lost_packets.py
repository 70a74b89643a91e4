"""ST3 in earnest: a connection whose packets vanish on the way, while both ends think it stands."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.rounds import rounds
from tests.streams.collecting import Process, all_gaps, beat_of, environment, gaps, make_filter
from tests.streams.fake_x import FakeX, Line
from tests.streams.namespace import Namespace, NoNamespace
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(rounds(300, 3600))]
NAME = "twitterfilter-1"


@pytest.fixture
def elsewhere() -> Iterator[Namespace]:
    try:
        with Namespace() as namespace:
            yield namespace
    except NoNamespace as exc:
        pytest.skip(f"packets can only be lost in a network namespace: {exc}")


def state() -> str:
    beat = beat_of(NAME)
    return beat.state if beat else ""


def posts() -> int:
    beat = beat_of(NAME)
    return beat.posts if beat else 0


def test_packets_that_vanish_while_keep_alives_flow_are_noticed_in_time(
    app: Flask, elsewhere: Namespace
) -> None:
    """Dead within the limit of silence, then back by itself, with a gap as long as it was."""
    make_filter()
    seconds = rounds(3, 30)
    kept_alive = threading.Event()

    def first(line: Line) -> None:
        line.post(1)
        while not line.gone and not fake.closing.wait(0.2):
            line.keep_alive()
            kept_alive.set()

    def second(line: Line) -> None:
        line.post(2)
        line.hold()

    with elsewhere.inside():
        fake = FakeX(first, second, host=elsewhere.address)
    with fake:
        env = environment(app, fake.url, SFM_STREAM_SILENCE_SECONDS=str(seconds))
        process = Process(env, "filterstream", 1, "--save")
        try:
            wait_for(lambda: posts() == 1)
            elsewhere.lose_packets()
            kept_alive.clear()
            assert kept_alive.wait(60), "the server goes on saying that it is there"
            wait_for(lambda: state() not in ("connected", ""), seconds + 90)
            assert elsewhere.lost > 0, "no packet was lost"
            silence = silence_before_it_was_noticed()
            assert seconds <= silence < seconds + 5
            elsewhere.let_packets_pass()
            wait_for(lambda: posts() == 2, 120)
            process.signal(signal.SIGTERM)
            code, _, err = process.end()
            assert code == 0, err
        finally:
            process.kill()
    (gap,) = gaps()
    assert gap.cause == "silent"
    assert gap.ended_at is not None
    assert gap.seconds is not None
    assert gap.seconds >= seconds - 1


def silence_before_it_was_noticed() -> float:
    """By the collector's own times: from the last sign of life to the end of the connection."""
    beat = beat_of(NAME)
    assert beat is not None
    assert beat.alive_at is not None
    gap = all_gaps()[-1]
    return (beat.since - gap.began_at).total_seconds()
