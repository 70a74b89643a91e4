"""A lock on a file: one holder at a time, until it lets go or ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from sfm.file_lock import is_locked, lock_file, try_to_lock

HOLDER = """
import pathlib, subprocess, sys, time
from sfm.file_lock import lock_file
lock = lock_file(pathlib.Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=-3, stderr=-3)
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_second_try_is_refused_also_in_the_same_process(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = try_to_lock(path)
    assert first is not None
    assert (try_to_lock(path), is_locked(path)) == (None, True)
    first.release()
    first.release()
    assert not is_locked(path)
    with lock_file(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_a_killed_holder_lets_go_though_its_child_lives_on(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        assert try_to_lock(path) is None
        holder.kill()
        holder.wait()
        lock = try_to_lock(path)
        assert lock is not None
        lock.release()
    finally:
        subprocess.run(["kill", str(child)], check=True)
    assert holder.returncode == -signal.SIGKILL


def test_who_waits_is_not_let_in_by_a_file_that_was_deleted(tmp_path: Path) -> None:
    """Between the holder's deletion and its end another may make the file anew."""
    path = tmp_path / "a.lock"
    first = lock_file(path)
    second = []
    waiter = threading.Thread(target=lambda: second.append(lock_file(path)))
    waiter.start()
    while not waiter.is_alive():
        pass
    first.release(delete=True)
    waiter.join(10)
    assert second[0].path == path
    assert try_to_lock(path) is None
    second[0].release()
