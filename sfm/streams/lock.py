"""One writer per stream: a lock that ends with the process that holds it.

The file is never deleted (that would let two in), the descriptor is kept for as long as the lock
object lives, and no child inherits it. It also counts how often the stream was started: the epoch,
part of each file's name, so that two starts never make the same name.
"""

from __future__ import annotations

import os
from pathlib import Path

from sfm.file_lock import is_locked, try_to_lock
from sfm.messages import Message
from sfm.streams.errors import AnotherCollector

WAIT_SECONDS = 0.25  # whoever looks whether a lock is held holds it for an instant


class StreamLock:
    """The right to write one stream's files on this machine, until `release` or the end."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """Take the lock, or raise AnotherCollector with the process that holds it. Raises OSError
        where the start cannot be noted; the lock is free then."""
        self.path = folder / f"{prefix}.lock"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = try_to_lock(self.path, WAIT_SECONDS)
        if lock is None:
            pid = _numbers(self.path)[1]
            raise AnotherCollector(
                Message(
                    "Process %(pid)s collects %(prefix)s already; stop it first.",
                    pid=pid,
                    prefix=prefix,
                ),
                pid,
            )
        self._lock = lock
        try:
            self.epoch = _numbers(self.path)[0] + 1
            self._note(self.epoch, os.getpid())
        except OSError:  # a full disk: the next try is not to find it taken
            lock.release()
            raise

    def release(self) -> None:
        """Give the lock back. The file stays."""
        self._lock.release()

    def _note(self, epoch: int, pid: int) -> None:
        """One write of a fixed length: never half old, half new."""
        os.pwrite(self._lock.descriptor, f"{epoch:020d} {pid:010d}\n".encode(), 0)
        os.fsync(self._lock.descriptor)


def holder(folder: Path, prefix: str) -> int | None:
    """The process that holds a stream's lock, or None. Takes nothing away from it."""
    path = folder / f"{prefix}.lock"
    try:
        return _numbers(path)[1] if is_locked(path) else None
    except OSError:
        return None


def _numbers(path: Path) -> tuple[int, int]:
    """Epoch and process id as noted; zeros in a file that is new or spoilt."""
    words = path.read_bytes()[:64].split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[0]), int(words[1])
    return 0, 0
