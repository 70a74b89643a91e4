"""How long a stream's reader stays away, and what ends its waits: against a scripted server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from sfm import clock
from sfm.networks.adapter import PostStream
from sfm.streams.line_queue import LineQueue
from sfm.streams.reader_thread import ReaderThread
from sfm.streams.status import Status
from sfm.twitter.auth import BearerAuth
from sfm.twitter.rate_limit import Limiter
from sfm.twitter.stream_client import StreamClient
from sfm.twitter.transport import Transport
from tests.streams.fake_x import FakeX, Line
from tests.twitter.memory_meter import MemoryMeter
from tests.waiting import wait_for

Start = Callable[..., ReaderThread]
UNAUTHORIZED = {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"}
NO_CREDITS = {
    "title": "CreditsDepleted", "detail": "Your account does not have any credits.",
    "type": "https://api.twitter.com/2/problems/credits",
}  # fmt: skip
NO_RULES = {"title": "ConnectionException", "connection_issue": "RuleConfigurationIssue"}


@pytest.fixture
def start() -> Iterator[Start]:
    readers: list[ReaderThread] = []

    def start(url: str, **more: object) -> ReaderThread:
        def connect() -> PostStream:
            transport = Transport(
                BearerAuth("token-one"), api_root=url, limiter=Limiter(), meter=MemoryMeter()
            )
            return StreamClient(transport).sample_stream()

        reader = ReaderThread(connect, LineQueue(), Status(), lambda line: [], **more)  # type: ignore[arg-type]
        readers.append(reader)
        reader.start()
        return reader

    yield start
    for reader in readers:
        reader.stop()
        reader.join(30)
        assert not reader.is_alive()


def waits_of(reader: ReaderThread, tries: int, state: str) -> list[int]:
    """The waits after each of so many tries, each ended as a save ends it."""
    waits: list[int] = []
    seen: list[datetime | None] = [None]
    for _ in range(tries):
        wait_for(lambda: reader.status.state == state and reader.status.wait_until not in seen)
        until = reader.status.wait_until
        assert until is not None
        seen.append(until)
        waits.append(round((until - clock.now()).total_seconds()))
        reader.retry_now()
    return waits


def test_a_refused_key_is_tried_again_ever_more_slowly_and_when_asked(start: Start) -> None:
    """K-9: nobody has to come for it."""
    with FakeX((401, {}, UNAUTHORIZED)) as fake:
        reader = start(fake.url)
        assert waits_of(reader, 5, "refused") == [5, 300, 900, 3600, 3600]
        assert reader.refusal is None
        assert "tried again by itself" in reader.status.reason
        fake.scripts = [Line.hold]
        reader.retry_now()
        wait_for(lambda: reader.status.state == "connected")


def test_without_credits_the_first_try_of_the_next_day_is_soon_after_midnight(
    start: Start,
) -> None:
    with FakeX((402, {}, NO_CREDITS)) as fake:
        reader = start(fake.url)
        now = clock.now()
        first = waits_of(reader, 1, "refused")
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=1, second=0, microsecond=0)
        assert first == [5] or first[0] <= (midnight - now).total_seconds() + 1


def test_no_rules_is_no_refusal_for_they_may_just_have_been_added(start: Start) -> None:
    with FakeX((409, {}, NO_RULES)) as fake:
        assert waits_of(start(fake.url), 3, "waiting") == [5, 10, 20]


def test_at_a_terminal_it_gives_up_and_says_why(start: Start) -> None:
    with FakeX((402, {}, NO_CREDITS)) as fake:
        reader = start(fake.url, gives_up=True)
        reader.join(60)
        assert not reader.is_alive()
        assert reader.refusal is not None


def test_connects_that_never_came_about_are_not_counted(start: Start) -> None:
    """S-26: after twenty of them the wait is still that of the table."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        reader = start(f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert max(waits_of(reader, 20, "waiting")) <= 5


def test_a_stream_that_is_ended_with_a_word_is_not_opened_again_at_once(start: Start) -> None:
    """S-27: each of its connections gives a post, and lasts no time."""
    word = (
        b'{"errors":[{"title":"operational-disconnect","disconnect_type":"OperationalDisconnect"}]}'
    )

    def script(line: Line) -> None:
        line.post(line.number)
        line.raw(word + b"\r\n")
        line.end()

    with FakeX(script) as fake:
        reader = start(fake.url)
        wait_for(lambda: reader.status.state == "waiting")
        assert reader.status.wait_until is not None
        assert reader.status.wait_until - clock.now() > timedelta(seconds=0.5)
        wait_for(lambda: len(fake.connects) >= 3)
        gaps = [
            later - first for first, later in zip(fake.connects, fake.connects[1:], strict=False)
        ]
        assert min(gaps) > 0.9
