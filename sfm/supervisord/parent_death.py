"""No program that supervisord runs may outlive it: the next one would start a second collector,
or what is left would answer in the place of the new pages. Nor may the maker of an export outlive
the process that it works for.

Linux tells a process when its parent ends (prctl, PR_SET_PDEATHSIG); elsewhere the lock on the
stream's files keeps the second one out.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1  # Source: Linux, prctl(2)


def end_with_parent(how: signal.Signals = signal.SIGTERM, *, parent: int | None = None) -> None:
    """Have this process asked to stop when its parent ends, and at once if it has.

    `parent` is its pid where that is known: 1 may then be the parent itself, as in containers.
    """
    if not sys.platform.startswith("linux"):
        return
    expected = os.getppid() if parent is None else parent
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, how, 0, 0, 0)
    if os.getppid() != expected or (parent is None and expected == 1 and not _is_our_parent()):
        os.kill(os.getpid(), how)


def _is_our_parent() -> bool:
    """Whether process 1 is a supervisord, as in containers; else it has adopted an orphan."""
    with suppress(OSError):
        return b"supervisord" in Path("/proc/1/cmdline").read_bytes()
    return False
