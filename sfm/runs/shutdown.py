"""Whether this process has been asked to end; runs stop at their next item then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_stop_event = threading.Event()
_runs_changed = threading.Condition()
_runs_under_way = 0


def request_stop() -> None:
    """Ask every run of this process to stop at its next item. Safe in a signal handler."""
    _stop_event.set()


def stop_requested() -> bool:
    """Whether `request_stop` was called in this process."""
    return _stop_event.is_set()


def wait_for_stop(seconds: float) -> bool:
    """Wait so many seconds, or until `request_stop` is called; whether it was."""
    return _stop_event.wait(seconds)


def clear_stop() -> None:
    """Take the request back: a command that heard it has ended, and for tests."""
    _stop_event.clear()


@contextmanager
def run_under_way() -> Iterator[None]:
    """Around the work of a run of this process, for `wait_until_idle`."""
    global _runs_under_way
    with _runs_changed:
        _runs_under_way += 1
    try:
        yield
    finally:
        with _runs_changed:
            _runs_under_way -= 1
            _runs_changed.notify_all()


def wait_until_idle(seconds: float | None = None) -> bool:
    """Wait until no run of this process is under way, so many seconds at most; whether that is."""
    with _runs_changed:
        return _runs_changed.wait_for(lambda: not _runs_under_way, seconds)
