"""One trouble after another for a collector, at random; then every post is on the disk, or its loss
is written down as a gap."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from sfm import clock
from sfm.database import db
from sfm.extensions import settings as app_settings
from sfm.streams.gap_causes import CoverageGap
from tests.rounds import LONG, rounds
from tests.streams.collecting import Process, beat_of, environment, gaps, make_filter
from tests.streams.conftest import ids_in, sealed_files
from tests.streams.fake_x import FakeX, Line
from tests.waiting import wait_for

NAME = "twitterfilter-1"
SILENCE_SECONDS = 4
SLACK = timedelta(seconds=3)  # a batch in hand, and what was on the way

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(3600),
    pytest.mark.parametrize(
        "database_kind", ["sqlite", "postgresql"] if LONG else ["sqlite"], indirect=True
    ),
]


class World:
    """Posts without end, forty a second, over whichever connection there is; when each was sent."""

    def __init__(self) -> None:
        self.sent: dict[int, datetime] = {}
        self.still = threading.Event()
        self.reset = threading.Event()
        self.ending = threading.Event()

    def __call__(self, line: Line) -> None:
        while not (line.gone or self.ending.is_set() or line.fake.closing.is_set()):
            if self.reset.is_set():
                self.reset.clear()
                line.reset()
                return
            if not self.still.is_set():
                number = len(self.sent) + 1
                self.sent[number] = clock.now()
                line.post(number)
            time.sleep(0.025)
        line.hold()


class Nemesis:
    """Each deed makes one trouble, and returns when the collector is at work again."""

    def __init__(self, app: Flask, fake: FakeX, world: World, data: Path) -> None:
        self.fake, self.world, self.data = fake, world, data
        self.env = environment(app, fake.url, SFM_STREAM_SILENCE_SECONDS=str(SILENCE_SECONDS))
        self.done: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        self.process = Process(self.env, "filterstream", 1, "--save")
        self.until_at_work()

    def until_at_work(self) -> None:
        """A post sent from now on has been taken, by the process that is there now."""
        since = clock.now()

        def at_work() -> bool:
            beat = beat_of(NAME)
            assert self.process.process.poll() is None, self.process.end()
            return bool(
                beat and beat.pid == self.process.pid and beat.state == "connected"
                and beat.post_at and beat.post_at > since
            )  # fmt: skip

        wait_for(at_work)

    def kill(self) -> None:
        self.process.kill()
        self.start()

    def stop(self) -> None:
        self.process.signal(signal.SIGTERM)
        code, _, err = self.process.end()
        assert code == 0, err
        self.start()

    def freeze(self) -> None:
        self.process.signal(signal.SIGSTOP)
        time.sleep(rounds(2, 20))
        self.process.signal(signal.SIGCONT)
        self.until_at_work()

    def reset(self) -> None:
        before = len(self.fake.connects)
        self.world.reset.set()
        wait_for(lambda: len(self.fake.connects) > before)
        self.until_at_work()

    def refuse(self) -> None:
        self.fake.scripts.insert(0, (503, {}, "<html>over capacity</html>"))
        self.reset()
        assert self.fake.scripts == [self.world]

    def fall_silent(self) -> None:
        before = len(self.fake.connects)
        self.world.still.set()
        wait_for(lambda: len(self.fake.connects) > before)
        self.world.still.clear()
        self.until_at_work()

    def start_a_second(self) -> None:
        second = Process(self.env, "filterstream", 1, "--save")
        code, _, err = second.end()
        assert code == 4, err
        self.until_at_work()

    def hold_the_database(self) -> None:
        seconds = rounds(3, 8)
        db.session.rollback()  # or we would wait for ourselves
        with db.engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    text("LOCK TABLE heartbeat, gap, coverage_saved IN ACCESS EXCLUSIVE MODE")
                )
            else:
                connection.execute(text("UPDATE heartbeat SET program = program"))
            time.sleep(seconds)
            connection.rollback()
        self.until_at_work()

    def fill_the_disk(self) -> None:
        ballast = self.data / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        wait_for(lambda: (beat := beat_of(NAME)) and beat.state == "storage")
        ballast.unlink()
        self.until_at_work()

    def do(self, deed: Callable[[], None]) -> None:
        deed()
        self.done[deed.__name__] += 1

    @property
    def deeds(self) -> list[Callable[[], None]]:
        return [
            self.kill, self.stop, self.freeze, self.reset, self.refuse, self.fall_silent,
            self.start_a_second, self.hold_the_database, self.fill_the_disk,
        ]  # fmt: skip


@pytest.fixture
def data(app: Flask) -> Iterator[Path]:
    """The data folder, a disk of 4 MiB of its own."""
    folder = app_settings().data_folder
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here (root is needed)")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("seed", range(rounds(1, 3)))
def test_whatever_comes_no_post_is_lost_in_silence(app: Flask, data: Path, seed: int) -> None:
    """Each kind of trouble once, in any order; the long form has many rounds of them."""
    dice, world = random.Random(seed), World()
    make_filter()
    with FakeX(world) as fake:
        nemesis = Nemesis(app, fake, world, data)
        try:
            for _ in range(rounds(1, 4)):
                for deed in dice.sample(nemesis.deeds, len(nemesis.deeds)):
                    nemesis.do(deed)
                    time.sleep(dice.random())
            world.ending.set()
            nemesis.process.signal(signal.SIGTERM)
            code, _, err = nemesis.process.end()
            assert code == 0, err
        finally:
            nemesis.process.kill()
    assert set(nemesis.done.values()) == {rounds(1, 4)}
    held = ids_in(sealed_files(data))
    assert set(held.values()) == {1}
    assert not list(data.glob("*.open"))
    written = gaps()
    assert all(gap.ended_at for gap in written)
    missing = world.sent.keys() - held.keys()
    silent = {number for number in missing if not is_in_a_gap(world.sent[number], written)}
    assert not silent, f"{len(silent)} of {len(world.sent)} posts are gone without a word"
    causes = Counter(gap.cause for gap in written)
    assert causes["process_lost"] == nemesis.done["kill"], causes
    assert causes["silent"] == nemesis.done["fall_silent"], causes


def is_in_a_gap(moment: datetime, written: list[CoverageGap]) -> bool:
    return any(
        gap.began_at - SLACK <= moment <= (gap.ended_at or gap.began_at) + SLACK for gap in written
    )
