"""Whether this process has been asked to end; runs stop at their next item then."""

from __future__ import annotations

import threading

_stop_event = threading.Event()


def request_stop() -> None:
    """Ask every run of this process to stop at its next item. Safe in a signal handler."""
    _stop_event.set()


def stop_requested() -> bool:
    """Whether `request_stop` was called in this process."""
    return _stop_event.is_set()


def clear_stop() -> None:
    """Take the request back, for tests."""
    _stop_event.clear()
