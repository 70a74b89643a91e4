"""`make run`: from nothing to pages that show collected posts; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scripts.ports import is_free
from sfm.file_lock import lock_file
from tests.rounds import rounds
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / ".venv/bin/flask").exists(), reason="`make install` has made no .venv here"
    ),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


def hear_ctrl_c() -> None:
    """As in a terminal: what a shell starts in the background is told to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def running(
    instance_folder: Path, ports: tuple[int, int], tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SFM_")}
    environ |= {"SFM_INSTANCE": str(instance_folder)}
    environ |= {"SFM_PORT": str(ports[0]), "SANDBOX_PORT": str(ports[1])}
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [ROOT / "scripts/run"], env=environ, stdout=out, stderr=out, start_new_session=True,
            preexec_fn=hear_ctrl_c,
        )  # fmt: skip
        yield process
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


@pytest.fixture
def start(
    instance_folder: Path, ports: tuple[int, int], tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `scripts/run`, or a program before it, in sessions of their own; kills them after."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SFM_")}
    environ |= {"SFM_INSTANCE": str(instance_folder), "MAKELEVEL": "1"}
    environ |= {"SFM_PORT": str(ports[0]), "SANDBOX_PORT": str(ports[1])}
    processes: list[psutil.Process] = []

    def start(*before: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "out").open("wb") as out:
            process = subprocess.Popen(
                [*before, ROOT / "scripts/run"], env=environ, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        processes.append(psutil.Process(process.pid))
        return process

    yield start
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get("SFM_INSTANCE") == str(instance_folder):
            process.kill()


def program(children: list[psutil.Process], name: str) -> psutil.Process:
    (first, *_) = [child for child in children if child.name() == name]
    return first


@pytest.mark.timeout(300)
def test_nothing_outlives_supervisord(
    start: Callable[..., subprocess.Popen[bytes]], ports: tuple[int, int], tmp_path: Path
) -> None:
    """S-10: what was left answered in the place of the next start."""
    said = tmp_path / "out"
    first = start()
    wait_for(lambda: b"is at http://127.0.0.1:" in said.read_bytes())
    children = psutil.Process(first.pid).children(recursive=True)
    program(children, "supervisord").kill()
    assert first.wait(100) == 128 + signal.SIGKILL
    wait_for(lambda: all(is_free("127.0.0.1", port) for port in ports))
    _, alive = psutil.wait_procs(children, timeout=200)
    assert not alive


@pytest.mark.faults
@pytest.mark.skipif(not rounds(0, 1), reason="a second whole start: only in `make faults`")
@pytest.mark.timeout(300)
def test_nothing_outlives_make(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """D-8: ended in any way, not only by Ctrl-C."""
    said = tmp_path / "out"
    make = start("/bin/sh", "-c", '"$0"; exit 1')  # `make` stands between, and is killed
    wait_for(lambda: b"is at http://127.0.0.1:" in said.read_bytes())
    children = psutil.Process(make.pid).children(recursive=True)
    make.kill()
    _, alive = psutil.wait_procs(children, timeout=200)
    assert not alive


@pytest.mark.parametrize("number", [0, 1])
def test_a_port_in_use_is_named_before_anything_is_started(
    start: Callable[..., subprocess.Popen[bytes]], instance_folder: Path, ports: tuple[int, int],
    tmp_path: Path, number: int,
) -> None:  # fmt: skip
    """S-10: the address of another installation was shown as our own, with our password."""
    with socket.create_server(("127.0.0.1", ports[number])):
        assert start().wait(100) == 1
    said = (tmp_path / "out").read_text()
    assert f"Port {ports[number]} of 127.0.0.1 is in use by process {os.getpid()}" in said
    assert "password" not in said
    assert not (instance_folder / "sfm.sqlite3").exists()


def test_a_second_start_in_the_same_folder_names_the_first(
    start: Callable[..., subprocess.Popen[bytes]], instance_folder: Path, tmp_path: Path
) -> None:
    (instance_folder / "run").mkdir(mode=0o700)
    (instance_folder / "run" / "start.lock").write_text("4711\n")
    with lock_file(instance_folder / "run" / "start.lock"):
        assert start().wait(100) == 1
    said = (tmp_path / "out").read_text()
    assert "by process 4711" in said
    assert "password" not in said


def tweets_in(file: Path) -> int:
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM twitter_user_item").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_make_run_collects_and_ctrl_c_leaves_nothing_behind(
    running: subprocess.Popen[bytes], instance_folder: Path, ports: tuple[int, int], tmp_path: Path
) -> None:
    said = tmp_path / "out"
    wait_for(lambda: b"is at http://127.0.0.1:" in said.read_bytes())
    text = said.read_text()
    assert re.search(r"One-time password, shown only now: [a-z0-9]{5}(-[a-z0-9]{5}){3}", text)
    health = urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/health", timeout=60).read()
    assert health.strip() == b'{"status":"ok"}'
    wait_for(lambda: tweets_in(instance_folder / "sfm.sqlite3") > 200)
    children = psutil.Process(running.pid).children(recursive=True)
    assert len(children) >= 3, "supervisord, gunicorn and the sandbox"
    running.send_signal(signal.SIGINT)
    running.wait(timeout=100)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
