"""The wish that this process ends: set by a signal, seen by runs at their next item."""

from __future__ import annotations

import threading

_wish = threading.Event()


def request_stop() -> None:
    """Ask every run of this process to stop at its next item. Safe in a signal handler."""
    _wish.set()


def stop_requested() -> bool:
    return _wish.is_set()


def clear_stop() -> None:
    """Forget the wish: a new life of the process, or the next test."""
    _wish.clear()
