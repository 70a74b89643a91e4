"""A real supervisord in a folder of its own, with a stand-in for the collector."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sfm.supervisord.client import SupervisordClient
from sfm.supervisord.own_conf import render_main
from sfm.supervisord.paths import PROJECT, Paths, make_folders
from sfm.supervisord.process import ProcessState
from tests.waiting import wait_for

STAND_IN = """#!{python}
import json, os, signal, sys, time
diary = {diary!r}
def write(word):
    with open(diary, "a") as file:
        file.write(json.dumps([word, os.getpid(), sys.argv[1:]]) + "\\n")
def stop(*_):
    time.sleep({stop_seconds})
    write("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, lambda *_: write("hup"))
write("started")
if os.path.exists({diary!r} + ".crash"):
    sys.exit(1)
while True:
    time.sleep(60)
"""


class Daemon:
    """supervisord as a process; `diary` is what the stand-in collectors wrote."""

    def __init__(self, place: Paths) -> None:
        self.place = place
        self.process: subprocess.Popen[bytes] | None = None
        self.file = place.run / "supervisord.conf"
        self.diary_file = place.instance / "diary.jsonl"

    def start(self, *programs: str) -> None:
        self.file.write_text(render_main(self.place, programs))
        binary = Path(sys.executable).with_name("supervisord")
        self.process = subprocess.Popen(
            [binary, "-c", self.file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: SupervisordClient(self.place).view().manager.is_running)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)

    def diary(self, word: str) -> list[tuple[int, list[str]]]:
        if not self.diary_file.exists():
            return []
        entries = [json.loads(line) for line in self.diary_file.read_text().splitlines()]
        return [(pid, arguments) for what, pid, arguments in entries if what == word]

    def living(self) -> list[int]:
        return [pid for pid, _ in self.diary("started") if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def make_stand_in(folder: Path, stop_seconds: float = 0) -> Path:
    script = folder / "collector"
    script.write_text(
        STAND_IN.format(
            python=sys.executable, diary=str(folder / "diary.jsonl"), stop_seconds=stop_seconds
        )
    )
    script.chmod(0o700)
    return script


@pytest.fixture
def place() -> Iterator[Paths]:
    """A short path: the address of a unix socket holds 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="sfm-"))
    place = Paths(
        python=make_stand_in(folder),
        project=PROJECT,
        instance=folder,
        run=folder / "run",
        logs=folder / "logs",
        conf=folder / "conf.d",
        socket=folder / "run" / "s.sock",
    )
    make_folders(place)
    yield place
    shutil.rmtree(folder)


@pytest.fixture
def client(place: Paths) -> SupervisordClient:
    return SupervisordClient(place)


@pytest.fixture
def daemon(place: Paths) -> Iterator[Daemon]:
    daemon = Daemon(place)
    daemon.start()
    yield daemon
    daemon.stop()
    for pid in daemon.living():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def state_of(client: SupervisordClient) -> Callable[[str], ProcessState | None]:
    def state_of(name: str) -> ProcessState | None:
        found = {process.name: process.state for process in client.view().processes}
        return found.get(name)

    return state_of
