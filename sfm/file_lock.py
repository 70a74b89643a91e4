"""One holder at a time, on one machine: a lock on a file that ends with the process that holds it.

The kernel lets go of it however the process ends. No program that the holder starts inherits it.
Two locks of the same process on the same file exclude each other as those of two processes do.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sfm import clock

_LOOK_SECONDS = 0.05


class FileLock:
    """A lock that is ours, until `release` or the end of a `with`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor  # of the lock file; -1 once it is released

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self, *, delete: bool = False) -> None:
        """Let the next one in. The file stays, unless its name will not be locked again."""
        if self.descriptor < 0:
            return
        if delete:
            self.path.unlink(missing_ok=True)
        os.close(self.descriptor)
        self.descriptor = -1


def lock_file(path: Path) -> FileLock:
    """Wait for the lock as long as it takes. Raises OSError where the file cannot be opened."""
    while True:
        lock = _open(path)
        fcntl.flock(lock.descriptor, fcntl.LOCK_EX)
        if _is_there(lock):
            return lock
        lock.release()


def try_to_lock(path: Path, wait_seconds: float = 0) -> FileLock | None:
    """The lock, or None where another still holds it after `wait_seconds`. Raises OSError."""
    until = clock.monotonic() + wait_seconds
    while True:
        lock = _open(path)
        if _locks(lock.descriptor, fcntl.LOCK_EX) and _is_there(lock):
            return lock
        lock.release()
        if clock.monotonic() >= until:
            return None
        clock.sleep(_LOOK_SECONDS)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock at this moment. Raises OSError where there is no file.

    It is looked at by holding it for an instant beside others who look: whoever takes a lock that
    is looked at tries for some tenths of a second.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not _locks(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(path: Path) -> FileLock:
    return FileLock(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _locks(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(lock: FileLock) -> bool:
    """Whether the locked file is still the one under its name: a holder may have deleted it."""
    try:
        return os.path.samestat(os.fstat(lock.descriptor), lock.path.stat())
    except FileNotFoundError:
        return False
