"""A gap begins where posts were last saved, whatever was read since: disk full or slow, and the
process stopped or killed."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from flask import Flask

from sfm import clock
from sfm.extensions import settings as app_settings
from sfm.models import Gap
from tests.streams.collecting import Process, beat_of, environment, gaps, make_filter
from tests.streams.conftest import ids_in, sealed_files
from tests.streams.fake_x import FakeX, Line
from tests.waiting import wait_for

NAME = "twitterfilter-1"
ON_THE_WAY = timedelta(seconds=1)  # from being sent to being received
pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(300)]


class Sender:
    """Posts without end; when each was sent. `pause` is seconds between them."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.sent: dict[int, datetime] = {}
        self.ending = threading.Event()

    def __call__(self, line: Line) -> None:
        while not (line.gone or self.ending.is_set() or line.fake.closing.is_set()):
            number = len(self.sent) + 1
            self.sent[number] = clock.now()
            line.post(number)
            time.sleep(self.pause)
        line.hold()


@pytest.fixture
def data(app: Flask) -> Iterator[Path]:
    """The data folder, a disk of 1 MiB of its own."""
    folder = app_settings().data_folder
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here (root is needed)")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def in_a_gap(moment: datetime, found: list[Gap]) -> bool:
    return any(
        gap.began_at - ON_THE_WAY <= moment <= (gap.ended_at or clock.now()) for gap in found
    )


def test_stopped_while_the_disk_is_full_what_had_come_is_counted_and_in_a_gap(
    app: Flask, data: Path
) -> None:
    """CP18"""
    make_filter()
    sender = Sender(0.005)
    ballast = data / "ballast"
    with FakeX(sender) as fake:
        process = Process(environment(app, fake.url), "filterstream", 1, "--save")
        try:
            wait_for(lambda: (beat := beat_of(NAME)) and beat.posts > 100)
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 512)
            wait_for(lambda: (beat := beat_of(NAME)) and beat.state == "storage")
            wait_for(lambda: (beat := beat_of(NAME)) and beat.figures["queue"] > 500)
            beat = beat_of(NAME)
            assert beat is not None
            assert beat.saved_until is not None
            assert beat.alive_at is not None
            assert (beat.alive_at - beat.saved_until).total_seconds() > 1
            sender.ending.set()
            time.sleep(0.5)
            process.signal(signal.SIGTERM)
            assert process.end()[0] == 1
            ballast.unlink()
            again = Process(environment(app, fake.url), "filterstream", 1, "--save")
            wait_for(lambda: (beat := beat_of(NAME)) and beat.pid == again.pid and beat.alive_at)
            again.signal(signal.SIGTERM)
            assert again.end()[0] == 0
        finally:
            process.kill()
    held = ids_in(sealed_files(data))
    missing = set(sender.sent) - set(held)
    found = gaps()
    assert len(missing) > 500
    assert sum(gap.lost_counted for gap in found) == len(missing)
    assert {gap.cause for gap in found} == {"not_saved", "restarted"}
    assert all(gap.ended_at for gap in found)
    assert all(in_a_gap(sender.sent[number], found) for number in missing)
    first = min(gap.began_at for gap in found)
    assert sum(moment > first for moment in sender.sent.values()) <= len(missing) + 50


def test_killed_with_posts_waiting_for_a_slow_disk_the_gap_begins_before_them(
    app: Flask, tmp_path: Path
) -> None:
    """CP18: a sync takes a minute; whatever waits behind it goes with the process."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: a slow disk cannot be made")
    make_filter()
    sender = Sender(0.005)
    folder = app_settings().data_folder
    slow = ("strace", "-f", "--seccomp-bpf", "-o", tmp_path / "strace.log", "-e", "trace=fsync",
            "-e", "inject=fsync:delay_exit=60000000:when=6+")  # fmt: skip
    with FakeX(sender) as fake:
        process = Process(environment(app, fake.url), "filterstream", 1, "--save", before=slow)
        try:
            wait_for(lambda: (beat := beat_of(NAME)) and beat.figures["queue"] > 300)
            psutil.Process(process.pid).children()[0].kill()
            process.kill()
        finally:
            process.kill()
        sender.ending.set()
        again = Process(environment(app, fake.url), "filterstream", 1, "--save")
        try:
            wait_for(lambda: (beat := beat_of(NAME)) and beat.pid == again.pid and beat.alive_at)
            again.signal(signal.SIGTERM)
            assert again.end()[0] == 0
        finally:
            again.kill()
    held = ids_in(sealed_files(folder))
    missing = set(sender.sent) - set(held)
    (gap,) = gaps()
    assert gap.cause == "process_lost"
    assert len(missing) > 300
    assert all(in_a_gap(sender.sent[number], [gap]) for number in missing)
    assert sum(moment < gap.began_at for moment in sender.sent.values()) > len(held) - 150


def test_stopped_with_posts_waiting_for_a_slow_disk_they_are_counted_as_lost(
    app: Flask, tmp_path: Path
) -> None:
    """CP18: the end does not wait for a sync of a minute, and says what it gave up."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: a slow disk cannot be made")
    make_filter()
    sender = Sender(0.005)
    slow = ("strace", "-f", "--seccomp-bpf", "-o", tmp_path / "strace.log", "-e", "trace=fsync",
            "-e", "inject=fsync:delay_exit=60000000:when=6+")  # fmt: skip
    with FakeX(sender) as fake:
        process = Process(environment(app, fake.url), "filterstream", 1, "--save", before=slow)
        try:
            wait_for(lambda: (beat := beat_of(NAME)) and beat.figures["queue"] > 300)
            sender.ending.set()
            collector = psutil.Process(process.pid).children()[0]
            collector.send_signal(signal.SIGTERM)
            wait_for(lambda: (beat := beat_of(NAME)) and beat.state == "stopped", seconds=30)
            with contextlib.suppress(psutil.NoSuchProcess):
                collector.kill()
        finally:
            process.kill()
    (gap,) = gaps()
    assert gap.cause == "not_saved"
    assert gap.lost_counted > 300
    lost = sorted(sender.sent)[-gap.lost_counted :]
    assert all(in_a_gap(sender.sent[number], [gap]) for number in lost)
