"""One writer per stream: a lock that ends with the process that holds it.

The file is never deleted (that would let two in), the descriptor is kept for as long as the lock
object lives, and no child inherits it. It also counts how often the stream was started: the epoch,
part of each file's name, so that two starts never make the same name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sfm import clock
from sfm.streams.errors import AnotherCollector


class StreamLock:
    """The right to write one stream's files on this machine, until `release` or the end."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """Take the lock, or raise AnotherCollector with the process that holds it."""
        self.path = folder / f"{prefix}.lock"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _taken(self._descriptor):
            pid = _numbers(self._descriptor)[1]
            os.close(self._descriptor)
            raise AnotherCollector(f"Process {pid} collects {prefix} already; stop it first.", pid)
        self.epoch = _numbers(self._descriptor)[0] + 1
        self._note(self.epoch, os.getpid())

    def release(self) -> None:
        """Give the lock back. The file stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _note(self, epoch: int, pid: int) -> None:
        """One write of a fixed length: never half old, half new."""
        os.pwrite(self._descriptor, f"{epoch:020d} {pid:010d}\n".encode(), 0)
        os.fsync(self._descriptor)


def holder(folder: Path, prefix: str) -> int | None:
    """The process that holds a stream's lock, or None. Takes nothing away from it."""
    try:
        descriptor = os.open(folder / f"{prefix}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _numbers(descriptor)[1]
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """A few tries: whoever asks who holds a lock holds it for a moment."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            clock.sleep(0.05)
        else:
            return True
    return False


def _numbers(descriptor: int) -> tuple[int, int]:
    """Epoch and process id as noted; zeros in a file that is new or spoilt."""
    words = os.pread(descriptor, 64, 0).split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[0]), int(words[1])
    return 0, 0
