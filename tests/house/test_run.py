"""`make run`: from nothing to pages that show collected tweets; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

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
